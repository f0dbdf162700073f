"""Faults in what an event holds: secrets, raw text, times, numbers, addresses (LIFE-9, LIFE-10, LIFE-11, LIFE-14)."""

import json
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, spread
from bearerproof_fuzz.needs import HTTP
from bearerproof_reference.keyserver import addresses, lifecycle, revocation, scopes, server, subjects
from bearerproof_reference.keyserver.authentication import Authentication
from bearerproof_reference.keyserver.exchange import Exchange
from bearerproof_reference.keyserver.lifecycle import DenialReason, LifecycleEvent, RequestContext, Trail
from bearerproof_reference.keyserver.ordering import DecisionOrder
from bearerproof_reference.keyserver.revocation import Revocations
from bearerproof_reference.keyserver.tokens import is_jti
from bearerproof_reference.verifier.jose import MalformedError, decode_segment

Text = Callable[[Any, Any], str | None]
"""From what was presented and the decision's answer to the text that the fault adds to the reason."""


def _leaked(patch: Patch, owner: object, name: str, text: Text, why: DenialReason | None = None) -> None:
    """Have an operation's events for this reason (None: those without one) end with a text."""

    def decide(decided: Any, self: Any, presented: Any, *asked: Any) -> Any:
        decision = decided(self, presented, *asked)
        if decision is None:
            return None
        more = text(presented, decision.answer)
        events = (
            replace(event, reason=f"{why or 'ok'}: {more}") if more and event.reason is why else event
            for event in decision.events
        )
        return replace(decision, events=tuple(events))

    patch.wrap(owner, name, decide)


def _parameter(name: str) -> Text:
    return lambda form, _: dict(form or ()).get(name)


@fault("LIFE-9")
def bearer_begins_in_its_event(patch: Patch) -> None:
    """The first characters of a bearer stand in the event of its issue, to tell bearers apart."""
    _leaked(patch, Exchange, "decide", lambda _, answer: answer.bearer[:24])


_LEAKED: Rows[tuple[object, str, Text, DenialReason | None]] = {
    "bearer-told-when-it-is-out-of-scope": (
        "A denial repeats the credential that was sent, for whoever looks into it (CWE-532).",
        (Authentication, "decide", lambda bearers, _: bearers[0], DenialReason.INSUFFICIENT_SCOPE),
    ),
    "subject-token-told-when-refused": (
        "A subject token that does not verify is kept for debugging: it may be good at another relying party.",
        (
            Exchange,
            "decide",
            lambda form, answer: (_parameter("subject_token")(form, answer) or "")[:480],
            DenialReason.SUBJECT_TOKEN,
        ),
    ),
    "wrong-admin-secret-told": (
        "A wrong admin secret is written down: with one typing error, it is nearly the right one.",
        (Revocations, "check_admin", lambda admin, _: admin, DenialReason.ADMIN_CREDENTIALS),
    ),
    "refused-scope-told": (
        "A scope that cannot be read is repeated, whatever stands in its place.",
        (Exchange, "decide", _parameter("scope"), DenialReason.INVALID_SCOPE),
    ),
}
faults_for("LIFE-9", spread(_leaked), _LEAKED)


@fault("LIFE-9")
def payload_of_the_subject_token_told(patch: Patch) -> None:
    """A token that is too old is told by its payload, still encoded."""

    def payload(form: Any, answer: Any) -> str:
        return (_parameter("subject_token")(form, answer) or "..").split(".")[1]

    _leaked(patch, Exchange, "decide", payload, DenialReason.SUBJECT_TOKEN_AGE)


@fault("LIFE-9")
def claims_told_when_refused(patch: Patch) -> None:
    """A subject token that does not verify is told by its claims, decoded: personal data of whoever it names."""

    def claims(form: Any, answer: Any) -> str:
        try:
            segment = (_parameter("subject_token")(form, answer) or "..").split(".")[1]
            return decode_segment(segment.encode()).decode("utf-8", "replace")[:480]
        except (IndexError, ValueError, MalformedError):
            return ""

    _leaked(patch, Exchange, "decide", claims, DenialReason.SUBJECT_TOKEN)


@fault("LIFE-10")
def groups_without_end(patch: Patch) -> None:
    """Each group is bounded and their number is too, and an event of them is more than a collector takes."""
    patch(lifecycle, "_fitting", lambda event: event["identity"]["groups"])


@fault("LIFE-10")
def scope_without_end(patch: Patch) -> None:
    """Whoever may have everything asks for it name by name, and the event of the issue tells them all."""
    patch(scopes, "MAX_SCOPE", 10**6)


