"""Faults in trusting what the endpoint of a key set answers (KEY-13), and in its header fields (KEY-7, KEY-9)."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    ProxyHandler,
    build_opener,
)

from bearerproof_fuzz.faults.key.outages import opened_by
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, faults_for
from bearerproof_reference.verifier import fetching
from bearerproof_reference.verifier.fetching import TTL, FetchedKeySet


@fault("KEY-13")
def redirects_of_the_endpoint_followed(patch: Patch) -> None:
    """The HTTP client follows redirects by default, so an open redirect at the issuer serves an attacker's keys."""
    opener = build_opener(ProxyHandler({}))
    patch(fetching, "_opener", lambda _keep: opener)


@fault("KEY-13")
def permanent_redirects_followed(patch: Patch) -> None:
    """Redirects are refused by a list of status codes that was written before 308 (RFC 9110 §15.4)."""

    class AllBut308(HTTPDefaultErrorHandler):
        def http_error_308(self, req: Any, fp: Any, code: int, msg: str, headers: Any) -> Any:
            following = HTTPRedirectHandler()
            following.parent = self.parent
            return following.http_error_302(req, fp, code, msg, headers)

    opened_by(patch, HTTPHandler(), HTTPErrorProcessor(), AllBut308())


@fault("KEY-13")
def body_of_any_size_read(patch: Patch) -> None:
    """The answer is read to its end, so whoever serves it fills the memory (CWE-770)."""
    patch(fetching, "MAX_BODY", 1 << 30)
    patch.wrap(fetching._Attempt, "wait", lambda wait, self, _: wait(self, 60))  # noqa: SLF001 - a busy machine must not save it


def _json_or_text(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode()


def _secret(text: str) -> dict[str, str]:
    return {"kty": "oct", "alg": "HS256", "k": base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")}


def _parsed(patch: Patch, parse: Callable[[bytes], Any]) -> None:
    patch(fetching, "parse_object", parse)


_PARSED: Rows[Callable[[bytes], Any]] = {
    "bare-key-is-a-set": (
        "A single JWK is taken for a set of one, out of kindness.",
        lambda body: {"keys": [read]} if "kty" in (read := json.loads(body)) else read,
    ),
    "array-of-keys-is-a-set": (
        "An array of keys is taken for a set, the form some issuers served before RFC 7517 was settled.",
        lambda body: {"keys": read} if isinstance(read := json.loads(body), list) else read,
    ),
    "text-after-the-set-ignored": (
        "A streaming parser stops at the end of the object and never sees what follows.",
        lambda body: json.JSONDecoder().raw_decode(body.decode())[0],
    ),
    "text-is-a-secret": (
        "An answer that is no JSON object is imported as what it may be, an HMAC secret (nov/json-jwt#125).",
        lambda body: read if isinstance(read := _json_or_text(body), dict) else {"keys": [_secret(str(read))]},
    ),
}
faults_for("KEY-13", _parsed, _PARSED)


@fault("KEY-7")
def registered_media_type_only(patch: Patch) -> None:
    """A key set counts only as `application/jwk-set+json`, which hardly any issuer sends (RFC 7517 §8.5)."""

    class Registered(HTTPErrorProcessor):
        def http_response(self, request: Any, response: Any) -> Any:
            if response.headers.get_content_type() != "application/jwk-set+json":
                raise OSError("not a key set")
            return super().http_response(request, response)

    opened_by(patch, HTTPHandler(), Registered(), HTTPDefaultErrorHandler())


@fault("KEY-9")
def caching_fields_obeyed(patch: Patch) -> None:
    """`no-store` and `max-age=0` mean not to keep the set, so every token fetches it (hasura/graphql-engine#5781)."""
    stored: list[bool] = []

    class Noting(HTTPErrorProcessor):
        def http_response(self, request: Any, response: Any) -> Any:
            said = str(response.headers.get("Cache-Control"))
            stored.append("no-store" not in said and "max-age=0" not in said)
            return super().http_response(request, response)

    def refresh(usual: Any, self: Any, tick: float) -> None:
        usual(self, tick)
        if self._held is not None and stored and not stored[-1]:
            self._held = replace(self._held, fetched_at=tick - TTL)

    opened_by(patch, HTTPHandler(), Noting(), HTTPDefaultErrorHandler())
    patch.wrap(FetchedKeySet, "_refresh", refresh)
