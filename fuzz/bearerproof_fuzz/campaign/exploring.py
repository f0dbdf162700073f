"""One worker's search: draw, present, judge, and keep what is new; a violation is asked again before it counts."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from random import Random

from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof_fuzz.campaign.candidates import Candidate, World, candidate
from bearerproof_fuzz.campaign.corpus import Corpus
from bearerproof_fuzz.campaign.judging import Judge, Violation, is_forgery_accepted
from bearerproof_fuzz.campaign.learning import BATCH, Wrong, answers
from bearerproof_fuzz.campaign.shrinking import shrunk
from bearerproof_fuzz.draws import Choices
from bearerproof_fuzz.oracles.events import kind_class

MUTATED = 0.5
"""The share of inputs that are old ones with some choices changed, once there are any."""


@dataclass(frozen=True)
class Found:
    """What is wrong, the choices that show it, and whether it was so again when asked again."""

    wrong: Wrong
    choices: tuple[int, ...]
    recurs: bool


@dataclass
class Explorer:
    """Draws candidates from a world, and judges what an implementation says to them.

    ``known`` are the keys of what was found already: they are not looked at again.
    """

    implementation: Implementation
    world: World
    judge: Judge
    corpus: Corpus
    random: Random
    known: set[tuple[str, str]] = field(default_factory=set)

    def step(self) -> Iterator[Found]:
        """Present one batch, and yield what is found."""
        drawn = [self._draw() for _ in range(BATCH)]
        fitting = [
            (choices, made) for choices, made in drawn if made is not None and self.implementation.fits(made.presented)
        ]
        asked = answers(self.implementation, [made.presented for _, made in fitting])
        for (choices, made), answer in zip(fitting, asked, strict=True):
            self._keep_if_new(choices, made, answer)
            for violation in self.judge.violations(made, answer):
                if violation.key not in self.known:
                    yield from self._looked_into(choices, Wrong(made, violation))

    def _draw(self) -> tuple[list[int], Candidate | None]:
        recorded = self._mutated() if self.corpus.inputs and self.random.random() < MUTATED else ()
        choices = Choices(self.random, recorded)
        made = candidate(choices, self.world)  # type: ignore[arg-type]  # it draws as Hypothesis does
        return choices.taken, made

    def _mutated(self) -> list[int]:
        """Return an old input with some choices changed, cut, or followed by those of another."""
        pool, pick = self.corpus.inputs, self.random.randrange
        choices = list(pool[pick(len(pool))].choices)
        for _ in range(1 + pick(3)):
            at = pick(len(choices)) if choices else 0
            how = pick(4)
            if how == 0:
                del choices[at:]
            elif how == 1:
                other = pool[pick(len(pool))].choices
                choices[at:] = other[at:]
            elif choices:
                choices[at] = pick(100) if how == 2 else choices[at] + (1 if pick(2) else 99)
        return choices

    def _keep_if_new(self, choices: Sequence[int], made: Candidate, answer: Answer) -> None:
        new = self.corpus.new(features(made, answer))
        if new:
            self.corpus.add(choices, new)

    def _looked_into(self, choices: Sequence[int], wrong: Wrong) -> Iterator[Found]:
        """Ask again, and make it smaller if it is so again; what another requirement explains is left to it."""
        if self._explained(wrong):
            return
        self.known.add(wrong.violation.key)
        again = self.again(wrong.candidate, wrong.violation.key)
        if again is None:
            yield Found(wrong, tuple(choices), recurs=False)
            return
        smallest = shrunk(choices, self.world, lambda made: self._fails(made, wrong.violation.key))
        smaller = None if smallest is None else self.again(smallest, wrong.violation.key)
        best = wrong if smaller is None or smallest is None else Wrong(smallest, smaller)
        yield Found(best, tuple(choices), recurs=True)

    def _fails(self, made: Candidate, key: tuple[str, str]) -> bool:
        if not self.implementation.fits(made.presented):
            return False
        found = self.again(made, key)
        return found is not None and not self._explained(Wrong(made, found))

    def again(self, made: Candidate, key: tuple[str, str]) -> Violation | None:
        """Present the honest token and the candidate, and return what is wrong as before, if it is."""
        honest, answer = answers(self.implementation, [made.honest, made.presented])
        if honest.outcome is not Outcome.ACCEPTED:
            return None
        return next((found for found in self.judge.violations(made, answer) if found.key == key), None)

    def _explained(self, wrong: Wrong) -> bool:
        """Say whether a part that another requirement judges is accepted by itself."""
        parts: tuple[Presentation, ...] = wrong.candidate.elsewhere
        if not parts or not is_forgery_accepted(wrong.candidate, wrong.violation):
            return False
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
