"""Faults in trusting what the endpoint of a key set answers (KEY-13)."""

import json
from collections.abc import Callable
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


@fault("KEY-13")
def redirects_of_the_endpoint_followed(patch: Patch) -> None:
    """The HTTP client follows redirects by default, so an open redirect at the issuer serves an attacker's keys."""
    patch(fetching, "_OPENER", build_opener(ProxyHandler({})))


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
}
faults_for("KEY-13", _parsed, _PARSED)
