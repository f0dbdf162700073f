"""What is due of an answer over HTTP."""

from collections.abc import Mapping
from typing import Any

from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.setting import ACCESS_TOKEN, JWT
from bearerproof_fuzz.keyserver.wire import Reply

UNKNOWN = "bprf_" + "A" * 43
"""A bearer in the form of the reference's, which nobody issued."""


def codes_where_twice(name: str, measure: Measure) -> tuple[str, ...]:
    """Return the codes for a parameter that stands twice; at base, too, one that is true of its second value.

    RFC 6749 §5.2 leaves the choice.
    """
    also = _OF_THE_VALUE.get(name) if measure is Measure.BASE else None
    return ("invalid_request", also) if also else ("invalid_request",)


_OF_THE_VALUE = {"grant_type": "unsupported_grant_type", "scope": "invalid_scope"}


def is_issued_type(issued: object, bearer: object, measure: Measure) -> bool:
    """Say whether this can be the type of a bearer access token; one that is a JWT may be called one (RFC 8693 §3)."""
    is_jwt = isinstance(bearer, str) and bearer.count(".") == 2 and measure is Measure.BASE
    return issued == ACCESS_TOKEN or (is_jwt and issued == JWT)


def answered(server: KeyServerDriver, reply: Reply, status: int, summary: str) -> None:
    """Require a status.

    Raises:
        Nonconforming: it is another.
    """
    if reply.status != status:
        server.fail(summary, str(status), reply.describe())


def admitted(server: KeyServerDriver, reply: Reply, summary: str) -> None:
    """Require that a bearer opened what it was presented for.

    Raises:
        Nonconforming: it did not.
    """
    answered(server, reply, 200, summary)


def refused(server: KeyServerDriver, reply: Reply | None, summary: str, statuses: tuple[int, ...] = (401,)) -> None:
    """Require a refusal with one of these statuses; a request that was never sent is refused enough.

    Raises:
        Nonconforming: it is answered with another.
    """
    if reply is not None and reply.status not in statuses:
        server.fail(summary, " or ".join(map(str, statuses)), reply.describe())


def succeeded(server: KeyServerDriver, reply: Reply, summary: str) -> Mapping[str, Any]:
    """Require a success, and return what it grants.

    Raises:
        Nonconforming: it is none, or no JSON object.
    """
    if reply.status != 200 or reply.json is None:
        server.fail(summary, "200 with a JSON object", reply.describe())
    return reply.json


def failed(server: KeyServerDriver, reply: Reply, status: int, errors: tuple[str, ...], summary: str) -> None:
    """Require a status and, in a JSON object, one of these errors; none of them means any.

    Raises:
        Nonconforming: one of the two is another, or there is no such object.
    """
    expected = f"{status} {' or '.join(errors)}"
    if reply.status != status or reply.media_type != "application/json" or reply.error is None:
        reported = f"{reply.describe()}, {reply.media_type or 'of no one type'}"
        server.fail(summary, f"{expected} as JSON", reported)
    if errors and reply.error not in errors:
        server.fail(summary, expected, reply.describe())
