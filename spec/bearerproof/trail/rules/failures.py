"""The rules over verify-failure events and over the drop summaries of their limiter."""

from typing import Any

from bearerproof.trail import shapes
from bearerproof.trail.findings import Loss, Notebook
from bearerproof.trail.inspection import Inspector, repeated_member
from bearerproof.trail.options import Options
from bearerproof.trail.rules import Rule, Want
from bearerproof.trail.rules.course import Course
from bearerproof.trail.sources import source_ids
from bearerproof.trail.usual import INSTANT, KNOWN, LONGEST_KNOWN, Instants

Event = dict[str, Any]

_TIME = '"occurred_at":"'
_QUOTED = frozenset({"client_id_hint", "kid_hint", "metadata.aud_hint"})
"""Members that repeat what a refused token said, exactly: HINT-5 allows no other value."""

_Hints = tuple[str, str | None, str | None, str | None]


class Failures:
    """Judges the verify-failure events of one trail, in the order of its lines."""

    def __init__(self, options: Options, notebook: Notebook, inspector: Inspector) -> None:
        self._options = options
        self._notebook = notebook
        self._inspector = inspector
        self._consistent: set[_Hints] = set()
        self._frames: set[str] = set()
        self._instants = Instants()
        self._sources: set[int] = set()
        self.course = Course(notebook, options.tolerance)
        self._summed_up: dict[str, str] = {}
        self.events = 0
        self.summaries = 0

    @property
    def sources(self) -> int:
        """How many source ids were seen, as far as they are counted."""
        return len(self._sources)

    def passes(self, text: str) -> bool:
        """Whether a line breaks no rule but perhaps that of time: it has, but for its time, been judged before.

        If so, it has been taken into account. False says nothing.
        """
        found = text.find(_TIME)
        if found < 0:
            return False
        place = found + len(_TIME)
        when = text[place : place + INSTANT]
        if text[:place] + text[place + INSTANT :] not in self._frames or not self._instants.has(when):
            return False
        if when < self.course.latest:
            return False
        self.events += 1
        self.course.latest = when
        return True

    def judge(self, event: Event, text: str, line: int) -> None:
        """Judge one record that has the members of a verify-failure event, with the JSON text it was read from."""
        try:
            usual = self._is_usual(event, text)
        except (TypeError, KeyError):
            usual = False
        if usual:
            self._learn_frame(event["occurred_at"], text)
        else:
            event = self._look_carefully(event, text, line)
        self.events += 1
        when = event.get("occurred_at")
        if when is None:
            self._notebook.leave(Want.UNREADABLE, Rule.TIME_MONOTONE)
        else:
            self.course.take(when, line)

    def judge_summary(self, record: Event, text: str, line: int) -> None:
        """Judge a drop summary, and take down what was dropped and when."""
        when = self.course.last
        self._inspector.inspect(record, line, when, frozenset())
        self.summaries += 1
        if repeated_member(text):
            self._notebook.find(Rule.SCHEMA, line, "a member stands twice in one object", when)
        if not shapes.conforms_summary(record):
            told = self._inspector.told(shapes.complaint(shapes.SUMMARY, record))
            self._notebook.find(Rule.SCHEMA, line, f"drop summary: {told}", when)
            self._notebook.leave(Want.UNREADABLE, Rule.SUMMARY_ADDS_UP)
            return
        dropped, kinds, sources = int(record["dropped"]), record["kinds"], record.get("sources", {})
        if dropped != sum(kinds.values()) or sum(sources.values()) > dropped:
            parts = f"{sum(kinds.values()):,} by kind, {sum(sources.values()):,} by source"
            told = f"drop summary: {dropped:,} dropped, {parts}"
            self._notebook.find(Rule.SUMMARY_ADDS_UP, line, told, when)
        tier = record["tier"]
        told = ", ".join(f"{self._inspector.shown(kind)[1:-1]} {number:,}" for kind, number in list(kinds.items())[:8])
        self._notebook.lose(Loss("dropped", dropped, line, self._summed_up.get(tier), when, f"{tier}: {told}"))
        if when is not None:
            self._summed_up[tier] = when

    def applied(self) -> dict[Rule, int]:
        """Return how many records each rule had before it, whether it could judge them or not."""
        return {
            Rule.TIME_MONOTONE: self.events,
            Rule.SOURCES_BOUNDED: self.events,
            Rule.SOURCE_OF_HINTS: self.events,
            Rule.SUMMARY_ADDS_UP: self.summaries,
        }

    def _is_usual(self, event: Event, text: str) -> bool:
        """Whether an event surely conforms, repeats no member, holds clean texts, and its hints were met before."""
        kind, metadata, source = event["kind"], event["metadata"], event["source_id"]
        client, kid = event.get("client_id_hint"), event.get("kid_hint")
        audience = message = None
        if metadata:
            audience, message = metadata.get("aud_hint"), metadata.get("engine_msg")
            if len(metadata) != (audience is not None) + (message is not None):
                return False
        if (source, client, audience, kid) not in self._consistent:
            return False
        # The names of the four members, those of the metadata, the texts of kind, time and source; then the hints.
        texts = 7 + (client is not None) + (kid is not None) + 2 * (audience is not None)
        if message is not None:
            if len(message) > 512 or not self._inspector.is_clean(message):
                return False
            texts += 2
        if type(kind) is str:
            if kind not in shapes.PLAIN_KINDS:
                return False
        elif shapes.is_kind(kind) and self._inspector.is_clean(next(iter(kind.values()))):
            texts += 1
        else:
            return False
        hints = ("client_id_hint" in event) + ("kid_hint" in event)
        return (
            len(event) == 4 + hints
            and self._instants.has(event["occurred_at"])
            and text.count('"') == 2 * (texts + hints)
        )

    def _learn_frame(self, when: str, text: str) -> None:
        """Remember a usual line without its time: another with but another time is as good."""
        before, found, after = text.partition(f"{_TIME}{when}")
        if found and len(text) <= LONGEST_KNOWN:
            if len(self._frames) >= KNOWN:
                self._frames.clear()
            self._frames.add(before + _TIME + after)

    def _look_carefully(self, event: Event, text: str, line: int) -> Event:
        """Judge form, texts and source of an event; return it with those members alone that are what they should be."""
        fit = {
            name: event[name] for name, check in shapes.FAILURE_CHECKS.items() if name in event and check(event[name])
        }
        when = fit.get("occurred_at")
        before = self._notebook.violated.total()
        self._inspector.inspect(event, line, when, _QUOTED)
        if repeated_member(text):
            self._notebook.find(Rule.SCHEMA, line, "a member stands twice in one object", when)
        if not shapes.conforms_failure(event):
            told = (
                self._inspector.told(shapes.complaint(shapes.FAILURE, event))
                if self._notebook.wants(Rule.SCHEMA)
                else ""
            )
            self._notebook.find(Rule.SCHEMA, line, told, when)
        self._judge_source(fit, event, line)
        clean = before == self._notebook.violated.total()
        if clean:
            self._keep(
                (fit["source_id"], fit.get("client_id_hint"), fit["metadata"].get("aud_hint"), fit.get("kid_hint"))
            )
        return fit

    def _judge_source(self, fit: Event, event: Event, line: int) -> None:
        source = fit.get("source_id")
        if source is None:
            self._notebook.leave(Want.UNREADABLE, Rule.SOURCES_BOUNDED, Rule.SOURCE_OF_HINTS)
            return
        self._count_source(source, fit, line)
        if "metadata" not in fit or any(name in event and name not in fit for name in ("client_id_hint", "kid_hint")):
            self._notebook.leave(Want.UNREADABLE, Rule.SOURCE_OF_HINTS)
            return
        due = source_ids(fit.get("client_id_hint"), fit["metadata"].get("aud_hint"), fit.get("kid_hint"))
        if source not in due:
            told = f"source_id is {self._inspector.shown(source)}, its hints compose {self._inspector.shown(min(due))}"
            self._notebook.find(Rule.SOURCE_OF_HINTS, line, told, fit.get("occurred_at"))

    def _count_source(self, source: str, fit: Event, line: int) -> None:
        digest = hash(source)
        if digest in self._sources:
            return
        if len(self._sources) < self._options.max_sources:
            self._sources.add(digest)
            return
        most = f"the {self._options.max_sources:,} that --max-sources allows"
        told = f"source id {self._inspector.shown(source)} is beyond {most}"
        self._notebook.find(Rule.SOURCES_BOUNDED, line, told, fit.get("occurred_at"))

    def _keep(self, hints: _Hints) -> None:
        if len(self._consistent) >= KNOWN:
            self._consistent.clear()
        self._consistent.add(hints)
