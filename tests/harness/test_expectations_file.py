"""Format 2 of the expectations: one entry a cause, merged and never overwritten, each judged by itself."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from bearerproof.exceptions import BadInput, StaleExpectations
from bearerproof.judging import expectations, expectationsfile
from bearerproof.judging.expectations import Expectation, Expectations
from bearerproof.judging.expectationsfile import merged, parse
from bearerproof.judging.results import Record, State

HEAD = 'format = 2\nsuite = "0, spec 0"\n'


def record(check: str, state: State = State.FAILED, *drawn: str, profile: str = "jwt", rule: str = "VER-2") -> Record:
    found = tuple({"summary": "s", "expected": "rejected", "got": "accepted", "drawn": each} for each in drawn)
    return Record(f"{rule}.{check}.{profile}", rule, "MUST", profile, state, findings=found)


def entry(**members: object) -> Expectation:
    return Expectation("VER-2", "why", format=2, **members)  # type: ignore[arg-type]  # members by name


def states(entries: list[Expectation], *records: Record) -> list[State]:
    return [marked.state for marked in Expectations(tuple(entries)).judge(records).records]


FIXED, DRAWN, CRASHED = record("header-x"), record("mangled", State.FAILED, "append"), record("header-x", State.CRASHED)


@pytest.mark.parametrize(
    ("one", "found", "expected"),
    [
        (entry(checks=("header-*",)), FIXED, True),
        (entry(checks=("header",)), FIXED, False),
        (entry(), FIXED, True),
        (entry(checks=("header-*",), profile="jws"), FIXED, False),
        (entry(pins=("append",)), FIXED, False),
        (entry(), DRAWN, False),
        (entry(checks=("*",)), DRAWN, False),
        (entry(checks=("mangled",), pins=("append",)), DRAWN, True),
        (entry(pins=("append",)), DRAWN, True),
        (entry(pins=("append",)), record("mangled", State.FAILED, "append", "insert"), False),
        (entry(checks=("header-*",)), CRASHED, False),
        (entry(checks=("header-*",), pins=("crashed",)), CRASHED, True),
        (entry(checks=("header-*",), pins=("crashed",)), FIXED, True),
        (entry(checks=("header-*",)), record("header-x", State.UNTESTABLE), False),
    ],
)
def test_an_entry_foresees_what_it_names_and_nothing_worse(one: Expectation, found: Record, expected: bool) -> None:
    assert (states([one], found) == [State.EXPECTED]) is expected


def test_a_stale_entry_is_told_and_the_others_stay_good() -> None:
    mended, good = entry(checks=("header-y",), line=7), entry(checks=("header-x",))
    judged = Expectations((mended, good)).judge([FIXED, record("header-y", State.PASSED)])
    assert [each.state for each in judged.records] == [State.EXPECTED, State.PASSED]
    assert judged.stale == ("VER-2 header-y (line 7): is not red any more (passed); remove it",)


def test_of_several_checks_the_mended_one_is_told() -> None:
    (stale,) = (
        Expectations((entry(checks=("header-x", "header-y")),)).judge([FIXED, record("header-y", State.PASSED)]).stale
    )
    assert "header-y: is not red any more" in stale


@pytest.mark.parametrize(("unrun", "told"), [((), 1), (("VER-2.header-z.jwt",), 0), (("VER-2.other.jwt",), 1)])
def test_a_pattern_of_which_something_was_not_run_cannot_be_told(unrun: tuple[str, ...], told: int) -> None:
    known = Expectations((entry(checks=("header-*",)),))
    judged = known.judge([record("header-y", State.PASSED)], unrun, narrowed=True)
    assert len(judged.stale) == told


def test_what_was_to_be_mended_by_a_day_is_stale_after_it() -> None:
    today = datetime.now(UTC).date()
    over, still = (entry(until=today + timedelta(days=days)) for days in (-1, 0))
    assert "was to be mended by" in Expectations((over,)).judge([FIXED]).stale[0]
    assert Expectations((still,)).judge([FIXED]).stale == ()


def test_placeholders_are_named_with_their_lines() -> None:
    text = HEAD + "".join(
        f'\n[[expectation]]\nrequirement = "VER-{number}"\nchecks = ["a-*"]\nreason = "say why this is accepted: x"\n'
        for number in (2, 7)
    )
    with pytest.raises(StaleExpectations) as raised:
        parse(text, "file.toml")
    assert [line.strip() for line in str(raised.value).splitlines()[1:]] == [
        "line 7: VER-2 a-*: reason is still the placeholder: say why the deviation is accepted",
        "line 12: VER-7 a-*: reason is still the placeholder: say why the deviation is accepted",
    ]


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ("check = 'a'", "unknown key 'check'; did you mean 'checks'?"),
        ("checks = 'a'", "checks must be a list of texts"),
        ("checks = []", "checks must be a list of texts"),
        ("pins = ['']", "pins must be a list of texts"),
        ("until = 'soon'", "until must be a date"),
        ("until = 2027-06-30T00:00:00", "until must be a date"),
    ],
)
def test_a_fault_of_an_entry_is_told(members: str, message: str) -> None:
    with pytest.raises(StaleExpectations) as raised:
        parse(f'{HEAD}[[expectation]]\nrequirement = "VER-2"\nreason = "r"\n{members}\n', "file.toml")
    assert message in str(raised.value)


def test_a_date_is_read() -> None:
    text = f'{HEAD}[[expectation]]\nrequirement = "VER-2"\nreason = "r"\nuntil = 2027-06-30\n'
    assert parse(text, "x").entries[0].until == date(2027, 6, 30)


# --- merging

WRITTEN = merged(None, [FIXED, DRAWN, record("header-x", profile="jws"), record("crash", State.CRASHED)]).text


def test_what_is_written_is_one_entry_a_requirement_and_foresees_what_it_was_written_of() -> None:
    (found,) = parse(WRITTEN, "x", unfinished=True).entries
    assert (found.requirement, found.checks) == ("VER-2", ("crash", "header-x", "mangled"))
    assert found.pins == ("append", "crashed")
    assert states([found], FIXED, DRAWN, record("crash", State.CRASHED)) == [State.EXPECTED] * 3


def test_many_checks_of_one_beginning_are_a_pattern_unless_one_of_it_passes() -> None:
    many = [record(f"crit-{name}", rule="VER-17") for name in "abcde"]
    (whole,) = parse(merged(None, many).text, "x", unfinished=True).entries
    assert whole.checks == ("crit-*",)
    (named,) = parse(merged(None, many, ["VER-17.crit-f.jwt"]).text, "x", unfinished=True).entries
    assert named.checks == ("crit-a", "crit-b", "crit-c", "crit-d", "crit-e")


REASONED = (
    WRITTEN.replace("say why this is accepted: ", "  an odd   reason, of mine  ") + "\n# and a remark at the end\n"
)


def test_what_stands_in_a_file_stays_byte_for_byte_and_the_new_is_added() -> None:
    again = merged(REASONED, [FIXED, DRAWN, record("other")])
    assert again.text.startswith(REASONED.rstrip("\n"))
    assert again.text.count("[[expectation]]") == 2
    assert 'checks = ["other"]' in again.text
    assert merged(REASONED, [FIXED, DRAWN, record("crash", State.CRASHED)]).text == REASONED


def test_an_expected_deviation_is_kept_when_the_same_file_is_read_and_written() -> None:
    known = parse(REASONED, "x")
    marked = known.judge([FIXED, DRAWN, record("crash", State.CRASHED)]).records
    assert {each.state for each in marked} == {State.EXPECTED}
    assert merged(REASONED, marked).text == REASONED


def test_what_was_mended_is_told_and_taken_out_with_prune_alone() -> None:
    records = [record("header-x", State.PASSED), DRAWN, record("crash", State.CRASHED)]
    told = merged(REASONED, records)
    assert told.text == REASONED
    assert any(text.startswith("mended: VER-2") and "header-x" in text for text in told.remarks)
    pruned = merged(REASONED, records, prune=True).text
    assert parse(pruned, "x").entries[0].checks == ("crash", "mangled")
    assert "  an odd   reason, of mine  " in pruned
    assert (
        parse(
            merged(
                REASONED, [record(name, State.PASSED) for name in ("header-x", "mangled", "crash")], prune=True
            ).text,
            "x",
        ).entries
        == ()
    )


def test_with_a_selection_nothing_is_touched_that_did_not_run() -> None:
    assert merged(
        REASONED, [record("other", State.PASSED)], ["VER-2.header-x.jwt"], narrowed=True, prune=True
    ).text == (REASONED)


def test_a_file_of_format_1_is_added_to_in_format_1() -> None:
    before = 'format = 1\n[[expectation]]\nrequirement = "VER-2"\ncheck = "header-x"\nreason = "r"\n'
    text = merged(before, [FIXED, DRAWN]).text
    assert text.startswith(before)
    assert [each.finding for each in parse(text, "x", unfinished=True).entries] == [None, "append"]


@pytest.mark.parametrize("text", ["format = ", "format = 2\nexpectation = 1\n", "\xff"])
def test_a_file_that_cannot_be_read_is_not_written_over(tmp_path: Path, text: str) -> None:
    path = tmp_path / "expectations.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(StaleExpectations):
        expectationsfile.former(path)
    inline = tmp_path / "inline.toml"
    inline.write_text('format = 2\nexpectation = [{requirement = "VER-2", reason = "r"}]\n')
    with pytest.raises(BadInput, match="write each entry as a table"):
        expectationsfile.former(inline)


def test_a_kind_of_finding_is_written_so_that_it_can_be_read() -> None:
    odd = 'a "quoted" \\ \x7f \U0001f600 kind'
    (found,) = parse(merged(None, [record("mangled", State.FAILED, odd)]).text, "x", unfinished=True).entries
    assert found.pins == (expectations.pin_of({"drawn": odd, "summary": ""}),)
