"""What a campaign learns before it draws: which honest tokens are accepted, which edits are judged rightly alone."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.exceptions import AdapterFault
from bearerproof.judging.settings import Scope
from bearerproof.specification.catalogue import VERIFIERS
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz import keys
from bearerproof_fuzz.campaign.candidates import Candidate, Honest, Prepared, World, of_edit
from bearerproof_fuzz.campaign.judging import Judge, Violation
from bearerproof_fuzz.checks import applicable, why_not_judged
from bearerproof_fuzz.combinations import Space, combined, space
from bearerproof_fuzz.edits.composition import beside
from bearerproof_fuzz.edits.registry import ACCEPTED, cases, unedited
from bearerproof_fuzz.forge import Draft, Forge

BATCH = 64
"""Tokens asked at a time; how many of them are on their way at once is the connection's matter."""


@dataclass(frozen=True)
class Wrong:
    """A candidate whose answer is wrong, and how."""

    candidate: Candidate
    violation: Violation


@dataclass(frozen=True)
class Learned:
    """The world to draw from, what was wrong already, and the honest tokens that were not accepted."""

    world: World
    wrong: tuple[Wrong, ...]
    refused_bases: tuple[str, ...]


def answers(implementation: Implementation, presented: Sequence[Presentation]) -> list[Answer]:
    """Ask for all verdicts, some at a time."""
    found: list[Answer] = []
    for start in range(0, len(presented), BATCH):
        implementation.begin_property()
        found += implementation.verify_all(presented[start : start + BATCH])
    return found


def learn(implementation: Implementation, scope: Scope) -> Learned:
    """Present every honest token and every edit once.

    Raises:
        AdapterFault: no honest token is accepted, so that nothing can be said.
    """
    declaration = implementation.declaration
    forge, judge = Forge.at_present(declaration), Judge(declaration, scope.measure)
    drafts = [
        forge.base(profile, name)
        for profile in scope.profiles
        if profile in VERIFIERS
        for name in keys.MATERIAL
        if name in declaration.algorithms
    ]
    honest = [Honest(draft, draft.presentation()) for draft in drafts]
    answered = list(zip(honest, answers(implementation, [each.presentation for each in honest]), strict=True))
    bases = tuple(each for each, answer in answered if answer.outcome is Outcome.ACCEPTED)
    if not bases:
        first = answered[0][1].describe() if answered else "it declares no profile and algorithm of a verifier"
        raise AdapterFault(f"no honest token is accepted, so a campaign can find nothing: {first}")
    refused = tuple(_named(each.draft) for each, answer in answered if answer.outcome is not Outcome.ACCEPTED)
    prepared = list(_prepared(implementation, forge, scope, bases))
    wrong, right = _judged(implementation, judge, prepared)
    plain = tuple(each for each in right if each.case.edit.given is unedited and each.case.edit.rejects(scope.measure))
    settled = {each.case.edit.id for each in right} - {each.candidate.kind for each in wrong}
    names = combined() if {profile for profile in scope.profiles if profile in VERIFIERS} else []
    world = World(
        forge, scope.measure, scope.level, bases, tuple(right), plain,
        {base.draft.profile: [edit for edit in beside(base.draft) if edit.id in settled] for base in bases},
        tuple(filter(_has_places, (_settled(space(name, declaration, scope.measure), settled) for name in names))),
    )  # fmt: skip
    return Learned(world, tuple({each.violation.key: each for each in wrong}.values()), refused)


def _named(draft: Draft) -> str:
    return f"{draft.key.algorithm} in {draft.profile}"


def _settled(whole: Space, settled: Collection[str]) -> Space:
    """Leave out the edits that are judged wrongly by themselves: under other circumstances they are nothing new."""
    return replace(whole, places={edit: place for edit, place in whole.places.items() if edit.id in settled})


def _has_places(found: Space) -> bool:
    return bool(found.places)


def _prepared(
    implementation: Implementation, forge: Forge, scope: Scope, bases: Sequence[Honest]
) -> Iterator[Prepared]:
    """Yield the edits that apply to the implementation, where it accepts what they start from."""
    usable = {(base.draft.profile, base.draft.key.algorithm) for base in bases}
    first = {base.draft.profile: base.draft.key.algorithm for base in reversed(bases)}
    wanted = (case for case in cases() if case.profile in scope.profiles and case.profile in first)
    found = []
    for case in applicable(wanted, implementation.declaration):
        if (case.profile, case.algorithm or first[case.profile]) in usable:
            draft = case.edit.given(forge.base(case.profile, case.algorithm or first[case.profile]))
            found.append(Prepared(case, Honest(draft, draft.presentation())))
    fitting = [each for each in found if implementation.fits(each.edited.presentation())]
    asked = answers(implementation, [each.honest.presentation for each in fitting])
    yield from (each for each, answer in zip(fitting, asked, strict=True) if answer.outcome is Outcome.ACCEPTED)


def _judged(
    implementation: Implementation, judge: Judge, prepared: Sequence[Prepared]
) -> tuple[list[Wrong], list[Prepared]]:
    """Present every edit by itself; return what is wrong, and those that are judged rightly."""
    wrong, right = [], []
    candidates = [of_edit(each, judge.measure, each.edited) for each in prepared]
    asked = answers(implementation, [candidate.presented for candidate in candidates])
    parts = [each.case.edit.alone(each.honest.draft).presentation() for each in prepared if each.case.edit.alone]
    alone = iter(answers(implementation, parts))
    for each, candidate, answer in zip(prepared, candidates, asked, strict=True):
        part = [next(alone)] if each.case.edit.alone else []
        if why_not_judged(each.case.edit, answer, part) and part:
            continue
        found = list(judge.violations(candidate, answer))
        wrong += [Wrong(candidate, violation) for violation in found]
        if not found and (answer.outcome is Outcome.REJECTED or candidate.allowed == ACCEPTED):
            right.append(each)
    return wrong, right
