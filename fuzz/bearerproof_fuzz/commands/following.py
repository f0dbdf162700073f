"""``bearerproof trail --follow``: findings of a log as they come, and the report when it is interrupted."""

import signal
from collections.abc import Callable, Sequence
from threading import Event
from types import FrameType
from typing import Any

from bearerproof.exceptions import BadInput
from bearerproof.trail.findings import TrailFinding
from bearerproof.trail.following import Unfinished, follow
from bearerproof.trail.judge import Judgement
from bearerproof.trail.options import Options
from bearerproof.trail.reading import STDIN, contents
from bearerproof.trail.report import TrailReport
from bearerproof.trail.rules import TITLES
from bearerproof.visible import visible

PAUSE = 0.5
"""Seconds between two looks at a log."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def prove_following(files: Sequence[str], options: Options, tell: Callable[[str], None]) -> TrailReport:
    """Judge files, the last of which is being written, until SIGINT or SIGTERM; ``tell`` is given each finding as text.

    A second signal ends the program as it always does.

    Raises:
        BadInput: the last file cannot be followed.
    """
    if files[-1] == STDIN:
        raise BadInput("--follow is for a file: of standard input each line is judged as it comes anyway")

    def tell_finding(finding: TrailFinding) -> None:
        path, line = judgement.place(finding.line)
        where = f"{path}:{line}" if line > 0 else f"line {finding.line:,} of the trail"
        tell(visible(f"{where}: {finding.rule} {TITLES[finding.rule]}: {finding.summary}"))

    judgement = Judgement(options, tell=tell_finding)
    stopped, is_unfinished = Event(), False
    before: dict[signal.Signals, Any] = {}

    def stop(number: int, _: FrameType | None) -> None:
        stopped.set()
        signal.signal(number, before[signal.Signals(number)])

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        for content in contents(files[:-1]):
            judgement.feed(content)
        for written in follow(files[-1], lambda: not stopped.wait(PAUSE)):
            if isinstance(written, Unfinished):
                if stopped.is_set():
                    is_unfinished = True
                else:
                    judgement.lose(written.text)
            else:
                judgement.feed(written)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if is_unfinished:
        tell("the last line is not finished, and is not judged")
    return judgement.report()
