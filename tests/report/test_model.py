"""What a report concludes from streams: verdicts, threats, standings; and what it refuses to conclude."""

import json
from collections.abc import Sequence

import pytest

from bearerproof.exceptions import BadInput
from bearerproof.members import Json
from bearerproof.specification.catalogue import requirements
from bearerproof.specification.errata import Erratum, ScoreAs, errata
from bearerproof.specification.threats import threats
from bearerproof_fuzz.commands.report import streams
from bearerproof_fuzz.commands.report.evidence import Death, Evidence
from bearerproof_fuzz.commands.report.model import model
from bearerproof_fuzz.commands.report.standing import Kind, Standing, ThreatState

from . import samples
from .samples import check, footer, header, octets, stream


def kind(*checks: Json, exit_code: int = 0) -> Kind:
    return samples.report(stream(checks, exit_code)).columns[0].verdict.kind


PASSED = check("VER-12.alg-none.jwt")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("passed", Kind.CONFORMS),
        ("warned", Kind.CONFORMS),
        ("failed", Kind.FAILS),
        ("crashed", Kind.FAILS),
        ("hung", Kind.FAILS),
        ("untestable", Kind.FAILS),
        ("not-run", Kind.FAILS),
        ("errored", Kind.NOT_WHOLE),
        ("expected", Kind.EXPECTED),
        ("not-applicable", Kind.CONFORMS),
        ("brand-new-outcome", Kind.NOT_WHOLE),
    ],
)
def test_the_verdict_follows_from_the_outcomes(outcome: str, expected: Kind) -> None:
    assert kind(PASSED, check("VER-1.two.jwt", outcome)) is expected


@pytest.mark.parametrize("outcome", ["not-applicable", "brand-new-outcome"])
def test_nothing_judged_is_no_conformity(outcome: str) -> None:
    assert kind(check("VER-1.two.jwt", outcome)) is Kind.NOTHING


def test_a_pass_in_which_only_errors_came_proves_nothing() -> None:
    assert kind(check("VER-1.two.jwt", unproven=True)) is Kind.NOTHING


def test_an_empty_run_is_no_conformity() -> None:
    assert kind() is Kind.NOTHING


@pytest.mark.parametrize("exit_code", [3, 130])
def test_a_run_that_its_footer_calls_faulty_was_not_judged_whole(exit_code: int) -> None:
    assert kind(PASSED, exit_code=exit_code) is Kind.NOT_WHOLE


def test_a_stream_that_was_cut_off_was_not_judged_whole() -> None:
    whole = octets([header(), PASSED, check("VER-1.two.jwt")])
    for cut in (whole, whole[:-20]):
        column = samples.report(streams.parse(cut, "run.jsonl")).columns[0]
        assert column.verdict.kind is Kind.NOT_WHOLE
        assert "cut off" in column.verdict.remarks[0]


def test_a_footer_that_says_green_over_red_checks_is_not_believed() -> None:
    verdict = samples.report(stream([check("VER-1.two.jwt", "failed")], 0)).columns[0].verdict
    assert (verdict.kind, verdict.failing) == (Kind.FAILS, 1)
    assert "do not trust" in verdict.remarks[0]


def test_a_requirement_stands_as_the_worst_of_its_checks() -> None:
    cells = samples.report(stream(samples.RED, 1)).columns[0].cells
    assert {name: cell.standing for name, cell in cells.items()} == {
        "VER-1": Standing.CONFORMS,
        "VER-12": Standing.CONFORMS,
        "VER-17": Standing.FAILS,
        "VER-32": Standing.EXPECTED,
        "KEY-7": Standing.NOT_JUDGED,
        "VER-40": Standing.FAILS,
    }
    assert (cells["VER-17"].failing, cells["VER-17"].applicable) == (2, 3)


def states(*checks: Json, profiles: Sequence[str] = ("jwt",)) -> dict[str, ThreatState]:
    column = samples.report(stream(checks, profiles=profiles)).columns[0]
    return {name: each.state for name, each in column.threats.items()}


