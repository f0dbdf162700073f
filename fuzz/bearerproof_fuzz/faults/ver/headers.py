"""Faults in heeding header parameters: crit, b64, keys that the token brings along (VER-17 to VER-20)."""

import json
from base64 import b64decode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509 import load_der_x509_certificate

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_fuzz.faults.seams import changing_header, encoded, rewriting_header
from bearerproof_reference.verifier import fetching, keys, verifier
from bearerproof_reference.verifier.jose import MalformedError, decode_segment, parse_object


def _without(parameters: Json, *names: str) -> Json:
    return {name: value for name, value in parameters.items() if name not in names}


@helper_by(changing_header)
def _passing(passes: Callable[[Any, Json], bool], parameters: Json) -> Json:
    """Let a header pass, together with the extensions it demands, if its ``crit`` does by this rule."""
    if "crit" not in parameters or not passes(parameters["crit"], parameters):
        return parameters
    return {name: parameters[name] for name in ("alg", "kid", "typ") if name in parameters}


_PASSING: Rows[Callable[[Any, Json], bool]] = {
    "crit-ignored": (
        "`crit` is not looked at, so an extension that must be understood is skipped (CVE-2025-59420, CVE-2026-32597).",
        lambda *_: True,
    ),
    "empty-crit-taken": (
        "Every name of `crit` is looked up, and of an empty list every name is known (CVE-2026-32597).",
        lambda crit, _: crit == [],
    ),
    "crit-of-another-type-ignored": (
        "`crit` is checked where it is a list and skipped where it is a string, an object or null.",
        lambda crit, _: not isinstance(crit, list),
    ),
    "crit-settled-by-one-known-name": (
        "It is enough that some name of `crit` is understood: `any` is written where `all` is due (CVE-2026-35042).",
        lambda crit, _: isinstance(crit, list) and "b64" in crit,
    ),
    "crit-of-registered-names-taken": (
        "`crit` may name what the verifier understands anyway, `alg` or `kid`, which RFC 7515 §4.1.11 forbids.",
        lambda crit, _: isinstance(crit, list) and crit != [] and set(map(str, crit)) <= {"alg", "kid"},
    ),
    "crit-of-absent-names-ignored": (
        "Only extensions that the header really uses are checked, so a demand for an absent one is dropped.",
        lambda crit, header: isinstance(crit, list) and not set(map(str, crit)) & header.keys(),
    ),
}
faults_for("VER-17", _passing, _PASSING)


@fault("VER-17")
def crit_looked_for_in_the_text(patch: Patch) -> None:
    """The raw header is searched for the name, which an escape hides from whoever does not parse (RFC 8259 §7)."""
    passed = ("alg", "kid", "typ")

    def rewrite(raw: bytes) -> bytes:
        held = parse_object(raw)
        hidden = "crit" in held and b'"crit"' not in raw
        return json.dumps({name: held[name] for name in passed if name in held}).encode() if hidden else raw

    rewriting_header(patch, rewrite)


@fault("VER-18")
def b64_false_understood_and_ignored(patch: Patch) -> None:
    """`b64` passes as a known extension and its value is never used, so two readers see two payloads (RFC 7797 §6)."""
    changing_header(
        patch,
        lambda header: _without(header, "b64", "crit") if header.get("crit") == ["b64"] else header,
    )


@fault("VER-18")
def b64_false_without_crit_ignored(patch: Patch) -> None:
    """`b64: false` is refused where `crit` names it and dropped silently where it does not (CVE-2026-48525)."""
    changing_header(patch, lambda header: header if "crit" in header else _without(header, "b64"))


@fault("VER-18")
def unencoded_payload_honoured(patch: Patch) -> None:
    """The JWS layer implements RFC 7797 and the JWT layer takes what it returns for claims (RFC 7797 §7)."""
    sent: dict[bytes, bytes] = {}

    def read_octets(read: Any, *arguments: Any) -> bytes:
        token: bytes = read(*arguments)
        head, _, rest = token.partition(b".")
        body, _, tail = rest.rpartition(b".")
        with suppress(MalformedError):
            if parse_object(decode_segment(head)).get("b64") is False:
                respelled = b".".join([head, encoded(body), tail])
                return sent.setdefault(respelled, token) and respelled
        return token

    patch.wrap(verifier, "_octets", read_octets)
    patch.wrap(verifier, "_verified", lambda check, token, *rest: check(sent.get(token, token), *rest))
    b64_false_understood_and_ignored(patch)


