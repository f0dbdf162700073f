"""What a campaign learns before it draws: which honest tokens are accepted, which edits are judged rightly alone."""

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from pathlib import Path

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.implementation import Implementation, PropertyEnded
from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.exceptions import AdapterFault
from bearerproof.judging.settings import Scope
from bearerproof.specification.catalogue import VERIFIERS
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz import keys
from bearerproof_fuzz.campaign.candidate import Candidate, Honest, Prepared, of_edit
from bearerproof_fuzz.campaign.candidates import World, foreign
from bearerproof_fuzz.campaign.judging import NO_ANSWER, Judge, Violation
from bearerproof_fuzz.campaign.shapes import Shape
from bearerproof_fuzz.checks import applicable, why_not_judged
from bearerproof_fuzz.combinations import Space, combined, space
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.edits.composition import beside
from bearerproof_fuzz.edits.registry import ACCEPTED, Case, cases, unedited
from bearerproof_fuzz.forge import Draft, Forge

BATCH = 64
"""Tokens asked at a time; how many of them are on their way at once is the connection's matter."""

FRESH = 240
"""Seconds after which tokens for a real clock are made anew: they live ten minutes."""

PART = 256
"""Edits learned at a time: what is wrong with them is said before the next are asked."""

REPEATS = 3
"""How often what is wrong is asked again: it is a finding when it is so each time."""


@dataclass(frozen=True)
class Wrong:
    """A candidate whose answer is wrong, and how."""

    candidate: Candidate
    violation: Violation


@dataclass(frozen=True)
class Lesson:
    """What an implementation said to every honest token and every edit by itself: enough to draw from, asking nothing.

    ``bases`` are the profiles and algorithms in which it accepts, ``right`` the cases that it judged rightly, as edit,
    profile and algorithm, ``wrong`` the edits that it did not, ``refused`` the honest tokens that it refuses.
    """

    bases: tuple[tuple[str, str], ...]
    right: tuple[tuple[str, str, str], ...]
    wrong: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    def as_text(self) -> str:
        """Write the lesson so that other processes can read it."""
        return json.dumps(asdict(self)) + "\n"

    @property
    def digest(self) -> str:
        """Name the lesson by what it says."""
        return sha256(self.as_text().encode()).hexdigest()[:12]

    @classmethod
    def read(cls, path: Path) -> "Lesson | None":
        """Read what ``as_text`` wrote; None where there is nothing of the kind."""
        try:
            raw = json.loads(path.read_text(encoding="utf-8"))
            bases = tuple((str(profile), str(algorithm)) for profile, algorithm in raw["bases"])
            right = tuple((str(edit), str(profile), str(name)) for edit, profile, name in raw["right"])
            return cls(bases, right, tuple(map(str, raw["wrong"])), tuple(map(str, raw["refused"])))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None


@dataclass(frozen=True)
class Learned:
    """The world to draw from, what was wrong already, and the honest tokens that were not accepted."""

    world: World
    wrong: tuple[Wrong, ...]
    refused_bases: tuple[str, ...]
    lesson: Lesson


class OutOfTimeError(Exception):
    """The time was over before everything was learned; what was wrong until then has been said."""


def _never() -> bool:
    return False


Keep = Callable[[Wrong, bool], None]
"""Takes what is wrong as soon as it is seen, and whether it was so each time it was asked."""


def answers(implementation: Implementation, presented: Sequence[Presentation]) -> list[Answer]:
    """Ask for all verdicts, some at a time; no verdict, or a death, is an answer like any other."""
    found: list[Answer] = []
    for start in range(0, len(presented), BATCH):
        found += _batch(implementation, presented[start : start + BATCH])
    return found


def _batch(implementation: Implementation, presented: Sequence[Presentation]) -> list[Answer]:
    implementation.begin_property()
    del implementation.troubles[:-BATCH]  # a campaign would gather them for hours
    try:
        return implementation.verify_all(presented)
    except PropertyEnded as ended:
        if len(presented) == 1:
            return [Answer(ended.outcome, detail=str(ended))]
        hung = ended.presentation
        return [
            Answer(ended.outcome, detail=str(ended)) if each is hung else _batch(implementation, [each])[0]
            for each in presented
        ]


