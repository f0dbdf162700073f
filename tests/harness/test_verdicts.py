"""What a run says of what it could not see: skipped, only errored, declared and not tried, or on a busy machine."""

from pathlib import Path

import pytest

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.messages import Outcome, Policy, Presentation
from bearerproof.judging import exercised
from bearerproof.judging.pulse import Pulse
from bearerproof.specification.catalogue import Measure, Profile

from ..conftest import CommandLine
from . import degenerate


def subject(name: str) -> str:
    return f"python:{degenerate.__name__}:{name}"


def test_a_configuration_that_is_skipped_leaves_out_what_needs_it_alone(bearerproof: CommandLine) -> None:
    options = ("--profile", "key-server", "--quick", "-k", "POL-10,POL-12,TOK-6")
    ended = bearerproof("check", *options, subject("without_rules_on_the_subject"))
    assert ended.code == 0
    assert "skipped by the adapter" in ended.out
    assert "configure: no rule on the subject" in ended.out
    assert "untestable" not in ended.out


def test_errors_are_shown_by_exception_and_prove_nothing(bearerproof: CommandLine) -> None:
    options = ("--measure", "base", "-k", "alg-none-unsigned-exact")
    ended = bearerproof("check", *options, subject("erring_where_it_should_refuse"))
    assert ended.code == 3
    assert "  KeyError: 2 in 1 check, as KeyError: 'kid'\n    in VER-12.alg-none-unsigned-exact.jwt by eyJ" in ended.out
    assert "VER-12 (only errors came where it asks for a refusal)" in ended.out
    assert "was NOT judged by base in jwt" in ended.out
    erring = subject("erring_where_it_should_refuse")
    strict = bearerproof("check", "--measure", "strict", "-k", "errors-of-VER-12", erring)
    assert (strict.code, "VER-47  " in strict.out) == (1, True)


DRAWN = ("-k", "VER-33.iss-as-the-oracle-says", "--seed", "1")


def test_an_expectation_of_a_drawn_check_pins_one_finding_and_the_draw_goes_on(
    bearerproof: CommandLine, tmp_path: Path
) -> None:
    file, one, two = tmp_path / "known.toml", "believing_a_list_of_issuers", "believing_a_list_of_issuers_in_any_case"
    assert bearerproof("check", subject(one), *DRAWN, "--write-expect", file).code == 1
    assert 'pins = ["iss is a list: accepted"]' in file.read_text()
    file.write_text(file.read_text().replace("say why this is accepted: ", "a known fault: "))
    assert bearerproof("check", subject(one), *DRAWN, "--expect", file).code == 0
    more = tmp_path / "more.toml"
    entry = file.read_text()[file.read_text().index("[[expectation]]") :]
    more.write_text(file.read_text() + entry.replace("iss is a list", "iss is a number"))
    not_drawn = bearerproof("check", subject(one), *DRAWN, "--expect", more)
    told = "foreseen, and not drawn in this run: VER-33 iss-as-the-oracle-says"
    assert (not_drawn.code, told in not_drawn.out) == (0, True)
    second = bearerproof("check", subject(two), *DRAWN, "--expect", file)
    assert second.code == 1
    assert "iss = 'HTTPS://AS.EXAMPLE'" in second.out
    whole = [line for line in file.read_text().splitlines() if not line.startswith("pins")]
    file.write_text("\n".join(whole))
    unpinned = bearerproof("check", subject(one), *DRAWN, "--expect", file)
    assert unpinned.code == 1, "it is not excused"
    assert 'name what is foreseen: pins = ["iss is a list: accepted"]' in " ".join(unpinned.out.split())


# --- declared and not tried

DECLARED = Declaration(
    "x", "1", "none", 0, (Profile.JWT,), Measure.BASE, ("ES256", "ES512"), options=("leeway",), key_form="jwk"
)
HONEST = Presentation(
    "eyJhbGciOiJFUzI1NiJ9..", Policy({"algorithms": ["ES256"], "leeway": 5, "keys": {"keys": []}}), Profile.JWT, 0
)


def test_what_was_accepted_and_refused_was_tried() -> None:
    keyed = Presentation(HONEST.token, HONEST.policy.but(keys={"keys": [{}]}), Profile.JWT, 0)
    marks = [exercised.marks_of(keyed, outcome, "jwk") for outcome in (Outcome.ACCEPTED, Outcome.REJECTED)]
    no_one = frozenset[str]()
    whole = exercised.untried(DECLARED, marks[0] | marks[1], asked=no_one, judged=no_one, partial=False)
    assert whole.unjudged == ("algorithm ES512",)
    accepted = exercised.untried(DECLARED, marks[0], asked={"option:leeway"}, judged=no_one, partial=False)
    assert len(accepted.unjudged) == 5, "what is only ever accepted was not tried"
    partial = exercised.untried(DECLARED, marks[0], asked=no_one, judged=no_one, partial=True)
    assert (partial.unjudged, len(partial.deselected)) == ((), 5)
    unasked = exercised.untried(DECLARED, marks[0], asked=no_one, judged=no_one, partial=False)
    assert unasked.deselected == ("option leeway",), "what no check of the run asks for is not held against anybody"
    assert exercised.marks_of(keyed, Outcome.ERRORED, "jwk") == frozenset()


# --- a busy machine

SLOW = ("check", "fault:slow-sink-awaited", "-k", "SINK-3.slow-sink-delays-nobody.jwt", "--no-baselines")


def test_a_delay_is_held_against_nobody_while_the_machine_is_busy(
    bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bearerproof(*SLOW).code == 1, "the control: on a calm machine it is found"
    monkeypatch.setattr(Pulse, "late", property(lambda _: 7.0))
    busy = bearerproof(*SLOW)
    assert busy.code == 3
    told = "fault: SINK-3.slow-sink-delays-nobody.jwt: this busy machine kept bearerproof itself waiting"
    assert told in " ".join(busy.out.split())


def test_a_fetch_that_is_lost_once_is_no_finding(bearerproof: CommandLine) -> None:
    ended = bearerproof("check", subject("losing_one_fetch"), "-k", "KEY-7.fetched-set-in-pieces.jwt", "--no-baselines")
    assert ended.code == 3
    assert "not found when the same check, which looks at real time, was run again" in " ".join(ended.out.split())


def test_fetches_that_come_too_late_are_held_against_nobody(bearerproof: CommandLine) -> None:
    """They are found again each time, and while we ourselves are not kept waiting; the answers took their time."""
    ended = bearerproof("check", subject("losing_fetches_late"), "-k", "KEY-12.*rotation*", "--no-baselines", "--quick")
    assert ended.code == 3
    assert "this busy machine kept bearerproof itself waiting" in " ".join(ended.out.split())


def test_a_selection_names_why_a_requirement_is_not_looked_at(bearerproof: CommandLine) -> None:
    ended = bearerproof("check", "pyjwt", "-k", "KEY-8")
    assert ended.code == 3
    assert "KEY-8 is strict only, of origin hardening: --measure strict" in ended.err
