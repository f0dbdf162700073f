"""Faults in what stands in an event and how it is written (FAIL-2, FAIL-3, FAIL-5 to FAIL-7)."""

import hmac
import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.audit import events
from bearerproof_reference.audit.audited import AuditedVerifier
from bearerproof_reference.audit.events import VerifyFailureEvent
from bearerproof_reference.verifier import algorithms
from bearerproof_reference.verifier.claims import ClaimsCheck
from bearerproof_reference.verifier.jose import MalformedError, decode_segment, parse_object
from bearerproof_reference.verifier.verdicts import Reason, Refusal, Rejected


def _written(patch: Patch, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    patch.wrap(VerifyFailureEvent, "as_dict", lambda write, self: change(write(self)))


_WRITTEN: Rows[Callable[[dict[str, Any]], dict[str, Any]]] = {
    "empty-metadata-is-null": (
        "A map without members is written as null, which readers with a type refuse.",
        lambda event: {**event, "metadata": event["metadata"] or None},
    ),
    "kind-in-snake-case": (
        "Kinds are spelt as the reasons are, where dashboards know the names of the variants (W14).",
        lambda event: {**event, "kind": "key_unknown" if event["kind"] == "KeyUnknown" else event["kind"]},
    ),
    "plain-kind-as-an-object": (
        "Every kind becomes an object of one member, whether it carries a value or not.",
        lambda event: {**event, "kind": event["kind"] if event["kind"] != "Expired" else {"Expired": None}},
    ),
}
faults_for("FAIL-2", _written, _WRITTEN)


def _timed(patch: Patch, write: Callable[[float], str]) -> None:
    patch(events, "rfc3339", write)


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


_TIMED: Rows[Callable[[float], str]] = {
    "offset-in-place-of-z": (
        "UTC is spelt `+00:00`, as the library does by itself (W14).",
        lambda seconds: _utc(seconds).isoformat(timespec="microseconds"),
    ),
    "time-cut-to-milliseconds": (
        "The time is cut to milliseconds and filled up with zeros.",
        lambda seconds: f"{_utc(seconds):%Y-%m-%dT%H:%M:%S}.{int(seconds % 1 * 1000):03}000Z",
    ),
    "time-of-writing": (
        "The event tells when it was written, by the clock of whoever writes it.",
        lambda _: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
    ),
}
faults_for("FAIL-3", _timed, _TIMED)

_DECIMALS: Rows[Callable[[float], str]] = {
    "whole-seconds-without-a-fraction": (
        "The library writes no fraction where there is none, so the form of the time varies (W14).",
        lambda seconds: _utc(seconds).isoformat().replace("+00:00", "Z"),
    ),
    "trailing-noughts-left-out": (
        "Noughts at the end are no information, and times of different lengths no order.",
        lambda seconds: f"{_utc(seconds):%Y-%m-%dT%H:%M:%S.%f}".rstrip("0").rstrip(".") + "Z",
    ),
}
faults_for("FAIL-10", _timed, _DECIMALS)


@fault("FAIL-3")
def time_of_a_far_zone_called_utc(patch: Patch) -> None:
    """Local time is written with a `Z`; here the server stands two hours east."""
    zone = timezone(timedelta(hours=2))
    _timed(patch, lambda seconds: f"{datetime.fromtimestamp(seconds, zone):%Y-%m-%dT%H:%M:%S.%f}Z")


@helper_by(Patch.wrap, AuditedVerifier, "_event")
def _noted(
    note: Callable[[str, Rejected], dict[str, str]], make: Any, self: Any, token: str | bytes, rejected: Rejected
) -> VerifyFailureEvent:
    """Have something more put in the metadata, unbounded as it is."""
    event: VerifyFailureEvent = make(self, token, rejected)
    text = token if isinstance(token, str) else token.decode("latin-1")
    return replace(event, metadata={**event.metadata, **note(text, rejected)})


def _segment(token: str, number: int) -> dict[str, Any]:
    try:
        return parse_object(decode_segment(token.encode("ascii").split(b".")[number]))
    except (ValueError, IndexError):
        return {}


@fault("FAIL-5")
def token_quoted_in_the_message(patch: Patch) -> None:
    """The message of the engine quotes the token it is about, and 128 characters hold a whole segment."""
    _noted(patch, lambda token, _: {"engine_msg": f"cannot verify {token}"[:128]})


@fault_by("FAIL-5", _noted)
def wrong_issuer_quoted(token: str, rejected: Rejected) -> dict[str, str]:
    """The message says whose token it was, in whatever words the token has for that."""
    named = str(_segment(token, 1).get("iss"))
    return {"detail": f"not our issuer: {named}"[:256]} if rejected.reason is Reason.ISSUER else {}


@fault_by("FAIL-5", _noted)
def token_in_base64_once_more(token: str, rejected: Rejected) -> dict[str, str]:
    """The token is encoded so that nobody takes it for one, and can be decoded by everybody."""
    quoted = b64encode(token.encode("utf-8", "replace")).decode()
    return {"detail": quoted[:480]} if rejected.reason is Reason.SIGNATURE else {}


@fault_by("FAIL-5", _noted)
def signature_in_hex(token: str, rejected: Rejected) -> dict[str, str]:
    """The signature that failed is noted for the analyst, in another spelling than the token's."""
    try:
        tail = decode_segment(token.rpartition(".")[2].encode("ascii"))
    except (MalformedError, ValueError):
        return {}
    return {"signature": tail.hex()[:512]} if rejected.reason is Reason.SIGNATURE else {}


@fault("FAIL-5")
def payload_kept_for_the_analyst(patch: Patch) -> None:
    """The payload segment of an expired token is kept, so that it can be looked at later."""
    _noted(patch, lambda token, rejected: {"payload": token.split(".")[1]} if rejected.reason is Reason.EXPIRED else {})


@fault("FAIL-6")
def line_left_in_unicode(patch: Patch) -> None:
    """Lines are written in UTF-8 for the eye, so a hint breaks them at U+2028 or turns them round (W7)."""
    patch(events, "one_line", lambda event: json.dumps(event, separators=(",", ":"), ensure_ascii=False))


@fault("FAIL-6")
def c1_controls_not_escaped(patch: Patch) -> None:
    """Only the old control characters are escaped: a terminal takes U+009B for the begin of a command (CWE-117)."""
    escape = re.compile(r"\\u00([89][0-9a-f])")
    patch.wrap(events, "one_line", lambda line, event: escape.sub(lambda found: chr(int(found[1], 16)), line(event)))


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
    _noted(
        patch,
        lambda token, rejected: {"found": str(_segment(token, 0).get("typ"))} if rejected.reason is Reason.TYPE else {},
    )


@fault("FAIL-7")
def foreign_parameters_listed(patch: Patch) -> None:
    """The parameters that a header may not have are listed by name, all of them (CVE-2025-65015)."""
    _noted(
        patch,
        lambda token, rejected: {"found": " ".join(_segment(token, 0))} if rejected.reason is Reason.HEADER else {},
    )


@fault_by("FAIL-7", Patch.wrap, ClaimsCheck, "__call__")
def malformed_claim_quoted_in_the_kind(check: Any, self: Any, claims: dict[str, Any], now: float) -> None:
    """The kind of a malformed claim carries its value, so each forged token makes a kind of its own (W8)."""
    try:
        check(self, claims, now)
    except Refusal as refusal:
        rejected = refusal.rejected
        if rejected.reason is Reason.CLAIM_MALFORMED:
            raise Refusal(rejected.reason, f"{rejected.detail}={claims[rejected.detail]}") from None
        raise


class _Talkative:
    """The module ``hmac``, which remembers what it computed last."""

    compare_digest = staticmethod(hmac.compare_digest)

    def __init__(self) -> None:
        self.secret = self.expected = b""

    def digest(self, secret: bytes, data: bytes, how: Any) -> bytes:
        self.secret, self.expected = secret, hmac.digest(secret, data, how)
        return self.expected


def _computed(patch: Patch, text: Callable[[_Talkative], str]) -> None:
    """Have something computed from the secret put in the message of a signature that does not verify."""
    talkative = _Talkative()
    patch(algorithms, "hmac", talkative)
    _noted(
        patch,
        lambda _, rejected: (
            {"engine_msg": f"expected {text(talkative)}"} if rejected.reason is Reason.SIGNATURE else {}
        ),
    )


_COMPUTED: Rows[Callable[[_Talkative], str]] = {
    "right-signature-told": (
        "The message tells the signature that would have been right: whoever reads the log finishes the forgery.",
        lambda talkative: urlsafe_b64encode(talkative.expected).rstrip(b"=").decode(),
    ),
    "right-signature-told-in-hex": (
        "The message tells in hex what was computed, as a debugger would.",
        lambda talkative: talkative.expected.hex(),
    ),
    "secret-told-in-hex": (
        "The key is named by its octets.",
        lambda talkative: talkative.secret.hex(),
    ),
    "secret-told-by-its-digest": (
        "The key is named by its fingerprint, and a weak secret is found by trying.",
        lambda talkative: sha256(talkative.secret).hexdigest(),
    ),
}
faults_for("FAIL-5", _computed, _COMPUTED)


@helper_by(_noted)
def _told(spell: Callable[[bytes], str], token: str, _: Rejected) -> dict[str, str]:
    """Have the decoded claims put in the metadata."""
    try:
        return {"engine_msg": spell(decode_segment(token.encode("ascii").split(b".")[1]))}
    except (MalformedError, ValueError, IndexError):
        return {}


_TOLD: Rows[Callable[[bytes], str]] = {
    "claims-told-as-json": (
        "The message carries the decoded payload: personal data in the log.",
        lambda payload: payload.decode("utf-8", "replace")[:512],
    ),
    "claims-told-percent-encoded": (
        "The claims are part of a URL that somebody can follow for more.",
        lambda payload: quote(payload[:400])[:900],
    ),
    "claims-told-in-hex": (
        "The payload is dumped as octets, so that nothing in it can break the line.",
        lambda payload: payload.hex(),
    ),
    "claims-told-in-base64": (
        "The decoded payload is encoded anew, with the alphabet of MIME and behind a word.",
        lambda payload: "claims:" + b64encode(b"x" + payload).decode(),
    ),
}
faults_for("FAIL-5", _told, _TOLD)


@fault_by("FAIL-7", _noted)
def context_of_many_bounded_texts(token: str, _: Rejected) -> dict[str, str]:
    """Each text is bounded and their number is too, and the line is longer than what a collector takes."""
    return {f"context_{number}": str(_segment(token, 1))[:512] for number in range(24)}
