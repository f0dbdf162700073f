"""Faults of replay detection and session look-ups (VER-41 to VER-44)."""

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference import adapter, ports, verifier
from bearerproof_reference.jose import decode_segment, parse_object
from bearerproof_reference.ports import Unavailable
from bearerproof_reference.verdicts import Reason, Refusal

Json = dict[str, Any]


def _replay_key(patch: Patch, key: Callable[[Json, bytes], tuple[str, str]]) -> None:
    """Remember tokens under another key than (issuer, jti), made of the claims and the token's text."""
    presented = [b""]

    def note(verify: Any) -> Any:
        def verify_noted(self: Any, token: bytes) -> Any:
            presented[0] = token
            return verify(self, token)

        return verify_noted

    def around(check: Any) -> Any:
        def check_replay(guard: Any, claims: Json, until: float) -> None:
            issuer, jti = key(claims, presented[0])
            check(guard, {**claims, "iss": issuer, "jti": jti}, until)

        return check_replay

    patch.wrap(verifier.Verifier, "_verify", note)
    patch.wrap(verifier, "_check_replay", around)


@fault("VER-41")
def replay_by_token_text(patch: Patch) -> None:
    """Tokens are remembered by a digest of their text, and one token has many texts (W20)."""
    _replay_key(patch, lambda _, token: ("", sha256(token).hexdigest()))


@fault("VER-41")
def replay_by_signature(patch: Patch) -> None:
    """Tokens are remembered by their signature, of which ECDSA has two that anybody can make (W20)."""
    _replay_key(patch, lambda _, token: ("", token.rpartition(b".")[2].decode()))


@fault("VER-41")
def replay_by_signing_input(patch: Patch) -> None:
    """Tokens are remembered by what was signed, so the same jti passes again in a token issued again."""
    _replay_key(patch, lambda _, token: ("", sha256(token.rpartition(b".")[0]).hexdigest()))


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
    """Keep one guard for all policies, as a service with several issuers does; by itself that is right."""
    shared: list[Any] = []

    def around(init: Any) -> Any:
        def initialise(self: Any, *arguments: Any) -> None:
            init(self, *arguments)
            if not shared or vars(shared[0])["clock"] is not vars(vars(self)["_guard"])["clock"]:
                shared[:] = [vars(self)["_guard"]]
            vars(self)["_guard"] = shared[0]

        return initialise

    patch.wrap(vars(adapter)["_LookUps"], "__init__", around)


@fault("VER-41")
def jti_cut_to_36_characters(patch: Patch) -> None:
    """`jti` is stored in a column for UUIDs, and longer ones are cut (CWE-187)."""
    _replay_key(patch, lambda claims, _: (claims.get("iss", ""), claims["jti"][:36]))


@fault("VER-41")
def jti_case_folded(patch: Patch) -> None:
    """`jti` is stored under a collation without case, although RFC 7519 §4.1.7 calls it case-sensitive."""
    _replay_key(patch, lambda claims, _: (claims.get("iss", ""), claims["jti"].casefold()))


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

    def around(verify: Any) -> Any:
        def verify_and_record(self: Any, token: bytes) -> Any:
            try:
                return verify(self, token)
            except Refusal as refusal:
                guard = vars(self)["_replay"]
                if guard is not None and refusal.rejected.reason in reasons:
                    claims = parse_object(decode_segment(token.split(b".")[1]))
                    guard.first_use(claims["iss"], claims["jti"], claims["exp"])
                raise

        return verify_and_record

    patch.wrap(verifier.Verifier, "_verify", around)


def _forgetting(patch: Patch, until: Callable[[float, float], float]) -> None:
    """Forget a token at another time, computed from now and from when it may be forgotten."""

    def around(first_use: Any) -> Any:
        def first_use_for_a_while(self: Any, issuer: str, jti: str, at: float) -> bool:
            seen, now = vars(self)["_seen"], self.clock.now()
            if seen.get((issuer, jti), now + 1) <= now:
                del seen[issuer, jti]
            first: bool = first_use(self, issuer, jti, until(now, at))
            return first

        return first_use_for_a_while

    patch.wrap(ports.MemoryReplayGuard, "first_use", around)


