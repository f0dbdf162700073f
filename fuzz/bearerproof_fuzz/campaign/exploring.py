"""One worker's search: draw, present, judge, and keep what is new; a violation is asked again before it counts."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof_fuzz.campaign.candidate import Candidate
from bearerproof_fuzz.campaign.candidates import KINDS, Kind, World, candidate, kind_drawn
from bearerproof_fuzz.campaign.corpus import Corpus, Input
from bearerproof_fuzz.campaign.judging import NO_ANSWER, Judge, Violation, is_forgery_accepted
from bearerproof_fuzz.campaign.learning import BATCH, Wrong, answers, asked_again, recurs
from bearerproof_fuzz.campaign.shrinking import shrunk
from bearerproof_fuzz.draws import Choices
from bearerproof_fuzz.oracles.events import kind_class

MUTATED = 0.2
"""The share of inputs that are old ones with some choices changed, once there are any."""

MOST_SEEN = 50_000
"""Answers that are known to show nothing new without a look at the corpus."""

MOST_DOUBTS = 3
"""How often what was not so when asked again is looked into, for each cause."""


@dataclass(frozen=True)
class Found:
    """What is wrong, the choices that show it, and whether it was so each time it was asked again."""

    wrong: Wrong
    choices: tuple[int, ...]
    recurs: bool


@dataclass
class Explorer:
    """Draws candidates from a world, and judges what an implementation says to them.

    ``known`` are the keys of what was found already: they are not looked at again. ``doubts`` count what was not so
    when it was asked again: one glitch must not hide what comes later.
    """

    implementation: Implementation
    world: World
    judge: Judge
    corpus: Corpus
    random: Random
    known: set[tuple[str, str]] = field(default_factory=set)
    doubts: Counter[tuple[str, str]] = field(default_factory=Counter)
    _seen: set[object] = field(default_factory=set)
    _by_kind: dict[Kind, list[Input]] = field(default_factory=dict)
    _sorted: int = 0

    def step(self) -> Iterator[Found]:
        """Present one batch, and yield what is found."""
        drawn = [self._draw() for _ in range(BATCH)]
        fitting = [
            (choices, made) for choices, made in drawn if made is not None and self.implementation.fits(made.presented)
        ]
        presented = [made.presented for _, made in fitting]
        for (choices, made), answer in zip(fitting, answers(self.implementation, presented), strict=True):
            self._keep_if_new(choices, made, answer)
            if self.judge.has_nothing_against(made, answer):
                continue
            for violation in self.judge.violations(made, answer):
                if violation.key not in self.known:
                    yield from self._looked_into(choices, Wrong(made, violation))

    def _draw(self) -> tuple[list[int], Candidate | None]:
        recorded = self._mutated() if self.corpus.inputs and self.random.random() < MUTATED else ()
        choices = Choices(self.random, recorded)
        made = candidate(choices, self.world)  # type: ignore[arg-type]  # it draws as Hypothesis does
        return choices.taken, made

    def _mutated(self) -> list[int]:
        """Return an old input with some choices changed, cut, or followed by those of another of its kind."""
        pool, below = self._pool(), self._below
        choices = list(pool[below(len(pool))].choices)
        for _ in range(1 + below(3)):
            at = below(len(choices)) if choices else 0
            how = below(4)
            if how == 0:
                del choices[at:]
            elif how == 1:
                other = pool[below(len(pool))].choices
                choices[at:] = other[at:]
            elif choices:
                choices[at] = below(100) if how == 2 else choices[at] + (1 if below(2) else 99)
        return choices

    def _pool(self) -> Sequence[Input]:
        """Return old inputs of a kind, drawn as often as new ones are: none crowds out the others by its number."""
        inputs = self.corpus.inputs
        if len(inputs) < self._sorted:  # it began anew
            self._by_kind.clear()
            self._sorted = 0
        for each in inputs[self._sorted :]:
            self._by_kind.setdefault(kind_drawn(each.choices), []).append(each)
        self._sorted = len(inputs)
        return self._by_kind.get(KINDS[self._below(len(KINDS))]) or inputs

    def _below(self, limit: int) -> int:
        return int(self.random.random() * limit)

    def _keep_if_new(self, choices: Sequence[int], made: Candidate, answer: Answer) -> None:
        if not answer.events and answer.detail is None:
            came = (made.factors, answer.outcome, answer.reason)
            if came in self._seen:
                return
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()
            self._seen.add(came)
        new = self.corpus.new(features(made, answer))
        if new and answer.outcome is not Outcome.HUNG:  # what is near it would cost as much time
            self.corpus.add(choices, new)

    def _looked_into(self, choices: Sequence[int], wrong: Wrong) -> Iterator[Found]:
        """Ask again, and make it smaller if it is so again; what another requirement explains is left to it."""
        key = wrong.violation.key
        if self._explained(wrong):
            return
        if not recurs(self.implementation, self.judge, wrong):
            self.doubts[key] += 1
            if self.doubts[key] >= MOST_DOUBTS:
                self.known.add(key)
            yield Found(wrong, tuple(choices), recurs=False)
            return
        self.known.add(key)
        drawn = None if wrong.violation.kind == NO_ANSWER else self._smaller(choices, key)
        yield Found(*(drawn or (wrong, tuple(choices))), recurs=True)

    def _smaller(self, choices: Sequence[int], key: tuple[str, str]) -> tuple[Wrong, tuple[int, ...]] | None:
        """Return a smaller candidate with the same fault, and its choices, if there is one that has it."""
        smallest = shrunk(choices, self.world, lambda made: self._fails(made, key))
        again = None if smallest is None else self.again(smallest[1], key)
        return None if smallest is None or again is None else (Wrong(smallest[1], again), smallest[0])

    def _fails(self, made: Candidate, key: tuple[str, str]) -> bool:
        if not self.implementation.fits(made.presented):
            return False
        found = self.again(made, key)
        return found is not None and not self._explained(Wrong(made, found))

    def again(self, made: Candidate, key: tuple[str, str]) -> Violation | None:
        """Present the honest token and the candidate, and return what is wrong as before, if it is."""
        return asked_again(self.implementation, self.judge, made, key)

    def _explained(self, wrong: Wrong) -> bool:
        """Say whether a part that another requirement judges is accepted by itself."""
        if not wrong.candidate.elsewhere or not is_forgery_accepted(wrong.candidate, wrong.violation):
            return False
        parts = [each if isinstance(each, Presentation) else each.presentation for each in wrong.candidate.elsewhere]
        return any(answer.outcome is Outcome.ACCEPTED for answer in answers(self.implementation, parts))


def features(made: Candidate, answer: Answer) -> set[str]:
    """Return what can be seen of an answer from outside: what came of which parts, and of which two together."""
    event = answer.events[0] if answer.events else {}
    came = "/".join(
        (answer.outcome, answer.reason or "", kind_class(event.get("kind")), _VALUES.sub("", answer.detail or "")[:60])
    )
    parts = made.factors
    pairs = (f"{parts[0]}+{other}" for other in parts[1:])
    return {f"{part}={came}" for part in (*parts, *pairs)}


_VALUES = re.compile(r"""[0-9]+|'[^']*'|"[^"]*\"""")
"""What differs between two errors of the same kind."""
