"""The edits and the vectors made from them: named for the fault, free of contradiction, none hidden by another."""

import json
import re
from collections import defaultdict

from bearerproof.contract.connections import connect
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import REASONS, Outcome
from bearerproof.judging import vectors
from bearerproof.specification.catalogue import Measure, Profile, requirements
from bearerproof_fuzz import inventory
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.edits.composition import beside, composable
from bearerproof_fuzz.edits.registry import ACCEPTED
from bearerproof_fuzz.forge import Draft, Forge

EDITS = registry.edits()
VECTORS = vectors.vectors()


def test_ids_are_unique_across_edits_and_properties() -> None:
    properties = {found.name for row in requirements() for found in inventory.properties(row)}
    assert len(EDITS) > 500
    assert set(EDITS) & properties == set()
    assert [edit_id for edit_id in EDITS if not re.fullmatch(r"[A-Za-z0-9]+(?:-[A-Za-z0-9]+)*", edit_id)] == []


def test_an_edit_names_the_fault_and_never_what_should_be() -> None:
    wishful = re.compile(r"\bshould\b|\btest that\b|\btests?\b", re.IGNORECASE)
    titles = [row.title for row in requirements().values()]
    spelled_out = [edit_id.replace("-", " ") for edit_id in EDITS]
    assert [text for text in (*titles, *spelled_out) if wishful.search(text)] == []


def test_descriptions_are_whole_sentences() -> None:
    assert [edit.id for edit in EDITS.values() if not edit.description.endswith(".")] == []
    assert [edit.id for edit in EDITS.values() if "{name}" in edit.description] == []


def test_every_edit_names_a_clause_and_reasons_of_the_vocabulary() -> None:
    assert [edit.id for edit in EDITS.values() if not edit.clause] == []
    assert [edit.id for edit in EDITS.values() if not edit.reasons <= REASONS] == []
    assert [edit.id for edit in EDITS.values() if not edit.reasons and edit.strict != ACCEPTED] == []


def test_strict_never_allows_what_base_forbids() -> None:
    assert [edit.id for edit in EDITS.values() if not edit.allowed(Measure.STRICT) <= edit.allowed(Measure.BASE)] == []
    assert [edit.id for edit in EDITS.values() if not edit.allowed(Measure.STRICT)] == []


def test_every_edit_is_frozen_and_every_vector_is_an_edits() -> None:
    assert {vector.row["edit"] for vector in VECTORS.values()} == set(EDITS)


def test_no_two_vectors_present_the_same_and_expect_something_else() -> None:
    expected: dict[str, set[str]] = defaultdict(set)
    for vector in VECTORS.values():
        presented = vector.presented
        key = json.dumps([str(presented.token), presented.policy.id, presented.now, presented.tick, presented.profile])
        expected[key].add(json.dumps(vector.row["measure"]))
    assert len(expected) > 900
    assert [key for key, outcomes in expected.items() if len(outcomes) > 1] == []


def test_the_base_differs_from_what_is_presented() -> None:
    assert [name for name, vector in VECTORS.items() if vector.presented == vector.base] == []


def test_no_edit_takes_the_fault_of_another_away() -> None:
    """The suite draws some of these compositions; the reference refuses each, in the first profile that knows both.

    Of edits that give the same members a value of the same type, one stands for all beneath another.
    """
    reference = Implementation(connect("reference"))
    tried, accepted = set[tuple[str, str]](), list[str]()
    for profile in (Profile.JWS, Profile.JWT, Profile.ACCESS_TOKEN, Profile.ID_TOKEN):
        base = Forge(reference.declaration).base(profile)
        refused = [case.edit for case in composable() if case.profile is profile and case.algorithm is None]
        for other in {_what_it_sets(edit.apply(base), base): edit for edit in beside(base)}.values():
            beneath = other.apply(base)
            new = [edit for edit in refused if (other.id, edit.id) not in tried]
            tried |= {(other.id, edit.id) for edit in new}
            reference.reset()
            answers = reference.verify_all([edit.apply(beneath).presentation() for edit in new])
            judged = zip(new, answers, strict=True)
            accepted += [f"{other.id}, {edit.id}" for edit, answer in judged if answer.outcome is not Outcome.REJECTED]
    assert len(tried) > 50_000
    assert accepted == []


def _what_it_sets(draft: Draft, base: Draft) -> frozenset[tuple[str, type]]:
    pairs = ((draft.header, base.header), (draft.claims, base.claims))
    return frozenset(
        (name, type(value)) for new, old in pairs for name, value in new.items() if (name, value) not in old.items()
    )