@fault("VER-41")
def replay_forgotten_after_five_minutes(patch: Patch) -> None:
    """The store keeps everything for five minutes, and tokens live for ten."""
    _forgetting(patch, lambda now, _: now + 300)


@fault("VER-41")
def replay_forgotten_at_expiry(patch: Patch) -> None:
    """A token is forgotten at `exp`, and accepted for as long as the leeway lasts."""
    _forgetting(patch, lambda _, until: until)
    patch.wrap(verifier, "_check_replay", lambda check: lambda guard, claims, _: check(guard, claims, claims["exp"]))


def _version_check(patch: Patch, stale: Callable[[Any, int], bool]) -> None:
    """Compare a token's session version with the present one by this rule."""

    def check(port: Any, claims: Json) -> None:
        try:
            current = port.current(claims["sub"])
        except Unavailable:
            raise Refusal(Reason.UNAVAILABLE, "SessionVersionLookupUnavailable") from None
        if "sv" in claims and type(claims["sv"]) is not int:
            raise Refusal(Reason.CLAIM_MALFORMED, "sv")
        if current is not None and stale(claims.get("sv"), current):
            raise Refusal(Reason.SESSION, "SessionVersionStale")

    patch(verifier, "_check_version", check)


@fault("VER-42")
def session_version_has_to_be_equal(patch: Patch) -> None:
    """A token is fresh if its version is the present one: one issued a moment ago has a newer one."""
    _version_check(patch, lambda version, current: version != current)


@fault("VER-42")
def session_version_one_too_late(patch: Patch) -> None:
    """`version <= current` ends the tokens of the present version as well."""
    _version_check(patch, lambda version, current: version is None or version <= current)


@fault("VER-42")
def session_version_missing_passes(patch: Patch) -> None:
    """A token without a version is taken for one that has no sessions (W21)."""
    _version_check(patch, lambda version, current: version is not None and version < current)


@fault("VER-42")
def session_version_compared_as_text(patch: Patch) -> None:
    """Versions come out of the store as text, where 9 is greater than 10."""
    _version_check(patch, lambda version, current: version is None or str(version) < str(current))


@fault("VER-42")
def session_version_of_zero_is_none(patch: Patch) -> None:
    """`if version and version < current` takes the version 0 for none at all."""
    _version_check(patch, lambda version, current: version is None or (version != 0 and version < current))


@fault("VER-42")
def session_version_cached(patch: Patch) -> None:
    """The version of a subject is looked up once and kept, so raising it ends nothing (CWE-613)."""
    _kept(patch, "current")


@fault("VER-42")
def session_version_by_similar_name(patch: Patch) -> None:
    """Subjects are looked up without regard to case, and somebody else's version is found."""

    def around(current: Any) -> Any:
        def current_folded(self: Any, subject: str) -> object:
            alike = [name for name in vars(self)["_versions"] if name.casefold() == subject.casefold()]
            return current(self, alike[-1] if alike else subject)

        return current_folded

    patch.wrap(vars(adapter)["_LookUps"], "current", around)


def _kept(patch: Patch, name: str) -> None:
    """Keep the first answer of a look-up for good."""
    known: dict[object, object] = {}

    def around(ask: Any) -> Any:
        def ask_once(self: Any, subject: object) -> object:
            if subject not in known or known[subject] is None:
                known[subject] = ask(self, subject)
            return known[subject]

        return ask_once

    patch.wrap(vars(adapter)["_LookUps"], name, around)


@fault("VER-43")
def session_never_asked(patch: Patch) -> None:
    """A signature is valid until it expires, and logging out only deletes a cookie (W21)."""
    patch.wrap(vars(adapter)["_LookUps"], "revoked", lambda revoked: lambda self, sid: revoked(self, sid) and False)


@fault("VER-43")
def session_answer_cached(patch: Patch) -> None:
    """A session that was live once stays so in the cache, after it was revoked."""
    _kept(patch, "revoked")


