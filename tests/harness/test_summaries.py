"""The summary of a run: short enough to be read, the worst first, the verdict last, harmless whatever it repeats."""

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterable
from itertools import cycle, islice

import pytest
from rich.console import Console

from bearerproof.contract.declaration import Declaration
from bearerproof.judging import junit, markdown, results
from bearerproof.judging.changes import change_lines
from bearerproof.judging.exercised import Untried
from bearerproof.judging.expectations import Expectation, Expectations
from bearerproof.judging.judgement import Finding
from bearerproof.judging.page import Page
from bearerproof.judging.reports import failure_text
from bearerproof.judging.results import Record, State
from bearerproof.judging.settings import RunConfig, Scope
from bearerproof.judging.summaries import Facts, heading, summary
from bearerproof.judging.verdicts import Circumstances, LeftOut
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile, requirements
from bearerproof_fuzz.commands import firstlook
from bearerproof_fuzz.commands.terminal import show
from bearerproof_fuzz.edits.registry import Edit, edits
from bearerproof_fuzz.forge import Forge

DECLARATION = Declaration("acme-jwt", "2.1.0", "go", 0, (Profile.JWT,), Measure.BASE, ("ES256", "HS256"))
SCOPE = Scope(Measure.BASE, (Profile.JWT, Profile.ACCESS_TOKEN), 0)
HEADER: Json = {"bearerproof": "0", "specification": {"digest": "0" * 16}, "seed": None, "depth": "default"}


def red(edit: Edit, profile: Profile = Profile.JWT, got: str = "accepted", state: State = State.FAILED) -> Record:
    """The record of a check that finds an edit accepted, with the tokens that show it."""
    base = edit.given(Forge(DECLARATION).base(profile))
    finding = Finding(
        f"{edit.id}: {edit.description}", "rejected", got, edit.apply(base).presentation(), base.presentation(), edit.id
    )
    row = results.finding_as_dict(finding)
    return Record(
        f"{edit.requirement_id}.{edit.id}.{profile}", edit.requirement_id, "MUST", profile, state, None, (row,)
    )


