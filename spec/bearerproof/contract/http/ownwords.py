"""A server whose model is not that of the contract, asked in its own words: what it has no words for is not asked.

An authorization server of another make has scopes of its own, no resource that names a backend and a tool, and no
administrator: tokens are revoked by presenting them (RFC 7009).
"""

from collections.abc import Mapping, Sequence
from urllib.parse import quote_plus

from bearerproof.contract.http.profile import ID_TOKEN, Scopes, ServerProfile
from bearerproof.contract.http.wire import Unsendable, segment
from bearerproof.contract.messages import Request

RESOURCE = "/resource/a/x"
"""The path of the binding at which a bearer is presented when it does not matter for what."""

NO_ADMINISTRATION = "the server profile says administration = false: nothing is revoked by the name of a token or user"

_NARROW = ("backends:a tools:x", "tools:x")
_WIDE = ("backends:a,b tools:x", "backends:a tools:x,y", "backends:b tools:x")
"""The scopes that checks ask for where it does not matter which ones, the second kind with more in it."""


def parameters(form: Sequence[Sequence[str]], profile: ServerProfile) -> list[tuple[str, str]]:
    """Return the parameters of an exchange in the server's words, with the scope that it needs where none is asked for.

    Raises:
        Unsendable: it has no such scope.
    """
    pairs = [(name, _parameter(name, value, profile)) for name, value in form]
    usual = "" if profile.scopes is None else profile.scopes.usual
    if usual and ("scope", "") in pairs:
        raise Unsendable("its resource needs a scope, so that one is always asked for: [scopes] usual")
    return [*pairs, ("scope", usual)] if usual and "scope" not in dict(pairs) else pairs


def _parameter(name: str, value: str, profile: ServerProfile) -> str:
    if name == "subject_token_type" and value == ID_TOKEN:
        return profile.subject_token_type
    return _scope(value, profile.scopes) if name == "scope" and profile.scopes is not None else value


def whole_form(body: bytes, profile: ServerProfile) -> bytes:
    """Return a form with its scope and the type of its subject token in the server's words, all else to the octet."""
    spoken = {"subject_token_type": (ID_TOKEN,), "scope": (*_WIDE, *_NARROW)}
    for name, ours in ((name, ours) for name, values in spoken.items() for ours in values):
        theirs = quote_plus(_parameter(name, ours, profile))
        for spelled in {quote_plus(ours), segment(ours)}:
            body = body.replace(f"={spelled}".encode(), f"={theirs}".encode())
    return body


def _scope(ours: str, scopes: Scopes) -> str:
    """Return a scope in the server's words; what is no scope in ours is none in its either, and goes as it is."""
    known = {**dict.fromkeys(_NARROW, scopes.narrow), **dict.fromkeys(_WIDE, scopes.wide)}
    words = [word.partition(":") for word in ours.split(" ")]
    if ours in known or not all(side in ("backends", "tools") and names for side, _, names in words):
        return known.get(ours, ours)
    raise Unsendable(f"it has scopes of its own, and none for {ours!r} in [scopes]")


def require_no_names(names: Mapping[str, str], profile: ServerProfile) -> None:
    """Require that a bearer is not presented for a backend and tool to a server that knows none.

    Raises:
        Unsendable: it is.
    """
    if names and profile.scopes is not None:
        raise Unsendable("it has scopes of its own, and its resource names neither backend nor tool")


def revocable(request: Request, profile: ServerProfile, bearer: str | None) -> str:
    """Return the bearer that ends a token which a message names by its id.

    Raises:
        Unsendable: it is not known, was named before, or the secret is not right, which RFC 7009 has other answers for.
    """
    honest = request["admin"] == profile.setting.admin_secret
    if bearer is None or not honest or not profile.abilities.token_revocation:
        raise Unsendable(NO_ADMINISTRATION)
    return bearer
