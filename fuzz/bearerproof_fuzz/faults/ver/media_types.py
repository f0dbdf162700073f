"""Faults in comparing typ (VER-37, VER-39)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, faults_for
from bearerproof_fuzz.faults.seams import passing_type
from bearerproof_reference.verifier import verifier
from bearerproof_reference.verifier.verifier import Verifier

_PASSING_TYPE: Rows[Callable[[str | None, str], bool]] = {
    "missing-typ-accepted": (
        "`typ` is compared where it is there, and older tokens have none (RFC 8725 §3.11).",
        lambda typ, _: typ is None,
    ),
    "typ-by-its-suffix": (
        "The type ends in `+jwt`, which logout tokens and request objects do as well (RFC 8725 §2.8).",
        lambda typ, _: typ is not None and typ.endswith("+jwt"),
    ),
    "typ-by-substring": (
        '`"at+jwt" in typ` finds it in a longer name and in another tree of media types.',
        lambda typ, ours: typ is not None and ours.removeprefix("application/") in typ,
    ),
    "plain-jwt-accepted-for-any-typ": (
        "`JWT` passes for every type, because some issuer has not been updated yet (RFC 9068 §4).",
        lambda typ, _: typ == "application/jwt",
    ),
    "typ-trimmed-and-cut": (
        "`typ` goes through a parser for `Content-Type`, which trims it and drops its parameters.",
        lambda typ, ours: typ is not None and typ.split(";")[0].replace("/ ", "/").strip() == ours,
    ),
}
faults_for("VER-37", passing_type, _PASSING_TYPE)


def _media_type(patch: Patch, read: Callable[[str], str]) -> None:
    patch(verifier, "_media_type", lambda typ: read(typ) if isinstance(typ, str) and typ.isascii() else None)


_MEDIA_TYPE: Rows[Callable[[str], str]] = {
    "typ-case-sensitive": (
        "`AT+JWT` is another string than `at+jwt`, and that it is a media type is forgotten (RFC 2045 §5.1).",
        lambda typ: typ if "/" in typ else f"application/{typ}",
    ),
    "application-prefix-refused": (
        "`typ` is compared with the short form alone, though RFC 9068 §4 names both.",
        lambda typ: typ.lower() if "/" not in typ else "/",
    ),
    "application-prefix-case-sensitive": (
        "The prefix is stripped before the case is folded.",
        lambda typ: typ.removeprefix("application/").lower(),
    ),
}
faults_for("VER-39", _media_type, _MEDIA_TYPE)


@fault("VER-37")
def typ_not_checked_under_a_leeway(patch: Patch) -> None:
    """The lenient options are a constructor of their own, and the type did not come along."""

    def check(check: Any, self: Any, typ: str | None) -> None:
        if not self.policy.leeway:
            check(self, typ)

    patch.wrap(Verifier, "_check_type", check)
