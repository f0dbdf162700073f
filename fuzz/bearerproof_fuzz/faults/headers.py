"""Faults in reading the JOSE header (VER-17 to VER-23)."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unicodedata import normalize

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference import fetching, keys, verifier
from bearerproof_reference.jose import MalformedError, decode_segment, parse_object
from bearerproof_reference.verdicts import Reason, Refusal

Json = dict[str, Any]


def encoded(octets: bytes) -> bytes:
    """Return octets as a segment."""
    return urlsafe_b64encode(octets).rstrip(b"=")


def rewriting_header(patch: Patch, rewrite: Callable[[bytes], bytes]) -> None:
    """Have the verifier rewrite the JSON text of a header before it reads it as strictly as ever."""

    def around(read: Any) -> Any:
        def read_header(segment: bytes, *, strict: bool) -> verifier.Header:
            try:
                rewritten = encoded(rewrite(decode_segment(segment)))
            except (ValueError, RecursionError):
                raise MalformedError("the header cannot be read") from None
            header: verifier.Header = read(rewritten, strict=strict)
            return header

        return read_header

    patch.wrap(verifier, "read_header", around)


def changing_header(patch: Patch, change: Callable[[Json], Json]) -> None:
    """Have the verifier read other header parameters than the token has."""
    rewriting_header(patch, lambda raw: json.dumps(change(parse_object(raw))).encode())


def _without(parameters: Json, *names: str) -> Json:
    return {name: value for name, value in parameters.items() if name not in names}


def _passing(patch: Patch, passes: Callable[[Any, Json], bool]) -> None:
    """Let a header pass, together with the extensions it demands, if its ``crit`` does by this rule."""

    def change(parameters: Json) -> Json:
        if "crit" not in parameters or not passes(parameters["crit"], parameters):
            return parameters
        return {name: parameters[name] for name in ("alg", "kid", "typ") if name in parameters}

    changing_header(patch, change)


@fault("VER-17")
def crit_ignored(patch: Patch) -> None:
    """`crit` is not looked at, so an extension that must be understood is skipped (CVE-2025-59420, CVE-2026-32597)."""
    _passing(patch, lambda *_: True)


@fault("VER-17")
def empty_crit_taken(patch: Patch) -> None:
    """Every name of `crit` is looked up, and of an empty list every name is known (CVE-2026-32597)."""
    _passing(patch, lambda crit, _: crit == [])


@fault("VER-17")
def crit_of_another_type_ignored(patch: Patch) -> None:
    """`crit` is checked where it is a list and skipped where it is a string, an object or null."""
    _passing(patch, lambda crit, _: not isinstance(crit, list))


@fault("VER-17")
def crit_settled_by_one_known_name(patch: Patch) -> None:
    """It is enough that some name of `crit` is understood: `any` is written where `all` is due (CVE-2026-35042)."""
    _passing(patch, lambda crit, _: isinstance(crit, list) and "b64" in crit)


@fault("VER-17")
def crit_of_registered_names_taken(patch: Patch) -> None:
    """`crit` may name what the verifier understands anyway, `alg` or `kid`, which RFC 7515 §4.1.11 forbids."""
    _passing(patch, lambda crit, _: isinstance(crit, list) and crit != [] and set(map(str, crit)) <= {"alg", "kid"})


@fault("VER-17")
def crit_of_absent_names_ignored(patch: Patch) -> None:
    """Only extensions that the header really uses are checked, so a demand for an absent one is dropped."""
    _passing(patch, lambda crit, header: isinstance(crit, list) and not set(map(str, crit)) & header.keys())


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
    """The JWS layer implements RFC 7797, and the JWT layer above it takes the raw payload for claims."""

    def parsing(decode: Any) -> Any:
        return lambda segment: segment if segment.startswith(b"{") else decode(segment)

    def split(token: bytes) -> tuple[bytes, bytes, bytes]:
        head, rest = token.split(b".", 1)
        body, _, tail = rest.rpartition(b".")
        if not body.startswith(b"{"):
            head, body, tail = split_compact(token)
        return head, body, tail

    split_compact = verifier.split_compact
    patch(verifier, "split_compact", split)
    patch.wrap(verifier, "decode_segment", parsing)
    b64_false_understood_and_ignored(patch)


def _trusting(patch: Patch, carried: Callable[[Json, keys.KeySet], object]) -> None:
    """Verify with the JWK that the header's parameters yield, where they yield one."""
    find, seen = keys.KeySet.find, dict[str, Json]()

    def note(parameters: Json) -> Json:
        seen["header"] = parameters
        return _without(parameters, "jwk", "jku", "x5u", "x5c")

    def trusting_find(self: keys.KeySet, kid: str | None, alg: str) -> keys.Key:
        jwk = carried(seen["header"], self)
        if isinstance(jwk, dict):
            return keys.KeySet({"keys": [_without(jwk, "kid")]}, [alg]).__class__.find(
                keys.KeySet({"keys": [{**jwk, "kid": "carried"}]}, [alg]), None, alg
            )
        return find(self, kid, alg)

    changing_header(patch, note)
    patch(keys.KeySet, "find", trusting_find)
