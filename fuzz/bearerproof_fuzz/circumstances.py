"""The circumstances without which a deviation vanishes: what a finding is told with, so that its cause is found sooner.

A circumstance is a factor of `combinations.Row` with its value. It takes part in a deviation where the same edit is
refused under another value of that factor, all else being equal, and under no other is it accepted.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from bearerproof.contract.implementation import PropertyEnded
from bearerproof.contract.messages import Outcome, Presentation
from bearerproof.exceptions import LineTooLong
from bearerproof.judging.judgement import Judged, wrong_verdict
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof_fuzz.combinations import Combination, Space, usual
from bearerproof_fuzz.edits.registry import Case
from bearerproof_fuzz.forge import Forge

FACTORS = ("profile", "kid", "key_set", "key_form", "policy", "algorithm")
"""In the order in which they are tried: those that say most come first."""


def presented(forge: Forge, found: Combination) -> tuple[Presentation, Presentation]:
    """Return the honest token of a combination, and what its edit makes of it."""
    base = found.base(forge)
    return base.presentation(), found.edit.apply(base).presentation()


def deviates(trial: Trial, forge: Forge, found: Combination) -> bool | None:
    """Say whether a combination is not refused, or None where it cannot be presented, or its base is not accepted."""
    base, edited = trial.ask_what_it_can(presented(forge, found))
    if base.outcome is not Outcome.ACCEPTED or edited.outcome is Outcome.SKIPPED:
        return None
    return wrong_verdict(edited, REJECTED, trial.measure)


def vanishes(verdicts: Iterable[bool | None]) -> bool:
    """Say whether a deviation was seen to vanish with each value that could be tried."""
    tried = {verdict for verdict in verdicts if verdict is not None}
    return tried == {False}


def worded(factor: str, value: str) -> str:
    """Name a factor with its value."""
    plain = {"policy": {"plain": "a plain policy"}}
    return plain.get(factor, {}).get(value) or f"{_NAMES.get(factor, factor)} {value}"


_NAMES = {"key_set": "the key", "key_form": "keys as"}


def confined(judged: Judged, circumstances: Sequence[str]) -> Judged:
    """Return what ended a check with the circumstances without which it would not have."""
    if not circumstances:
        return judged
    summary = f"{judged.finding.summary} Only with {' and '.join(circumstances)}, not otherwise."
    return type(judged)(replace(judged.finding, summary=summary, only=tuple(circumstances)))


def of_case(case: Case, trial: Trial, forge: Forge) -> list[str]:
    """Return the usual circumstances without which the edit of a case that deviates in all of them is refused.

    Nothing is told of an edit that is presented in its own circumstances alone, or of an implementation that dies of
    another.
    """
    found = usual(case, trial.declaration, trial.measure)
    if found is None:
        return []
    whole, combination = found
    try:
        return [
            worded(factor, getattr(combination.row, factor))
            for factor in FACTORS
            if vanishes(_verdicts(trial, forge, _others(trial, forge, whole, combination, factor)))
        ]
    except (PropertyEnded, LineTooLong):
        return []


def _others(trial: Trial, forge: Forge, whole: Space, found: Combination, factor: str) -> Iterator[Combination]:
    """Yield the same with another value of this factor; without `kid` the key has to stand alone in its set first."""
    held = list(whole.others(found, factor))
    if not held and factor == "kid":
        alone = (each for each in whole.others(found, "key_set") if deviates(trial, forge, each))
        held = next((others for each in alone if (others := list(whole.others(each, factor)))), [])
    yield from held


def _verdicts(trial: Trial, forge: Forge, others: Iterable[Combination]) -> Iterator[bool | None]:
    """Yield whether each deviates, up to the first that does: then the factor has no part in it."""
    for each in others:
        yield (verdict := deviates(trial, forge, each))
        if verdict:
            return
