"""Faults that make a verifier's trail grow without bound, or disagree with itself (TRAIL-14 to TRAIL-16)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by
from bearerproof_reference.audit import events
from bearerproof_reference.audit.events import VerifyFailureEvent
from bearerproof_reference.audit.limiter import Limiter, Summary


@fault_by("TRAIL-14", Patch.wrap, Limiter, "_admit_stranger")
def newcomers_always_get_through(admit_stranger: Any, self: Any, event: Any) -> bool:
    """The first event of a source is never dropped, so that none is overlooked; a forger is new each time (W1)."""
    met = vars(self).setdefault("met", set())
    new = event.source_id not in met
    met.add(event.source_id)
    return bool(admit_stranger(self, event)) or new


@fault_by("TRAIL-14", Patch.wrap, Limiter, "_admit_stranger")
def one_in_ten_sampled(admit_stranger: Any, self: Any, event: Any) -> bool:
    """Of what is dropped one in ten gets through as a sample, so a flood of names still fills the trail (W1)."""
    return bool(admit_stranger(self, event)) or self.dropped % 10 == 0


@fault("TRAIL-15")
def source_of_the_token_before(patch: Patch) -> None:
    """The source id is taken from a field of the verifier that is set a moment later: it is the last token's (W4)."""
    last = ["anon::nokid"]

    def stale(build: Any, *arguments: Any) -> VerifyFailureEvent:
        event: VerifyFailureEvent = build(*arguments)
        before, last[0] = last[0], event.source_id
        return replace(event, source_id=before)

    for name in ("from_hints", "from_id_token_hints"):
        build = getattr(VerifyFailureEvent, name)
        patch(VerifyFailureEvent, name, staticmethod(_bound(stale, build)))


def _bound(change: Callable[..., VerifyFailureEvent], build: Any) -> Callable[..., VerifyFailureEvent]:
    return lambda *arguments: change(build, *arguments)


@fault("TRAIL-15")
def names_trimmed_for_the_source(patch: Patch) -> None:
    """White space around a hint is cut for the source id, and stands in the hint beside it (W4)."""
    for name in ("compose", "compose_id_token"):
        patch.wrap(events, name, lambda compose, *hints: compose(*(hint and (hint.strip() or hint) for hint in hints)))


def _summed(patch: Patch, change: Callable[[Any], Any]) -> None:
    """Have drop summaries written with other members."""
    patch.wrap(Summary, "as_dict", lambda as_dict, self: {**as_dict(self), **change(as_dict(self))})


@fault("TRAIL-16")
def total_since_the_start(patch: Patch) -> None:
    """The total of a summary is a counter that nobody sets back, and its kinds are those of the window (W9)."""
    total: Counter[str] = Counter()

    def since_the_start(summary: Any) -> Any:
        total[summary["tier"]] += summary["dropped"]
        return {"dropped": total[summary["tier"]]}

    _summed(patch, since_the_start)


@fault("TRAIL-16")
def three_kinds_told(patch: Patch) -> None:
    """A summary tells the three largest kinds and the total of all: what was the rest? (W9)."""
    _summed(patch, lambda summary: {"kinds": dict(Counter(summary["kinds"]).most_common(3))})


@fault_by("TRAIL-16", _summed)
def sources_counted_with_each_kind(summary: Any) -> Any:
    """The sources of a summary are counted once more for each kind, and are more than the total (W9)."""
    return (
        {"sources": {name: 4 * number for name, number in summary.get("sources", {}).items()}}
        if "sources" in summary
        else {}
    )
