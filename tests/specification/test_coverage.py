"""Where every row of the sources went: none is forgotten, none is excluded without one of four reasons."""

import re
from collections import Counter

import pytest

from bearerproof.specification import coverage
from bearerproof.specification.catalogue import Profile, requirements
from bearerproof.specification.coverage import SourceRow, source_rows

from ..conftest import ROOT

TAXONOMY = {"A": 6, "B": 9, "C": 8, "D": 5, "E": 5, "F": 7, "G": 3, "H": 10}
"""How many rows each chapter of the attack taxonomy has."""

NUMBERED = [
    ("failure audit", "", 62),
    ("failure audit weaknesses", "W", 26),
    ("key server", "", 95),
    ("key server weaknesses", "", 30),
]
LIFECYCLE_MEMBERS = {
    "event",
    "identity",
    "token_jti",
    "backends",
    "tools",
    "rate_limit",
    "client_ip",
    "reason",
}
LIFECYCLE_EVENTS = {
    "token.issued",
    "token.used",
    "token.expired",
    "token.revoked",
    "token.denied",
    "token.invalid",
}
BLANKS = {"<id>": r"(?P<same>[A-Z]+-\d+)", "<what it would take>": r"\S.*"}
"""What the forms of an exclusion leave open."""


def stated_exclusions() -> list[str]:
    """The forms that an exclusion may have, as the head of the file states them."""
    head = (ROOT / "spec" / "coverage.toml").read_text("utf-8").partition("source = ")[0]
    return re.findall(r'"([^"]+)"', head)


def pattern_of(form: str) -> str:
    """What has this form, as a regular expression."""
    return "".join(BLANKS.get(part) or re.escape(part) for part in re.split(r"(<[^>]+>)", form))


EXCLUSION = re.compile("|".join(map(pattern_of, stated_exclusions())))


def rows_of(document: str) -> set[str]:
    """The rows of a document, without their variants."""
    return {row.row.partition(":")[0] for row in source_rows() if row.document == document}


def test_every_row_is_answered_or_excluded_and_never_both() -> None:
    assert [row for row in source_rows() if bool(row.requirements) == bool(row.excluded)] == []
    assert [row for row in source_rows() if not row.says.strip()] == []


def test_a_row_names_requirements_that_exist_each_once() -> None:
    named = [(row.row, name) for row in source_rows() for name in row.requirements]
    assert [pair for pair in named if pair[1] not in requirements()] == []
    assert [row.row for row in source_rows() if len(set(row.requirements)) != len(row.requirements)] == []


def test_an_exclusion_is_one_of_four() -> None:
    excluded = [row for row in source_rows() if row.excluded is not None]
    assert len(stated_exclusions()) == 4
    assert len(excluded) > 50
    assert [row for row in excluded if not _allowed(row)] == []


@pytest.mark.parametrize("text", ["too hard", "not observable", "not observable: ", "same as", "same as VER-912", ""])
def test_another_exclusion_is_seen(text: str) -> None:
    assert not _allowed(SourceRow("RFC 7515", "§1", "x", (), text))


def _allowed(row: SourceRow) -> bool:
    match = EXCLUSION.fullmatch(row.excluded or "")
    return match is not None and (match["same"] is None or match["same"] in requirements())


def test_no_row_stands_twice() -> None:
    counted = Counter((row.document, row.row) for row in source_rows())
    assert [pair for pair, times in counted.items() if times > 1] == []


def test_every_requirement_comes_from_a_row() -> None:
    assert [name for name in requirements() if not coverage.answered_by(name)] == []


def test_the_attack_taxonomy_is_whole() -> None:
    expected = {f"{chapter}{number}" for chapter, most in TAXONOMY.items() for number in range(1, most + 1)}
    assert rows_of("attack taxonomy") == expected


@pytest.mark.parametrize(("document", "prefix", "most"), NUMBERED)
def test_a_document_of_numbered_rows_is_whole(document: str, prefix: str, most: int) -> None:
    assert rows_of(document) == {f"{prefix}{number}" for number in range(1, most + 1)}


DOCUMENTS = [
    *("RFC 7515", "RFC 7517", "RFC 7518", "RFC 7519", "RFC 8725", "RFC 9068", "OpenID Connect Core", "seed 002"),
    *("seed 000", "decisions: key server", "RFC 6749", "RFC 6750", "RFC 8693", "RFC 9110"),
]


def test_each_document_is_read() -> None:
    assert [document for document in DOCUMENTS if len(rows_of(document)) < 7] == []


def test_the_counts_add_up() -> None:
    counts = coverage.counts()
    assert counts["checked"] + counts["excluded"] == len(source_rows())


def test_every_member_and_event_of_the_lifecycle_is_answered() -> None:
    assert rows_of("seed 000") >= LIFECYCLE_MEMBERS | LIFECYCLE_EVENTS
    excluded = {row.row for row in source_rows() if row.document == "seed 000" and row.excluded is not None}
    assert excluded.isdisjoint(LIFECYCLE_MEMBERS | LIFECYCLE_EVENTS)


def test_a_source_that_names_a_row_of_the_key_server_is_answered_there() -> None:
    """A requirement that cites a row, and the row that names the requirement, say the same."""
    documents = {"key server §10 row ": "key server", "key server §8 row ": "key server weaknesses"}
    cited = {
        (name, document, source.removeprefix(prefix))
        for name, row in requirements().items()
        for source in row.sources
        for prefix, document in documents.items()
        if source.startswith(prefix)
    }
    answered = {
        (name, row.document, row.row.partition(":")[0]) for name in requirements() for row in coverage.answered_by(name)
    }
    assert sorted(cited - answered) == []


def test_every_requirement_of_the_key_server_is_observed_at_level_3() -> None:
    """Only a chain is audit, and seen from level 2 on, so that who has nothing else can be asked."""
    bound = [row for row in requirements().values() if Profile.KEY_SERVER in row.profiles]
    assert len(bound) > 90
    assert [row.id for row in bound if row.contract != (2 if row.family == "CHAIN" else 3)] == []
