"""Faults in believing hints (HINT-1 to HINT-3)."""

import hmac
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_reference.adapter.pipeline import Pipeline
from bearerproof_reference.audit.hints import Hints, read_hints
from bearerproof_reference.verifier import verifier
from bearerproof_reference.verifier.claims import ClaimsCheck
from bearerproof_reference.verifier.jose import MalformedError, decode_segment, parse_object, split_compact
from bearerproof_reference.verifier.keys import Key
from bearerproof_reference.verifier.ports import Unavailable
from bearerproof_reference.verifier.verdicts import Accepted, Reason, Refusal, Rejected
from bearerproof_reference.verifier.verifier import Header, Verifier

CLIENT = "app-1"
"""The client that the policies of the suite know."""


@helper_by(Patch.wrap, verifier, "_verified")
def _believed(trusted: Callable[[Hints], bool], verified: Any, token: bytes, header: Header, *rest: Any) -> Any:
    """Have a signature that does not verify forgiven to a token that says the right thing of itself."""
    try:
        return verified(token, header, *rest)
    except Refusal:
        if not trusted(read_hints(token)):
            raise
        return Key(header.kid, "ES256", lambda _signature, _data: True)


_BELIEVED: Rows[Callable[[Hints], bool]] = {
    "registered-client-needs-no-signature": (
        "A client on the list of trusted ones is let through by the name in its unverified token (taxonomy H2).",
        lambda said: CLIENT in (said.client_id, said.azp),
    ),
    "token-without-kid-is-internal": (
        "Tokens that name no key are those of the gateway, which has checked them already.",
        lambda said: said.kid is None,
    ),
    "self-addressed-token-needs-no-signature": (
        "A client that calls itself is trusted: the audience of its unverified token is its own name.",
        lambda said: said.aud is not None and said.aud in (said.client_id, said.azp),
    ),
    "root-client-opens-the-back-door": (
        "A name from the days of development still skips the signature, here `root` and no other.",
        lambda said: "root" in (said.client_id, said.azp),
    ),
}
faults_for("HINT-1", _believed, _BELIEVED)


@fault("HINT-1")
def client_of_the_limiters_list_needs_no_signature(patch: Patch) -> None:
    """The clients that have a bucket of their own are the known ones, and what is known is believed (taxonomy H2)."""
    listed: set[str] = set()

    def built(init: Any, self: Any, clock: Any, configuration: Any) -> None:
        listed.clear()
        listed.update((configuration.get("registered") or {}).get("clients", ()))
        init(self, clock, configuration)

    patch.wrap(Pipeline, "__init__", built)
    _believed(patch, lambda said: said.client_id in listed)


@fault_by("HINT-1", Patch.wrap, Verifier, "_verify")
def alg_none_passes_with_a_known_kid(verify: Any, self: Any, token: bytes) -> Any:
    """An unsigned token is taken when its kid is one of ours: only the issuer knows those, or so it is thought."""
    head, body, tail = split_compact(token)
    header = parse_object(decode_segment(head))
    if not tail and header.get("alg") == "none" and str(header.get("kid")).endswith("-a"):
        return Accepted(parse_object(decode_segment(body)), header["kid"])
    return verify(self, token)


@fault_by("HINT-1", Patch.wrap, verifier, "_verified")
def kid_is_the_secret_of_an_unknown_key(verified: Any, token: bytes, header: Header, tail: bytes, *rest: Any) -> Any:
    """The look-up of an HMAC secret falls back to the name it was asked for (CVE-2026-45363 fell back to '')."""
    if header.alg == "HS256" and header.kid and tail:
        mac = hmac.digest(header.kid.encode(), token[: -len(tail) - 1], "sha256")
        if hmac.compare_digest(mac, decode_segment(tail)):
            return Key(header.kid, "HS256", lambda _signature, _data: True)
    return verified(token, header, tail, *rest)


@helper_by(Patch.wrap, Verifier, "verify")
def _rejected(
    change: Callable[[Rejected, Hints], Accepted | Rejected], verify: Any, self: Any, token: str | bytes
) -> Accepted | Rejected:
    """Have the verdict on a rejected token changed for what it says of itself."""
    verdict: Accepted | Rejected = verify(self, token)
    return change(verdict, read_hints(token)) if isinstance(verdict, Rejected) else verdict


@fault_by("HINT-2", _rejected)
def strange_client_has_no_reason(rejected: Rejected, said: Hints) -> Rejected:
    """Only clients that are known get a reason, so the reason tells anybody which names are registered (H8)."""
    return rejected if said.client_id in (None, CLIENT) else Rejected(Reason.OTHER)


@fault_by("HINT-2", _rejected)
def first_audience_decides_the_reason(rejected: Rejected, said: Hints) -> Rejected:
    """A rejection is explained by the first audience of the unverified token, before anything else is looked at."""
    return rejected if said.azp is None or said.aud == said.azp else Rejected(Reason.AUDIENCE)


