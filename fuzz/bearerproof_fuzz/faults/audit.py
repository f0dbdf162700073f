"""Faults of verify-failure events and sinks (FAIL, SINK)."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference import audited, events, pipeline
from bearerproof_reference.audited import AuditedVerifier
from bearerproof_reference.claims import ClaimsCheck
from bearerproof_reference.events import Kind, KindClass, VerifyFailureEvent, kind_of
from bearerproof_reference.fetching import FetchedKeySet
from bearerproof_reference.hints import Hints
from bearerproof_reference.jose import MalformedError, decode_segment, parse_object
from bearerproof_reference.pipeline import _Tap
from bearerproof_reference.sinks import IsolatingSink, _Parcel
from bearerproof_reference.verdicts import Accepted, Reason, Refusal, Rejected

# --- FAIL-1: one event


def _recorded(patch: Patch, record: Callable[[Any, str | bytes, Accepted | Rejected], None]) -> None:
    """Have something more recorded once a token has been judged."""

    def verifying(verify: Any) -> Any:
        def verify_and_record(self: Any, token: str | bytes) -> Any:
            verdict = verify(self, token)
            record(self, token, verdict)
            return verdict

        return verify_and_record

    patch.wrap(AuditedVerifier, "verify", verifying)


def _record(audit: Any, token: str | bytes, rejected: Rejected) -> None:
    state = vars(audit)
    state["_sink"].record(audited.AuditedVerifier._event(audit, token, rejected))  # noqa: SLF001 - as the method does


def _silent(patch: Patch, about: Callable[[Rejected], bool]) -> None:
    """Have no event made of some rejections."""

    def making(make: Any) -> Any:
        def make_or_fail(self: Any, token: str | bytes, rejected: Rejected) -> Any:
            if about(rejected):
                raise LookupError("no kind for it")
            return make(self, token, rejected)

        return make_or_fail

    patch.wrap(AuditedVerifier, "_event", making)


@fault("FAIL-1")
def two_events_for_a_wrong_type(patch: Patch) -> None:
    """The check of the type reports, and so does its caller; only this one path does it twice (W12)."""

    def once_more(self: Any, token: str | bytes, verdict: Accepted | Rejected) -> None:
        if isinstance(verdict, Rejected) and verdict.reason is Reason.TYPE:
            _record(self, token, verdict)

    _recorded(patch, once_more)


@fault("FAIL-1")
def no_event_after_look_ups(patch: Patch) -> None:
    """The engine reports and the look-ups behind it do not: revoked sessions leave no trace (W12)."""
    _silent(patch, lambda rejected: rejected.reason in (Reason.SESSION, Reason.UNAVAILABLE))


@fault("FAIL-1")
def no_event_for_an_oversized_token(patch: Patch) -> None:
    """The size is checked before the audited part begins, so a flood of huge tokens is invisible (W12)."""
    _silent(patch, lambda rejected: rejected.reason is Reason.TOO_LARGE)


@fault("FAIL-1")
def event_for_every_accepted_token(patch: Patch) -> None:
    """The trail is written in a `finally`, so successes stand in it as failures too."""

    def always(self: Any, token: str | bytes, verdict: Accepted | Rejected) -> None:
        if isinstance(verdict, Accepted):
            _record(self, token, Rejected(Reason.OTHER))

    _recorded(patch, always)


@fault("FAIL-1")
def equal_event_left_out(patch: Patch) -> None:
    """An event that says the same as the one before is thought to be a duplicate, and is not written."""
    last: list[object] = [None]

    def tapping(record: Any) -> Any:
        def record_news(self: Any, event: Any) -> None:
            news = (getattr(event, "kind", event), getattr(event, "source_id", event))
            if last[0] != news:
                record(self, event)
            last[0] = news

        return record_news

    patch.wrap(_Tap, "record", tapping)


@fault("FAIL-1")
def event_before_the_leeway(patch: Patch) -> None:
    """A token is judged without leeway, reported, and then accepted with it: an event before the verdict is final."""

    def early(self: Any, token: str | bytes, verdict: Accepted | Rejected) -> None:
        now = vars(self)["_clock"].now()
        if isinstance(verdict, Accepted) and now >= verdict.claims.get("exp", now + 1):
            _record(self, token, Rejected(Reason.EXPIRED))

    _recorded(patch, early)


@fault("FAIL-1")
def event_before_the_refetch(patch: Patch) -> None:
    """An unknown kid is reported before the key set is fetched again, and then the token is accepted."""
    missed: list[bool] = [False]

    def missing(after_miss: Any) -> Any:
        def note_and_look(self: Any, tick: float, held: Any) -> Any:
            missed[0] = True
            return after_miss(self, tick, held)

        return note_and_look

    def early(self: Any, token: str | bytes, verdict: Accepted | Rejected) -> None:
        if missed.pop() and isinstance(verdict, Accepted):
            _record(self, token, Rejected(Reason.KEY_UNKNOWN))
        missed.append(False)

    patch.wrap(FetchedKeySet, "_after_miss", missing)
    _recorded(patch, early)


@fault("FAIL-1")
def event_for_each_audience(patch: Patch) -> None:
    """The audiences of a token are tried one by one, and each that is not ours is reported on the way."""

    def each(self: Any, token: str | bytes, verdict: Accepted | Rejected) -> None:
        aud = verdict.claims.get("aud") if isinstance(verdict, Accepted) else None
        for _ in aud[1:] if isinstance(aud, list) else ():
            _record(self, token, Rejected(Reason.AUDIENCE))

    _recorded(patch, each)


# --- FAIL-2 and FAIL-3: form and time


def _written(patch: Patch, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    patch.wrap(VerifyFailureEvent, "as_dict", lambda write: lambda self: change(write(self)))


@fault("FAIL-2")
def empty_metadata_is_null(patch: Patch) -> None:
    """A map without members is written as null, which readers with a type refuse."""
    _written(patch, lambda event: {**event, "metadata": event["metadata"] or None})


@fault("FAIL-2")
def kind_in_snake_case(patch: Patch) -> None:
    """Kinds are spelt as the reasons are, where dashboards know the names of the variants (W14)."""
    _written(patch, lambda event: {**event, "kind": "key_unknown" if event["kind"] == "KeyUnknown" else event["kind"]})


@fault("FAIL-2")
def plain_kind_as_an_object(patch: Patch) -> None:
    """Every kind becomes an object of one member, whether it carries a value or not."""
    _written(patch, lambda event: {**event, "kind": event["kind"] if event["kind"] != "Expired" else {"Expired": None}})


def _timed(patch: Patch, write: Callable[[float], str]) -> None:
    patch(events, "rfc3339", write)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@fault("FAIL-3")
def whole_seconds_without_a_fraction(patch: Patch) -> None:
    """The library writes no fraction where there is none, so the form of the time varies (W14)."""
    _timed(patch, lambda seconds: _utc(seconds).isoformat().replace("+00:00", "Z"))


@fault("FAIL-3")
def time_of_a_far_zone_called_utc(patch: Patch) -> None:
    """Local time is written with a `Z`; here the server stands two hours east."""
    zone = timezone(timedelta(hours=2))
    _timed(patch, lambda seconds: f"{datetime.fromtimestamp(seconds, zone):%Y-%m-%dT%H:%M:%S.%f}Z")


@fault("FAIL-3")
def offset_in_place_of_z(patch: Patch) -> None:
    """UTC is spelt `+00:00`, as the library does by itself (W14)."""
    _timed(patch, lambda seconds: _utc(seconds).isoformat(timespec="microseconds"))


@fault("FAIL-3")
def time_cut_to_milliseconds(patch: Patch) -> None:
    """The time is cut to milliseconds and filled up with zeros."""
    _timed(patch, lambda seconds: f"{_utc(seconds):%Y-%m-%dT%H:%M:%S}.{int(seconds % 1 * 1000):03}000Z")


@fault("FAIL-3")
def time_of_writing(patch: Patch) -> None:
    """The event tells when it was written, by the clock of whoever writes it."""
    _timed(patch, lambda _: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z")


# --- FAIL-4 and FAIL-8: the kind


def _kinds(patch: Patch, choose: Callable[[Rejected], KindClass | Kind | None]) -> None:
    """Have some rejections given another kind."""

    def kind(rejected: Rejected) -> Kind:
        chosen = choose(rejected) or kind_of(rejected)
        return chosen if isinstance(chosen, Kind) else Kind(chosen)

    patch(audited, "kind_of", kind)


def _swapped(patch: Patch, reason: Reason, kind: KindClass) -> None:
    _kinds(patch, lambda rejected: kind if rejected.reason is reason else None)


@fault("FAIL-4")
def wrong_issuer_reported_as_audience(patch: Patch) -> None:
    """Two lines of the table from reasons to kinds are mixed up (W16)."""
    _swapped(patch, Reason.ISSUER, KindClass.AUDIENCE_INVALID)


@fault("FAIL-4")
def early_token_reported_as_expired(patch: Patch) -> None:
    """Everything about time is one kind, so a clock that runs behind looks like old tokens (W16)."""
    _swapped(patch, Reason.NOT_YET_VALID, KindClass.EXPIRED)


@fault("FAIL-4")
def nonce_reported_as_another_check(patch: Patch) -> None:
    """The kind says that it was an ID token, but the check inside is that of the line above."""
    _kinds(patch, lambda it: Kind(KindClass.ID_TOKEN, "AzpMismatch") if it.reason is Reason.NONCE else None)


@fault("FAIL-4")
def kind_of_the_first_failure(patch: Patch) -> None:
    """The kind is kept from the first rejection of the policy, and the reason is the present one."""
    first: dict[str, Kind] = {}

    def choose(rejected: Rejected) -> Kind:
        return first.setdefault(rejected.detail, kind_of(rejected))

    _kinds(patch, choose)


@fault("FAIL-8")
def unknown_key_reported_as_forgery(patch: Patch) -> None:
    """Whatever the engine refuses before the claims is a bad signature, so rotation looks like an attack (W15)."""
    _swapped(patch, Reason.KEY_UNKNOWN, KindClass.SIGNATURE_INVALID)


@fault("FAIL-8")
def replay_reported_as_other(patch: Patch) -> None:
    """Replay has no kind of its own, as in the seed's system, and is lost in the catch-all (W15)."""
    _swapped(patch, Reason.REPLAY, KindClass.OTHER)