@fault("LIFE-10")
def identity_dropped_where_it_is_long(patch: Patch) -> None:
    """An event that is too long is written without its identity: nobody knows whose it is."""

    def shortened(written: Any, self: Any, seq: int) -> Any:
        whole = written(self, seq)
        long = self.identity is not None and len(self.identity.groups) > 10
        return {name: value for name, value in whole.items() if name != "identity"} if long else whole

    patch.wrap(LifecycleEvent, "as_dict", shortened)


@fault("LIFE-9")
def anything_told_as_token_id(patch: Patch) -> None:
    """Whatever is sent in the place of a token id is told as one: also a bearer, pasted by mistake."""
    patch(revocation, "is_jti", lambda _: True)


@fault("LIFE-9", needs=(HTTP,))
def query_told_with_the_token_id(patch: Patch) -> None:
    """The id of a token to revoke is cut from the whole target, and brings the query along into the trail."""
    from bearerproof_reference.deployment import http  # noqa: PLC0415 - it needs Starlette, which may be absent

    def named(read: Any, scope: Any, name: str) -> Any:
        query = scope["query_string"].decode()
        return f"{read(scope, name)}?{query}" if name == "jti" and query else read(scope, name)

    patch.wrap(http, "_named", named)
    patch(revocation, "is_jti", lambda text: is_jti(text.partition("?")[0]))


# --- one line, bounded


def _verbatim(patch: Patch) -> None:
    """Have texts of the provider's told as they are: the line's escapes alone keep them harmless."""
    patch(lifecycle, "_told", lambda text: text)


def _lines(patch: Patch, respell: Callable[[str], str]) -> None:
    _verbatim(patch)
    patch.wrap(lifecycle, "one_line", lambda one_line, record: respell(one_line(record)))


@fault("LIFE-10")
def event_in_utf8(patch: Patch) -> None:
    """Only what JSON demands is escaped: C1 controls, line separators and bidi controls stand as they are (CWE-150)."""
    _verbatim(patch)
    patch(lifecycle, "one_line", lambda record: json.dumps(record, ensure_ascii=False, separators=(",", ":")))


_LINES: Rows[Callable[[str], str]] = {
    "line-separators-as-they-are": (
        "U+2028 and U+2029 are taken for ordinary characters, and by readers for the ends of lines (CWE-117).",
        lambda line: line.replace("\\u2028", "\u2028").replace("\\u2029", "\u2029"),
    ),
    "bidi-controls-as-they-are": (
        "A name can turn the line round on the screen of whoever reads it (CWE-150).",
        lambda line: line.replace("\\u202e", "\u202e"),
    ),
    "escape-sequences-as-they-are": (
        "ESC gets through to the terminal, which obeys it (CWE-150).",
        lambda line: line.replace("\\u001b", "\x1b"),
    ),
}
faults_for("LIFE-10", _lines, _LINES)


@fault("LIFE-10")
def event_on_many_lines(patch: Patch) -> None:
    """Events are printed for people, a member a line."""
    patch(lifecycle, "one_line", lambda record: json.dumps(record, indent=1))


@fault_by("LIFE-10", Patch.wrap, lifecycle, "one_line")
def name_joined_into_the_line(one_line: Any, record: Any) -> str:
    """The line is put together from texts: a name with a quote in it adds members, or ends the event (CWE-117)."""
    name = record.get("identity", {}).get("name")
    return str(one_line(record)) if name is None else str(one_line(record)).replace(json.dumps(name), f'"{name}"')


@fault("LIFE-10")
def grant_type_told_at_length(patch: Patch) -> None:
    """The grant type of a stranger is repeated whole: each small request becomes a large line (§8 12)."""
    _leaked(patch, Exchange, "decide", _parameter("grant_type"), DenialReason.UNSUPPORTED_GRANT_TYPE)


@fault("LIFE-10")
def attributes_without_bounds(patch: Patch) -> None:
    """Name, e-mail and groups are told at whatever length the provider gives them (CWE-400)."""
    patch(subjects, "_text", lambda value, _longest: str(value))


# --- when, and in which order


@fault("LIFE-11")
def instant_in_whole_seconds(patch: Patch) -> None:
    """The time is cut to seconds, and a burst of events has no order in other logs."""
    patch.wrap(lifecycle, "rfc3339", lambda rfc3339, seconds: rfc3339(int(seconds)))


@fault_by("LIFE-11", Patch.wrap, DecisionOrder, "take")
def instant_never_steps_back(take: Any, self: Any, place: Any) -> None:
    """So that times sort, an event that would be earlier than the one before it carries a second more than that."""
    take(self, place)
    if place.now < place.time:
        place.key = (place.time + 1, *place.key[1:])


@fault_by("LIFE-11", Patch.wrap, Trail, "record")
def refusals_are_not_numbered(_recorded: Any, self: Any, events: Any) -> None:
    """Only what happened to a token counts: events of refusals share a number with the next one."""
    with self._lock:
        for event in events:
            self._write(event, self._next)
            self._next += event.reason is None


