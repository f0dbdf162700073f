"""The answers of the HTTP binding: status, header fields and body for everything that a key server decides.

Errors have the form of RFC 6749 §5.2, challenges that of RFC 6750 §3. The texts are fixed, so that nothing that
was presented comes back, and two refusals for causes that nobody is to tell apart are the same octets.
"""

import json
from collections.abc import Mapping
from math import floor
from typing import Any

from bearerproof_reference.deployment.httprequest import FORM, MAX_BODY
from bearerproof_reference.keyserver.authentication import AccessError, AccessRefused, RequestedAccess
from bearerproof_reference.keyserver.exchange import ExchangeError, ExchangeRefused, Granted
from bearerproof_reference.keyserver.introspection import Introspected
from bearerproof_reference.keyserver.patterns import covers
from bearerproof_reference.keyserver.revocation import RevocationError, RevocationRefused, Revoked
from bearerproof_reference.keyserver.scopes import spell
from bearerproof_reference.keyserver.throttling import OUTAGE

try:
    from starlette.responses import Response
except ImportError as missing:
    raise ImportError("the HTTP binding needs packages: python -m pip install 'bearerproof[server]'") from missing

REALM = 'Bearer realm="key-server"'
ADMIN_REALM = 'Bearer realm="key-server-admin"'
CLIENT_REALM = 'Basic realm="key-server"'

BOTH_NAMES = "issuer and subject are needed, each once, and nothing else."
_ONE_TOKEN = "A form is needed in which token stands, once."  # noqa: S105 - no secret

_DESCRIPTIONS = {
    "invalid_request": "A parameter is missing, repeated or malformed, or the subject token is not accepted.",
    "invalid_scope": "The scope is malformed, or none of it may be granted.",
    "invalid_target": "A token for a certain resource or audience cannot be had here.",
    "unsupported_grant_type": "Token exchange is the only grant (RFC 8693).",
    "too_many_tokens": "The identity has as many tokens as it may have.",
    "temporarily_unavailable": "This cannot be decided at present.",
    "invalid_client": "The client is unknown, or has not authenticated itself.",
    "rate_limited": "There were too many requests.",
    "invalid_token": "The bearer is malformed, unknown, expired or revoked.",
    "insufficient_scope": "The bearer is not good for this backend and tool.",
    "not_found": "There is nothing here.",
    "method_not_allowed": "The methods for this path stand in Allow.",
    "server_error": "Something went wrong here; the request was not at fault.",
}

_STATUS = {
    ExchangeError.TOO_MANY_TOKENS: 429,
    ExchangeError.RATE_LIMITED: 429,
    ExchangeError.TEMPORARILY_UNAVAILABLE: 503,
}


def answer(status: int, members: Mapping[str, Any], **fields: str) -> Response:
    """Return a JSON answer that nobody may keep; ``_`` in the name of a field stands for a hyphen."""
    body = json.dumps(members).encode()
    return Response(body, status, _fields(fields), "application/json")


def refusal(status: int, code: str, description: str = "", **fields: str) -> Response:
    """Return a refusal with this code, with the description that belongs to the code unless another is given."""
    members = {"error": code, "error_description": description or _DESCRIPTIONS[code]}
    return answer(status, members, **fields)


def exchanged(outcome: Granted | ExchangeRefused) -> Response:
    """Answer an exchange (RFC 8693 §2.2)."""
    if isinstance(outcome, Granted):
        return answer(200, outcome.as_dict())
    status = _STATUS.get(outcome.error, 400)
    return refusal(status, outcome.error) if status == 400 else _later(status, outcome.error, outcome.retry_after)


def access_refused(refused: AccessRefused, wants: RequestedAccess) -> Response:
    """Answer who may not use the sample resource (RFC 6750 §3)."""
    match refused.error:
        case AccessError.MISSING_CREDENTIAL:  # RFC 6750 §3.1: then no error, in the challenge or elsewhere
            return _challenge(REALM)
        case AccessError.SEVERAL_CREDENTIALS:
            return several_credentials()
        case AccessError.INVALID_TOKEN:
            return refusal(401, "invalid_token", WWW_Authenticate=f'{REALM}, error="invalid_token"')
        case AccessError.INSUFFICIENT_SCOPE:
            challenge = f'{REALM}, error="insufficient_scope"{_needed(wants)}'
            return refusal(403, "insufficient_scope", WWW_Authenticate=challenge)
        case AccessError.RATE_LIMITED:
            return _later(429, "rate_limited", refused.retry_after)
        case AccessError.UNAVAILABLE:
            return _later(503, "temporarily_unavailable", refused.retry_after)


