"""What can go wrong, in the order of a run's life: loading, connecting, asking, judging.

``BadInput`` is the caller's mistake (a flag, a file, a name), ``AdapterFault`` is the adapter breaking the
contract: either way nothing was judged, or not enough, and the run ends with exit code 3. What an
implementation does *to a token* (rejecting, failing, crashing, hanging) is never an exception of this module:
it is an answer, and it is judged.
"""


class BearerproofError(Exception):
    """Base of everything this package raises on purpose; its text is written for a person."""

    exit_code = 3


class BadInput(BearerproofError):
    """A flag, file, name or address given by the caller cannot be used."""


class StaleExpectations(BearerproofError):
    """The expectations file is invalid, or no longer describes the implementation."""

    exit_code = 2


class LineTooLong(BearerproofError):
    """A request is longer than the line that the implementation reads: it is not sent, and what needs it not judged."""


class AdapterFault(BearerproofError):
    """The adapter cannot be started, or broke the contract; says what was seen and what was due."""

    def __init__(self, message: str, *, stderr: str = "") -> None:
        super().__init__(message)
        self.stderr = stderr

    def describe(self) -> str:
        """Tell the fault together with the last lines that the adapter wrote to stderr.

        Frames of Java and JavaScript are left out, below which the error itself stands too far up to be seen.
        """
        lines = self.stderr.strip().splitlines()
        ending = "\n".join(line for line in lines if not line.lstrip().startswith("at "))[-1000:]
        return f"{self}; its stderr ends: {ending}" if ending else str(self)

    def __reduce__(self) -> tuple[type["AdapterFault"], tuple[str], dict[str, str]]:
        """Keep the fault whole when it crosses to another process."""
        return (type(self), (str(self),), {"stderr": self.stderr})


class AdapterCrashed(AdapterFault):
    """The adapter's process ended while an answer was due."""


class AdapterHung(AdapterFault):
    """No answer came within the time allowed."""