def many(number: int, of_requirements: int) -> list[Record]:
    """So many failing checks in so many requirements, all of real edits."""
    by_requirement: dict[str, list[Edit]] = {}
    for edit in edits().values():
        if not edit.algorithms and not edit.needs and Profile.JWT in (edit.profiles or edit.requirement.profiles):
            by_requirement.setdefault(edit.requirement_id, []).append(edit)
    names = sorted(by_requirement, key=lambda name: -len(by_requirement[name]))[:of_requirements]
    found = [
        edit
        for place, name in enumerate(names)
        for edit in by_requirement[name][: number // of_requirements + (place < number % of_requirements)]
    ]
    assert len(found) in range(number - 6, number + 1)
    assert len({edit.requirement_id for edit in found}) == of_requirements
    return [red(edit) for edit in found]


def facts(records: Iterable[Record], **more: object) -> Facts:
    return Facts(list(records), DECLARATION, SCOPE, RunConfig("", ("./acme",)), **more)  # type: ignore[arg-type]  # named


@pytest.mark.parametrize(("failing", "rows", "most"), [(60, 13, 150), (12, 3, 60), (90, 24, 110)])
def test_a_red_run_can_be_read(failing: int, rows: int, most: int) -> None:
    text = str(summary(facts(many(failing, rows), exit_code=1)))
    assert text.count("\n") <= most
    assert text.splitlines()[-1].endswith(f"does NOT conform to base in jwt, access-token: {rows} requirements fail.")
    titles = [line for line in text.splitlines() if line.startswith(("VER-", "IDT-", "KEY-")) and "FAIL" in line]
    assert len(titles) == rows


@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_line_is_longer_than_the_page_but_for_commands(width: int) -> None:
    told = [*many(60, 13), *(record.expected("a known fault") for record in many(40, 9))]
    lines = [str(line) for line in summary(facts(told, exit_code=1), width).lines]
    assert [line for line in lines if len(line) > width and "bearerproof check" not in line] == []
    assert max(map(len, lines)) > 40


def test_a_green_run_with_expected_deviations_says_but_for() -> None:
    records = [record.expected("kept for old clients") for record in many(61, 13)]
    page = summary(facts(records))
    assert len(page.lines) + len(heading(DECLARATION, SCOPE, RunConfig()).lines) + 1 <= 20
    said = " ".join(str(page).split())
    assert said.endswith("BUT FOR 61 expected deviations in 13 requirements, all as foreseen.")
    assert "FAIL" not in said


def test_a_fault_in_two_profiles_is_told_once() -> None:
    edit = edits()["alg-none-padded"]
    text = str(summary(facts([red(edit), red(edit, Profile.ACCESS_TOKEN)], exit_code=1)))
    assert text.count("alg-none-padded.") == 1
    assert "(access-token, jwt)" in text
    assert "2 checks FAIL" in text


def test_a_forgery_stands_before_what_is_merely_strict() -> None:
    strict = Record(
        "VER-1.a.jwt",
        "VER-1",
        "MUST",
        "jwt",
        State.FAILED,
        None,
        ({"summary": "s", "expected": "accepted", "got": "rejected"},),
    )
    lines = str(summary(facts([strict, red(edits()["iss-is-another"])], exit_code=1))).splitlines()
    titles = [line.split()[0] for line in lines if "FAIL" in line]
    assert titles == ["VER-33", "VER-1"]


def test_each_change_is_visible() -> None:
    """Whatever an edit changes, something of it is shown: a member, a character with a caret, a key, a policy."""
    unseen = []
    for edit in edits().values():
        if not edit.algorithms and Profile.JWT in (edit.profiles or edit.requirement.profiles):
            (finding,) = red(edit).findings
            lines = list(change_lines(finding, 76))
            if not lines or (lines[0].startswith("nothing: ") and finding["presented"] != finding["base"]):
                unseen.append(edit.id)
    assert unseen == []


CHANGES = {
    "exp-is-no-number-text": ['payload    ≠ "exp": 1800000600  →  "1800000600"'],
    "alg-none-without-kid": ['header     ≠ "alg": "ES256"  →  "none"', '           - "kid": "es256-a"'],
    "signature-spelled-with-newline": ["signature  segment 3, character"],
}


@pytest.mark.parametrize("name", [name for name in CHANGES if name in edits()])
def test_a_change_is_shown_as_what_it_is(name: str) -> None:
    (finding,) = red(edits()[name]).findings
    lines = list(change_lines(finding, 76))
    for line, wanted in zip(lines, CHANGES[name], strict=False):
        assert line.startswith(wanted)


def test_a_caret_stands_under_the_character() -> None:
    base = Forge(DECLARATION).base(Profile.JWT).presentation()
    token = str(base.token)
    changed = f"{token[:-5]}\n{token[-5:]}"
    row = results.finding_as_dict(
        Finding("s", "rejected", "accepted", type(base)(changed, base.policy, base.profile, 1), base)
    )
    lines = list(change_lines(row, 70))
    assert "a line feed" in lines[0]
    place = lines[2].index("^")
    assert lines[1][place : place + 2] == "\\n"
    assert lines[2].count("^") == 2


# --- whatever others wrote is escaped

HOSTILE = "mine\x1b[2J\x9b31m\r\nforged: all passed \u202e\u2066\ud800 ]]> <b>&amp; [red]markup[/red] |`` ``` @all ://x"

STREAMED = [
    State.FAILED,
    State.WARNED,
    State.UNTESTABLE,
    State.NOT_APPLICABLE,
    State.ERRORED,
    State.CRASHED,
    State.HUNG,
    State.EXPECTED,
    State.NOT_RUN,
]


def hostile_facts() -> Facts:
    """A run in which everything that anybody else can have written is hostile."""
    presented: Json = {
        "token": f"{HOSTILE}.{HOSTILE}.x",
        "profile": "jwt",
        "now": 1,
        "tick": 0,
        "policy": {"issuer": HOSTILE, "audience": HOSTILE, "keys": {"keys": [{"kid": HOSTILE, HOSTILE: HOSTILE}]}},
    }
    base = {**presented, "token": "e30.e30.AA", "policy": {"keys": {"keys": []}}}
    finding: Json = {
        "summary": HOSTILE,
        "expected": HOSTILE,
        "got": HOSTILE,
        "presented": presented,
        "base": base,
        "events": [{HOSTILE: HOSTILE}],
        "edit": HOSTILE,
    }
    steps: Json = {"summary": HOSTILE, "expected": "x", "got": HOSTILE, "steps": [{"op": HOSTILE, "form": HOSTILE}]}
    alone: Json = {name: value for name, value in finding.items() if name != "base"}
    rows = islice(cycle([(finding,), (steps,), (alone,), ()]), len(STREAMED) * 4)
    records = [
        Record(
            f"{name}.a-check.jwt",
            name,
            "MUST",
            "jwt",
            state,
            HOSTILE,
            found,
            (HOSTILE,),
            {HOSTILE: 2},
            unproven=state is State.WARNED,
            deviation="failed" if state is State.EXPECTED else None,
        )
        for (name, state), found in zip(
            ((name, state) for name in list(requirements())[:4] for state in STREAMED), rows, strict=True
        )
    ]
    declaration = Declaration(HOSTILE, HOSTILE, HOSTILE, 0, (Profile.JWT,), Measure.BASE, (HOSTILE,))
    return Facts(
        records,
        declaration,
        SCOPE,
        RunConfig("", (HOSTILE,)),
        Circumstances(HOSTILE, untried=(HOSTILE,), left_out=(LeftOut(f"algorithm {HOSTILE}", HOSTILE, 3),)),
        exit_code=1,
        troubles=(HOSTILE,),
        untried=Untried((HOSTILE,), (HOSTILE,)),
        unseen=(HOSTILE,),
        out_of_scope=(HOSTILE,),
        stale=(HOSTILE,),
        remarks=(HOSTILE,),
    )


def _printed(page: Page) -> str:
    """A page as a terminal with colours is given it, without the colours that are ours."""
    out = io.StringIO()
    show(page, Console(file=out, force_terminal=True, color_system=None, width=80, legacy_windows=False))
    return out.getvalue()


def _look() -> firstlook.Look:
    look = firstlook.Look(hostile_facts().declaration, stderr=HOSTILE, hint=HOSTILE, wrong=[HOSTILE])
    presented = results.presentation_from_dict(hostile_facts().records[0].findings[0]["presented"])
    look.refused.append(firstlook.Refused(Profile.JWT, HOSTILE, HOSTILE, presented))
    return look


TEXTS: dict[str, Callable[[], str]] = {
    "summary": lambda: _printed(summary(hostile_facts())),
    "summary -v": lambda: _printed(summary(hostile_facts(), verbose=True)),
    "heading": lambda: _printed(heading(hostile_facts().declaration, SCOPE, RunConfig())),
    "reports": lambda: "\n".join(failure_text(each, RunConfig("", (HOSTILE,))) for each in hostile_facts().records),
    "first look": lambda: _printed(_look().page(RunConfig("", (HOSTILE,)), 80)),
    "first look, shown": lambda: _printed(firstlook.shown(_look(), 80)),
    "markdown": lambda: markdown.document(hostile_facts()),
    "junit": lambda: junit.document(hostile_facts(), HEADER, {}),
    "stream": lambda: "".join(results.stream(HEADER, hostile_facts().records, {"verdict": hostile_facts().verdict})),
}
"""Every text of a run that leaves the process, by what it is called."""


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_that_others_wrote_gets_through_as_it_is(name: str) -> None:
    text = TEXTS[name]()
    assert "mine" in text, "the control: it is there"
    assert [line for line in text.split("\n") if not line.isprintable()] == []
    assert not any(line.lstrip().startswith("forged") for line in text.split("\n"))
    assert text.encode("utf-8")


def test_a_hostile_junit_file_is_well_formed_and_counts_right() -> None:
    root = ET.fromstring(TEXTS["junit"]())  # noqa: S314 - written by this very test
    (suite,) = root
    cases = list(suite.iter("testcase"))
    counts = {kind: sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error", "skipped")}
    assert [suite.get(name) for name in ("failures", "errors", "skipped")] == [str(each) for each in counts.values()]
    assert counts["skipped"] == 8
    assert suite.get("name") == "bearerproof base jwt access-token"


def test_markup_of_others_is_shown_and_not_obeyed() -> None:
    assert "[red]markup[/red]" in TEXTS["heading"]().replace("\n  ", " ")
    document = TEXTS["markdown"]()
    table, _, fenced = document.partition("````")
    assert not set("<>`@[") & set(table.replace("### ", "")) - set("|")
    assert fenced


def test_a_green_run_with_expectations_is_green_in_junit_too() -> None:
    records = [record.expected("kept for old clients") for record in many(61, 13)]
    (suite,) = ET.fromstring(junit.document(facts(records), HEADER, {}))  # noqa: S314 - written by this very test
    assert [suite.get(name) for name in ("failures", "errors", "skipped", "tests")] == ["0", "0", "61", "61"]
    assert {each.get("message") for each in suite.iter("skipped")} == {"expected: kept for old clients"}
    assert next(suite.iter("testcase")).get("classname") in requirements()
    named = {each.get("name"): each.get("value") for each in suite.iter("property")}
    assert "BUT FOR 61 expected deviations" in str(named["verdict"])


def test_two_documents_of_a_run_are_equal() -> None:
    records = many(20, 5)
    assert str(summary(facts(records))) == str(summary(facts(records)))
    assert markdown.document(facts(records)) == markdown.document(facts(records))


def test_what_is_expected_is_marked_and_another_check_is_not() -> None:
    records = many(12, 3)
    entry = Expectation(records[0].requirement, "known", checks=("*",), format=2)
    judged = Expectations((entry,)).judge(records)
    assert {record.requirement for record in judged.records if record.state is State.EXPECTED} == {entry.requirement}
    assert judged.stale == ()
