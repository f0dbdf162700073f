"""Makes the frozen vectors from the registry of edits: one for each edit and algorithm, in its first profile."""

import base64
from collections.abc import Iterator

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.messages import Presentation
from bearerproof.members import Json
from bearerproof.specification.catalogue import VERIFIERS, Measure, Profile
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz import keys
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.edits.registry import Case
from bearerproof_fuzz.forge import NOW, Forge

EVERYTHING = Declaration(
    name="vectors",
    version="1",
    language="any",
    level=0,
    profiles=VERIFIERS,
    measure=Measure.STRICT,
    algorithms=tuple(keys.MATERIAL),
    mixed_algorithms=True,
)
"""What a reader of vectors can do: every algorithm, keys as a JWK set, an injected clock."""


def rows(now: int = NOW) -> list[Json]:
    """Return every vector as it stands in its file, or as it would stand there at another instant."""
    return [_row(case, now) for case in _frozen_cases()]


def _frozen_cases() -> Iterator[Case]:
    """Freeze an edit in the first profile it holds in; the others differ from it in nothing that matters."""
    for case in registry.cases():
        profiles = case.edit.profiles or case.edit.requirement.profiles
        first = Profile.JWT if Profile.JWT in profiles else profiles[0]
        if case.profile is first:
            yield case


def _row(case: Case, now: int) -> Json:
    edit = case.edit
    base = edit.given(Forge(EVERYTHING, now).base(case.profile, case.algorithm))
    honest, edited = base.presentation(), edit.apply(base).presentation()
    row = {
        "format": 1,
        "id": f"{edit.requirement_id}.{case.name}",
        "requirement": edit.requirement_id,
        "edit": edit.id,
        "title": edit.description,
        "clause": edit.clause,
        "measure": {"base": sorted(edit.base), "strict": sorted(edit.strict)},
        "reasons": sorted(edit.reasons),
        "profile": str(case.profile),
        "algorithm": base.key.algorithm,
        "now": edited.now,
        "tick": edited.tick,
        "policy": dict(edited.policy.members),
        "base_token": str(honest.token),
        **_spelled(edited),
    }
    return row if honest.policy == edited.policy else {**row, "base_policy": dict(honest.policy.members)}


def _spelled(presentation: Presentation) -> Json:
    token = presentation.token
    if isinstance(token, str):
        return {"token": token}
    return {"token_b64": base64.b64encode(token).decode()}
