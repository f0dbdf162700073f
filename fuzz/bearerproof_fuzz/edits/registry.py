"""The registry of edits: every named, documented change that makes an accepted token one to refuse, or leaves it so.

An edit is a function with a docstring, registered by ``@edit``: its name gives the id, its docstring the
description, its decorator the requirement it attacks, the clause that settles it, and the reasons it causes. One
registry feeds the fixed vectors, the suite, the strategies and the campaigns.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

from bearerproof.contract.declaration import Need
from bearerproof.contract.messages import Outcome
from bearerproof.specification.catalogue import Measure, Origin, Profile, Requirement, requirement
from bearerproof_fuzz.forge import Draft

T = TypeVar("T")
Change = Callable[[Draft], Draft]

ACCEPTED = frozenset({Outcome.ACCEPTED})
REJECTED = frozenset({Outcome.REJECTED})
EITHER = ACCEPTED | REJECTED


class Gate(StrEnum):
    """What an honest verifier asks of every token: one that breaks more than an edit means to is refused for that."""

    FORM = "it is a compact JWS, its header a JSON object"
    ALGORITHM = "the allow-list admits its algorithm"
    KID = "its `kid` names a key of the set"
    SIGNATURE = "the signature verifies under that key and algorithm"
    CLAIMS = "issuer, audience and times are the policy's"


JWTS = (Profile.JWT, Profile.ACCESS_TOKEN, Profile.ID_TOKEN)
"""The profiles in which a token carries claims."""

EVERY_ALGORITHM = ("ES256", "EdDSA", "Ed25519", "RS256", "PS256", "ES384", "HS256")
PUBLIC_KEY_ALGORITHMS = EVERY_ALGORITHM[:-1]
ECDSA = ("ES256", "ES384")
EDDSA = ("EdDSA", "Ed25519")


_BROKEN_BY = {
    Gate.FORM: "VER-1 VER-2 VER-4 VER-5 VER-7 VER-11 VER-12 VER-18",
    Gate.ALGORITHM: "VER-12 VER-13 VER-14",
    Gate.KID: "VER-19 VER-21 VER-22 VER-23 VER-25",
    Gate.SIGNATURE: """VER-12 VER-13 VER-15 VER-16 VER-19 VER-22 VER-24 VER-25 VER-26 VER-27 VER-28
                       KEY-2 KEY-5 KEY-6 KEY-15""",
    Gate.CLAIMS: "VER-8 VER-11 VER-29 VER-30 VER-32 VER-33 VER-34 VER-35 VER-38 IDT-1 IDT-5",
}
"""The requirements whose edits are about a gate; an edit that breaks another besides says so."""


def unedited(draft: Draft) -> Draft:
    """Leave the draft as it is."""
    return draft


@dataclass(frozen=True)
class Edit:
    """One documented change of an accepted token.

    ``given`` prepares the base that must be accepted first (another policy, another key set); ``apply`` is the
    change itself. ``algorithms`` names those the edit runs under, each a case of its own; empty means whichever
    the implementation prefers. ``needs`` are capabilities without which the edit is not applicable.

    ``reached`` is the same change without its fault, which has to be accepted too: it shows that what is changed is
    looked at. ``stand_in`` is accepted in place of a base whose key the implementation cannot read as text.
    ``alone`` is for an edit that claims its cause through a combination: the part that has to be refused by itself.
    Where it is not, another requirement finds that, and the combination proves nothing. ``base_may_be_refused`` says
    that an honest verifier may refuse the base that ``given`` prepares; then the edit is not applicable either.
    ``also_breaks`` are gates that the edit cannot but break besides those that its requirement is about: wherever one
    of them holds the token up, the edit has no teeth. A test presents every edit and sees that all others hold.
    ``group`` names the edits that are made by one function: the same change with other values.
    """

    id: str
    requirement_id: str
    clause: str
    description: str
    apply: Change
    given: Change = unedited
    base: frozenset[Outcome] = REJECTED
    strict: frozenset[Outcome] = REJECTED
    reasons: frozenset[str] = frozenset()
    profiles: tuple[Profile, ...] = ()
    algorithms: tuple[str, ...] = ()
    needs: tuple[Need, ...] = ()
    reached: Change | None = None
    stand_in: Change | None = None
    alone: Change | None = None
    base_may_be_refused: bool = False
    also_breaks: frozenset[Gate] = frozenset()
    group: str = ""

    @cached_property
    def requirement(self) -> Requirement:
        """The requirement whose check this edit is."""
        return requirement(self.requirement_id)

    @property
    def breaks(self) -> frozenset[Gate]:
        """The gates that the edit may break; without all others it has no teeth."""
        own = {gate for gate, rows in _BROKEN_BY.items() if self.requirement_id in rows.split()}
        return self.also_breaks | own

    def allowed(self, measure: Measure) -> frozenset[Outcome]:
        """Return the acceptable outcomes: strict's are a subset of base's."""
        return self.base if measure is Measure.BASE else self.strict

    def rejects(self, measure: Measure) -> bool:
        """Say whether rejection is the only acceptable outcome."""
        return self.allowed(measure) == REJECTED


@dataclass(frozen=True)
class Case:
    """An edit in one profile, under one algorithm or whichever the implementation prefers."""

    edit: Edit
    profile: Profile
    algorithm: str | None = None

    @property
    def name(self) -> str:
        """The middle of the check's id: edit, and algorithm where the edit runs under several."""
        return f"{self.edit.id}.{self.algorithm}" if self.algorithm else self.edit.id


