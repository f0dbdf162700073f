"""The verify-failure events of a resource server: read from its log, and told apart by their order."""

from collections.abc import Callable
from itertools import count

from bearerproof.contract.http.profile import AuditSource
from bearerproof.contract.http.trail import Event, Trail, is_verify_failure
from bearerproof.exceptions import AdapterFault

Refuse = Callable[[str], object]
"""Has a token refused that names this client."""


class Failures:
    """What came into the log since the last request; without a log, nothing does."""

    def __init__(self, source: AuditSource | None) -> None:
        """Follow it from now on.

        Raises:
            AdapterFault: it cannot be followed.
        """
        self._trail = None if source is None else Trail(source, is_verify_failure)
        self._may_come_late = False
        self._numbers = count(1)

    @property
    def are_read(self) -> bool:
        """Whether there is a log."""
        return self._trail is not None

    def require(self, refuse: Refuse) -> None:
        """Have a token refused, and see that its event comes: else nothing could be concluded from what does not.

        Raises:
            AdapterFault: it does not.
        """
        if self._trail is not None and not self._marked(self._trail, refuse):
            raise AdapterFault(
                "control: a token with one octet of its signature changed was refused, and nothing came into the audit "
                "log: does this server write the one of [audit], before it lets through any limiter?"
            )

    def left(self, *, due: bool | None) -> list[Event] | None:
        """Return the events of the request before; ``due`` says whether there has to be one, None: it may be.

        Of a request that may have left one, and left none yet, nothing is told.
        """
        if self._trail is None:
            return None
        came = self._trail.gather(int(due or False))
        if due is None and not came:
            self._may_come_late = True
            return None
        return came

    def forget(self, *, may_come_late: bool = False) -> None:
        """Pass over what came, so that it counts for nothing that is asked from now on."""
        if self._trail is not None:
            self._trail.forget()
        self._may_come_late |= may_come_late

    def settle(self, refuse: Refuse) -> None:
        """Have an event come of which is known whose it is: none of a request before, if one was due, comes later."""
        if self._trail is not None and self._may_come_late:
            self._marked(self._trail, refuse)
        self._may_come_late = False

    def close(self) -> None:
        """Follow it no longer."""
        if self._trail is not None:
            self._trail.close()
            self._trail = None

    def _marked(self, trail: Trail, refuse: Refuse) -> bool:
        """Have a token of a client of its own refused, wait for its event, and say whether any came."""
        mark, came = f"bearerproof-mark-{next(self._numbers)}", 0
        refuse(mark)
        while found := trail.gather(1):
            came += len(found)
            if any(event.members.get("client_id_hint") == mark for event in found):
                break
        return bool(came)