@fault("VER-43")
def session_by_prefix(patch: Patch) -> None:
    """Sessions are looked up by the beginning of their id, so revoking one revokes its neighbours."""

    def around(_: Any) -> Any:
        def revoked(self: Any, sid: str | None) -> bool:
            self._reach("sessions")
            states = vars(self)["_sessions"]
            return any((sid or "").startswith(name) and states[name] == "revoked" for name in states)

        return revoked

    patch.wrap(vars(adapter)["_LookUps"], "revoked", around)


@fault("VER-43")
def session_case_folded(patch: Patch) -> None:
    """Session ids are compared without regard to case, and the state of the last one alike is taken."""

    def around(_: Any) -> Any:
        def revoked(self: Any, sid: str | None) -> bool:
            self._reach("sessions")
            states = {name.casefold(): state for name, state in vars(self)["_sessions"].items()}
            return bool(states.get((sid or "").casefold()) == "revoked")

        return revoked

    patch.wrap(vars(adapter)["_LookUps"], "revoked", around)


@fault("VER-43")
def session_skipped_beside_a_version(patch: Patch) -> None:
    """One look-up a request is enough: where versions are kept, the session is not asked."""

    def around(init: Any) -> Any:
        def initialise(self: Any, *arguments: Any, **look_ups: Any) -> None:
            init(self, *arguments, **look_ups)
            if vars(self)["_versions"] is not None:
                self._liveness = None

        return initialise

    patch.wrap(verifier.Verifier, "__init__", around)


def _in_an_outage(patch: Patch, name: str, answer: object) -> None:
    """Give this answer where a look-up cannot be made."""

    def around(ask: Any) -> Any:
        def ask_or_assume(self: Any, *arguments: Any) -> object:
            try:
                return ask(self, *arguments)
            except Unavailable:
                return answer

        return ask_or_assume

    patch.wrap(vars(adapter)["_LookUps"], name, around)


@fault("VER-44")
def unavailable_session_is_live(patch: Patch) -> None:
    """The store is down, and users are not to suffer for it: whoever overloads it switches it off (W21, CWE-636)."""
    _in_an_outage(patch, "revoked", answer=False)


@fault("VER-44")
def unavailable_session_is_revoked(patch: Patch) -> None:
    """The store is down, and everybody is told that he was logged out."""
    _in_an_outage(patch, "revoked", answer=True)


@fault("VER-44")
def unavailable_version_is_current(patch: Patch) -> None:
    """A version that cannot be looked up is as good as none, and without one every token is fresh (CWE-636)."""
    _in_an_outage(patch, "current", answer=None)


@fault("VER-44")
def unavailable_version_is_stale(patch: Patch) -> None:
    """A version that cannot be looked up is beyond all others, so that every session seems to be ended."""
    _in_an_outage(patch, "current", answer=2**62)


@fault("VER-44")
def unavailable_replay_store_has_seen_nothing(patch: Patch) -> None:
    """A cache that cannot be reached is an empty cache (CWE-755)."""
    _in_an_outage(patch, "first_use", answer=True)


@fault("VER-44")
def unavailable_replay_store_has_seen_everything(patch: Patch) -> None:
    """A token that cannot be looked up is called a replay, and the audit trail is full of attacks."""
    _in_an_outage(patch, "first_use", answer=False)


@fault("VER-44")
def token_spent_in_an_outage(patch: Patch) -> None:
    """The token is recorded before the store is found to be down, and refused as a replay afterwards."""

    def around(first_use: Any) -> Any:
        def record_first(self: Any, issuer: str, jti: str, until: float) -> object:
            try:
                return first_use(self, issuer, jti, until)
            except Unavailable:
                spent.add((issuer, jti))
                raise

        return lambda self, issuer, jti, until: (issuer, jti) not in spent and record_first(self, issuer, jti, until)

    spent: set[tuple[str, str]] = set()
    patch.wrap(vars(adapter)["_LookUps"], "first_use", around)