def asked_again(
    implementation: Implementation, judge: Judge, made: Candidate, key: tuple[str, str]
) -> Violation | None:
    """Present the honest token and the candidate, and return what is wrong as before, if it is."""
    honest, answer = answers(implementation, [made.honest, made.presented])
    if honest.outcome is not Outcome.ACCEPTED:
        return None
    return next((found for found in judge.violations(made, answer) if found.key == key), None)


def recurs(implementation: Implementation, judge: Judge, wrong: Wrong) -> bool:
    """Say whether it is so each time that it is asked again. No answer was waited for twice already."""
    if wrong.violation.kind == NO_ANSWER:
        return True
    key = wrong.violation.key
    return all(asked_again(implementation, judge, wrong.candidate, key) is not None for _ in range(REPEATS))


def learn(
    implementation: Implementation,
    scope: Scope,
    keep: Keep = lambda *_: None,
    over: Callable[[], bool] = _never,
    first: Callable[[Lesson], None] = lambda _: None,
) -> Learned:
    """Present every honest token and every edit once. ``first`` is told what can be drawn from before edits are known.

    Raises:
        AdapterFault: no honest token is accepted, so that nothing can be said.
        OutOfTimeError: ``over`` said so before everything was asked.
    """
    declaration = implementation.declaration
    forge, judge = Forge.at_present(declaration), Judge(declaration, scope.measure)
    bare = honest(declaration, forge, scope)
    answered = list(zip(bare, answers(implementation, [each.presentation for each in bare]), strict=True))
    bases = tuple(each for each, answer in answered if answer.outcome is Outcome.ACCEPTED)
    if not bases:
        why = answered[0][1].describe() if answered else "it declares no profile and algorithm of a verifier"
        raise AdapterFault(f"no honest token is accepted, so a campaign can find nothing: {why}")
    accepting = tuple((str(each.draft.profile), each.draft.key.algorithm) for each in bases)
    first(Lesson(accepting, ()))
    found = _Judgements(implementation, judge, keep)
    whole = prepared(declaration, forge, scope, bases)
    for start in range(0, len(whole), PART):
        if over():
            raise OutOfTimeError
        found.add(whole[start : start + PART])
    lesson = Lesson(
        accepting,
        tuple(_name(each.case) for each in found.right),
        tuple(sorted({each.candidate.kind for each in found.wrong})),
        tuple(_named(each.draft) for each, answer in answered if answer.outcome is not Outcome.ACCEPTED),
    )
    unique = {each.violation.key: each for each in found.wrong}
    return Learned(world(lesson, declaration, scope), tuple(unique.values()), lesson.refused, lesson)


def world(lesson: Lesson, declaration: Declaration, scope: Scope, shapes: tuple[Shape, ...] = ()) -> World:
    """Return what to draw from, made at this very second where the clock is a real one; nothing is asked."""
    forge = Forge.at_present(declaration)
    algorithms = set(lesson.bases)
    bases = tuple(
        base
        for base in honest(declaration, forge, scope)
        if (str(base.draft.profile), base.draft.key.algorithm) in algorithms
    )
    known = set(lesson.right)
    right = tuple(each for each in prepared(declaration, forge, scope, bases) if _name(each.case) in known)
    settled = {each.case.edit.id for each in right} - set(lesson.wrong)
    drawn = drawn_from(declaration, forge, scope, bases, right, settled, shapes)
    return replace(drawn, tolerated=_tolerated(lesson, bases))


def _tolerated(lesson: Lesson, bases: Sequence[Honest]) -> frozenset[str]:
    """Return the characters that stand in tokens which were accepted and must not be: drawn again, they say no more."""
    found: set[str] = set()
    for edit in (each for name, each in registry.edits().items() if name in lesson.wrong):
        if edit.requirement_id == "VER-2":
            profiles = edit.profiles or edit.requirement.profiles
            drafts = [edit.given(base.draft) for base in bases if base.draft.profile in profiles]
            found |= foreign(edit.apply(drafts[0]).token()) if drafts else set()
    return frozenset(found)


