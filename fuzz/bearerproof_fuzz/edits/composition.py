"""Which edits can be made on top of which, and have to be refused all the same."""

from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.edits.registry import Case, Edit, unedited
from bearerproof_fuzz.forge import Draft, unchanged


def composable() -> list[Case]:
    """Return the cases that start from the plain base and have to be refused, each edit under one algorithm."""
    return [
        case
        for case in registry.cases()
        if case.edit.given is unedited
        and case.edit.strict == registry.REJECTED
        and case.algorithm in (None, *case.edit.algorithms[:1])
    ]


def beside(base: Draft) -> list[Edit]:
    """Return the edits that any other can be made on top of."""
    return [other for other in registry.edits().values() if _sets_members_only(other, base)]


def _sets_members_only(other: Edit, base: Draft) -> bool:
    """Say whether an edit composes with every other: it sets members and leaves texts, signer and policy alone.

    One that takes a member away does not: where it stood twice, it then stands once.
    """
    profiles = other.profiles or other.requirement.profiles
    if other.given is not unedited or other.algorithms or base.profile not in profiles:
        return False
    draft = other.apply(base)
    texts_alone = draft.header_json is None and draft.payload_json is None
    spellings_alone = {draft.spell_header, draft.spell_payload, draft.spell_signature, draft.spell_token} == {unchanged}
    all_there = base.header.keys() <= draft.header.keys() and base.claims.keys() <= draft.claims.keys()
    alone = texts_alone and spellings_alone and draft.signer == base.signer and draft.policy is base.policy
    return alone and all_there
