"""Faults in asking for session versions and sessions, and in an outage of what is asked (VER-42 to VER-44)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_fuzz.faults.seams import Json
from bearerproof_reference.adapter.adapter import _LookUps
from bearerproof_reference.verifier import verifier
from bearerproof_reference.verifier.ports import Unavailable
from bearerproof_reference.verifier.verdicts import Reason, Refusal


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

    def current_folded(current: Any, self: Any, subject: str) -> object:
        alike = [name for name in vars(self)["_versions"] if name.casefold() == subject.casefold()]
        return current(self, alike[-1] if alike else subject)

    patch.wrap(_LookUps, "current", current_folded)


def _kept(patch: Patch, name: str) -> None:
    """Keep the first answer of a look-up for good."""
    known: dict[object, object] = {}

    def ask_once(ask: Any, self: Any, subject: object) -> object:
        if subject not in known or known[subject] is None:
            known[subject] = ask(self, subject)
        return known[subject]

    patch.wrap(_LookUps, name, ask_once)


@fault("VER-43")
def session_never_asked(patch: Patch) -> None:
    """A signature is valid until it expires, and logging out only deletes a cookie (W21)."""
    patch.wrap(_LookUps, "revoked", lambda revoked, self, sid: revoked(self, sid) and False)


@fault("VER-43")
def session_answer_cached(patch: Patch) -> None:
    """A session that was live once stays so in the cache, after it was revoked."""
    _kept(patch, "revoked")


@fault("VER-43")
def session_by_prefix(patch: Patch) -> None:
    """Sessions are looked up by the beginning of their id, so revoking one revokes its neighbours."""

    def revoked(self: Any, sid: str | None) -> bool:
        self._reach("sessions")
        states = vars(self)["_sessions"]
        return any((sid or "").startswith(name) and states[name] == "revoked" for name in states)

    patch(_LookUps, "revoked", revoked)


@fault("VER-43")
def session_case_folded(patch: Patch) -> None:
    """Session ids are compared without regard to case, and the state of the last one alike is taken."""

    def revoked(self: Any, sid: str | None) -> bool:
        self._reach("sessions")
        states = {name.casefold(): state for name, state in vars(self)["_sessions"].items()}
        return bool(states.get((sid or "").casefold()) == "revoked")

    patch(_LookUps, "revoked", revoked)


@fault("VER-43")
def session_skipped_beside_a_version(patch: Patch) -> None:
    """One look-up a request is enough: where versions are kept, the session is not asked."""

    def initialise(init: Any, self: Any, *arguments: Any, **look_ups: Any) -> None:
        init(self, *arguments, **look_ups)
        if vars(self)["_versions"] is not None:
            self._liveness = None

    patch.wrap(verifier.Verifier, "__init__", initialise)


def _in_an_outage(patch: Patch, name: str, answer: object) -> None:
    """Give this answer where a look-up cannot be made."""

    def ask_or_assume(ask: Any, self: Any, *arguments: Any) -> object:
        try:
            return ask(self, *arguments)
        except Unavailable:
            return answer

    patch.wrap(_LookUps, name, ask_or_assume)


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
    spent: set[tuple[str, str]] = set()

    def record_first(first_use: Any, self: Any, issuer: str, jti: str, until: float) -> bool:
        if (issuer, jti) in spent:
            return False
        try:
            return bool(first_use(self, issuer, jti, until))
        except Unavailable:
            spent.add((issuer, jti))
            raise

    patch.wrap(_LookUps, "first_use", record_first)