@fault("FAIL-8")
def unavailable_keys_reported_as_forgery(patch: Patch) -> None:
    """Without keys no signature verifies, so an outage of the endpoint is a wave of forgeries."""
    _swapped(patch, Reason.KEYS_UNAVAILABLE, KindClass.SIGNATURE_INVALID)


# --- FAIL-5, FAIL-6 and FAIL-7: what stands in it


def _noted(patch: Patch, note: Callable[[str, Rejected], dict[str, str]]) -> None:
    """Have something more put in the metadata, unbounded as it is."""

    def making(make: Any) -> Any:
        def make_with_note(self: Any, token: str | bytes, rejected: Rejected) -> VerifyFailureEvent:
            event: VerifyFailureEvent = make(self, token, rejected)
            text = token if isinstance(token, str) else token.decode("latin-1")
            return replace(event, metadata={**event.metadata, **note(text, rejected)})

        return make_with_note

    patch.wrap(AuditedVerifier, "_event", making)


def _segment(token: str, number: int) -> dict[str, Any]:
    try:
        return parse_object(decode_segment(token.encode("ascii").split(b".")[number]))
    except (ValueError, IndexError):
        return {}


@fault("FAIL-5")
def token_quoted_in_the_message(patch: Patch) -> None:
    """The message of the engine quotes the token it is about, and 128 characters hold a whole segment."""
    _noted(patch, lambda token, _: {"engine_msg": f"cannot verify {token}"[:128]})