Carried = Callable[[Json, Any], object]


def _trusting(patch: Patch, carried: Carried) -> None:
    """Verify with the JWK that the header's own parameters yield, where they yield one."""

    def with_its_own_key(
        verified: Any, token: bytes, header: verifier.Header, tail: bytes, key_set: Any, algorithms: Any
    ) -> Any:
        jwk = carried(parse_object(decode_segment(token.split(b".")[0])), key_set)
        if not isinstance(jwk, dict):
            return verified(token, header, tail, key_set, algorithms)
        own = keys.KeySet({"keys": [_without(jwk, "kid")]}, algorithms)
        return verified(token, replace(header, kid=None), tail, own, algorithms)

    changing_header(patch, lambda parameters: _without(parameters, "jwk", "jku", "x5u", "x5c"))
    patch.wrap(verifier, "_verified", with_its_own_key)


_TRUSTING: Rows[Carried] = {
    "jwk-of-the-header-trusted": (
        "The key in the `jwk` parameter verifies the token that brings it along (CVE-2018-0114, CVE-2026-27962).",
        lambda header, _: header.get("jwk"),
    ),
    "jwk-trusted-where-no-kid-is-named": (
        "The carried key is the fallback for a token without `kid`, since nothing else says which key to take.",
        lambda header, _: None if "kid" in header else header.get("jwk"),
    ),
    "jwk-trusted-where-the-kid-is-unknown": (
        "A token under a new `kid` may introduce its key itself: rotation made easy.",
        lambda header, key_set: header["jwk"] if "jwk" in header and header.get("kid") not in key_set else None,
    ),
}
faults_for("VER-19", _trusting, _TRUSTING)


@fault_by("VER-19", _trusting)
def jwk_under_a_known_kid_trusted(header: Json, key_set: Any) -> object:
    """A carried key is believed once its own `kid` is one of ours, as if a name proved possession."""
    jwk = header.get("jwk")
    return jwk if isinstance(jwk, dict) and jwk.get("kid") in key_set else None


@fault_by("VER-19", _trusting)
def certificate_of_the_header_trusted(header: Json, _: Any) -> object:
    """The leaf of `x5c` verifies the token, and no chain is built from it to any anchor (RFC 7515 §4.1.6)."""
    chain = header.get("x5c")
    if not isinstance(chain, list):
        return None
    public = load_der_x509_certificate(b64decode(chain[0])).public_key()
    if not isinstance(public, ec.EllipticCurvePublicKey):
        return None
    point, size = public.public_numbers(), public.key_size // 8
    x, y = (encoded(number.to_bytes(size, "big")).decode() for number in (point.x, point.y))
    return {"kty": "EC", "crv": f"P-{public.key_size}", "x": x, "y": y}


@fault_by("VER-19", _trusting)
def jku_followed(header: Json, _: Any) -> object:
    """The key set is fetched from wherever `jku` points, loopback included (RFC 8725 §3.10, GHSA-993g-76c3-p5m4)."""
    try:
        return parse_object(fetching.fetch(header["jku"], 0.25))["keys"][0]
    except (KeyError, IndexError, TypeError, ValueError, OSError):
        return None


@fault("VER-20")
def unknown_parameters_ignored(patch: Patch) -> None:
    """RFC 7515 §4 is followed to the letter where the row asks for more: what is not understood is ignored."""
    changing_header(patch, lambda header: {name: header[name] for name in header if name in _UNDERSTOOD})


_UNDERSTOOD = ("alg", "kid", "typ", "crit", "b64")


@fault("VER-20")
def registered_parameters_allowed(patch: Patch) -> None:
    """The closed list holds every registered name, so that only invented ones are refused."""
    registered = {"jku", "jwk", "x5u", "x5c", "x5t", "x5t#S256", "cty", "zip", "nonce", "iss"}
    patch(verifier, "_PARAMETERS", frozenset({"typ", "alg", "kid"} | registered))


@fault("VER-20")
def null_parameters_dropped(patch: Patch) -> None:
    """A parameter whose value is null counts as absent, as deserialisers into optional fields have it."""
    changing_header(
        patch, lambda header: {name: value for name, value in header.items() if value is not None or name == "kid"}
    )
