"""Faults in whose keys verify a subject token, and what holds while there are none (EXC-11, EXC-12, EXC-14)."""

from collections.abc import Callable
from json import dumps
from typing import Any
from urllib.request import urlopen

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.keyserver import subjects
from bearerproof_reference.keyserver.configuration import Provider
from bearerproof_reference.keyserver.server import KeyServer
from bearerproof_reference.keyserver.subjects import SubjectKeysUnavailable, SubjectTokenRejected, SubjectTokenVerifier
from bearerproof_reference.verifier import fetching
from bearerproof_reference.verifier.claims import ClaimsCheck
from bearerproof_reference.verifier.jose import parse_object
from bearerproof_reference.verifier.keys import Key, KeySet

Get = Callable[[str], bytes]


@helper_by(Patch.wrap, SubjectTokenVerifier, "_keys")
def _fetched(change: Callable[[Get], Get], keys: Any, self: Any, provider: Provider) -> Any:
    """Have key sets fetched in another way."""
    before = vars(self)["_get"]
    vars(self)["_get"] = change(before)
    try:
        return keys(self, provider)
    finally:
        vars(self)["_get"] = before


@fault("EXC-11")
def outage_is_a_bad_token(patch: Patch) -> None:
    """While the key endpoint is down every honest token is told to be invalid, and users sign in again (§8 row 17)."""
    patch(subjects, "SubjectKeysUnavailable", SubjectTokenRejected)


@fault_by("EXC-11", _fetched)
def failed_fetch_is_an_empty_set(get: Get) -> Get:
    """What cannot be fetched or read is kept as a set without keys, and then no key is known."""

    def fetch(url: str) -> bytes:
        try:
            KeySet(parse_object(get(url)), ["ES256"])
            return get(url)
        except (OSError, ValueError):
            return b'{"keys":[]}'

    return fetch


@fault_by("EXC-11", _fetched)
def redirects_followed(_: Get) -> Get:
    """The client follows redirects by itself: who controls one page of the provider's host has its keys (§8 row 18)."""

    def fetch(url: str) -> bytes:
        with urlopen(url, timeout=1) as response:  # noqa: S310 - the URL is a loopback one of the harness
            body: bytes = response.read(fetching.MAX_BODY)
        return body

    return fetch


@fault("EXC-11")
def old_keys_serve_for_ever(patch: Patch) -> None:
    """While refreshing fails the last set goes on, without an end: keys withdrawn long ago verify."""
    patch(fetching, "STALE", float("inf"))


@fault("EXC-11")
def one_outage_stops_all_providers(patch: Patch) -> None:
    """A breaker opens for the endpoint as a whole when the keys of one provider cannot be had."""
    opened: list[float] = [float("-inf")]

    def verify_unless_open(verify: Any, self: Any, token: str) -> Any:
        tick = vars(self)["_clock"].tick()
        if opened[0] <= tick < opened[0] + 5:
            raise SubjectKeysUnavailable
        try:
            return verify(self, token)
        except SubjectKeysUnavailable:
            opened[0] = tick
            raise

    patch.wrap(SubjectTokenVerifier, "verify", verify_unless_open)


class _Loose(dict[str, Any]):
    """Looks providers up by a looser comparison than equality."""

    def __init__(self, strict: dict[str, Any], same: Callable[[str, str], bool]) -> None:
        super().__init__(strict)
        self._same = same

    def get(self, issuer: str, default: Any = None) -> Any:
        """Return the first whose issuer will do."""
        found = super().get(issuer)
        return found or next((provider for name, provider in self.items() if self._same(issuer, name)), default)


def _alike(patch: Patch, same: Callable[[str, str], bool]) -> None:
    """Take an issuer for a provider's if it is the same by this rule."""

    def make_loose(init: Any, self: Any, *arguments: Any) -> None:
        init(self, *arguments)
        vars(self)["_verifiers"] = _Loose(vars(self)["_verifiers"], same)

    def check_loosely(check: Any, self: Any, claims: dict[str, Any], now: float) -> None:
        ours, issuer = vars(self)["_issuer"], claims.get("iss")
        if isinstance(ours, str) and isinstance(issuer, str) and same(issuer, ours):
            claims["iss"] = ours
        check(self, claims, now)

    patch.wrap(SubjectTokenVerifier, "__init__", make_loose)
    patch.wrap(ClaimsCheck, "__call__", check_loosely)


