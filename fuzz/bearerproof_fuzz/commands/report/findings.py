"""What was found, once for each cause: the same finding in two profiles is one issue, and the worst stand first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from bearerproof.judging.results import State
from bearerproof_fuzz.commands.report.apart import Apart, apart, clipped
from bearerproof_fuzz.commands.report.standing import is_over_strict
from bearerproof_fuzz.commands.report.streams import Check

SHOWN = 1_000
"""Characters of a text of the implementation that are shown."""

STEPS = 40
"""Steps of one finding that are shown."""


@dataclass(frozen=True)
class Issue:
    """One way to fail: what happened, in which checks and profiles, and the finding that shows it."""

    check: str
    profiles: tuple[str, ...]
    ids: tuple[str, ...]
    outcome: str
    summary: str
    expected: str
    got: str
    severity: int
    size: int
    reason: str | None
    finding: Mapping[str, Any]

    @cached_property
    def apart(self) -> Apart | None:
        """The token that shows it, taken apart."""
        presented, base = self.finding.get("presented"), self.finding.get("base")
        if not isinstance(presented, dict):
            return None
        return apart(presented, base if isinstance(base, dict) else None)

    @property
    def steps(self) -> list[str]:
        """The requests that lead there, a line each."""
        steps = self.finding.get("steps")
        return [_step(step) for step in (steps if isinstance(steps, list) else [])[:STEPS]]

    @property
    def events(self) -> list[str]:
        """The events that came with the answer, a line each."""
        events = self.finding.get("events")
        return [clipped(str(event), SHOWN) for event in (events if isinstance(events, list) else [])[:STEPS]]


def issues(checks: Sequence[Check]) -> tuple[Issue, ...]:
    """Return what was found in the checks of one requirement: the worst and the smallest first."""
    merged: dict[tuple[str, ...], Issue] = {}
    for check in checks:
        for found in check.findings or _without_finding(check):
            issue = _issue(check, found)
            place = (issue.check, issue.outcome, issue.summary, issue.expected, issue.got)
            earlier = merged.get(place)
            merged[place] = issue if earlier is None else _joined(earlier, issue)
    return tuple(sorted(merged.values(), key=lambda issue: (issue.severity, issue.size, issue.check)))


def _without_finding(check: Check) -> tuple[dict[str, Any], ...]:
    """Say of a red check that left no finding what is known of it."""
    bare = (State.FAILED, State.CRASHED, State.HUNG, State.UNTESTABLE)
    if check.outcome not in bare:
        return ()
    return ({"summary": check.reason or "the stream holds no finding of it", "expected": "", "got": check.outcome},)


def _issue(check: Check, found: Mapping[str, Any]) -> Issue:
    presented = found.get("presented")
    size = len(str(presented.get("token", presented.get("token_b64", "")))) if isinstance(presented, dict) else 10**6
    return Issue(
        check.name,
        (check.profile,),
        (check.id,),
        check.outcome,
        clipped(str(found.get("summary", "")), SHOWN),
        clipped(str(found.get("expected", "")), SHOWN),
        clipped(str(found.get("got", "")), SHOWN),
        _severity(check, found),
        size,
        check.reason,
        found,
    )


def _joined(earlier: Issue, issue: Issue) -> Issue:
    smaller = min(earlier, issue, key=lambda each: each.size)
    profiles = tuple(dict.fromkeys((*earlier.profiles, *issue.profiles)))
    return replace(smaller, profiles=profiles, ids=(*earlier.ids, *issue.ids))


def _severity(check: Check, found: Mapping[str, Any]) -> int:
    """Return 0 for what was accepted and must not be, 1 for other faults, 2 for the over-strict, 3 for warnings."""
    if check.outcome == State.WARNED:
        return 3
    if is_over_strict(found) or check.outcome == State.UNTESTABLE:
        return 2
    return 0 if str(found.get("got", "")).startswith("accepted") else 1


def _step(step: object) -> str:
    if not isinstance(step, dict):
        return clipped(str(step))
    words = [f"{name}={clipped(str(value), 120)}" for name, value in step.items() if name != "op"]
    return clipped(" ".join([str(step.get("op", "?")), *words]), SHOWN)