def revocation_refused(refused: RevocationRefused, *, several: bool, wanted: str = BOTH_NAMES) -> Response:
    """Answer who revoked nothing. Whoever does not know the secret gets one answer, whatever was asked.

    ``several``: that was for want of one credential, since there were more. ``wanted`` says what a request needs.
    """
    match refused.error:
        case RevocationError.UNAUTHORIZED:
            return several_credentials() if several else _challenge(ADMIN_REALM)
        case RevocationError.NOT_ACTIVE:
            return refusal(404, "not_found", "No token with this id is active.")
        case RevocationError.INVALID_REQUEST:
            return refusal(400, "invalid_request", wanted)
        case RevocationError.RATE_LIMITED:
            return _later(429, "rate_limited", refused.retry_after)
        case RevocationError.TEMPORARILY_UNAVAILABLE:
            return _later(503, "temporarily_unavailable", refused.retry_after)


def bearer_revoked(outcome: Revoked | RevocationRefused, *, several: bool) -> Response:
    """Answer a revocation by bearer: that nothing was active is the success that was wanted (RFC 7009 §2.2)."""
    if isinstance(outcome, RevocationRefused) and outcome.error is not RevocationError.NOT_ACTIVE:
        return revocation_refused(outcome, several=several, wanted=_ONE_TOKEN)
    return answer(200, {})


def introspected(outcome: Introspected | RevocationRefused, *, several: bool) -> Response:
    """Answer an introspection (RFC 7662 §2.2); the end is told in whole seconds, none of which is after it."""
    if isinstance(outcome, RevocationRefused):
        return revocation_refused(outcome, several=several, wanted=_ONE_TOKEN)
    record = outcome.record
    if record is None:
        return answer(200, {"active": False})
    identity = record.identity
    return answer(
        200,
        {
            "active": True,
            "token_type": "Bearer",
            "scope": spell(record.scopes),
            "jti": record.jti,
            "iat": floor(record.issued_at),
            "exp": floor(record.expires_at),
            "sub": identity.subject,
            "identity": {"issuer": identity.issuer, "subject": identity.subject},
        },
    )


def done() -> Response:
    """Say that it is done: no body, and no type of one (RFC 9110 §15.3.5)."""
    return Response(None, 204, _fields({}))


def too_large() -> Response:
    """Refuse a body for its size."""
    return refusal(413, "invalid_request", f"A body may have {MAX_BODY} bytes.")


def unsupported_media_type() -> Response:
    """Refuse a body for its type (RFC 9110 §15.5.16)."""
    return refusal(415, "invalid_request", f"Only {FORM} in UTF-8 is taken.")


def no_client() -> Response:
    """Refuse an exchange to whoever is no client (RFC 6749 §5.2)."""
    return refusal(401, "invalid_client", WWW_Authenticate=CLIENT_REALM)


def several_credentials() -> Response:
    """Refuse a request with more than one credential (RFC 6750 §3.1)."""
    challenge = f'{REALM}, error="invalid_request"'
    return refusal(400, "invalid_request", "There is more than one credential.", WWW_Authenticate=challenge)


def unhealthy(members: Mapping[str, Any]) -> Response:
    """Say that tokens can be neither issued nor judged."""
    return answer(503, members, Retry_After=str(OUTAGE))


def stopping() -> Response:
    """Refuse what would be begun while the server ends; somebody else may take it at once."""
    return refusal(503, "temporarily_unavailable", Retry_After=str(OUTAGE), Connection="close")


def _later(status: int, code: str, seconds: int | None) -> Response:
    return refusal(status, code, Retry_After=str(seconds or OUTAGE))


def _challenge(text: str) -> Response:
    return answer(401, {}, WWW_Authenticate=text)


def _needed(wants: RequestedAccess) -> str:
    """Return the scope attribute, unless what is wanted has no names: then no scope is enough."""
    names = [name for name in (wants.backend, wants.tool) if name and covers("*", name)]
    return f', scope="backends:{names[0]} tools:{names[1]}"' if len(names) == 2 else ""


def _fields(fields: Mapping[str, str]) -> dict[str, str]:
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return {"Cache-Control": "no-store", "Pragma": "no-cache", **named}