_EDITS: dict[str, Edit] = {}


def edit(
    requirement_id: str,
    clause: str,
    reasons: str = "",
    *,
    given: Change = unedited,
    base: frozenset[Outcome] | None = None,
    strict: frozenset[Outcome] = REJECTED,
    profiles: Collection[Profile] = (),
    algorithms: tuple[str, ...] = (),
    needs: tuple[Need, ...] = (),
    reached: Change | None = None,
    stand_in: Change | None = None,
    alone: Change | None = None,
    base_may_be_refused: bool = False,
    also_breaks: Collection[Gate] = (),
    group: str | None = None,
) -> Callable[[Change], Change]:
    """Register a change as an edit; ``reasons`` are separated by blanks, any of them is right."""

    def register(change: Change) -> Change:
        _register(
            Edit(
                id=_id(change.__name__),
                requirement_id=requirement_id,
                clause=clause,
                description=_docstring(change),
                apply=change,
                given=given,
                base=_base_outcomes(requirement_id, strict) if base is None else base,
                strict=strict,
                reasons=frozenset(reasons.split()),
                profiles=tuple(profiles),
                algorithms=algorithms,
                needs=needs,
                reached=reached,
                stand_in=stand_in,
                alone=alone,
                base_may_be_refused=base_may_be_refused,
                also_breaks=frozenset(also_breaks),
                group=_id(group or change.__name__),
            )
        )
        return change

    return register


def edits_for(
    values: Mapping[str, T],
    requirement_id: str,
    clause: str,
    reasons: str = "",
    *,
    alone: Callable[[Draft, T], Draft] | None = None,
    given_each: Callable[[Draft, T], Draft] | None = None,
    **options: Any,
) -> Callable[[Callable[[Draft, T], Draft]], Callable[[Draft, T], Draft]]:
    """Register one edit for each named value: the function's name, a hyphen, and the value's name give the id.

    The docstring may say ``{name}``, where the value's name is put; ``alone`` is given the value too, and so is
    ``given_each``, which prepares a base for each value in place of ``given``.
    """

    def register(change: Callable[[Draft, T], Draft]) -> Callable[[Draft, T], Draft]:
        for name, value in values.items():
            part = _variant(alone, name, value) if alone else None
            if given_each:
                options["given"] = _variant(given_each, name, value)
            variant = _variant(change, name, value)
            edit(requirement_id, clause, reasons, alone=part, group=change.__name__, **options)(variant)
        return change

    return register


def edits() -> Mapping[str, Edit]:
    """Return every edit by id."""
    return _EDITS


def cases(chosen: Collection[Edit] | None = None) -> Iterator[Case]:
    """Yield the cases of the chosen edits, or of all: each profile of the edit, each algorithm it names."""
    for edit in _EDITS.values() if chosen is None else chosen:
        for profile in edit.profiles or edit.requirement.profiles:
            for algorithm in edit.algorithms or (None,):
                yield Case(edit, profile, algorithm)


def _id(name: str) -> str:
    return name.replace("_", "-")


def _register(edit: Edit) -> None:
    if edit.id in _EDITS:
        raise ValueError(f"two edits are called {edit.id}")
    if not edit.strict <= edit.base:
        raise ValueError(f"{edit.id}: the strict outcomes are not among those of base")
    _EDITS[edit.id] = edit


def _base_outcomes(requirement_id: str, strict: frozenset[Outcome]) -> frozenset[Outcome]:
    """Base holds nobody to a row that no RFC states: there, either outcome is right."""
    return strict if requirement(requirement_id).origin is Origin.RFC else EITHER


def _variant(change: Callable[[Draft, T], Draft], name: str, value: T) -> Change:
    def apply(draft: Draft) -> Draft:
        return change(draft, value)

    apply.__name__ = f"{change.__name__}_{name}"
    apply.__doc__ = (change.__doc__ or "").replace("{name}", name)
    return apply


def _docstring(change: Callable[..., Draft]) -> str:
    if not change.__doc__:
        raise ValueError(f"edit {change.__name__} has no docstring")
    return " ".join(change.__doc__.split())
