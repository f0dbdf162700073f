"""Telling a server the time: the file that its clock reads, written by us alone before each request."""

import os
import time
from datetime import UTC, datetime

from bearerproof.contract.http.profile import ToldClock
from bearerproof.exceptions import AdapterFault


class ClockFile:
    """The file of a clock; what stands in it is always whole, since it is a new file that gets the name."""

    def __init__(self, clock: ToldClock) -> None:
        self._clock = clock
        self._draft = clock.file.with_name(f".{clock.file.name}.{os.getpid()}")
        self._written = ""
        self._ahead = 0.0

    @property
    def tells_ticks(self) -> bool:
        """Whether monotonic time stands in it too."""
        return self._clock.form == PAIR

    def why_not(self, now: float) -> str | None:
        """Say why an instant cannot be told, or None if it can."""
        steps = now / self._clock.resolution
        if abs(steps - round(steps)) * self._clock.resolution > 1e-6:
            return f"the clock of the server is told in steps of {self._clock.resolution:g} s"
        return None

    def pass_by(self, seconds: float) -> None:
        """Let monotonic time go by from now on, which nobody asked for."""
        self._ahead += seconds

    def tell(self, now: float, tick: float) -> None:
        """Have the server see this instant: what is asked after that is asked then.

        Raises:
            AdapterFault: the file cannot be written.
        """
        text = self._text(now, tick + self._ahead)
        if text == self._written:
            return
        try:
            self._draft.write_text(text, encoding="ascii")
            self._draft.replace(self._clock.file)
        except OSError as error:
            raise AdapterFault(f"cannot write the clock file {self._clock.file}: {error.strerror}") from None
        self._written = text
        time.sleep(self._clock.settle)

    def _text(self, now: float, tick: float) -> str:
        whole = self._clock.resolution >= 1
        seconds = f"{now:.0f}" if whole else f"{now:.6f}"
        match self._clock.form:
            case "pair":
                return f"{seconds} {tick:.6f}\n"
            case "faketime":
                return f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S}\n"  # with @ it would run on by itself
            case "offset":
                return f"{now - time.time():+.{0 if whole else 6}f}\n"
            case _:
                return f"{seconds}\n"


PAIR = "pair"

FORMS = ("epoch", PAIR, "faketime", "offset")
"""How an instant is written: seconds since 1970, these and monotonic ones, a date for libfaketime, how far ahead."""
