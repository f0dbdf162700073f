"""Faults in comparing typ (VER-37, VER-39)."""

from collections.abc import Callable

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_fuzz.faults.seams import passing_type
from bearerproof_reference.verifier import verifier


@fault("VER-37")
def missing_typ_accepted(patch: Patch) -> None:
    """`typ` is compared where it is there, and older tokens have none (RFC 8725 §3.11)."""
    passing_type(patch, lambda typ, _: typ is None)


@fault("VER-37")
def typ_by_its_suffix(patch: Patch) -> None:
    """The type ends in `+jwt`, which logout tokens and request objects do as well (RFC 8725 §2.8)."""
    passing_type(patch, lambda typ, _: typ is not None and typ.endswith("+jwt"))


@fault("VER-37")
def typ_by_substring(patch: Patch) -> None:
    """`"at+jwt" in typ` finds it in a longer name and in another tree of media types."""
    passing_type(patch, lambda typ, ours: typ is not None and ours.removeprefix("application/") in typ)


@fault("VER-37")
def plain_jwt_accepted_for_any_typ(patch: Patch) -> None:
    """`JWT` passes for every type, because some issuer has not been updated yet (RFC 9068 §4)."""
    passing_type(patch, lambda typ, _: typ == "application/jwt")


@fault("VER-37")
def typ_trimmed_and_cut(patch: Patch) -> None:
    """`typ` goes through a parser for `Content-Type`, which trims it and drops its parameters."""
    passing_type(patch, lambda typ, ours: typ is not None and typ.split(";")[0].replace("/ ", "/").strip() == ours)


def _media_type(patch: Patch, read: Callable[[str], str]) -> None:
    patch(verifier, "_media_type", lambda typ: read(typ) if isinstance(typ, str) and typ.isascii() else None)


@fault("VER-39")
def typ_case_sensitive(patch: Patch) -> None:
    """`AT+JWT` is another string than `at+jwt`, and that it is a media type is forgotten (RFC 2045 §5.1)."""
    _media_type(patch, lambda typ: typ if "/" in typ else f"application/{typ}")


@fault("VER-39")
def application_prefix_refused(patch: Patch) -> None:
    """`typ` is compared with the short form alone, though RFC 9068 §4 names both."""
    _media_type(patch, lambda typ: typ.lower() if "/" not in typ else "/")


@fault("VER-39")
def application_prefix_case_sensitive(patch: Patch) -> None:
    """The prefix is stripped before the case is folded."""
    _media_type(patch, lambda typ: typ.removeprefix("application/").lower())