def test_a_threat_is_open_stopped_in_part_or_not_judged() -> None:
    held = [check(f"{name}.all.jwt") for name in ("VER-19", "VER-25", "KEY-13")]
    assert states(*held)["foreign-key"] is ThreatState.STOPPED
    assert states(*held)["time"] is ThreatState.NOT_JUDGED
    assert states(*held[1:])["foreign-key"] is ThreatState.IN_PART
    assert states(*held[:2], check("KEY-13.a.jwt", "warned"))["foreign-key"] is ThreatState.IN_PART
    assert states(*held[:2], check("KEY-13.a.jwt", unproven=True))["foreign-key"] is ThreatState.IN_PART
    for outcome in ("failed", "expected", "crashed", "hung"):
        assert states(*held, check("KEY-13.a.jwt", outcome))["foreign-key"] is ThreatState.OPEN, outcome


def test_an_honest_token_that_is_refused_opens_no_threat() -> None:
    strict = {"summary": "an honest token is refused", "expected": "accepted", "got": "rejected (other)"}
    lax = {"summary": "unsigned", "expected": "rejected", "got": "accepted"}
    assert states(check("VER-12.a.jwt", "failed", strict))["unsigned-token"] is not ThreatState.OPEN
    assert states(check("VER-12.a.jwt", "untestable"))["unsigned-token"] is ThreatState.NOT_JUDGED
    assert states(check("VER-12.a.jwt", "failed", lax))["unsigned-token"] is ThreatState.OPEN, "the control"


def test_a_threat_to_key_servers_alone_is_none_of_a_verifier() -> None:
    assert states(PASSED, profiles=["jws"])["cap-evasion"] is ThreatState.NOT_OURS


def test_the_same_finding_in_two_profiles_is_one_issue_and_a_forgery_stands_first() -> None:
    strict = {"summary": "refused", "expected": "accepted", "got": "rejected"}
    rows = [
        check("VER-17.a-harmless.jwt", "failed", strict),
        check("VER-17.crit-unknown.jwt", "failed", samples.finding()),
        check("VER-17.crit-unknown.access-token", "failed", samples.finding()),
    ]
    found = samples.report(stream(rows, 1)).columns[0].cells["VER-17"].issues
    assert [(issue.check, issue.profiles) for issue in found] == [
        ("crit-unknown", ("jwt", "access-token")),
        ("a-harmless", ("jwt",)),
    ]


def test_what_changed_in_a_token_is_named_by_member() -> None:
    shown = samples.report(stream(samples.RED, 1)).columns[0].cells["VER-17"].issues[0].apart
    assert shown is not None
    parts = {part.name: part for part in shown.parts}
    assert [row.after for row in parts["header"].rows if row.changed] == ['"crit": ["exp-2"]']
    assert parts["payload"].same
    assert parts["policy and clock"].same


def test_what_changed_in_a_spelling_is_named_by_character() -> None:
    first, _, rest = samples.BASE.partition(".")
    spelled = samples.presented(f"{first}.{rest[:5]}\n{rest[5:]}")
    row = check("VER-2.newline.jwt", "failed", samples.finding(presented=spelled))
    shown = samples.report(stream([row], 1)).columns[0].cells["VER-2"].issues[0].apart
    assert shown is not None
    spelling = next(part.spelling for part in shown.parts if part.name == "payload")
    assert spelling is not None
    assert (spelling.position, spelling.before, spelling.after) == (6, "", "\n")


def test_a_changed_key_is_shown() -> None:
    weak = samples.presented(samples.BASE)
    weak["policy"] = {**weak["policy"], "keys": {"keys": [{"kty": "oct", "kid": "k1", "k": ""}]}}
    row = check("KEY-2.short.jwt", "failed", samples.finding(presented=weak))
    shown = samples.report(stream([row], 1)).columns[0].cells["KEY-2"].issues[0].apart
    assert shown is not None
    changed = [row.after for part in shown.parts for row in part.rows if row.changed]
    assert changed == ['key 1: {"kty": "oct", "kid": "k1", "k": ""}']