def drawn_from(
    declaration: Declaration, forge: Forge, scope: Scope, bases: tuple[Honest, ...], right: tuple[Prepared, ...],
    settled: Collection[str], shapes: tuple[Shape, ...] = (),
) -> World:  # fmt: skip
    """Return what is drawn from honest tokens and edits; under other circumstances only the ``settled`` edits are."""
    plain = tuple(each for each in right if each.case.edit.given is unedited and each.case.edit.rejects(scope.measure))
    names = combined() if any(profile in VERIFIERS for profile in scope.profiles) else []
    return World(
        forge, scope.measure, scope.level, bases, right, plain,
        {base.draft.profile: [edit for edit in beside(base.draft) if edit.id in settled] for base in bases},
        tuple(filter(_has_places, (_settled(space(name, declaration, scope.measure), settled) for name in names))),
        shapes,
    )  # fmt: skip


def honest(declaration: Declaration, forge: Forge, scope: Scope) -> list[Honest]:
    """Return an honest token of each profile that is judged, under each algorithm that is declared."""
    known = [name for name in keys.MATERIAL if name in declaration.algorithms]
    profiles = [profile for profile in scope.profiles if profile in VERIFIERS]
    return [Honest(forge.base(profile, name)) for profile in profiles for name in known]


def _name(case: Case) -> tuple[str, str, str]:
    return case.edit.id, str(case.profile), case.algorithm or ""


def _named(draft: Draft) -> str:
    return f"{draft.key.algorithm} in {draft.profile}"


def _settled(whole: Space, settled: Collection[str]) -> Space:
    """Leave out the edits that are judged wrongly by themselves: under other circumstances they are nothing new."""
    return replace(whole, places={edit: place for edit, place in whole.places.items() if edit.id in settled})


def _has_places(found: Space) -> bool:
    return bool(found.places)


def prepared(declaration: Declaration, forge: Forge, scope: Scope, bases: Sequence[Honest]) -> list[Prepared]:
    """Return the edits that apply to the implementation, each under an algorithm in which it accepts."""
    usable = {(base.draft.profile, base.draft.key.algorithm) for base in bases}
    first = {base.draft.profile: base.draft.key.algorithm for base in reversed(bases)}
    wanted = (case for case in cases() if case.profile in scope.profiles and case.profile in first)
    return [
        Prepared(case, Honest(case.edit.given(forge.base(case.profile, case.algorithm or first[case.profile]))))
        for case in applicable(wanted, declaration)
        if (case.profile, case.algorithm or first[case.profile]) in usable
    ]


@dataclass
class _Judgements:
    """Presents edits by themselves, and holds what is wrong, and those that are judged rightly."""

    implementation: Implementation
    judge: Judge
    keep: Keep
    wrong: list[Wrong] = field(default_factory=list)
    right: list[Prepared] = field(default_factory=list)

    def add(self, prepared: Sequence[Prepared]) -> None:
        """Present some more edits, those of them whose base is accepted."""
        fitting = [each for each in prepared if self.implementation.fits(each.edited.presentation())]
        asked = answers(self.implementation, [each.honest.presentation for each in fitting])
        based = [each for each, answer in zip(fitting, asked, strict=True) if answer.outcome is Outcome.ACCEPTED]
        candidates = [of_edit(each, self.judge.measure, each.edited) for each in based]
        asked = answers(self.implementation, [candidate.presented for candidate in candidates])
        parts = [each.case.edit.alone(each.honest.draft).presentation() for each in based if each.case.edit.alone]
        alone = iter(answers(self.implementation, parts))
        for each, candidate, answer in zip(based, candidates, asked, strict=True):
            part = [next(alone)] if each.case.edit.alone else []
            if not (why_not_judged(each.case.edit, answer, part) and part):
                self._judge(each, candidate, answer)

    def _judge(self, prepared: Prepared, candidate: Candidate, answer: Answer) -> None:
        found = [Wrong(candidate, violation) for violation in self.judge.violations(candidate, answer)]
        steady = [wrong for wrong in found if self._is_so_again(wrong)]
        self.wrong += steady
        if not steady and (answer.outcome is Outcome.REJECTED or candidate.allowed == ACCEPTED):
            self.right.append(prepared)

    def _is_so_again(self, wrong: Wrong) -> bool:
        if any(wrong.violation.key == other.violation.key for other in self.wrong):
            return True
        again = recurs(self.implementation, self.judge, wrong)
        self.keep(wrong, again)
        return again
