"""Faults in revocation by bearer and introspection (LIFE-6, HTTP-18 to HTTP-26)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, asking
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_fuzz.needs import HTTP
from bearerproof_reference.keyserver.introspection import Introspected, Introspection
from bearerproof_reference.keyserver.lifecycle import Decision
from bearerproof_reference.keyserver.revocation import Revocations, Revoked
from bearerproof_reference.keyserver.store import Found, TokenStore
from bearerproof_reference.keyserver.tokens import digest, is_bearer

_REVOCATION, _INTROSPECTION = "/auth/revoke", "/auth/introspect"


def _at(path: str, status: int, change: Callable[[Answer], None]) -> Callable[[Answer], None]:
    """Return what changes the answers of an endpoint that have this status."""
    return lambda answer: change(answer) if (answer.path, answer.status) == (path, status) else None


def _found(holder: Any, bearer: str | None, occasion: Any) -> Found | None:
    """Return what is on record of a bearer."""
    store: TokenStore = holder._store  # noqa: SLF001 - a fault knows where it is
    return store.look_up(digest(bearer), occasion.now) if bearer and is_bearer(bearer) else None


# --- revocation


@fault_by("HTTP-18", Patch.wrap, Revocations, "by_bearer")
def only_says_that_it_is_revoked(_replaced: Any, self: Any, admin: Any, _bearer: Any, occasion: Any) -> Any:
    """The endpoint is there for a client library that wants one, and answers 200: the bearers are stateless anyway."""
    return self.check_admin(admin, occasion) or Decision(Revoked(1), ())


@fault_by("HTTP-18", Patch.wrap, Revocations, "by_bearer")
def bearer_ends_its_identity(_replaced: Any, self: Any, admin: Any, bearer: Any, occasion: Any) -> Any:
    """One token is named and all of its user end, as a refresh token takes its whole grant along."""
    found = _found(self, bearer, occasion)
    return self.all_of(admin, *(found.record.identity.key if found else ("", "")), occasion)


@fault_by("LIFE-6", Patch.wrap, Revocations, "by_bearer", needs=(HTTP,))
def bearer_ends_in_silence(by_bearer: Any, self: Any, *arguments: Any) -> Any:
    """The second way to revoke was added in the binding, past the trail."""
    decision = by_bearer(self, *arguments)
    return Decision(decision.answer, ()) if isinstance(decision.answer, Revoked) else decision


def _refused_as(status: int, error: str) -> Callable[[Answer], None]:
    def change(answer: Answer) -> None:
        answer.status = status
        answer.put_json({"error": error})

    return change


def _nothing_revoked(patch: Patch, change: Callable[[Answer], None]) -> None:
    """Have the answer changed to a revocation by bearer that ended nothing."""
    ended: list[bool] = []

    def by_bearer(replaced: Any, self: Any, *arguments: Any) -> Any:
        decision = replaced(self, *arguments)
        ended[:] = [isinstance(decision.answer, Revoked)]
        return decision

    patch.wrap(Revocations, "by_bearer", by_bearer)
    answering(patch, _at(_REVOCATION, 200, lambda answer: None if ended == [True] else change(answer)))


_NOTHING_REVOKED: Rows[Callable[[Answer], None]] = {
    "unknown-bearer-is-not-found": (
        "What cannot be revoked is answered with 404, as the other revocation does.",
        _refused_as(404, "not_found"),
    ),
    "unknown-bearer-is-an-invalid-token": (
        "What cannot be revoked is answered with 400 and invalid_token, and the client tries for ever.",
        _refused_as(400, "invalid_token"),
    ),
}
faults_for("HTTP-19", _nothing_revoked, _NOTHING_REVOKED)


# --- either


@helper_by(asking)
def _looked_up(finds: Callable[[str], bool], sent: Sent) -> None:
    """Have a token found by its hint alone, if there is one."""
    if sent.path in (_REVOCATION, _INTROSPECTION):
        hints = parse_qs(sent.body.decode("latin-1"), keep_blank_values=True).get("token_type_hint", [])
        if not all(map(finds, hints)):
            sent.body = b"token=not-in-this-table"


_FINDS: Rows[Callable[[str], bool]] = {
    "hint-chooses-the-table": (
        "The hint says in which table to look, and there is no second look.",
        lambda hint: hint != "refresh_token",
    ),
    "unknown-hint-finds-nothing": (
        "A hint that is not known has no table, and nothing is found in it.",
        lambda hint: hint in ("access_token", "refresh_token"),
    ),
}
faults_for("HTTP-20", _looked_up, _FINDS)


def _nothing_named(patch: Patch, path: str) -> None:
    """Have a request that names no token answered with 200."""
    answering(patch, _at(path, 400, lambda answer: setattr(answer, "status", 200)))


_NOTHING_NAMED: Rows[str] = {
    "nothing-named-is-revoked": (
        "A form without a token is answered with 200: nothing was wrong, nothing was done.",
        _REVOCATION,
    ),
    "nothing-named-is-introspected": (
        "A form without a token is answered with 200, as one about none.",
        _INTROSPECTION,
    ),
}
faults_for("HTTP-21", _nothing_named, _NOTHING_NAMED)


def _asking_nobody(revocations: Any, call: Callable[[], Any]) -> Any:
    revocations.check_admin = lambda *_: None
    try:
        return call()
    finally:
        del revocations.check_admin


@fault_by("HTTP-22", Patch.wrap, Introspection, "decide")
def open_introspection(decide: Any, self: Any, *arguments: Any) -> Any:
    """The endpoint stands in an inner network, so nobody is asked who he is (RFC 7662 §4 warns of it)."""
    return _asking_nobody(self._revocations, lambda: decide(self, *arguments))


@fault_by("HTTP-22", Patch.wrap, Revocations, "by_bearer")
def open_revocation_by_bearer(by_bearer: Any, self: Any, *arguments: Any) -> Any:
    """Who knows a token may end it, says the code; that the secret is needed, says the documentation."""
    return _asking_nobody(self, lambda: by_bearer(self, *arguments))


# --- introspection


@fault_by("HTTP-23", Patch.wrap, Introspection, "decide")
def active_as_long_as_on_record(decide: Any, self: Any, admin: Any, bearer: Any, occasion: Any) -> Any:
    """What is in the table is active: the clock is left to whoever asks, who has no reason to look at it."""
    decision, found = decide(self, admin, bearer, occasion), _found(self, bearer, occasion)
    if found is None or not isinstance(decision.answer, Introspected):
        return decision
    return Decision(Introspected(found.record), decision.events)


@fault_by("HTTP-23", answering)
def unknown_bearer_is_an_error(answer: Answer) -> None:
    """An introspection of what is not active is answered with 404, which some clients take for an outage."""
    if answer.path == _INTROSPECTION and answer.json.get("active") is False:
        answer.status = 404


@fault_by("HTTP-24", answering)
def reason_beside_inactive(answer: Answer) -> None:
    """The answer says why a token is not active, for whoever has to find out (RFC 7662 §2.2 advises against it)."""
    if answer.path == _INTROSPECTION and answer.json.get("active") is False:
        answer.put_json({"active": False, "reason": "expired or revoked"})


@fault("HTTP-24")
def inactive_with_its_record(patch: Patch) -> None:
    """The record is written out with `active` beside it, which is false where the token is revoked or expired."""
    ended: list[bool] = []

    def decide(replaced: Any, self: Any, admin: Any, bearer: Any, occasion: Any) -> Any:
        decision, found = replaced(self, admin, bearer, occasion), _found(self, bearer, occasion)
        told = isinstance(decision.answer, Introspected) and decision.answer.record is None and found is not None
        ended[:] = [told]
        return Decision(Introspected(found.record), decision.events) if told and found else decision

    def change(answer: Answer) -> None:
        if ended == [True]:
            answer.put_json({**answer.json, "active": False})

    patch.wrap(Introspection, "decide", decide)
    answering(patch, _at(_INTROSPECTION, 200, change))


@helper_by(answering)
def _told(change: tuple[str, Callable[[Any], Any]], answer: Answer) -> None:
    """Have one member of what is told of a live token changed."""
    name, changed = change
    if answer.path == _INTROSPECTION and answer.json.get("active"):
        answer.put_json({**answer.json, name: changed(answer.json[name])})


_TOLD: Rows[tuple[str, Callable[[Any], Any]]] = {
    "active-as-text": ("`active` is a text, as a template writes it.", ("active", lambda _: "true")),
    "end-as-text": ("`exp` is a text, as it came from the database.", ("exp", str)),
    "end-in-milliseconds": ("`exp` is in milliseconds, as JavaScript counts.", ("exp", lambda end: end * 1000)),
    "end-of-the-subject-token": ("`exp` is that of the subject token, an hour later.", ("exp", lambda end: end + 3600)),
    "introspected-scope-as-list": ("`scope` is a list, as the application has it.", ("scope", str.split)),
    "scope-of-the-policy": (
        "The scope is looked up in the policy again, and not that of the token.",
        ("scope", lambda _: "backends:* tools:*"),
    ),
    "subject-is-the-address": (
        "`sub` is an address, which people can read and which somebody else may have tomorrow.",
        ("sub", lambda name: f"{name}@example.com"),
    ),
}
faults_for("HTTP-25", _told, _TOLD)


# --- guesses


class _Uncounted:
    """Lets everybody guess."""

    def spend(self, _place: object, _rate: int) -> None:
        """Count nothing."""

    def wait(self, _place: object, _rate: int) -> None:
        """Know of nothing."""


def _uncounted(revocations: Any, call: Callable[[], Any]) -> Any:
    failures, revocations._failures = revocations._failures, _Uncounted()  # noqa: SLF001 - put back at once
    try:
        return call()
    finally:
        revocations._failures = failures  # noqa: SLF001 - likewise


@fault_by("HTTP-26", Patch.wrap, Introspection, "decide")
def guesses_at_introspection_are_free(decide: Any, self: Any, *arguments: Any) -> Any:
    """The limit stands before the endpoints that there were when it was written."""
    return _uncounted(self._revocations, lambda: decide(self, *arguments))


@fault_by("HTTP-26", Patch.wrap, Revocations, "by_bearer")
def guesses_at_revocation_by_bearer_are_free(by_bearer: Any, self: Any, *arguments: Any) -> Any:
    """The revocation that was added has the check of the secret, and not the limit before it."""
    return _uncounted(self, lambda: by_bearer(self, *arguments))
