"""Faults in comparing at_hash and c_hash (IDT-8 to IDT-10)."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_fuzz.faults.seams import Json, encoded
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


@fault("IDT-8")
def at_hash_not_compared(patch: Patch) -> None:
    """`at_hash` has to be there and is not compared, so any access token may be swapped in (CWE-345)."""
    _hash(patch, "at_hash", lambda *_: True)


@fault("IDT-8")
def at_hash_may_be_whole(patch: Patch) -> None:
    """The whole digest passes as well, since some provider forgets to halve it."""
    _hash(patch, "at_hash", lambda found, artefact, _: found == encoded(_digest(artefact)).decode())


@fault("IDT-8")
def at_hash_may_be_the_right_half(patch: Patch) -> None:
    """Either half of the digest passes, left and right being a matter of where one stands."""
    _hash(patch, "at_hash", lambda found, artefact, _: found == encoded(_digest(artefact)[16:]).decode())


@fault("IDT-8")
def at_hash_by_prefix(patch: Patch) -> None:
    """The comparison runs over the length of the claim, so the empty one matches everything (CWE-187)."""

    def prefix(found: Any, artefact: str, alg: str) -> bool:
        return isinstance(found, str) and idtoken.left_half_hash(artefact, alg).startswith(found)

    _hash(patch, "at_hash", prefix)


@fault("IDT-8")
def at_hash_padding_taken(patch: Patch) -> None:
    """The claim is decoded before it is compared, by a decoder that takes padding."""

    def padded(found: Any, artefact: str, alg: str) -> bool:
        return isinstance(found, str) and found.rstrip("=") == idtoken.left_half_hash(artefact, alg)

    _hash(patch, "at_hash", padded)


@fault("IDT-8")
def at_hash_may_be_of_sha256(patch: Patch) -> None:
    """SHA-256 passes for every algorithm, which is right by accident for most (OpenID Connect Core §3.1.3.6)."""
    _hash(patch, "at_hash", lambda found, artefact, _: found == encoded(_digest(artefact)[:16]).decode())


@fault("IDT-9")
def c_hash_not_compared(patch: Patch) -> None:
    """Only `at_hash` is compared, so the code of another session may be injected (CWE-345)."""
    _hash(patch, "c_hash", lambda *_: True)


@fault("IDT-9")
def c_hash_in_hexadecimal_taken(patch: Patch) -> None:
    """A digest in hexadecimal passes as well, cut to the same number of digits."""
    _hash(patch, "c_hash", lambda found, artefact, _: found == _digest(artefact).hex()[:32])


@fault("IDT-9")
def c_hash_null_counts_as_absent(patch: Patch) -> None:
    """A `c_hash` that is null, empty or zero is one that the provider did not send."""
    _hash(patch, "c_hash", lambda found, *_: not found)


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


def _where_present(patch: Patch, name: str) -> None:
    def check_hash(check: Any, claims: Json, claim: str, *rest: Any) -> None:
        if claim != name or claim in claims:
            check(claims, claim, *rest)

    patch.wrap(idtoken, "_check_hash", check_hash)


@fault("IDT-10")
def at_hash_compared_where_present(patch: Patch) -> None:
    """A token without `at_hash` passes beside any access token (W23)."""
    _where_present(patch, "at_hash")


@fault("IDT-10")
def c_hash_compared_where_present(patch: Patch) -> None:
    """A token without `c_hash` passes beside any code (W23)."""
    _where_present(patch, "c_hash")