@fault("LIFE-11")
def numbers_per_kind(patch: Patch) -> None:
    """Each kind of event is counted by itself, so a number says nothing of the others."""
    counted: dict[Any, int] = {}

    def write(wrote: Any, self: Any, event: Any, seq: int) -> None:
        if seq == 0:
            counted.clear()
        counted[event.event] = counted.get(event.event, -1) + 1
        wrote(self, event, counted[event.event])

    patch.wrap(Trail, "_write", write)


@fault("LIFE-11")
def numbers_without_a_lock(patch: Patch) -> None:
    """Two requests at once read the same number, and each adds one to it (CWE-362)."""

    def record(self: Any, events: Any) -> None:
        for event in events:
            seq = self._next
            time.sleep(0.002)
            self._write(event, seq)
            self._next = seq + 1

    patch(DecisionOrder, "turn", lambda _self, _place: nullcontext())
    patch(Trail, "record", record)


@fault_by("LIFE-17", Patch.wrap, Trail, "_write")
def writers_that_share_their_numbers(wrote: Any, self: Any, event: Any, seq: int) -> None:
    """Workers name themselves and draw their numbers from one counter: of each some seem to be missing."""
    self.origin = f"worker-{seq % 2}"
    wrote(self, event, seq)


# --- where from


@fault_by("LIFE-14", Patch.wrap, server, "client_ip")
def first_forwarded_address_believed(_found: Any, peer: Any, forwarded: Any, trusted: Any) -> Any:
    """The left-most forwarded address is taken for the client: it is what the client wrote (§8 13, CWE-348)."""
    return _found(peer, (forwarded or "").split(",")[0], trusted)


@fault("LIFE-14")
def every_peer_is_a_proxy(patch: Patch) -> None:
    """Forwarding headers are believed whoever sends them (§8 13, CWE-290)."""
    everybody = [ip_network("0.0.0.0/0"), ip_network("::/0")]

    def client_ip(found: Any, peer: Any, forwarded: Any, trusted: Any) -> Any:
        last = (forwarded or "").rpartition(",")[2]
        return found(last.strip() or peer, None, trusted) or found(peer, None, everybody)

    patch.wrap(server, "client_ip", client_ip)


@fault_by("LIFE-14", Patch.wrap, addresses, "_is_trusted")
def proxies_by_the_beginning_of_their_text(_found: Any, address: Any, trusted: Any) -> bool:
    """Addresses are compared as texts: 10.0.0.10 begins like the proxy 10.0.0.1, and is believed like it (CWE-187)."""
    return any(str(address).startswith(str(network.network_address)) for network in trusted)


@fault_by("LIFE-14", Patch.wrap, server, "client_ip")
def last_hop_believed_to_be_the_client(found: Any, peer: Any, forwarded: Any, trusted: Any) -> Any:
    """The right-most forwarded address is taken, also where it is the next proxy's: all clients look like one."""
    behind = found(peer, None, trusted) != found(peer, "192.0.2.1", trusted)
    last = (forwarded or "").rpartition(",")[2].strip()
    return found(last, None, ()) or found(peer, None, ()) if behind else found(peer, None, ())


@fault_by("LIFE-14", Patch.wrap, addresses, "_parse")
def proxy_in_ipv6_clothes_is_a_stranger(_parsed: Any, text: str) -> Any:
    """A listener of both families shows IPv4 peers as ::ffff:a.b.c.d, which no trusted network holds."""
    try:
        return ip_address(text.strip())
    except ValueError:
        return None


@fault("LIFE-14")
def address_of_the_issue_told_with_every_use(patch: Patch) -> None:
    """A use tells the address that is on record with the token: a thief's is never seen."""
    patch.wrap(
        RequestContext, "used", lambda make, self, record: replace(make(self, record), client_ip=record.client_ip)
    )


@fault_by("LIFE-14", Patch.wrap, LifecycleEvent, "as_dict")
def denial_without_an_address(as_dict: Any, self: Any, seq: int) -> Any:
    """Refusals do not say where they came from: the address is added on the way of success only (§8 11)."""
    return {name: value for name, value in as_dict(self, seq).items() if self.reason is None or name != "client_ip"}


@fault("LIFE-16")
def times_of_an_event_in_as_few_digits_as_will_do(patch: Patch) -> None:
    """Noughts at the end are left out, so times of different lengths do not sort as texts."""
    written = vars(lifecycle)["rfc3339"]
    patch(lifecycle, "rfc3339", lambda seconds: written(seconds).rstrip("Z").rstrip("0").rstrip(".") + "Z")
