"""Faults in looking a key up by its id (VER-21 to VER-23)."""

import hmac
from collections.abc import Callable
from dataclasses import replace
from os.path import normpath
from pathlib import Path
from typing import Any
from unicodedata import normalize

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_fuzz.faults.seams import changing_header
from bearerproof_reference.verifier import keys, verifier
from bearerproof_reference.verifier.jose import decode_segment
from bearerproof_reference.verifier.verdicts import Refusal

Searches = Callable[[str, keys.KeySet], bool]


def _changing_kid(patch: Patch, change: Callable[[Any], Any]) -> None:
    changing_header(patch, lambda header: {**header, "kid": change(header["kid"])} if "kid" in header else header)


@helper_by(Patch.wrap, keys.KeySet, "find")
def _finding(
    respell: Callable[[str, tuple[str, ...]], str | None], find: Any, self: keys.KeySet, kid: str | None, alg: str
) -> object:
    """Look for the key under the name that ``respell`` makes of the token's and of those of the set."""
    return find(self, kid if kid is None else respell(kid, tuple(vars(self)["_named"])), alg)


@fault("VER-21")
def kid_in_a_list_taken(patch: Patch) -> None:
    """A list as `kid` is read by its first element, as query parsers do with repeated parameters."""
    _changing_kid(patch, lambda kid: kid[0] if isinstance(kid, list) and kid else kid)


@fault("VER-21")
def kid_query_evaluated(patch: Patch) -> None:
    """`kid` goes into the filter of a document database as it is, so `{"$ne": 1}` matches the first key there."""
    _changing_kid(patch, lambda kid: "$any" if isinstance(kid, dict) and "$ne" in kid else kid)
    _finding(patch, lambda kid, kids: next(iter(kids)) if kid == "$any" else kid)


@fault("VER-21")
def falsy_kid_taken_for_none(patch: Patch) -> None:
    """`if header.get("kid"):` sends 0, false and an empty list down the path of a token without `kid`."""
    changing_header(patch, lambda header: header if header.get("kid") or header.get("kid") == "" else _no_kid(header))


def _no_kid(header: Json) -> Json:
    return {name: value for name, value in header.items() if name != "kid"}


def _alike(fold: Callable[[str], str]) -> Callable[[str, tuple[str, ...]], str]:
    return lambda kid, kids: next((name for name in kids if fold(name) == fold(kid)), kid)


_FINDING: Rows[Callable[[str, tuple[str, ...]], str | None]] = {
    "kid-case-folded": (
        "Key ids are compared as a case-insensitive database collation does (CWE-178).",
        _alike(str.casefold),
    ),
    "kid-normalised": (
        "Key ids are compared after NFKC, which makes a fullwidth letter ours (CWE-180).",
        _alike(lambda kid: normalize("NFKC", kid)),
    ),
    "kid-trimmed": ("Key ids are compared without the blanks around them, as `CHAR` columns are.", _alike(str.strip)),
    "kid-cut-at-nul": (
        "Key ids are compared as C strings, so that what follows a NUL does not count.",
        _alike(lambda kid: kid.split("\0")[0]),
    ),
    "kid-interpolated-into-a-query": (
        "`kid` is written into the text of an SQL query, so `x' OR '1'='1` selects the first key (CWE-89).",
        lambda kid, kids: kids[0] if "' OR '" in kid and kids else kid,
    ),
}
faults_for("VER-22", _finding, _FINDING)


@fault_by("VER-22", Patch.wrap, keys.KeySet, "find")
def kid_read_as_a_path(find: Any, self: keys.KeySet, kid: str | None, alg: str) -> object:
    """A `kid` with a slash names a file whose octets are the HMAC secret: none at all in `/dev/null` (CWE-22)."""
    path = normpath(f"/etc/keys/{kid}" if kid and "\0" not in kid else "/")
    if alg != "HS256" or path != "/dev/null":
        return find(self, kid, alg)
    secret = Path(path).read_bytes()
    return keys.Key(kid, alg, lambda tag, data: hmac.compare_digest(hmac.digest(secret, data, "sha256"), tag))


@fault("VER-23")
def unknown_kid_tries_every_key(patch: Patch) -> None:
    """A `kid` that is not found sets off a search through the whole set (RFC 7515 §6 allows it, W22)."""
    _searching(patch, lambda kid, key_set: kid not in key_set)


@fault_by("VER-23", Patch.wrap, keys, "_kid")
def kid_of_a_key_turned_into_text(_read: Any, jwk: Any) -> str | None:
    """Both sides are turned into text before they are compared, so the number 1 answers to "1"."""
    return str(jwk["kid"]) if "kid" in jwk else None


@fault_by("VER-23", Patch.wrap, keys.KeySet, "find")
def key_without_kid_serves_everybody(find: Any, self: keys.KeySet, kid: str | None, alg: str) -> object:
    """A key that has no kid is a match for any."""
    nameless = [key for key in vars(self)["_usable"] if key.kid is None and key.alg == alg]
    return nameless[0] if nameless else find(self, kid, alg)


@fault("VER-23")
def kid_is_a_hint_only(patch: Patch) -> None:
    """`kid` is not used at all: whichever key of the set verifies the token does."""
    _searching(patch, lambda *_: True)


@helper_by(Patch.wrap, verifier, "_verified")
def _searching(
    searches: Searches, verified: Any, token: bytes, header: verifier.Header, tail: bytes, key_set: Any, algorithms: Any
) -> Any:
    if header.kid is None or not isinstance(key_set, keys.KeySet) or not searches(header.kid, key_set):
        return verified(token, header, tail, key_set, algorithms)
    signed = [kid for kid in vars(key_set)["_named"] if _signed_by(kid, token, tail, header.alg, key_set)]
    return verified(token, replace(header, kid=signed[0] if signed else header.kid), tail, key_set, algorithms)


def _signed_by(kid: str, token: bytes, tail: bytes, alg: str, key_set: keys.KeySet) -> bool:
    try:
        return key_set.find(kid, alg).verify(decode_segment(tail), token[: -len(tail) - 1])
    except Refusal:
        return False


@fault("VER-23")
def unknown_kid_falls_back_to_the_first_key(patch: Patch) -> None:
    """A `kid` that is not found is answered with the default key, the first of the set."""
    _finding(patch, lambda kid, kids: kid if kid in kids or not kids else kids[0])


@fault_by("VER-23", Patch.wrap, keys.KeySet, "find")
def unknown_kid_is_an_empty_secret(find: Any, self: keys.KeySet, kid: str | None, alg: str) -> object:
    """The look-up of a secret that is not there yields an empty one, and HMAC takes it (CVE-2026-45363)."""
    if alg != "HS256" or kid is None or kid in self:
        return find(self, kid, alg)
    return keys.Key(kid, alg, lambda signature, data: hmac.digest(b"", data, "sha256") == signature)
