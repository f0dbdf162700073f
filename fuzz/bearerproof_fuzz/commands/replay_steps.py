"""A key server's finding once more: its steps asked again, with what the server makes up now in place of then.

In the steps stands ``<access_token of step 3>``, or ``<jti of racer 2 of step 5>``, for what every run has anew.
"""

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bearerproof.contract.decisions import Decision, read_decision
from bearerproof.contract.implementation import Implementation, PropertyEnded
from bearerproof.contract.messages import Outcome, Request
from bearerproof.visible import visible

WIDTH = 110
_INDENT = 11
_SHOWN = 400
"""Characters of one member that are shown."""

_STAND_IN = re.compile(r"<(?:access_token|jti) of (?:racer \d+ of )?step \d+>")
_MADE_UP = ("access_token", "jti")


@dataclass(frozen=True)
class StepReplay:
    """The steps that led to a finding, what was due at their end, and what came in its place."""

    title: str
    steps: tuple[Request, ...]
    expected: str
    got: str

    def again(self, implementation: Implementation) -> tuple[bool, str]:
        """Ask the steps again; return whether the last answer is as it is due, and a text that shows all answers.

        What is due may be about more than the last answer, and then only the check itself can judge it: such a
        finding counts as conforming here if its last step was answered.
        """
        course = StepReplayer(implementation)
        lines = [self.title, ""]
        for number, step in enumerate(self.steps, 1):
            lines += course.take(number, step)
        lines += [*_labelled("due", self.expected), *_labelled("found", self.got)]
        return course.reproduces(self.expected), "\n".join(lines) + "\n"


class _NotMadeUp(Exception):
    """No answer of this run has what is to be put in the place of a stand-in."""


@dataclass
class StepReplayer:
    """The steps so far: what the server made up in them, and its last answer, None if there is none."""

    implementation: Implementation
    made_up: dict[str, str] = field(default_factory=dict)
    last: Decision | None = None

    def take(self, number: int, step: Request) -> Iterator[str]:
        """Ask one step and yield the lines that show it with its answer."""
        self.last = None
        try:
            request = _filled(step, self.made_up)
        except _NotMadeUp as missing:
            yield from _labelled(f"step {number}", _worded(step))
            yield from _labelled("", f"not asked: nothing came now that could stand for {missing}")
            return
        yield from _labelled(f"step {number}", _worded(request))
        try:
            self.last = self.implementation.decide(request)
        except PropertyEnded as ended:
            yield from _labelled("", str(ended))
            return
        yield from self._answered(f"step {number}", request, self.last)

    def reproduces(self, expected: str) -> bool:
        """Say whether the last answer is as due; a text that says nothing about one answer is not held against it."""
        kind, _, detail = expected.partition(" ")
        if self.last is None:
            return False
        if kind == "refused:":
            return self.last.outcome is Outcome.REJECTED and self.last.code in detail.split(" or ")
        if expected == "granted, admitted or done":
            return self.last.good
        if kind == "events" and detail.startswith("["):
            return self._left(detail)
        return True

    def _answered(self, where: str, request: Request, decision: Decision) -> Iterator[str]:
        """Keep what the server made up, and yield the lines that show its answer; those of a race one by one."""
        for name in _MADE_UP:
            value = decision.members.get(name)
            if isinstance(value, str):
                self.made_up[f"<{name} of {where}>"] = value
        if "answers" not in decision.members:
            yield from _answer_lines(decision)
            return
        answers: Any = decision.members["answers"]
        for number, (racer, raw) in enumerate(zip(request["requests"], answers, strict=False), 1):
            yield from _labelled("", f"racer {number}: {_worded(racer)}")
            yield from self._answered(f"racer {number} of {where}", racer, read_decision(raw, racer["op"]))

    def _left(self, expected: str) -> bool:
        """Say whether the last answer left just these events, each with at least these members, null for absent."""
        events = () if self.last is None else self.last.events
        try:
            wanted = _filled(json.loads(expected), self.made_up)
        except (ValueError, _NotMadeUp):
            return False
        return len(events) == len(wanted) and all(
            event.get(name) == value
            for event, members in zip(events, wanted, strict=True)
            for name, value in members.items()
        )


def _filled(value: Any, made_up: Mapping[str, str]) -> Any:
    """Return JSON data with what stands for the stand-ins in it.

    Raises:
        _NotMadeUp: nothing does for one of them.
    """
    if isinstance(value, str):
        return _STAND_IN.sub(lambda found: _found(found[0], made_up), value)
    if isinstance(value, list):
        return [_filled(item, made_up) for item in value]
    return {name: _filled(item, made_up) for name, item in value.items()} if isinstance(value, dict) else value


def _found(stand_in: str, made_up: Mapping[str, str]) -> str:
    if stand_in not in made_up:
        raise _NotMadeUp(stand_in)
    return made_up[stand_in]


def _answer_lines(decision: Decision) -> Iterator[str]:
    """Yield the lines that show an answer: what was decided, what it came with, and the events it left."""
    wait = "" if decision.retry_after is None else f", again after {decision.retry_after:g} s"
    yield from _labelled("", f"{decision.describe()}{wait} {_listed(decision.members)}".rstrip())
    for event in decision.events:
        yield from _labelled("", f"event {json.dumps(event)}")


def _worded(request: Request) -> str:
    """Word a request: the operation, then its members."""
    return f"{request['op']} {_listed({name: value for name, value in request.items() if name not in _APART})}"


_APART = ("op", "requests")


def _listed(values: Mapping[str, object]) -> str:
    return " ".join(f"{name}={_cut(json.dumps(value))}" for name, value in values.items())


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}… ({len(text):,} characters)"


def _labelled(label: str, text: str) -> list[str]:
    lead = f"  {label:<{_INDENT}}"
    return textwrap.wrap(
        visible(text),
        WIDTH,
        initial_indent=lead,
        subsequent_indent=" " * len(lead),
        break_on_hyphens=False,
        break_long_words=False,
    )