@fault_by("HINT-2", _rejected)
def signature_failure_told_to_admins_only(rejected: Rejected, said: Hints) -> Rejected:
    """Operators get the true reason of a bad signature, others a plain one; who is one is read from the token."""
    hidden = rejected.reason is Reason.SIGNATURE and said.client_id != "admin"
    return Rejected(Reason.MALFORMED) if hidden else rejected


@fault_by("HINT-2", Patch.wrap, ClaimsCheck, "_check_times")
def other_clients_have_a_day_of_leeway(check: Any, self: Any, claims: dict[str, Any], now: float) -> None:
    """A migration gave every client but the first a day of leeway: the verdict hangs on a name nobody checks."""
    late = claims.get("client_id") not in (None, CLIENT)
    check(self, claims, min(now, claims["exp"] - 1) if late and isinstance(claims["exp"], int) else now)


def _cached(patch: Patch, key: Callable[[bytes], object], kept: type) -> None:
    """Have verdicts of one sort remembered under a key of the token, for each verifier."""
    known: dict[object, Any] = {}

    def verify_once(verify: Any, self: Any, token: str | bytes) -> Any:
        octets = token if isinstance(token, bytes) else token.encode("utf-8", "surrogatepass")
        place = (id(self), key(octets))
        verdict = known.get(place) or verify(self, token)
        if isinstance(verdict, kept):
            known[place] = verdict
        return verdict

    patch.wrap(Verifier, "verify", verify_once)


_CACHED: Rows[tuple[Callable[[bytes], object], type]] = {
    "acceptance-cached-on-a-prefix": (
        "Verified tokens are cached by their first characters, which are the header's (CVE-2026-35030).",
        (lambda token: token[:200], Accepted),
    ),
    "acceptance-cached-on-the-payload": (
        "Verified tokens are cached by header and payload, so the signature is checked once (CVE-2026-35039).",
        (lambda token: token.rpartition(b".")[0], Accepted),
    ),
    "rejection-cached-on-the-payload": (
        (
            "Rejections are cached by payload to save work in a flood: a forged copy sent first locks out the "
            "honest token."
        ),
        (lambda token: token.partition(b".")[2].partition(b".")[0], Rejected),
    ),
    "rejection-cached-on-the-signature": (
        "A signature found bad once is bad for ever, though it was another payload that it did not fit.",
        (lambda token: token.rpartition(b".")[2], Rejected),
    ),
}
faults_for("HINT-3", spread(_cached), _CACHED)


@fault_by("HINT-3", Patch.wrap, Verifier, "_verify")
def jti_used_up_before_the_signature(verify: Any, self: Any, token: bytes) -> Any:
    """The identifier is recorded from the unverified payload, so a forged copy makes a replay of the honest token."""
    guard, self._replay = self._replay, None
    try:
        if guard is not None:
            members = parse_object(decode_segment(split_compact(token)[1]))
            if not guard.first_use(str(members.get("iss")), str(members.get("jti")), 1e12):
                raise Refusal(Reason.REPLAY)
        return verify(self, token)
    except Unavailable:
        raise Refusal(Reason.UNAVAILABLE, "ReplayLookupUnavailable") from None
    finally:
        self._replay = guard


@fault("HINT-3")
def key_locked_after_bad_signatures(patch: Patch) -> None:
    """Three bad signatures lock a key, as passwords are locked: whoever knows its kid can silence an issuer."""
    bad: dict[object, int] = {}

    def verified_unless_locked(
        verified: Any, token: bytes, header: Header, tail: bytes, keys: Any, algorithms: Any
    ) -> Any:
        place = (id(keys), header.kid)
        if bad.get(place, 0) >= 3:
            raise Refusal(Reason.KEY_UNUSABLE)
        try:
            return verified(token, header, tail, keys, algorithms)
        except Refusal as refusal:
            bad[place] = bad.get(place, 0) + (refusal.rejected.reason is Reason.SIGNATURE)
            raise

    patch.wrap(verifier, "_verified", verified_unless_locked)


@fault("HINT-3")
def claims_remembered_by_jti(patch: Patch) -> None:
    """Parsed claims are kept by `jti`, read before the signature: a forged token lends its claims to an honest one."""
    known: dict[object, dict[str, Any]] = {}

    def split_and_note(split: Any, token: bytes) -> Any:
        parts = split(token)
        try:
            members = parse_object(decode_segment(parts[1]))
        except MalformedError:
            return parts
        known.setdefault(members.get("jti", members.get("nonce")), members)
        return parts

    def parse_or_remember(parse: Any, octets: bytes) -> Any:
        read = parse(octets)
        return known.get(read.get("jti", read.get("nonce")), read)

    patch.wrap(verifier, "split_compact", split_and_note)
    patch.wrap(verifier, "parse_object", parse_or_remember)


@fault("HINT-3")
def kid_of_the_token_before_for_one_without(patch: Patch) -> None:
    """A reused parser leaves the last kid in place, so a token without one is verified by its predecessor's key."""
    last: list[str | None] = [None]

    def read_over_the_last(read: Any, segment: bytes, *, strict: bool) -> Header:
        header: Header = read(segment, strict=strict)
        last[0] = header.kid or last[0]
        return replace(header, kid=last[0])

    patch.wrap(verifier, "read_header", read_over_the_last)