_ALIKE: Rows[Callable[[str, str], bool]] = {
    "provider-by-prefix": (
        "The provider is found by how its issuer begins, so that `https://idp.example.evil.example` is one.",
        lambda issuer, ours: issuer.startswith(ours),
    ),
    "provider-in-any-case": (
        "Issuers are compared without regard to case, as host names are.",
        lambda issuer, ours: issuer.casefold() == ours.casefold(),
    ),
    "provider-without-trailing-slash": (
        "A slash at the end of an issuer is dropped, since discovery documents and tokens disagree about it.",
        lambda issuer, ours: issuer.rstrip("/") == ours,
    ),
}
faults_for("EXC-12", _alike, _ALIKE)


@fault_by("EXC-12", Patch.wrap, SubjectTokenVerifier, "_keys")
def one_pool_of_keys(_keys: Any, self: Any, provider: Provider) -> Any:
    """All providers' keys are in one set, found by kid: each of them speaks for all the others (CWE-346)."""
    sets = [provider.keys for provider in vars(self)["_providers"].values() if provider.keys is not None]
    pool = {jwk["kid"]: jwk for jwks in sets for jwk in jwks["keys"]}
    return KeySet({"keys": list(pool.values())}, provider.algorithms)


@fault("EXC-12")
def keys_cached_by_kid(patch: Patch) -> None:
    """Keys that were found are kept by kid alone, and two providers call theirs `1`."""

    class Cached(KeySet):
        known: dict[str | None, Key] = {}  # noqa: RUF012 - that they share it is the fault

        def find(self, kid: str | None, alg: str) -> Key:
            if kid not in self.known:
                self.known[kid] = super().find(kid, alg)
            return self.known[kid]

    def begin(init: Any, self: Any, *arguments: Any) -> None:
        Cached.known.clear()
        init(self, *arguments)

    patch.wrap(KeyServer, "__init__", begin)
    patch(subjects, "KeySet", Cached)


def _rotated(patch: Patch, change: Callable[[Any, str, Any], Any]) -> None:
    """Have a rotation serve another set than it was given."""
    patch.wrap(
        SubjectTokenVerifier,
        "rotate",
        lambda rotate, self, issuer, jwks: rotate(self, issuer, change(self, issuer, jwks)),
    )


def _before(subjects_: Any, issuer: str) -> list[Any]:
    return list(vars(subjects_)["_providers"][issuer].keys["keys"])


@fault_by("EXC-14", _rotated)
def rotation_only_adds(self: Any, issuer: str, jwks: Any) -> Any:
    """New keys are added to those at hand, and a withdrawn one verifies until the next restart (CWE-324)."""
    new = [jwk["kid"] for jwk in jwks["keys"]]
    return {"keys": [*jwks["keys"], *(jwk for jwk in _before(self, issuer) if jwk["kid"] not in new)]}


@fault_by("EXC-14", _rotated)
def known_kids_are_kept(self: Any, issuer: str, jwks: Any) -> Any:
    """A kid that is known is not read again, so a key replaced under its old name is not replaced."""
    before = {jwk["kid"]: jwk for jwk in _before(self, issuer)}
    return {"keys": [before.get(jwk["kid"], jwk) for jwk in jwks["keys"]]}


@fault("EXC-14")
def rotation_needs_a_restart(patch: Patch) -> None:
    """The reload succeeds and reaches everything but the verifiers that were built at the start (§8 row 16)."""
    patch(SubjectTokenVerifier, "rotate", lambda *_: None)


@fault_by("EXC-14", Patch.wrap, KeyServer, "rotate")
def rotation_ends_all_tokens(rotate: Any, self: Any, issuer: str, jwks: Any) -> None:
    """A rotation drops every token in the store, so nobody dares to rotate."""
    rotate(self, issuer, jwks)
    store = vars(self)["_store"]
    for jti in list(vars(store)["_by_jti"]):
        store.revoke(jti, vars(self)["_clock"].now())


@fault_by("EXC-14", Patch.wrap, SubjectTokenVerifier, "rotate")
def rotation_of_one_is_of_all(rotate: Any, self: Any, issuer: str, jwks: Any) -> None:
    """The new set is given to every provider, and the others' tokens verify no more."""
    for name in {**vars(self)["_providers"], issuer: None}:
        rotate(self, name, jwks)


@fault("EXC-14")
def withdrawn_key_kept_for_a_fetch(patch: Patch) -> None:
    """A refresh merges what is served into what is held, so nothing is ever withdrawn from a key set at a URL."""
    held: dict[str, list[Any]] = {}

    def merging(get: Get) -> Get:
        def fetch(url: str) -> bytes:
            jwks = parse_object(get(url))
            known = {jwk["kid"]: jwk for jwk in [*held.get(url, []), *jwks["keys"]]}
            held[url] = list(known.values())
            return dumps({"keys": held[url]}).encode()

        return fetch

    _fetched(patch, merging)
