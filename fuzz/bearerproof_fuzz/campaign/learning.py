"""What a campaign learns before it draws: which honest tokens are accepted, which edits are judged rightly alone."""

import json
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from operator import itemgetter

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.implementation import Implementation, PropertyEnded
from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.exceptions import AdapterFault
from bearerproof.judging.settings import Scope
from bearerproof.specification.catalogue import VERIFIERS, Profile
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz import keys
from bearerproof_fuzz.campaign.candidate import Candidate, Honest, Prepared, Unwritten, of_edit
from bearerproof_fuzz.campaign.candidates import World, claim_text, foreign
from bearerproof_fuzz.campaign.judging import NO_ANSWER, Judge, Violation
from bearerproof_fuzz.campaign.shapes import Shape
from bearerproof_fuzz.checks import applicable
from bearerproof_fuzz.combinations import Space, combined, space
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.edits.composition import beside
from bearerproof_fuzz.edits.registry import ACCEPTED, Case, Edit, cases, unedited
from bearerproof_fuzz.forge import Draft, Forge

BATCH = 64
"""Tokens asked at a time; how many of them are on their way at once is the connection's matter."""

FEW = 16
"""Edits asked at a time as long as each is another: what is wrong is said the sooner."""

FRESH = 240
"""Seconds after which tokens for a real clock are made anew: they live ten minutes."""

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
    def read(cls, text: bytes | None) -> "Lesson | None":
        """Read what ``as_text`` wrote; None where it is nothing of the kind."""
        try:
            raw = json.loads(text or b"")
            bases = tuple((str(profile), str(algorithm)) for profile, algorithm in raw["bases"])
            right = tuple((str(edit), str(profile), str(name)) for edit, profile, name in raw["right"])
            return cls(bases, right, tuple(map(str, raw["wrong"])), tuple(map(str, raw["refused"])))
        except (ValueError, KeyError, TypeError, RecursionError):
            return None


@dataclass(frozen=True)
class Learned:
    """The world to draw from, what was wrong already, and the honest tokens that were not accepted."""

    world: World
    wrong: tuple[Wrong, ...]
    refused_bases: tuple[str, ...]
    lesson: Lesson


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


def learn(implementation: Implementation, scope: Scope, keep: Keep = lambda *_: None) -> Learned:
    """Present every honest token and every edit, and return what came of it.

    Raises:
        AdapterFault: no honest token is accepted, so that nothing can be said.
    """
    learning = Learning(implementation, scope, keep)
    for _ in learning.parts():
        pass
    return learning.learned


