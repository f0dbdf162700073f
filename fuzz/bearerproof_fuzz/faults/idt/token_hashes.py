"""Faults in comparing at_hash and c_hash (IDT-8 to IDT-10)."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_fuzz.faults.seams import encoded
from bearerproof_reference.verifier import idtoken


def _hash(patch: Patch, name: str, passes: Callable[[Any, str, str], bool]) -> None:
    """Take a hash for that of the artefact by this rule, which gets the claim, the artefact and the algorithm."""

    def check_hash(check: Any, claims: Json, claim: str, artefact: str | None, alg: str) -> None:
        if claim == name and artefact is not None and claim in claims and passes(claims[claim], artefact, alg):
            return
        check(claims, claim, artefact, alg)

    patch.wrap(idtoken, "_check_hash", check_hash)


def _digest(artefact: str) -> bytes:
    return sha256(artefact.encode()).digest()


_HASH_IDT_8: Rows[tuple[str, Callable[[Any, str, str], bool]]] = {
    "at-hash-not-compared": (
        "`at_hash` has to be there and is not compared, so any access token may be swapped in (CWE-345).",
        ("at_hash", lambda *_: True),
    ),
    "at-hash-may-be-whole": (
        "The whole digest passes as well, since some provider forgets to halve it.",
        ("at_hash", lambda found, artefact, _: found == encoded(_digest(artefact)).decode()),
    ),
    "at-hash-may-be-the-right-half": (
        "Either half of the digest passes, left and right being a matter of where one stands.",
        ("at_hash", lambda found, artefact, _: found == encoded(_digest(artefact)[16:]).decode()),
    ),
    "at-hash-may-be-of-sha256": (
        "SHA-256 passes for every algorithm, which is right by accident for most (OpenID Connect Core §3.1.3.6).",
        ("at_hash", lambda found, artefact, _: found == encoded(_digest(artefact)[:16]).decode()),
    ),
}
faults_for("IDT-8", spread(_hash), _HASH_IDT_8)


@fault_by("IDT-8", _hash, "at_hash")
def at_hash_by_prefix(found: Any, artefact: str, alg: str) -> bool:
    """The comparison runs over the length of the claim, so the empty one matches everything (CWE-187)."""
    return isinstance(found, str) and idtoken.left_half_hash(artefact, alg).startswith(found)


@fault_by("IDT-8", _hash, "at_hash")
def at_hash_padding_taken(found: Any, artefact: str, alg: str) -> bool:
    """The claim is decoded before it is compared, by a decoder that takes padding."""
    return isinstance(found, str) and found.rstrip("=") == idtoken.left_half_hash(artefact, alg)


_HASH_IDT_9: Rows[tuple[str, Callable[[Any, str, str], bool]]] = {
    "c-hash-not-compared": (
        "Only `at_hash` is compared, so the code of another session may be injected (CWE-345).",
        ("c_hash", lambda *_: True),
    ),
    "c-hash-in-hexadecimal-taken": (
        "A digest in hexadecimal passes as well, cut to the same number of digits.",
        ("c_hash", lambda found, artefact, _: found == _digest(artefact).hex()[:32]),
    ),
    "c-hash-null-counts-as-absent": (
        "A `c_hash` that is null, empty or zero is one that the provider did not send.",
        ("c_hash", lambda found, *_: not found),
    ),
}
faults_for("IDT-9", spread(_hash), _HASH_IDT_9)


@fault("IDT-9")
def c_hash_of_the_access_token_taken(patch: Patch) -> None:
    """One function compares both hashes, with whichever of the two artefacts is at hand."""
    artefacts: dict[str, str | None] = {}

    def check_hash(check: Any, claims: Json, claim: str, artefact: str | None, alg: str) -> None:
        artefacts[claim] = artefact
        other = artefacts.get("at_hash")
        if claim == "c_hash" and other is not None and claims.get(claim) == idtoken.left_half_hash(other, alg):
            return
        check(claims, claim, artefact, alg)

    patch.wrap(idtoken, "_check_hash", check_hash)


@helper_by(Patch.wrap, idtoken, "_check_hash")
def _where_present(name: str, check: Any, claims: Json, claim: str, *rest: Any) -> None:
    if claim != name or claim in claims:
        check(claims, claim, *rest)


_WHERE_PRESENT: Rows[str] = {
    "at-hash-compared-where-present": ("A token without `at_hash` passes beside any access token (W23).", "at_hash"),
    "c-hash-compared-where-present": ("A token without `c_hash` passes beside any code (W23).", "c_hash"),
}
faults_for("IDT-10", _where_present, _WHERE_PRESENT)
