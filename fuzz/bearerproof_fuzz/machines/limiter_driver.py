"""The bench on which a limiter is tried: it makes rejections on demand and notes what became of each."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import groupby

from bearerproof.contract.messages import Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.judgement import Finding, Untestable
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.edits.registry import Change
from bearerproof_fuzz.forge import CLIENT, Forge
from bearerproof_fuzz.material import Hints, labelled, unproven
from bearerproof_fuzz.oracles.buckets import BucketLimits, Entry, RegisteredSources, entry
from bearerproof_fuzz.oracles.witness import event_of

DEFAULT: Json = {"sink": "memory", "limiter": None}
"""The configuration in which every other check finds the implementation."""

OURS, SECOND, NOBODY = "ours", "second", "nobody"
KNOWN = (OURS, SECOND, NOBODY)
"""Sources that the bench registers: two clients with their key, and the source without any hint."""

TIMELESS = ("signature", "algorithm")
"""Faults that stay the same whatever the wall clock says."""

FAULTS: Mapping[str, Change] = {
    "signature": unproven,
    "algorithm": lambda draft: unproven(draft.with_header(alg="none")),
    "issuer": lambda draft: draft.with_claims(iss="https://evil.example"),
    "expired": lambda draft: draft.with_claims(exp=1),
}
"""What is wrong with a token, each giving an event of another kind class."""


TEXTS: Mapping[str, Change] = {
    "missing-exp": lambda draft: draft.without_claim("exp"),
    "missing-iss": lambda draft: draft.without_claim("iss"),
}
"""Faults of one kind class whose events carry different texts."""


def stranger(number: int) -> str:
    """Return the name of one of many sources that nobody registered."""
    return f"stranger-{number}"


STRANGERS = ("rogue-kid", "kid-only", *map(stranger, range(6)))
"""Sources that look registered by one hint and are not, and some that do not."""


@dataclass(frozen=True)
class Step:
    """Some rejections in a row: ``gap`` seconds of tick after the step before, ``wall`` off the true time."""

    source: str
    fault: str = "signature"
    gap: float = 0
    times: int = 1
    wall: float = 0


class LimiterDriver:
    """An implementation with a limiter, and the entries of all that was presented since it began.

    ``trail`` holds what got through: the events that were admitted, each behind the summaries due before it.
    """

    def __init__(self, trial: Trial, forge: Forge, profile: Profile) -> None:
        self.trial = trial
        self.profile = profile
        self.entries: list[Entry] = []
        self.summaries: list[tuple[float, Json]] = []
        self.trail: list[Json] = []
        self.limits = BucketLimits(1, 60, 1, 1)
        self._base = forge.base(profile)
        self._tick = 0.0
        self._kid = self._base.key.kid
        self._made: dict[tuple[str, str], Presentation] = {}
        self.registered = RegisteredSources((CLIENT, "app-2"), (CLIENT, "api-2"), (self._kid,))

    @classmethod
    @contextmanager
    def opened(cls, mark: CheckId, trial: Trial, forge: Forge) -> Iterator["LimiterDriver"]:
        """Set the bench up for a check, and leave the implementation as it was found."""
        try:
            yield cls(trial, forge, mark.profile)
        finally:
            trial.implementation.restore(DEFAULT)

    def begin(self, limits: BucketLimits) -> None:
        """Start with a fresh limiter.

        Raises:
            Untestable: the implementation would not be configured so.
        """
        audit = {"sink": "memory", "limiter": limits.as_json(), "registered": self.registered.as_json()}
        refused = self.trial.implementation.configure(audit)
        if refused:
            raise Untestable(Finding("a sound limiter was not configured", "configured", refused))
        self.trial.implementation.reset()
        self.limits, self.entries, self.summaries, self.trail, self._tick = limits, [], [], [], 0.0

    def run(self, limits: BucketLimits, steps: Sequence[Step]) -> list[Entry]:
        """Begin and play; once more if the machine was so busy that even a sink in memory lost something.

        Raises:
            Untestable: it keeps losing events, so what was admitted can't be seen.
        """
        for _ in range(3):
            self.begin(limits)
            entries = self.play(steps)
            if not self.trial.declaration.audit.stats or not self.stats()["lost"]:
                return entries
        raise Untestable(Finding("the sink in memory loses events", "none lost", f"{self.stats()['lost']} lost"))

    def play(self, steps: Iterable[Step]) -> list[Entry]:
        """Present the steps and return their entries, one for each rejection."""
        presented = [presentation for step in steps for presentation in self._presentations(step)]
        answers = self.trial.ask_all(presented)
        new: list[Entry] = []
        for presentation, answer in zip(presented, answers, strict=True):
            event, admitted = event_of(answer, presentation), bool(answer.delivered)
            new.append(entry(event, presentation.tick, self.profile, self.registered, admitted=admitted))
            self.summaries += [(presentation.tick, summary) for summary in answer.summaries]
            self.trail += [*answer.summaries, *([event] if admitted else [])]
        self.entries += new
        return new

    def stats(self) -> dict[str, int]:
        """Return the implementation's counters."""
        return self.trial.implementation.stats()

    def buckets(self) -> int:
        """Return how many buckets it says are alive; where it does not count them, the check is not applicable."""
        counted = self.stats()
        if "buckets" not in counted:
            import pytest  # noqa: PLC0415 - who only looks at an adapter has no use for it

            pytest.skip("the implementation does not count its buckets")
        return counted["buckets"]

    def fail(self, summary: str, expected: str, got: str) -> None:
        """End the check with a finding about the stream.

        Raises:
            Nonconforming: always (Warned, for a SHOULD row at base).
        """
        self.trial.fail(f"{summary}; {self._configuration()}; {self._story()}", expected, got)

    def _configuration(self) -> str:
        numbers = self.limits
        return f"C={numbers.capacity} W={numbers.window} N={numbers.sources} G={numbers.strangers}"

    def _story(self, most: int = 25) -> str:
        """Tell the end of the stream: tick, source, kind, how often in a row, and whether it was admitted."""
        runs = [(key, len(list(same))) for key, same in groupby(self.entries, key=_entry_text)]
        texts = [key if number == 1 else f"{key} x{number}" for key, number in runs[-most:]]
        return ("... " if len(runs) > most else "") + ", ".join(texts)

    def _presentations(self, step: Step) -> Iterator[Presentation]:
        self._tick += step.gap
        made = self._presentation(step.source, step.fault)
        yield from [replace(made, tick=self._tick, now=max(0, made.now + step.wall))] * step.times

    def _presentation(self, source: str, fault: str) -> Presentation:
        if (source, fault) not in self._made:
            draft = labelled({**FAULTS, **TEXTS}[fault](self._base), self._hints(source))
            self._made[source, fault] = draft.presentation()
        return self._made[source, fault]

    def _hints(self, source: str) -> Hints:
        prepared = {
            OURS: Hints(CLIENT, CLIENT, self._kid),
            SECOND: Hints("app-2", "api-2", self._kid),
            NOBODY: Hints(),
            "rogue-kid": Hints(CLIENT, CLIENT, "rogue"),
            "kid-only": Hints(kid=self._kid),
        }
        if source.startswith("kid-only-"):
            return Hints(kid=source)
        if source.startswith("rogue-kid-"):
            return Hints(CLIENT, CLIENT, source)
        if source.startswith("rogue-aud-"):
            return Hints(CLIENT, source, self._kid)
        return prepared.get(source) or Hints(source, CLIENT, self._kid)


def _entry_text(entry: Entry) -> str:
    return f"{entry.seconds:g}s {entry.source} {entry.kind} {'admitted' if entry.admitted else 'dropped'}"