class Learning:
    """What is being learned: of each profile one honest token is asked at once, the edits some at a time.

    Each edit comes once before any comes again, in another profile or under another algorithm. From when
    ``each_came`` they do, and whoever looks for the rarer may draw between them, by the ``lesson`` so far: it names no
    edit as right before ``parts`` has come to its end, and not every honest token before each edit came.
    """

    def __init__(self, implementation: Implementation, scope: Scope, keep: Keep = lambda *_: None) -> None:
        """Ask for honest tokens until one of each profile is accepted.

        Raises:
            AdapterFault: none is accepted, so that nothing can be said.
        """
        declaration = implementation.declaration
        forge = Forge.at_present(declaration)
        self._declaration, self._scope = declaration, scope
        self._judgements = _Judgements(implementation, Judge(declaration, scope.measure), keep)
        self._bare = honest(declaration, forge, scope)
        first = self._first_of_each()
        if not first:
            why = "it declares no profile and algorithm of a verifier"
            if self._bare:
                why = answers(implementation, [self._bare[0].presentation])[0].describe()
            raise AdapterFault(f"no honest token is accepted, so a campaign can find nothing: {why}")
        usable = [base for base in self._bare if base not in self._judgements.refused and base not in first]
        self._edits = in_turn(prepared(declaration, forge, scope, [*first, *usable]))
        self._right: tuple[tuple[str, str, str], ...] = ()
        self.each_came = self.has_ended = False

    def _first_of_each(self) -> list[Honest]:
        """Return of each profile the first honest token that is accepted."""
        found: dict[Profile, Honest] = {}
        for base in self._bare:
            if base.draft.profile not in found and self._judgements.ask([base]):
                found[base.draft.profile] = base
        return list(found.values())

    def parts(self) -> Iterator[None]:
        """Present some edits at a time; what is wrong with them is said before the next are asked."""
        once, start = len({each.case.edit.id for each in self._edits}), 0
        while start < len(self._edits):
            size = BATCH if self.each_came else FEW
            self._judgements.add(self._edits[start : start + size])
            start += size
            if start >= once and not self.each_came:
                self._judgements.ask(self._bare)
                self.each_came = True
            yield
        self._judgements.finish()
        self._right = tuple(_name(each.case) for each in self._judgements.right)
        self.has_ended = True

    @property
    def lesson(self) -> Lesson:
        """What is known by now."""
        known = self._judgements
        accepting = tuple(
            (str(base.draft.profile), base.draft.key.algorithm) for base in self._bare if base in known.accepted
        )
        refused = tuple(_named(base.draft) for base in self._bare if base in known.refused - known.accepted)
        return Lesson(accepting, self._right, tuple(sorted({each.candidate.kind for each in known.wrong})), refused)

    @property
    def learned(self) -> Learned:
        """What is known by now, and the world to draw from by it."""
        unique = {each.violation.key: each for each in self._judgements.wrong}
        lesson = self.lesson
        return Learned(world(lesson, self._declaration, self._scope), tuple(unique.values()), lesson.refused, lesson)


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
    return replace(drawn, tolerated=_tolerated(lesson, bases), misread=_misread(lesson, bases))


def _tolerated(lesson: Lesson, bases: Sequence[Honest]) -> frozenset[str]:
    """Return the characters that stand in tokens which were accepted and must not be: drawn again, they say no more."""
    found: set[str] = set()
    for edit in (each for name, each in registry.edits().items() if name in lesson.wrong):
        if edit.requirement_id == "VER-2":
            draft = next((base.draft for base in bases if _is_made_of(edit, base.draft)), None)
            found |= set() if draft is None else foreign(edit.apply(edit.given(draft)).token())
    return frozenset(found)


def _misread(lesson: Lesson, bases: Sequence[Honest]) -> frozenset[str]:
    """Return the issuers and audiences that edits set which were judged wrongly: drawn again, they say no more."""
    found: set[str] = set()
    for edit in (each for name, each in registry.edits().items() if name in lesson.wrong and each.given is unedited):
        draft = next((base.draft for base in bases if _is_made_of(edit, base.draft)), None)
        if draft is not None:
            claims = edit.apply(draft).claims
            set_anew = [name for name in ("iss", "aud") if name in claims and claims[name] != draft.claims.get(name)]
            found |= {claim_text(name, claims[name]) for name in set_anew}
    return frozenset(found)


def _is_made_of(edit: Edit, draft: Draft) -> bool:
    """Say whether an edit is one of such a token: in its profile, and under its algorithm where it names any."""
    profiles = edit.profiles or edit.requirement.profiles
    return draft.profile in profiles and draft.key.algorithm in (edit.algorithms or (draft.key.algorithm,))


def drawn_from(
    declaration: Declaration,
    forge: Forge,
    scope: Scope,
    bases: tuple[Honest, ...],
    right: tuple[Prepared, ...],
    settled: Collection[str],
    shapes: tuple[Shape, ...] = (),
) -> World:
    """Return what is drawn from honest tokens and edits; under other circumstances only the ``settled`` edits are."""
    plain = tuple(each for each in right if each.case.edit.given is unedited and each.case.edit.rejects(scope.measure))
    names = combined() if any(profile in VERIFIERS for profile in scope.profiles) else []
    return World(
        forge,
        scope.measure,
        scope.level,
        bases,
        right,
        plain,
        {base.draft.profile: [edit for edit in beside(base.draft) if edit.id in settled] for base in bases},
        tuple(filter(_has_places, (_settled(space(name, declaration, scope.measure), settled) for name in names))),
        shapes,
    )


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