@fault("FAIL-5")
def signature_in_hex(patch: Patch) -> None:
    """The signature that failed is noted for the analyst, in another spelling than the token's."""

    def spelt(token: str, rejected: Rejected) -> dict[str, str]:
        try:
            tail = decode_segment(token.rpartition(".")[2].encode("ascii"))
        except (MalformedError, ValueError):
            return {}
        return {"signature": tail.hex()[:512]} if rejected.reason is Reason.SIGNATURE else {}

    _noted(patch, spelt)


@fault("FAIL-5")
def payload_kept_for_the_analyst(patch: Patch) -> None:
    """The payload segment of an expired token is kept, so that it can be looked at later."""
    _noted(patch, lambda token, it: {"payload": token.split(".")[1]} if it.reason is Reason.EXPIRED else {})


@fault("FAIL-6")
def line_left_in_unicode(patch: Patch) -> None:
    """Lines are written in UTF-8 for the eye, so a hint breaks them at U+2028 or turns them round (W7)."""
    patch(events, "one_line", lambda event: json.dumps(event, separators=(",", ":"), ensure_ascii=False))


@fault("FAIL-6")
def c1_controls_not_escaped(patch: Patch) -> None:
    """Only the old control characters are escaped: a terminal takes U+009B for the begin of a command (CWE-117)."""
    escape = re.compile(r"\\u00([89][0-9a-f])")
    patch.wrap(
        events, "one_line", lambda line: lambda event: escape.sub(lambda found: chr(int(found[1], 16)), line(event))
    )


@fault("FAIL-6")
def event_over_several_lines(patch: Patch) -> None:
    """Events are indented for the eye, so one of them is ten lines."""
    patch(events, "one_line", lambda event: json.dumps(event, indent=1).replace("\x7f", "\\u007f"))


