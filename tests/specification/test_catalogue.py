"""The requirements: each one sentence with one keyword, on a source, and attacked by something."""

import re
from collections import Counter

import pytest

from bearerproof import data
from bearerproof.exceptions import BadInput
from bearerproof.judging import vectors
from bearerproof.specification.catalogue import FAMILIES, Origin, Requirement, digest, requirement, requirements
from bearerproof_fuzz import inventory
from bearerproof_fuzz.edits import registry

KEYWORD = re.compile(r"\b(?:MUST|SHALL|SHOULD|MAY|REQUIRED|RECOMMENDED|OPTIONAL)\b")
CLAUSE = re.compile(r"(?:RFC \d{4}|OpenID Connect Core) §[\dA-Z]+(?:\.\d+)*\b")
SOURCE = re.compile(
    r"RFC \d{4}$|(?:RFC \d{4}|draft-[a-z0-9-]+|OpenID Connect Core|FIPS 186-\d) (?:§|Appendix )[\dA-Z]"
    r"|CVE-\d{4}-\d{4,}$|CWE-\d+$|GHSA(?:-\w{4}){3}$|seed 00\d, |failure audit §8 row \d+$|W\d+$"
    r"|key server §(?:8|10) row \d+$"
)

each = pytest.mark.parametrize("row", requirements().values(), ids=lambda row: row.id)


def test_every_id_is_given_once_and_belongs_to_its_family() -> None:
    files = sorted((data.root() / "requirements").glob("*.toml"))
    ids = [name for path in files for name in re.findall(r'^id = "(.+)"$', path.read_text(), re.MULTILINE)]
    assert [name for name, times in Counter(ids).items() if times > 1] == []
    assert sorted(ids) == sorted(requirements())
    assert {row.family for row in requirements().values()} == set(FAMILIES)
    assert {path.stem.upper() for path in files} == set(FAMILIES)


@each
def test_the_sentence_has_one_keyword_and_it_is_the_level(row: Requirement) -> None:
    assert set(KEYWORD.findall(row.text)) == {row.level}
    assert row.text.endswith(".")
    assert KEYWORD.findall(row.title) == []
    assert not row.title.endswith(".")


@each
def test_it_rests_on_sources_that_can_be_looked_up(row: Requirement) -> None:
    assert row.sources
    assert [source for source in row.sources if not SOURCE.match(source)] == []
    assert len(set(row.sources)) == len(row.sources)
    if row.origin is Origin.RFC:
        assert CLAUSE.match(row.clause), "base holds nobody to a sentence that no clause states"
    if row.origin is Origin.SEED:
        assert row.clause.startswith("seed 00")


@each
def test_it_is_attacked_and_has_a_vector_a_property_or_a_state_machine(row: Requirement) -> None:
    attacks = [one for one in registry.edits().values() if one.requirement_id == row.id]
    frozen = [vector for vector in vectors.vectors().values() if vector.row["requirement"] == row.id]
    properties = inventory.properties(row.id)
    assert attacks or properties
    assert frozen or properties
    assert bool(attacks) == bool(frozen)
    assert [found.name for found in properties if not found.docstring.endswith(".")] == []


def test_an_unknown_id_names_the_nearest() -> None:
    assert requirement("ver-12").id == "VER-12"
    with pytest.raises(BadInput, match=r"no requirement has the id 'VRE-12'; did you mean VER-12"):
        requirement("VRE-12")


def test_the_digest_is_short_and_stable() -> None:
    assert re.fullmatch(r"[0-9a-f]{16}", digest())
    kept = digest()
    digest.cache_clear()
    assert digest() == kept
