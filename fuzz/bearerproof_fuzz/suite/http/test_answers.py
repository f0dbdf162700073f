"""The answers of the token endpoint over HTTP: the form of errors and successes, and that none is stored."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.checks import check, strict_alone
from bearerproof_fuzz.keyserver import wire
from bearerproof_fuzz.keyserver.contenttypes import OTHER_TYPES
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.http_asserts import failed, is_issued_type, succeeded
from bearerproof_fuzz.keyserver.setting import ACCESS_TOKEN, DEFAULT
from bearerproof_fuzz.keyserver.wire import Form, Reply
from bearerproof_fuzz.needs import CONFIGURE, HTTP

# --- errors


_CODES = (
    *("invalid_request", "invalid_grant", "invalid_scope", "invalid_target"),
    *("unsupported_grant_type", "unauthorized_client"),
)
"""Codes of RFC 6749 §5.2 and RFC 8693 §2.2.2 that can say what is wrong with an exchange."""

Refused = Callable[[KeyServerDriver], Form]


def _with(**changes: str | None) -> Refused:
    return lambda server: wire.exchange_form(server, **changes)


_REFUSED: Mapping[str, tuple[Refused, str]] = {
    "no grant type": (_with(grant_type=None), "invalid_request"),
    "an empty grant type": (_with(grant_type=""), "invalid_request"),
    "another grant type": (_with(grant_type="password"), "unsupported_grant_type"),
    "no subject token": (_with(subject_token=None), "invalid_request"),
    "a subject token that is none": (_with(subject_token="x.y.z"), "invalid_request"),  # noqa: S106 - no secret
    "an expired subject token": (
        lambda server: wire.exchange_form(server, token=server.subject_token(exp=int(server.now) - 1)),
        "invalid_request",
    ),
    "a subject token for somebody else": (
        lambda server: wire.exchange_form(server, token=server.subject_token(aud="another")),
        "invalid_request",
    ),
    "no subject token type": (_with(subject_token_type=None), "invalid_request"),
    "another subject token type": (_with(subject_token_type=ACCESS_TOKEN), "invalid_request"),
    "a resource": (_with(resource="https://api.example"), "invalid_target"),
    "an audience": (_with(audience="api"), "invalid_target"),
    "another requested token type": (
        _with(requested_token_type="urn:ietf:params:oauth:token-type:refresh_token"),  # noqa: S106 - no secret
        "invalid_request",
    ),
    "an actor token": (_with(actor_token="x.y.z"), "invalid_request"),  # noqa: S106 - no secret
    "an unknown scope": (_with(scope="everything"), "invalid_scope"),
    "a scope of nothing": (_with(scope="backends: tools:x"), "invalid_scope"),
    "nothing at all": (lambda _world: (), "invalid_request"),
}


def _allowed(trial: Trial, code: str) -> tuple[str, ...]:
    """Return the codes that say it; the RFCs leave some of them to the server."""
    return (code,) if trial.measure is Measure.STRICT else _CODES


@check("HTTP-3", needs=(HTTP,))
def test_status_and_code_of_a_refusal(mark: CheckId, trial: Trial) -> None:
    """A refused exchange is answered with 400 and a JSON object whose `error` says why."""
    server = KeyServerDriver(trial)
    succeeded(server, wire.exchange(server, wire.exchange_form(server)), "an honest form")
    for name, (make, code) in _REFUSED.items():
        reply = wire.exchange(server, make(server))
        if not (name in _OPEN_AT_BASE and _is_granted_at_base(trial, reply)):
            failed(server, reply, 400, _allowed(trial, code), f"an exchange with {name}")


_OPEN_AT_BASE = ("a resource", "an audience", "another requested token type", "an unknown scope", "a scope of nothing")
"""What a server may serve or ignore (RFC 6749 §3.3, RFC 8693 §2.2.2), or tell in its answer: here, how it refuses."""


def _is_granted_at_base(trial: Trial, reply: Reply) -> bool:
    return trial.measure is Measure.BASE and reply.status == 200 and "access_token" in (reply.json or {})


_PRINTABLE = re.compile(r"[ !#-\[\]-~]*")
"""What `error` and `error_description` may consist of (RFC 6749 §5.2)."""


@check("HTTP-3", needs=(HTTP,))
def test_members_of_an_error(mark: CheckId, trial: Trial) -> None:
    """The members of an error are texts of the characters that RFC 6749 permits, whatever was presented."""
    server = KeyServerDriver(trial)
    succeeded(server, wire.exchange(server, wire.exchange_form(server)), "an honest form")
    for name, text in _HOSTILE.items():
        for field in ("grant_type", "subject_token", "subject_token_type", "scope", "resource"):
            reply = wire.exchange(server, wire.exchange_form(server, **{field: text}))
            if field in ("scope", "resource") and _is_granted_at_base(trial, reply):
                continue
            failed(server, reply, 400, _CODES, f"{field} is {name}")
            for member in ("error", "error_description", "error_uri"):
                value = (reply.json or {}).get(member, "")
                if not isinstance(value, str) or not _PRINTABLE.fullmatch(value):
                    server.fail(f"{field} is {name}", f"{member} of permitted characters", "others")


_HOSTILE = {
    "a text with quotes": 'x","error":"none"}',
    "a text with a line feed": "x\r\nSet-Cookie: a=b",
    "a text with a backslash": "\\u0000",
    "a text with a NUL": "x\0y",
    "markup": "<script>alert(1)</script>",
    "a text beyond ASCII": "\u00e9\u4e2d\U0001f511",
    "a long text": "a" * 5000,
}


@check("HTTP-3", needs=(HTTP,))
def test_bodies_that_are_no_form(mark: CheckId, trial: Trial) -> None:
    """Octets that are no form are answered with 400 and invalid_request."""
    server = KeyServerDriver(trial)
    succeeded(server, wire.exchange(server, wire.exchange_form(server)), "an honest form")
    honest = urlencode(wire.exchange_form(server)).encode()
    for name, body in {
        "nothing": b"",
        "ampersands": b"&&&",
        "an equals sign": b"=",
        "no names": b"=a&=b",
        "octets that are no UTF-8": b"subject_token=\xff\xfe",
        "such octets, encoded": b"subject_token=%ff%fe",
        "JSON": b'{"grant_type":"x"}',
        "NULs": b"\0" * 100,
        "semicolons for ampersands": honest.replace(b"&", b";"),
    }.items():
        open_code = name.startswith("semicolons") or trial.measure is Measure.BASE  # it has no grant type either
        expected = ("invalid_request", "unsupported_grant_type")[: 2 if open_code else 1]
        failed(server, wire.exchange(server, body), 400, expected, f"a body of {name}")


# --- storing


def _not_stored(server: KeyServerDriver, reply: Reply, summary: str) -> None:
    if "no-store" not in [item.partition("=")[0].lower() for item in reply.listed("Cache-Control")]:
        server.fail(summary, "Cache-Control with no-store", ", ".join(reply.values("Cache-Control")) or "none")


@check("HTTP-4", needs=(HTTP,))
def test_tokens_are_not_stored(mark: CheckId, trial: Trial) -> None:
    """An answer with a token forbids to store it, whatever was asked for."""
    server = KeyServerDriver(trial)
    for changes in ({}, {"scope": "backends:a tools:x"}, {"unknown": "x"}):
        reply = wire.exchange(server, wire.exchange_form(server, **changes))
        succeeded(server, reply, "an honest form")
        _not_stored(server, reply, "an answer holds a token")


_TOKENS_ALONE = "RFC 6749 §5.1 forbids to store the answers that hold a token"


@check("HTTP-4", needs=(HTTP,))
def test_errors_are_not_stored(mark: CheckId, trial: Trial) -> None:
    """An answer of the token endpoint without a token forbids to store it as well."""
    strict_alone(trial, _TOKENS_ALONE)
    server = KeyServerDriver(trial)
    succeeded(server, wire.exchange(server, wire.exchange_form(server)), "an honest form")
    for name, (make, _) in _REFUSED.items():
        _not_stored(server, wire.exchange(server, make(server)), f"an exchange with {name}")
    for name in ("JSON", "none"):
        reply = wire.exchange(server, wire.exchange_form(server), OTHER_TYPES[name])
        _not_stored(server, reply, f"a form whose content type is {name}")
    for method in ("GET", "PUT"):
        _not_stored(server, wire.send(server, method, "/auth/token"), f"{method} at the token endpoint")


@check("HTTP-4", needs=(HTTP, CONFIGURE))
def test_refusals_for_load_are_not_stored(mark: CheckId, trial: Trial) -> None:
    """That there are too many tokens is not to be stored either."""
    strict_alone(trial, _TOKENS_ALONE)
    server = KeyServerDriver(trial, DEFAULT.but(cap=1, capacity=1))
    succeeded(server, wire.exchange(server, wire.exchange_form(server)), "an honest form")
    for subject in ("alice", "bob"):
        reply = wire.exchange(server, wire.exchange_form(server, token=server.subject_token(subject)))
        if reply.status == 200:
            server.fail("the cap and the store are full", "a refusal", reply.describe())
        _not_stored(server, reply, "the cap and the store are full")


# --- success


@check("HTTP-5", needs=(HTTP,))
def test_status_and_type_of_a_success(mark: CheckId, trial: Trial) -> None:
    """A successful exchange is answered with 200 and one JSON object, in which no name stands twice."""
    server = KeyServerDriver(trial)
    for changes in ({}, {"scope": "backends:a,b tools:x"}, {"requested_token_type": ACCESS_TOKEN}):
        reply = wire.exchange(server, wire.exchange_form(server, **changes))
        if reply.media_type != "application/json":
            server.fail("an honest exchange", "application/json", f"{reply.describe()}, {reply.media_type}")
        succeeded(server, reply, "an honest exchange")


@check("HTTP-5", needs=(HTTP,))
def test_members_of_a_success(mark: CheckId, trial: Trial) -> None:
    """The members of a success have the names, types and values that RFC 8693 gives them."""
    server = KeyServerDriver(trial)
    for scope in (None, "backends:a,b tools:x", "tools:x"):
        granted = succeeded(
            server, wire.exchange(server, wire.exchange_form(server, scope=scope)), "an honest exchange"
        )
        issued = granted.get("issued_token_type")
        if not is_issued_type(issued, granted.get("access_token"), trial.measure):
            server.fail("issued_token_type of a success", f"{ACCESS_TOKEN}", json.dumps(issued))
        for name, holds in _MEMBERS.items():
            value = granted.get(name)
            optional = name in _RECOMMENDED and trial.measure is Measure.BASE
            if not (holds(value) or (optional and value is None)):
                shown = "a text" if isinstance(value, str) and name == "access_token" else json.dumps(value)
                server.fail(f"the member {name} of a success", "as RFC 8693 §2.2.1 has it", shown)


_RECOMMENDED = ("expires_in", "scope")

_MEMBERS: Mapping[str, Callable[[Any], bool]] = {
    "access_token": lambda value: isinstance(value, str) and re.fullmatch(r"[!-~]+", value) is not None,
    "token_type": lambda value: isinstance(value, str) and value.lower() == "bearer",
    "expires_in": lambda value: type(value) is int and value > 0,
    "scope": lambda value: isinstance(value, str) and re.fullmatch(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*", value) is not None,
}


@check("HTTP-5", needs=(HTTP,))
def test_answered_token_is_good(mark: CheckId, trial: Trial) -> None:
    """The token that is answered is admitted at once, as a bearer, for what its scope says."""
    server = KeyServerDriver(trial)
    granted = succeeded(server, wire.exchange(server, wire.exchange_form(server, scope="backends:a tools:x")), "honest")
    for path, status in (("/resource/a/x", 200), ("/resource/b/x", 403)):
        reply = wire.resource(server, f"Bearer {granted['access_token']}", path=path)
        if reply.status != status:
            server.fail(f"a token for backend a and tool x, just issued, at {path}", str(status), reply.describe())
