"""The control of a clock that is told in a file: without it every green that hangs on time would prove nothing."""

import time
from typing import TYPE_CHECKING

from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json

if TYPE_CHECKING:
    from bearerproof_fuzz.keyserver.driver import KeyServerDriver

_SUBJECT = "clock-control"


def require_seen(server: "KeyServerDriver") -> None:
    """Require that the server lives by the time that it is told: what is good now is refused after its end.

    A bearer that lives on is a finding if a subject token does not, and so is for the checks to tell.

    Raises:
        AdapterFault: the server goes by another clock.
    """
    decision = server.exchange(server.subject_token(_SUBJECT))
    if not decision.good:
        _require_refused_by_real_time(server)
        return
    server.wait(server.setting.ttl)
    if not server.authenticate(str(decision.members["access_token"])).good:
        return
    over: Json = {"iat": int(server.now) - 120, "exp": int(server.now) - 60, "jti": "clock-control-over"}
    if server.exchange(server.subject_token(_SUBJECT, **over)).good:
        raise AdapterFault(f"{_NOT_SEEN}: a bearer and a subject token are good though the time told is past their end")


def _require_refused_by_real_time(server: "KeyServerDriver") -> None:
    """Require that a subject token of this machine's now is refused as well.

    Raises:
        AdapterFault: it is taken.
    """
    now = int(time.time())
    real: Json = {"iat": now, "exp": now + 300, "jti": "clock-control-real"}
    if abs(now - server.now) > _FAR and server.exchange(server.subject_token(_SUBJECT, **real)).good:
        raise AdapterFault(f"{_NOT_SEEN}: it refuses a subject token of the time told, and takes one of this machine's")


_NOT_SEEN = "the server does not see the clock file that [clock] in its profile names"

_FAR = 86_400
"""Seconds from which on two clocks tell different times."""