ERRATUM = Erratum(("0.4.0",), "VER-17.crit-*.jwt", "it refused what is allowed", "RFC 7515", ScoreAs.NOT_APPLICABLE)


def test_a_check_that_is_known_to_be_wrong_costs_nothing_and_that_is_said() -> None:
    rows = [PASSED, check("VER-17.crit-unknown.jwt", "failed", samples.finding())]
    found = model([stream(rows, 1)], threats=threats(), errata=[ERRATUM]).columns[0]
    assert found.verdict.kind is Kind.CONFORMS
    assert [name for name, _ in found.rescored] == ["VER-17.crit-unknown.jwt"]
    assert found.cells["VER-17"].standing is Standing.NOT_JUDGED, "nor does a pass of such a check prove anything"


@pytest.mark.parametrize("revision", ["0.4.1+0123456789ab", "0.40.0+0123456789ab"])
def test_an_erratum_is_of_its_own_revision_alone(revision: str) -> None:
    rows = [PASSED, check("VER-17.crit-unknown.jwt", "failed", samples.finding())]
    column = model([stream(rows, 1, revision=revision)], threats=threats(), errata=[ERRATUM]).columns[0]
    assert (column.verdict.kind, column.rescored) == (Kind.FAILS, ())


def test_our_own_errata_are_read(tmp_path: object) -> None:
    assert all(requirements()[each.check.partition(".")[0]] for each in errata())


@pytest.mark.parametrize(
    ("octets_", "complaint"),
    [
        (b"", "is empty"),
        (b"not json\n", "run.jsonl:1"),
        (b"[" * 100_000, "run.jsonl:1"),
        (octets([footer()]), "no header"),
        (octets([header(format=2)]), "format 2"),
        (octets([header(), header()]), "second header"),
        (octets([header(), PASSED, PASSED]), "second line of the check"),
        (octets([header(), footer(), PASSED]), "after the footer"),
        (octets([header(), {**PASSED, "outcome": 5}]), "outcome"),
        (octets([header(), {**PASSED, "findings": {}}]), "findings"),
        (octets([header(profiles="jwt")]), "profiles"),
    ],
)
def test_what_is_no_stream_is_refused_with_its_line(octets_: bytes, complaint: str) -> None:
    with pytest.raises(BadInput, match=complaint):
        streams.parse(octets_, "run.jsonl")


def test_members_that_this_release_does_not_know_are_passed_over() -> None:
    rows = [
        header(since="2027"),
        {**PASSED, "trace": [1]},
        footer(more=True),
    ]
    assert streams.parse(octets(rows), "run.jsonl").checks[0].id == PASSED["id"]


def test_a_requirement_that_this_release_does_not_know_has_a_line_of_its_own() -> None:
    lines = samples.report(stream([check("NEW-1.a.jwt", "failed")], 1)).lines
    assert (lines[-1].id, lines[-1].row, lines[-1].cells[0].standing) == ("NEW-1", None, Standing.FAILS)


def test_two_runs_of_one_implementation_have_links_of_their_own() -> None:
    keys = [column.key for column in samples.report(stream([PASSED]), stream([PASSED])).columns]
    assert keys == ["acme-jwt", "acme-jwt-2"]
    assert json.dumps(keys).isascii()


def test_a_fault_died_by_the_check_that_is_named_and_by_none_that_begins_so() -> None:
    deaths = (
        Death("fault", "curve-ignored", "KEY-3", "killed", ("KEY-3.curve.ES256.jwt", "KEY-3.curve.ES256.jws")),
        Death("victim", "any-curve", "KEY-3", "killed", ("KEY-3.curve.jwt",)),
    )
    proof = Evidence(1, "r", void=False, deaths=deaths)
    assert proof.killed_by("KEY-3", "curve") == ("victim any-curve",)
    assert proof.killed_by("KEY-3", "curve.ES256") == ("fault curve-ignored",)
    assert Evidence(1, "r", void=True, deaths=deaths).killed_by("KEY-3", "curve") == ()
