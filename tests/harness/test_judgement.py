"""Judging: what is right by which measure, and what a trial concludes from it."""

import pytest

from bearerproof.contract.connections import InProcess
from bearerproof.contract.implementation import Implementation, Skipped
from bearerproof.contract.messages import Answer, Outcome
from bearerproof.judging import judgement
from bearerproof.judging.judgement import Nonconforming, Untestable, Warned
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile, requirement
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.oracles.witness import event_of

from . import degenerate

BASE, STRICT = Measure.BASE, Measure.STRICT
EITHER = ACCEPTED | REJECTED


@pytest.mark.parametrize(
    ("outcome", "allowed", "measure", "wrong"),
    [
        (Outcome.ACCEPTED, ACCEPTED, STRICT, False),
        (Outcome.ACCEPTED, REJECTED, BASE, True),
        (Outcome.REJECTED, ACCEPTED, BASE, True),
        (Outcome.REJECTED, EITHER, STRICT, False),
        (Outcome.ERRORED, REJECTED, BASE, False),
        (Outcome.ERRORED, REJECTED, STRICT, True),
        (Outcome.ERRORED, ACCEPTED, BASE, True),
        (Outcome.ERRORED, EITHER, BASE, False),
        (Outcome.CRASHED, EITHER, BASE, True),
        (Outcome.HUNG, EITHER, BASE, True),
        (Outcome.SKIPPED, EITHER, BASE, True),
    ],
)
def test_an_error_is_no_rejection_and_a_crash_never_right(
    outcome: Outcome, allowed: frozenset[Outcome], measure: Measure, wrong: bool
) -> None:
    assert judgement.wrong_verdict(Answer(outcome), allowed, measure) is wrong


@pytest.mark.parametrize(
    ("reason", "measure", "wrong"),
    [
        ("expired", STRICT, False),
        ("issuer", BASE, True),
        (None, BASE, True),
        ("other", BASE, False),
        ("other", STRICT, True),
    ],
)
def test_a_reason_is_one_that_the_fault_causes(reason: str | None, measure: Measure, wrong: bool) -> None:
    answer = Answer(Outcome.REJECTED, reason)
    assert judgement.wrong_reason(answer, {"expired", "claim-malformed"}, measure) is wrong


def trial(answer: Json, requirement_id: str = "VER-12", measure: Measure = BASE, level: int = 0) -> Trial:
    implementation = Implementation(InProcess(lambda: degenerate.declared(lambda _: answer)))
    return Trial(implementation, requirement(requirement_id), Profile.JWT, measure, level)


def judge(trial: Trial) -> None:
    presented = Forge(trial.declaration).base(Profile.JWT).presentation()
    trial.expect(trial.ask(presented), REJECTED, "it is accepted", presented)


def test_a_wrong_verdict_fails_a_must_and_warns_of_a_should() -> None:
    accepted: Json = {"verdict": "accepted"}
    judge(trial({"verdict": "rejected"}))
    with pytest.raises(Nonconforming, match="expected rejected, got accepted"):
        judge(trial(accepted))
    with pytest.raises(Warned):
        judge(trial(accepted, "IDT-2"))
    with pytest.raises(Nonconforming):
        judge(trial(accepted, "IDT-2", STRICT))


def test_an_error_is_warned_of_at_base() -> None:
    errored = trial({"errored": {"message": "KeyError"}})
    judge(errored)
    assert [finding.got for finding in errored.warnings] == ["errored: KeyError"]


@pytest.mark.parametrize(
    ("outcome", "happened"),
    [
        (Outcome.REJECTED, "the base is not accepted, so"),
        (Outcome.ERRORED, "the base ended in an error that nobody handled, so"),
        (Outcome.CRASHED, "the adapter died of the base, so"),
    ],
)
def test_without_an_accepted_base_nothing_is_concluded(outcome: Outcome, happened: str) -> None:
    refused = trial({})
    base = Forge(refused.declaration).base(Profile.JWT).presentation()
    with pytest.raises(Untestable, match=f"{happened} nothing can be concluded"):
        refused.require_control(Answer(outcome), base, "the base")


def test_a_death_is_not_told_as_the_opposite_verdict() -> None:
    presented = Forge(trial({}).declaration).base(Profile.JWT).presentation()
    died = Answer(Outcome.CRASHED, detail="exit code 7")
    with pytest.raises(Nonconforming, match=r"^the adapter died of the token; what was tried: a key is refused: "):
        trial({}).expect(died, ACCEPTED, "a key is refused", presented)
    with pytest.raises(Untestable, match=r"^the adapter died of the token"):
        event_of(died, presented)


def test_a_skipped_token_ends_the_check_in_the_adapters_words() -> None:
    skipping = trial({"skipped": "no RSA here"})
    with pytest.raises(Skipped, match="the adapter skipped verify: no RSA here"):
        judge(skipping)
    assert skipping.implementation.skips == ["verify: no RSA here"]


def test_a_claim_that_cannot_be_required_is_not_asked_for() -> None:
    hello = {**degenerate.HELLO, "capabilities": {"algorithms": ["ES256"], "options": [{"require": ["exp", "nbf"]}]}}
    implementation = Implementation(InProcess(lambda: lambda request: hello if request["op"] == "hello" else ACCEPTED_))
    trying = Trial(implementation, requirement("VER-35"), Profile.JWT, BASE, 0)
    base = Forge(implementation.declaration).base(Profile.JWT)
    assert base.policy.members["require"] == ["exp"]
    trying.control(base.with_policy(require=["nbf"]).presentation())
    with pytest.raises(Skipped, match="does not declare that it can require sub, iat"):
        trying.ask(base.with_policy(require=["exp", "sub", "iat"]).presentation())


ACCEPTED_: Json = {"verdict": "accepted"}


def test_reasons_are_judged_only_where_they_are_declared() -> None:
    presented = Forge(trial({}).declaration).base(Profile.JWT).presentation()
    rejected = Answer(Outcome.REJECTED, "issuer")
    trial({}, level=0).expect_reason(rejected, {"expired"}, "wrong reason", presented)
    trial({}, level=1).expect_reason(Answer(Outcome.ACCEPTED), {"expired"}, "wrong reason", presented)
    with pytest.raises(Nonconforming, match=r"expected reason expired, got rejected .issuer."):
        trial({}, level=1).expect_reason(rejected, {"expired"}, "wrong reason", presented)