def in_turn(whole: Sequence[Prepared]) -> list[Prepared]:
    """Order edits so that those come first which differ most from all before.

    Each edit comes once before any comes again, and the functions that make edits take turns: what they make of their
    first values, of their second, and so on. Edits that have several profiles and algorithms begin in different ones.
    """
    places: dict[str, list[Prepared]] = {}
    for each in whole:
        places.setdefault(each.case.edit.id, []).append(each)
    values: Counter[str] = Counter()
    ordered: list[tuple[int, int, Prepared]] = []
    for number, alike in enumerate(places.values()):
        group, begin = alike[0].case.edit.group, number % len(alike)
        ordered += [(again, values[group], each) for again, each in enumerate((*alike[begin:], *alike[:begin]))]
        values[group] += 1
    return [each for _, _, each in sorted(ordered, key=itemgetter(0, 1))]


@dataclass
class _Judgements:
    """Presents edits by themselves, and holds what is wrong, and those that are judged rightly."""

    implementation: Implementation
    judge: Judge
    keep: Keep
    wrong: list[Wrong] = field(default_factory=list)
    right: list[Prepared] = field(default_factory=list)
    accepted: set[Unwritten] = field(default_factory=set)
    refused: set[Unwritten] = field(default_factory=set)

    def ask(self, bases: Iterable[Honest]) -> set[Unwritten]:
        """Ask for honest tokens, and return those that are accepted; what was refused is not asked again."""
        wanted = dict.fromkeys(bases)
        found = self._are_accepted(base for base in wanted if base not in self.refused)
        self.accepted |= found
        self.refused |= wanted.keys() - found
        return found

    def add(self, prepared: Sequence[Prepared]) -> None:
        """Present some more edits, those of them whose base is accepted and changed.

        An issuer that is http has no https to lose.
        """
        fitting = [each for each in prepared if self.implementation.fits(each.edited.presentation())]
        accepted = self.ask(each.honest for each in fitting)
        based = [each for each in fitting if each.honest in accepted]
        made = [(each, of_edit(each, self.judge.measure, each.edited)) for each in based]
        changed = [(each, candidate) for each, candidate in made if candidate.presented != candidate.honest]
        asked = answers(self.implementation, [candidate.presented for _, candidate in changed])
        for (each, candidate), answer in zip(changed, asked, strict=True):
            self._judge(each, candidate, answer)

    def finish(self) -> None:
        """Take out of what is judged rightly that of which a part is accepted: it was refused for the rest of it."""
        alone = self._are_accepted(part for each in self.right if (part := part_of(each)))
        self.right = [each for each in self.right if part_of(each) not in alone]

    def _are_accepted(self, tokens: Iterable[Unwritten]) -> set[Unwritten]:
        """Return those tokens that are accepted; each is asked once, and none that was, unless time goes by."""
        wanted = dict.fromkeys(tokens)
        before = wanted.keys() & self.accepted if self.implementation.declaration.injected_clock else set()
        new = [token for token in wanted if token not in before]
        asked = answers(self.implementation, [token.presentation for token in new])
        return before | {token for token, answer in zip(new, asked, strict=True) if answer.outcome is Outcome.ACCEPTED}

    def _judge(self, prepared: Prepared, candidate: Candidate, answer: Answer) -> None:
        found = [Wrong(candidate, violation) for violation in self.judge.violations(candidate, answer)]
        if found and (part := part_of(prepared)) and self._are_accepted([part]):
            return  # another edit finds that
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


def part_of(prepared: Prepared) -> Unwritten | None:
    """Return the part of an edit that has to be refused by itself for its acceptance to be this edit's matter."""
    alone = prepared.case.edit.alone
    return None if alone is None else Unwritten(alone(prepared.honest.draft))
