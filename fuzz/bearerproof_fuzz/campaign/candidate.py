"""What is presented, and what may come of it: a candidate, and the honest tokens and edits that it is made from."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from bearerproof.contract.messages import Presentation
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.edits.harmless import another_jti
from bearerproof_fuzz.edits.registry import Case
from bearerproof_fuzz.forge import Draft
from bearerproof_fuzz.oracles.claims import Outcomes


class Candidate(NamedTuple):
    """A token, what may come of it, and the requirement that says so.

    ``kind`` names the deviation that another outcome would be: findings of one kind are one finding. ``honest`` has to
    be accepted for a refusal to mean anything, and each of ``elsewhere`` refused for an acceptance to be this
    requirement's matter. ``claims`` are what an acceptance has to yield; ``factors`` are what novelty goes by.

    It is a tuple, since that is made in a third of the time of a frozen dataclass, and every token has one.
    """

    requirement: str
    kind: str
    how: str
    presented: Presentation
    honest: Presentation
    allowed: Outcomes
    claims: Json | None = None
    elsewhere: tuple["Presentation | Unwritten", ...] = ()
    factors: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Unwritten:
    """A token that is signed when it is first presented; two are equal when their tokens are, whoever signs."""

    draft: Draft

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Unwritten) and self.presentation == other.presentation

    def __hash__(self) -> int:
        return hash(self.presentation.token)

    @cached_property
    def presentation(self) -> Presentation:
        """The token, written down."""
        return self.draft.presentation()


@dataclass(frozen=True, eq=False)
class Honest(Unwritten):
    """A token that the implementation has accepted."""


@dataclass(frozen=True)
class Prepared:
    """An edit in a profile and under an algorithm, with the honest token that it changes."""

    case: Case
    honest: Honest

    @property
    def edited(self) -> Draft:
        """The token that is changed."""
        return self.case.edit.apply(self.honest.draft)

    @cached_property
    def _candidates(self) -> dict[tuple[Measure, bool], Candidate]:
        return {}

    def candidate(self, measure: Measure, *, beside: bool) -> Candidate:
        """Return the edit as a candidate, by itself or beside a harmless change; it is written once."""
        made = self._candidates.get((measure, beside))
        if made is None:
            base = another_jti(self.honest.draft) if beside else self.honest.draft
            made = self._candidates[measure, beside] = of_edit(self, measure, self.case.edit.apply(base))
        return made


def of_edit(prepared: Prepared, measure: Measure, changed: Draft) -> Candidate:
    """Return an edit as a candidate."""
    edit = prepared.case.edit
    how = f"{edit.id}: {edit.description}"
    allowed = edit.allowed(measure)
    return Candidate(
        edit.requirement_id,
        edit.id,
        how,
        changed.presentation(),
        prepared.honest.presentation,
        allowed,
        factors=factors_of(changed, edit.group),
    )


def with_token(base: Presentation, token: str) -> Presentation:
    """Return the same with another text in the token's place, at half the cost of ``dataclasses.replace``."""
    changed = object.__new__(Presentation)
    changed.__dict__.update(base.__dict__, token=token)
    return changed


def factors_of(draft: Draft, *parts: str) -> tuple[str, ...]:
    """Return what novelty goes by: what was done, under which algorithm, in which profile."""
    return (*parts, draft.key.algorithm, str(draft.profile))