@fault("FAIL-6")
def metadata_in_order_of_arrival(patch: Patch) -> None:
    """Metadata is written in the order in which it came, so equal events are unequal lines."""
    _noted(patch, lambda _, rejected: {"stage": str(rejected.reason), "check": rejected.detail})
    _written(patch, lambda event: {**event, "metadata": dict(sorted(event["metadata"].items(), reverse=True))})


@fault("FAIL-7")
def type_found_in_the_metadata(patch: Patch) -> None:
    """The type that was found stands in the metadata in its whole length (CVE-2025-65015)."""
    _noted(patch, lambda token, it: {"found": str(_segment(token, 0).get("typ"))} if it.reason is Reason.TYPE else {})


@fault("FAIL-7")
def foreign_parameters_listed(patch: Patch) -> None:
    """The parameters that a header may not have are listed by name, all of them (CVE-2025-65015)."""
    _noted(patch, lambda token, it: {"found": " ".join(_segment(token, 0))} if it.reason is Reason.HEADER else {})


@fault("FAIL-7")
def malformed_claim_quoted_in_the_kind(patch: Patch) -> None:
    """The kind of a malformed claim carries its value, so each forged token makes a kind of its own (W8)."""

    def checking(check: Any) -> Any:
        def check_or_quote(self: Any, claims: dict[str, Any], now: float) -> None:
            try:
                check(self, claims, now)
            except Refusal as refusal:
                rejected = refusal.rejected
                if rejected.reason is Reason.CLAIM_MALFORMED:
                    raise Refusal(rejected.reason, f"{rejected.detail}={claims[rejected.detail]}") from None
                raise

        return check_or_quote

    patch.wrap(ClaimsCheck, "__call__", checking)


# --- FAIL-9: whose hints


def _hinted(patch: Patch, choose: Callable[[Hints, Hints, str | bytes], Hints]) -> None:
    """Have the hints of a token chosen with an eye on those of the one before."""
    last = [Hints()]

    def reading(read: Any) -> Any:
        def read_after(token: str | bytes) -> Hints:
            before, last[0] = last[0], read(token)
            return choose(before, last[0], token)

        return read_after

    patch.wrap(audited, "read_hints", reading)


@fault("FAIL-9")
def kid_of_the_token_before(patch: Patch) -> None:
    """A parser is used again without being reset, so a token without a kid has that of its predecessor."""
    _hinted(patch, lambda before, own, _: own if own.kid is not None else replace(own, kid=before.kid))


@fault("FAIL-9")
def hints_of_the_token_before(patch: Patch) -> None:
    """What cannot be read leaves the hints of the request before in the buffer, and so in the event."""
    _hinted(patch, lambda before, own, _: before if own == Hints() else own)


@fault("FAIL-9")
def hints_remembered_by_header(patch: Patch) -> None:
    """Hints are cached with the parsed header, though half of them come from the payload."""
    known: dict[object, Hints] = {}

    def by_header(_before: Hints, own: Hints, token: str | bytes) -> Hints:
        return known.setdefault(token[:90], own) if len(token) > 90 else own

    _hinted(patch, by_header)


# --- SINK-1 to SINK-3: sinks that misbehave


def _sink_heard(patch: Patch, answer: Callable[[Rejected], Accepted | Rejected], *, late: bool) -> None:
    """Have the loss of an event, because the sink raised or is late, reach the verifier, which answers so."""

    def telling(record: Any) -> Any:
        def record_and_tell(self: Any, event: Any) -> None:
            before = self.lost
            record(self, event)
            if self.lost > before and self._overdue is late:
                raise OSError("the sink failed")

        return record_and_tell

    def verifying(_verify: Any) -> Any:
        def verify_and_hear(self: Any, token: str | bytes) -> Any:
            verdict = self._verifier.verify(token)
            try:
                if isinstance(verdict, Rejected):
                    self._sink.record(self._event(token, verdict))
            except OSError:
                return answer(verdict)
            return verdict

        return verify_and_hear

    patch.wrap(IsolatingSink, "record", telling)
    patch.wrap(AuditedVerifier, "verify", verifying)


@fault("SINK-1")
def raising_sink_fails_the_request(patch: Patch) -> None:
    """What the sink raises leaves the verifier: a full disk answers every bad token with an error (W11)."""

    def fail(rejected: Rejected) -> Accepted:
        raise RuntimeError(f"no event for {rejected.reason}")

    _sink_heard(patch, fail, late=False)


