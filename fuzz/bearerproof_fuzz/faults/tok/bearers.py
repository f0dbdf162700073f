"""Faults in what bearers and token ids are made of, and in which text is the bearer (TOK-1, TOK-2, TOK-5, TOK-6)."""

import random
import secrets
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.keyserver import authentication, exchange
from bearerproof_reference.keyserver.authentication import AccessError, AccessRefused, Authentication
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.store import State
from bearerproof_reference.keyserver.tokens import PREFIX, digest, is_bearer, is_jti


def _made(patch: Patch, make: Callable[[bytes], str], *, prefix: str = PREFIX) -> None:
    """Have bearers made otherwise from 32 random octets, and taken as they are made."""

    def mint(minted: Any, *arguments: Any) -> Any:
        bearer, record = minted(*arguments)
        made = prefix + make(urlsafe_b64decode(bearer.removeprefix(PREFIX) + "="))
        return made, replace(record, digest=digest(made))

    patch.wrap(exchange, "mint", mint)
    patch(authentication, "is_bearer", lambda text: text.startswith(prefix))


def _url64(octets: bytes) -> str:
    return urlsafe_b64encode(octets).rstrip(b"=").decode()


_MADE: Rows[Callable[[bytes], str]] = {
    "half-of-the-bits-twice": (
        "128 random bits, written twice to look like 256.",
        lambda octets: _url64(octets[:16] * 2),
    ),
    "hexadecimal-for-more-length": (
        "A UUID in hexadecimal, encoded once more: 43 characters of 122 bits (CWE-331).",
        lambda _: _url64(uuid4().hex.encode()),
    ),
    "short-bearer": ("16 octets, as for a session cookie.", lambda octets: _url64(octets[:16])),
    "constant-octets-in-the-bearer": (
        "The bearer begins with octets of the server's own: a version, a shard, a key id.",
        lambda octets: _url64(b"v1s3" + octets[4:]),
    ),
    "padded-bearer": (
        "The encoder's padding is left on, and is lost where a bearer passes through URLs.",
        lambda octets: urlsafe_b64encode(octets).decode(),
    ),
    "bearer-in-plain-base64": (
        "The alphabet with + and /: neither may stand in a URL, and scanners look for the other one.",
        lambda octets: b64encode(b"\xff\xef" + octets[2:]).rstrip(b"=").decode(),
    ),
}
faults_for("TOK-1", _made, _MADE)


@fault("TOK-1")
def bearer_under_another_prefix(patch: Patch) -> None:
    """The prefix differs from the one that scanners were told."""
    _made(patch, _url64, prefix="tok_")


@fault_by("TOK-1", Patch.wrap, exchange.Exchange, "_issue")
def generator_seeded_with_the_time(issued: Any, self: Any, subject: Any, scopes: Any, occasion: Any) -> Any:
    """A generator for simulations, seeded with the time of the start: two starts issue the same bearers (CWE-338)."""
    if not hasattr(self, "generator"):
        self.generator = random.Random(int(occasion.now))  # noqa: S311 - the fault itself
    patched = Patch()
    patched(secrets, "token_bytes", self.generator.randbytes)
    try:
        return issued(self, subject, scopes, occasion)
    finally:
        patched.restore()


def _identified(patch: Patch, jti: Callable[[str, Any], str]) -> None:
    """Have the token id made otherwise, from the bearer and its record; the store takes one that is there already."""

    def mint(minted: Any, *arguments: Any) -> Any:
        bearer, record = minted(*arguments)
        return bearer, replace(record, jti=jti(bearer, record))

    def issue(issued: Any, self: Any, record: Any, *arguments: Any) -> Any:
        self._by_jti.pop(record.jti, None)
        return issued(self, record, *arguments)

    patch.wrap(exchange, "mint", mint)
    patch.wrap(MemoryStore, "issue", issue)


_IDENTIFIED: Rows[Callable[[str, Any], str]] = {
    "token-id-is-the-digest-cut-short": (
        "The id is the beginning of the stored digest, dressed as a UUID (CWE-340).",
        lambda _, record: str(UUID(bytes=record.digest[:16], version=4)),
    ),
    "token-id-is-half-of-the-bearer": (
        "The id is made of the same octets as the bearer: every event gives half of it away (CWE-200).",
        lambda bearer, _: str(UUID(bytes=urlsafe_b64decode(bearer[5:] + "=")[:16], version=4)),
    ),
    "token-id-of-the-identity": (
        "The id is derived from issuer and subject, so all tokens of one identity share it.",
        lambda _, record: str(UUID(bytes=digest("|".join(record.identity.key))[:16], version=4)),
    ),
}
faults_for("TOK-2", _identified, _IDENTIFIED)


# --- one answer for all that is no good


def _answered(patch: Patch, states: Collection[State | None], answer: Callable[[Any, Any], Any]) -> None:
    """Have bearers in these states (None: unknown) answered otherwise, given what was found and is wanted."""

    def judge(judged: Any, self: Any, found: Any, wants: Any, occasion: Any) -> Any:
        decision = judged(self, found, wants, occasion)
        state = None if found is None else found.state
        other = answer(found, wants) if state in states else None
        return replace(decision, answer=other) if other is not None else decision

    patch.wrap(Authentication, "_judge", judge)


