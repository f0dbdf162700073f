"""What an answer over HTTP says of the token in the request: a pure reading of status and error code."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import StrEnum

from bearerproof.contract.resource.challenges import bearer_challenge


class Kind(StrEnum):
    """What became of a request.

    ``forbidden`` believed the token, and refused for what it is good for. ``transport`` refused the request before any
    verifier saw the token, which proves nothing. ``errored`` is an error that nobody handled; ``busy`` asks to come
    later; ``other`` is not about the token.
    """

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FORBIDDEN = "forbidden"
    TRANSPORT = "transport"
    ERRORED = "errored"
    BUSY = "busy"
    OTHER = "other"


@dataclass(frozen=True)
class Answers:
    """Which answers mean what: each entry is a status, or a status and an error code; the first that fits decides.

    >>> Answers().kind(401, "invalid_token"), Answers().kind(403, "insufficient_scope"), Answers().kind(302, None)
    (<Kind.REJECTED: 'rejected'>, <Kind.FORBIDDEN: 'forbidden'>, <Kind.OTHER: 'other'>)
    """

    accepted: tuple[str, ...] = ("200",)
    rejected: tuple[str, ...] = ("401", "403 invalid_token", "400 invalid_request", "400 invalid_token")
    forbidden: tuple[str, ...] = ("403 insufficient_scope",)
    transport: tuple[str, ...] = ("400", "413", "414", "431", "494")

    def kind(self, status: int, error: str | None) -> Kind:
        """Return what an answer of this status and error code means: an entry that names the code goes first."""
        for wanted in (f"{status} {error}", str(status)):
            for name in (Kind.ACCEPTED, Kind.REJECTED, Kind.FORBIDDEN, Kind.TRANSPORT):
                if wanted in getattr(self, name):
                    return name
        if status == 429:
            return Kind.BUSY
        return Kind.ERRORED if status >= 500 else Kind.OTHER


ENTRY = re.compile(r"[1-5][0-9]{2}( [!#-\[\]-~]+)?")
"""The form of an entry: a status, and with it an error code (RFC 6750 §3)."""

TABLES = tuple(member.name for member in fields(Answers))


def error_code(headers: Sequence[Sequence[str]], body: bytes) -> str | None:
    """Return the error code of an answer: of its Bearer challenge, or else the member ``error`` of its JSON object."""
    challenge = bearer_challenge(value for name, value in headers if name.lower() == "www-authenticate")
    if challenge is not None and "error" in challenge.parameters:
        return challenge.parameters["error"]
    found = json_object(body).get("error")
    return found if isinstance(found, str) else None


def json_object(body: bytes) -> dict[str, object]:
    """Return the JSON object that a body is, also as the data of a server-sent event; empty: it is none."""
    text = body.decode("utf-8", "replace")
    lines = [line.removeprefix("data:") for line in text.splitlines() if line.startswith("data:")]
    try:
        value = json.loads(lines[0] if lines and not text.lstrip().startswith("{") else text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def pointed_at(body: bytes, pointer: str) -> object:
    """Return what a JSON pointer (RFC 6901) finds in a body; None: nothing."""
    value: object = json_object(body)
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value