@fault("SINK-1")
def raising_sink_lets_the_token_in(patch: Patch) -> None:
    """The error handler around verifying and reporting fails open, so a full disk admits everybody (W11)."""
    _sink_heard(patch, lambda _: Accepted({}, None), late=False)


@fault("SINK-1")
def raising_sink_is_the_reason(patch: Patch) -> None:
    """The verdict stays, but its reason is the sink's failure and no longer the token's (W11)."""
    _sink_heard(patch, lambda _: Rejected(Reason.OTHER, "OSError"), late=False)


@fault("SINK-1")
def raising_sink_is_an_outage(patch: Patch) -> None:
    """A trail that cannot be written counts as a look-up that cannot be made: the caller is told to come again."""
    unavailable = Rejected(Reason.UNAVAILABLE, "ReplayLookupUnavailable")
    _sink_heard(patch, lambda rejected: unavailable if rejected.reason is Reason.SIGNATURE else rejected, late=False)


@fault("SINK-1")
def trail_given_up_after_a_failure(patch: Patch) -> None:
    """The first failure of the sink switches the trail off, and what follows leaves no event at all."""

    def tapping(record: Any) -> Any:
        def record_while_well(self: Any, event: Any) -> None:
            inner = self._inner
            if not (isinstance(inner, _Tap) and getattr(vars(inner)["_inner"], "lost", False)):
                record(self, event)

        return record_while_well

    patch.wrap(_Tap, "record", tapping)


@fault("SINK-2")
def hanging_sink_awaited(patch: Patch) -> None:
    """The bound is fifty times what was meant, a unit mixed up: the request hangs with the sink (W11)."""
    patch(pipeline, "DELAY_BOUND", 2.5)


@fault("SINK-2")
def hanging_sink_is_the_reason(patch: Patch) -> None:
    """The time-out of the sink becomes the reason of the rejection (W11)."""
    _sink_heard(patch, lambda _: Rejected(Reason.OTHER, "TimeoutError"), late=True)


def _patient(patch: Patch, waits: Callable[[int], bool]) -> None:
    """Have the caller wait until its event was delivered, where this says so of the length of the queue."""

    def record(self: Any, event: Any) -> None:
        parcel = _Parcel(event)
        self._send(parcel)
        if waits(self._queue.qsize()):
            parcel.settled.wait(5)

    patch(IsolatingSink, "record", record)


@fault("SINK-3")
def full_queue_awaited(patch: Patch) -> None:
    """Nobody waits for a slow sink until a few events wait; then one request waits for them all (W11)."""
    _patient(patch, lambda length: length > 2)


@fault("SINK-3")
def slow_sink_awaited(patch: Patch) -> None:
    """Each request waits until the sink is done with its event, longer than the bound that is stated (W11)."""
    _patient(patch, lambda _: True)


@fault("SINK-3")
def slow_sink_is_the_reason(patch: Patch) -> None:
    """An event that is not delivered in time turns the reason of the rejection into that (W11)."""
    _sink_heard(patch, lambda _: Rejected(Reason.OTHER, "TimeoutError"), late=True)


# --- SINK-4: counted losses


def _settled(patch: Patch, counts: Callable[[Any, bool, bool], bool]) -> None:
    """Have a loss counted only where this, given whether it is overdue, says so."""

    def settling(settle: Any) -> Any:
        def settle_and_forget(self: Any, parcel: Any, *, delivered: bool, overdue: bool = False) -> None:
            before = self.lost
            settle(self, parcel, delivered=delivered, overdue=overdue)
            if not counts(self, delivered, overdue):
                self.lost = before

        return settle_and_forget

    patch.wrap(IsolatingSink, "_settle", settling)


@fault("SINK-4")
def refused_event_not_counted(patch: Patch) -> None:
    """An event whose sink raised is neither delivered nor lost (W10)."""
    _settled(patch, lambda sink, _delivered, overdue: overdue or vars(sink)["_overdue"])


@fault("SINK-4")
def event_behind_a_hung_sink_not_counted(patch: Patch) -> None:
    """What is not even tried while a call hangs is not counted: the losses of an outage look like one (W10)."""
    _settled(patch, lambda sink, _delivered, overdue: overdue or not vars(sink)["_overdue"])


@fault("SINK-4")
def queued_event_is_delivered(patch: Patch) -> None:
    """An event counts as delivered when it has been queued, whatever becomes of it then (W10)."""
    patch.wrap(IsolatingSink, "_deliver", lambda deliver: lambda self, record: deliver(self, record) or True)
