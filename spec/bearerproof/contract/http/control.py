"""What is done to a server besides asking it: its configuration, its clock, the keys of its providers."""

import time
from collections.abc import Callable

from bearerproof.contract.http.configuring import Configurator
from bearerproof.contract.http.profile import ServerProfile
from bearerproof.contract.http.provider import RunningProvider
from bearerproof.contract.http.toldclock import PAIR, ClockFile
from bearerproof.contract.messages import Request
from bearerproof.members import Json

CONTROLLED = frozenset({"configure", "restart", "rotate"})
"""What is not asked over HTTP, and can be done to a server that has a program for it, or keys of ours."""


_EARLIER = 3600.0
"""Seconds by which a server that is configured begins before the check."""


class Control:
    """The programs, the clock file and the identity provider of one server."""

    def __init__(self, profile: ServerProfile, url: str, provider: RunningProvider | None) -> None:
        self._profile, self._provider, self._url = profile, provider, url
        self._clock = None if profile.clock is None else ClockFile(profile.clock)
        self._configurator = (
            None if profile.configure is None else Configurator(profile, profile.configure, url, provider)
        )

    @property
    def url(self) -> str:
        """Where the server is by now."""
        return self._url if self._configurator is None else self._configurator.url

    @property
    def is_configured(self) -> bool:
        """Whether a configuration was told."""
        return self._configurator is not None and self._configurator.runs > 0

    @property
    def effort(self) -> tuple[int, float]:
        """How often the server was configured or restarted, and how many seconds that took in all."""
        return (0, 0.0) if self._configurator is None else (self._configurator.runs, self._configurator.seconds)

    def tell(self, request: Request) -> str | None:
        """Tell the server what time it is; return why that cannot be done, or None."""
        if self._clock is None or "now" not in request:
            return None
        untold = self._clock.why_not(request["now"])
        if untold is None:
            self._clock.tell(request["now"], request.get("tick", 0.0))
        return untold

    def ask(self, request: Request, ready: Callable[[float], bool]) -> Json:
        """Do what is asked.

        Raises:
            AdapterFault: a program failed.
        """
        if request["op"] == "rotate":
            return self._rotate(request)
        if self._configurator is None:
            return {"skipped": f"the server profile has no [configure], without which there is no {request['op']}"}
        if request["op"] == "restart":
            self.tell(request)
            return self._configurator.restart(request, ready)
        self._tell_earlier(request)
        return self._configurator.configure(request, ready)

    def begin_again(self, ready: Callable[[float], bool]) -> None:
        """Put the server under its last configuration once more, since it died."""
        if self._configurator is not None:
            self._configurator.again(ready)

    def end(self) -> None:
        """Have the server end, if there is a program for it."""
        if self._configurator is not None:
            self._configurator.stop()

    def _tell_earlier(self, request: Request) -> None:
        """Have a server begin an hour before the check does: what is older than the server it may refuse."""
        if self._clock is not None:
            self._clock.tell(request["now"] - _EARLIER, request["tick"])
            self._clock.pass_by(_EARLIER)

    def _rotate(self, request: Request) -> Json:
        """Serve other keys, and let the time pass for which the server may keep those that it has."""
        keys = self._profile.keys
        if self._provider is None or keys is None:
            return {"skipped": "rotate needs [identity_provider] and [keys] in the server profile"}
        self._provider.serve(request["issuer"], request["keys"], None)
        if self._clock is not None and self._clock.tells_ticks:
            self._clock.pass_by(keys.ttl + keys.stale + keys.cooldown)
            self._clock.tell(request["now"], request["tick"])
        else:
            time.sleep(keys.ttl)
        return {"rotated": True}


def can_rotate(profile: ServerProfile) -> bool:
    """Say whether keys can be rotated: they are ours, and no check has to wait longer for it than is said."""
    keys = profile.keys
    if keys is None or profile.identity_provider is None:
        return False
    told = profile.clock is not None and profile.clock.form == PAIR
    return told or keys.ttl <= keys.wait
