"""The requirements: each one sentence with one keyword, on a source, and attacked by something."""

import re
from collections import Counter

import pytest

from bearerproof import data
from bearerproof.exceptions import BadInput
from bearerproof.judging import vectors
from bearerproof.specification.catalogue import FAMILIES, Origin, digest, requirement, requirements
from bearerproof_fuzz import inventory
from bearerproof_fuzz.edits import registry

KEYWORD = re.compile(r"\b(?:MUST|SHALL|SHOULD|MAY|REQUIRED|RECOMMENDED|OPTIONAL)\b")
CLAUSE = re.compile(r"(?:RFC \d{4}|OpenID Connect Core) §[\dA-Z]+(?:\.\d+)*\b")
SOURCE = re.compile(
    r"RFC \d{4}$|(?:RFC \d{4}|draft-[a-z0-9-]+|OpenID Connect Core|FIPS 186-\d) (?:§|Appendix )[\dA-Z]"
    r"|CVE-\d{4}-\d{4,}$|CWE-\d+$|GHSA(?:-\w{4}){3}$|seed 00\d, |failure audit §8 row \d+$|W\d+$"
    r"|key server §(?:8|10) row \d+$|systemd issue \d+$|Model Context Protocol \d{4}-\d\d-\d\d [A-Z]"
)

ROWS = requirements().values()


def test_every_id_is_given_once_and_belongs_to_its_family() -> None:
    files = sorted((data.root() / "requirements").glob("*.toml"))
    ids = [name for path in files for name in re.findall(r'^id = "(.+)"$', path.read_text(), re.MULTILINE)]
    assert [name for name, times in Counter(ids).items() if times > 1] == []
    assert sorted(ids) == sorted(requirements())
    assert {row.family for row in requirements().values()} == set(FAMILIES)
    assert {path.stem.upper() for path in files} == set(FAMILIES)


def test_each_sentence_has_one_keyword_and_it_is_the_level() -> None:
    assert [row.id for row in ROWS if set(KEYWORD.findall(row.text)) != {row.level}] == []
    assert [row.id for row in ROWS if not row.text.endswith(".")] == []
    assert [row.id for row in ROWS if KEYWORD.findall(row.title) or row.title.endswith(".")] == []


def test_each_rests_on_sources_that_can_be_looked_up() -> None:
    assert [row.id for row in ROWS if not row.sources or len(set(row.sources)) < len(row.sources)] == []
    assert [(row.id, source) for row in ROWS for source in row.sources if not SOURCE.match(source)] == []


def test_base_holds_nobody_to_a_sentence_that_no_clause_states() -> None:
    said = {Origin.RFC: CLAUSE, Origin.SEED: re.compile("seed 00")}
    assert {row.origin for row in ROWS} >= set(said)
    assert [row.id for row in ROWS if row.origin in said and not said[row.origin].match(row.clause)] == []


def test_each_is_attacked_and_has_a_vector_a_property_or_a_state_machine() -> None:
    attacked = {edit.requirement_id for edit in registry.edits().values()}
    frozen = {vector.row["requirement"] for vector in vectors.vectors().values()}
    properties = {row.id: inventory.properties(row.id) for row in ROWS}
    assert attacked == frozen
    assert [name for name, found in properties.items() if not found and name not in attacked] == []
    wordless = [found.name for each in properties.values() for found in each if not found.docstring.endswith(".")]
    assert wordless == []


def test_an_unknown_id_names_the_nearest() -> None:
    assert requirement("ver-12").id == "VER-12"
    with pytest.raises(BadInput, match=r"no requirement has the id 'VRE-12'; did you mean VER-12"):
        requirement("VRE-12")


def test_the_digest_is_short_and_stable() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", digest())
    kept = digest()
    digest.cache_clear()
    assert digest() == kept
