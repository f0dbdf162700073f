"""Faults in detecting replay (VER-41)."""

from collections.abc import Callable
from hashlib import sha256
from math import inf
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, faults_for, helper_by
from bearerproof_reference.adapter.adapter import _LookUps
from bearerproof_reference.verifier import policy, ports, verifier
from bearerproof_reference.verifier.jose import decode_segment, parse_object
from bearerproof_reference.verifier.verdicts import Reason, Refusal


def _replay_key(patch: Patch, key: Callable[[Json, bytes], tuple[str, str]]) -> None:
    """Remember tokens under another key than (issuer, jti), made of the claims and the token's text."""
    presented = [b""]

    def verify_noted(verify: Any, self: Any, token: bytes) -> Any:
        presented[0] = token
        return verify(self, token)

    def check_replay(check: Any, guard: Any, claims: Json, until: float) -> None:
        issuer, jti = key(claims, presented[0])
        check(guard, {**claims, "iss": issuer, "jti": jti}, until)

    patch.wrap(verifier.Verifier, "_verify", verify_noted)
    patch.wrap(verifier, "_check_replay", check_replay)


_REPLAY_KEY: Rows[Callable[[Json, bytes], tuple[str, str]]] = {
    "replay-by-token-text": (
        "Tokens are remembered by a digest of their text, and one token has many texts (W20).",
        lambda _, token: ("", sha256(token).hexdigest()),
    ),
    "replay-by-signature": (
        "Tokens are remembered by their signature, of which ECDSA has two that anybody can make (W20).",
        lambda _, token: ("", token.rpartition(b".")[2].decode()),
    ),
    "replay-by-signing-input": (
        "Tokens are remembered by what was signed, so the same jti passes again in a token issued again.",
        lambda _, token: ("", sha256(token.rpartition(b".")[0]).hexdigest()),
    ),
    "jti-cut-to-36-characters": (
        "`jti` is stored in a column for UUIDs, and longer ones are cut (CWE-187).",
        lambda claims, _: (claims.get("iss", ""), claims["jti"][:36]),
    ),
    "jti-case-folded": (
        "`jti` is stored under a collation without case, although RFC 7519 §4.1.7 calls it case-sensitive.",
        lambda claims, _: (claims.get("iss", ""), claims["jti"].casefold()),
    ),
}
faults_for("VER-41", _replay_key, _REPLAY_KEY)


@fault("VER-41")
def replay_by_jti_alone(patch: Patch) -> None:
    """A `jti` is unique for one issuer, and is remembered for all of them (RFC 7519 §4.1.7)."""
    _shared_guard(patch)
    _replay_key(patch, lambda claims, _: ("", claims["jti"]))


@fault("VER-41")
def replay_by_joined_text(patch: Patch) -> None:
    """Issuer and `jti` are joined by a separator that both may contain (CVE-2025-59936)."""
    _shared_guard(patch)
    _replay_key(patch, lambda claims, _: ("", f"{claims.get('iss', '')}:{claims['jti']}"))


def _shared_guard(patch: Patch) -> None:
    """Keep one guard for all policies, as a service with several issuers does; by itself that is right.

    A clock that was set back for another check gets a guard that has forgotten nothing.
    """
    shared: list[Any] = []

    def initialise(init: Any, self: Any, *arguments: Any) -> None:
        init(self, *arguments)
        own = vars(self)["_guard"]
        if not shared or shared[0].clock is not own.clock or vars(shared[0])["_forgotten"] >= own.clock.now():
            shared[:] = [own]
        vars(self)["_guard"] = shared[0]

    patch.wrap(_LookUps, "__init__", initialise)


@fault("VER-41")
def replay_of_what_has_a_name_alone(patch: Patch) -> None:
    """`if claims.get("jti")` stands before the guard, so that a token without one is good for ever."""
    required = policy.VerificationPolicy.required

    def without_jti(held: policy.VerificationPolicy) -> tuple[str, ...]:
        names: tuple[str, ...] = required.__get__(held)
        return tuple(name for name in names if name != "jti" or held.profile is policy.Profile.ACCESS_TOKEN)

    patch(policy.VerificationPolicy, "required", property(without_jti))
    patch.wrap(
        verifier, "_check_replay", lambda check, guard, claims, until: claims.get("jti") and check(guard, claims, until)
    )


@fault("VER-41")
def replay_recorded_before_the_signature(patch: Patch) -> None:
    """The `jti` is recorded as the token comes in, so forging a token locks the honest one out (CWE-696)."""
    _recorded_early(patch, Reason.SIGNATURE)


@fault("VER-41")
def replay_recorded_before_the_claims(patch: Patch) -> None:
    """The `jti` is recorded once the signature is good, so a token that comes too early is spent."""
    _recorded_early(patch, Reason.EXPIRED, Reason.NOT_YET_VALID, Reason.AUDIENCE)


def _recorded_early(patch: Patch, *reasons: Reason) -> None:
    """Record the ``jti`` of a token that is refused for another cause."""

    def verify_and_record(verify: Any, self: Any, token: bytes) -> Any:
        try:
            return verify(self, token)
        except Refusal as refusal:
            guard = vars(self)["_replay"]
            if guard is not None and refusal.rejected.reason in reasons:
                claims = parse_object(decode_segment(token.split(b".")[1]))
                guard.first_use(claims["iss"], claims["jti"], claims["exp"])
            raise

    patch.wrap(verifier.Verifier, "_verify", verify_and_record)


@helper_by(Patch.wrap, ports.MemoryReplayGuard, "first_use")
def _forgetting(
    until: Callable[[float, float], float], first_use: Any, self: Any, issuer: str, jti: str, at: float
) -> bool:
    """Forget a token at another time, computed from now and from when it may be forgotten."""
    first: bool = first_use(self, issuer, jti, until(self.clock.now(), at))
    return first


@fault("VER-41")
def replay_forgotten_when_the_clock_steps_back(patch: Patch) -> None:
    """What expired is forgotten by the wall clock, and when that is corrected it is taken for new (CWE-294)."""
    _unmarked(patch)


def _unmarked(patch: Patch) -> None:
    """Have the guard forget up to when it has forgotten."""

    def first_use(first_use: Any, self: Any, *words: Any) -> Any:
        self._forget_expired()
        self._forgotten = -inf
        return first_use(self, *words)

    patch.wrap(ports.MemoryReplayGuard, "first_use", first_use)


@fault("VER-41")
def replay_forgotten_after_five_minutes(patch: Patch) -> None:
    """The store keeps everything for five minutes, and tokens live for ten."""
    _forgetting(patch, lambda now, _: now + 300)


@fault("VER-41")
def replay_forgotten_at_expiry(patch: Patch) -> None:
    """A token is forgotten at `exp`, and accepted for as long as the leeway lasts."""
    _unmarked(patch)
    patch.wrap(verifier, "_check_replay", lambda check, guard, claims, _: check(guard, claims, claims["exp"]))
