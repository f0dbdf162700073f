"""Judging: what is right by which measure, and what a trial concludes from it."""

import pytest

from bearerproof.contract.connections import InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Answer, Outcome
from bearerproof.judging import judgement
from bearerproof.judging.judgement import Nonconforming, Untestable, Warned
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile, requirement
from bearerproof_fuzz.forge import Forge

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


@pytest.mark.parametrize("answer", [{"verdict": "rejected"}, {"errored": {"message": "x"}}, {"skipped": "x"}])
def test_without_an_accepted_base_nothing_is_concluded(answer: Json) -> None:
    refused = trial(answer)
    with pytest.raises(Untestable):
        refused.control(Forge(refused.declaration).base(Profile.JWT).presentation())


def test_a_skipped_token_is_no_verdict() -> None:
    with pytest.raises(Untestable, match="the implementation skipped a token"):
        judge(trial({"skipped": "no RSA here"}))


def test_reasons_are_judged_only_where_they_are_declared() -> None:
    presented = Forge(trial({}).declaration).base(Profile.JWT).presentation()
    rejected = Answer(Outcome.REJECTED, "issuer")
    trial({}, level=0).expect_reason(rejected, {"expired"}, "wrong reason", presented)
    trial({}, level=1).expect_reason(Answer(Outcome.ACCEPTED), {"expired"}, "wrong reason", presented)
    with pytest.raises(Nonconforming, match=r"expected reason expired, got rejected .issuer."):
        trial({}, level=1).expect_reason(rejected, {"expired"}, "wrong reason", presented)