@fault("TOK-5")
def expired_bearer_is_told_to_come_back(patch: Patch) -> None:
    """An expired bearer is answered with a time to wait: whoever found it learns that it was real (CWE-204)."""
    _answered(patch, {State.EXPIRED}, lambda *_: AccessRefused(AccessError.INVALID_TOKEN, 1))


@fault("TOK-5")
def revoked_bearer_is_forbidden(patch: Patch) -> None:
    """A revoked bearer is forbidden rather than invalid: a thief learns that the theft was noticed."""
    _answered(patch, {State.REVOKED}, lambda *_: AccessRefused(AccessError.INSUFFICIENT_SCOPE))


@fault_by("TOK-5", _answered, {State.EXPIRED, State.REVOKED})
def scope_of_dead_bearers_judged(found: Any, wants: Any) -> Any:
    """Scopes are judged before expiry, so an expired bearer still tells what it was good for."""
    return None if wants.within(found.record.scopes) else AccessRefused(AccessError.INSUFFICIENT_SCOPE)


@fault_by("TOK-5", Patch.wrap, Authentication, "_judge")
def rate_of_dead_bearers_judged(judged: Any, self: Any, found: Any, wants: Any, occasion: Any) -> Any:
    """The rate is judged first, so a revoked bearer of a busy identity is told to wait."""
    decision = judged(self, found, wants, occasion)
    if found is None or found.state is not State.REVOKED:
        return decision
    record = found.record
    wait = self._throttle.wait(record.identity.key, record.scopes.rate_limit)
    return decision if wait is None else replace(decision, answer=AccessRefused(AccessError.RATE_LIMITED, wait))


# --- which text is the bearer


def _read_as(patch: Patch, read: Callable[[str], str]) -> None:
    """Have a presented text taken for a bearer after it was brought into another form."""
    patch(authentication, "is_bearer", lambda text: is_bearer(read(text)))
    patch(authentication, "digest", lambda text: digest(read(text)))


_READ_AS: Rows[Callable[[str], str]] = {
    "bearer-trimmed": ("White space around a bearer is thrown away, so it has many spellings.", str.strip),
    "padding-thrown-away": ("Padding is taken off before the bearer is looked up.", lambda text: text.rstrip("=")),
    "scheme-thrown-away": (
        "A bearer is found also behind its scheme, as many times as it stands there.",
        lambda text: text.removeprefix("Bearer "),
    ),
    "bearer-cut-to-its-length": (
        "Texts are cut to the length of a bearer before they are looked up: anything may follow it.",
        lambda text: text[:48],
    ),
}
faults_for("TOK-6", _read_as, _READ_AS)


def _keyed(patch: Patch, key: Callable[[str], bytes], known: Callable[[str], bool]) -> None:
    """Have tokens stored and found by another key of their bearer."""

    def mint(minted: Any, *arguments: Any) -> Any:
        bearer, record = minted(*arguments)
        return bearer, replace(record, digest=key(bearer))

    patch.wrap(exchange, "mint", mint)
    patch(authentication, "digest", key)
    patch(authentication, "is_bearer", known)


@fault("TOK-6")
def bearer_compared_without_case(patch: Patch) -> None:
    """The database compares without case: a bearer has a sixth fewer bits, and many spellings (CWE-178)."""
    _keyed(patch, lambda text: digest(text.casefold()), lambda text: text.casefold().startswith(PREFIX))


@fault("TOK-6")
def beginning_of_the_bearer_compared(patch: Patch) -> None:
    """The column of the database is shorter than a bearer, and cuts it (CWE-187)."""
    _keyed(patch, lambda text: digest(text[:40]), lambda text: text.startswith(PREFIX))


@fault("TOK-6")
def bearer_decoded_leniently(patch: Patch) -> None:
    """Tokens are found by the octets that a bearer stands for, and a decoder throws the last bits away."""

    def octets(text: str) -> bytes:
        return digest(_url64(urlsafe_b64decode(text[len(PREFIX) :].encode("ascii", "ignore") + b"===")))

    _keyed(patch, octets, lambda text: text.isascii() and text.startswith(PREFIX) and len(text) == 48)


@helper_by(Patch.wrap, Authentication, "decide")
def _also(find: Callable[[Any, str], bytes | None], decided: Any, self: Any, credentials: Any, *asked: Any) -> Any:
    """Have another text than the bearer taken for it too, given the store."""
    found = find(self._store, credentials[0]) if credentials else None
    patched = Patch()
    if found is not None:
        patched(authentication, "is_bearer", lambda _: True)
        patched(authentication, "digest", lambda _: found)
    try:
        return decided(self, credentials, *asked)
    finally:
        patched.restore()


@fault_by("TOK-6", _also)
def digest_taken_for_the_bearer(_: Any, text: str) -> bytes | None:
    """The digest as it is stored is taken as well: a copy of the store is a list of credentials (CWE-836)."""
    return bytes.fromhex(text) if len(text) == 64 and not set(text) - set("0123456789abcdef") else None


@fault_by("TOK-6", _also)
def token_id_taken_for_the_bearer(store: Any, text: str) -> bytes | None:
    """A look-up by id, made for administrators, answers to anybody: the trail is a list of credentials."""
    return store._by_jti[text].digest if is_jti(text) and text in store._by_jti else None  # noqa: SLF001 - the store's own part
