"""Lines of code that a token is the first to reach: what is new of an implementation in this process beside answers.

From Python 3.12 on ``sys.monitoring`` tells of a line once and then no more, so that known lines cost next to nothing.
Before that there is only ``sys.settrace``, under which PyJWT takes ten times as long: there nothing is looked at.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType
from typing import Any, Self

import bearerproof
import bearerproof_fuzz

_MONITORING: Any = getattr(sys, "monitoring", None)
_TOOL = 4
"""One of the two numbers that are nobody's (PEP 669)."""

_OURS = tuple(str(Path(str(package.__file__)).parent) for package in (bearerproof, bearerproof_fuzz))
_JUDGED = tuple(str(Path(_OURS[1]) / name) for name in ("victims", "faults"))


class Lines:
    """Notes the lines that run for the first time in this process; those of the harness itself are left out.

    >>> with Lines() as lines:
    ...     isinstance(lines.taken(), list)
    True
    """

    def __init__(self) -> None:
        self._new: list[str] = []

    @staticmethod
    def can_be_seen() -> bool:
        """Say whether this Python tells of lines at a price worth paying, and nobody else is told of them."""
        return _MONITORING is not None and _MONITORING.get_tool(_TOOL) is None

    def __enter__(self) -> Self:
        if self.can_be_seen():
            _MONITORING.use_tool_id(_TOOL, "bearerproof")
            _MONITORING.register_callback(_TOOL, _MONITORING.events.LINE, self._reached)
            _MONITORING.set_events(_TOOL, _MONITORING.events.LINE)
            _MONITORING.restart_events()
        return self

    def __exit__(self, *_: object) -> None:
        if _MONITORING is not None and _MONITORING.get_tool(_TOOL) == "bearerproof":
            _MONITORING.free_tool_id(_TOOL)

    def taken(self) -> list[str]:
        """Return the lines that were reached since this was last asked, and by nothing before."""
        found, self._new = self._new, []
        return found

    def _reached(self, code: CodeType, line: int) -> object:
        name = code.co_filename
        if not name.startswith(_OURS) or name.startswith(_JUDGED):
            self._new.append(f"line {Path(name).name}:{line}")
        return _MONITORING.DISABLE


Ask = Callable[[Sequence[Any]], list[Any]]


def one_by_one(lines: Lines, ask: Ask, presented: Sequence[Any]) -> tuple[list[Any], list[list[str]]]:
    """Ask for each answer by itself; return the answers, and for each the lines that it was the first to reach."""
    answers, reached = [], []
    lines.taken()  # what ran in between is nobody's
    for each in presented:
        answers += ask([each])
        reached.append(lines.taken())
    return answers, reached
