"""Faults in asking for session versions and sessions, and in an outage of what is asked (VER-42 to VER-44)."""

from collections.abc import Callable
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_reference.adapter.adapter import _LookUps
from bearerproof_reference.verifier import verifier
from bearerproof_reference.verifier.ports import Unavailable
from bearerproof_reference.verifier.verdicts import Reason, Refusal


@helper_by(Patch.__call__, verifier, "_check_version")
def _version_check(stale: Callable[[Any, int], bool], port: Any, claims: Json) -> None:
    """Compare a token's session version with the present one by this rule."""
    try:
        current = port.current(claims["sub"])
    except Unavailable:
        raise Refusal(Reason.UNAVAILABLE, "SessionVersionLookupUnavailable") from None
    if "sv" in claims and type(claims["sv"]) is not int:
        raise Refusal(Reason.CLAIM_MALFORMED, "sv")
    if current is not None and stale(claims.get("sv"), current):
        raise Refusal(Reason.SESSION, "SessionVersionStale")


_VERSION_CHECK: Rows[Callable[[Any, int], bool]] = {
    "session-version-has-to-be-equal": (
        "A token is fresh if its version is the present one: one issued a moment ago has a newer one.",
        lambda version, current: version != current,
    ),
    "session-version-one-too-late": (
        "`version <= current` ends the tokens of the present version as well.",
        lambda version, current: version is None or version <= current,
    ),
    "session-version-missing-passes": (
        "A token without a version is taken for one that has no sessions (W21).",
        lambda version, current: version is not None and version < current,
    ),
    "session-version-compared-as-text": (
        "Versions come out of the store as text, where 9 is greater than 10.",
        lambda version, current: version is None or str(version) < str(current),
    ),
    "session-version-of-zero-is-none": (
        "`if version and version < current` takes the version 0 for none at all.",
        lambda version, current: version is None or (version != 0 and version < current),
    ),
}
faults_for("VER-42", _version_check, _VERSION_CHECK)


@fault("VER-42")
def session_version_cached(patch: Patch) -> None:
    """The version of a subject is looked up once and kept, so raising it ends nothing (CWE-613)."""
    _kept(patch, "current")


@fault_by("VER-42", Patch.wrap, _LookUps, "current")
def session_version_by_similar_name(current: Any, self: Any, subject: str) -> object:
    """Subjects are looked up without regard to case, and somebody else's version is found."""
    alike = [name for name in vars(self)["_versions"] if name.casefold() == subject.casefold()]
    return current(self, alike[-1] if alike else subject)


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


@fault_by("VER-43", Patch.__call__, _LookUps, "revoked")
def session_by_prefix(self: Any, sid: str | None) -> bool:
    """Sessions are looked up by the beginning of their id, so revoking one revokes its neighbours."""
    self._reach("sessions")
    states = vars(self)["_sessions"]
    return any((sid or "").startswith(name) and states[name] == "revoked" for name in states)


@fault_by("VER-43", Patch.__call__, _LookUps, "revoked")
def session_case_folded(self: Any, sid: str | None) -> bool:
    """Session ids are compared without regard to case, and the state of the last one alike is taken."""
    self._reach("sessions")
    states = {name.casefold(): state for name, state in vars(self)["_sessions"].items()}
    return bool(states.get((sid or "").casefold()) == "revoked")


@fault_by("VER-43", Patch.wrap, verifier.Verifier, "__init__")
def session_skipped_beside_a_version(init: Any, self: Any, *arguments: Any, **look_ups: Any) -> None:
    """One look-up a request is enough: where versions are kept, the session is not asked."""
    init(self, *arguments, **look_ups)
    if vars(self)["_versions"] is not None:
        self._liveness = None


def _in_an_outage(patch: Patch, name: str, answer: object) -> None:
    """Give this answer where a look-up cannot be made."""

    def ask_or_assume(ask: Any, self: Any, *arguments: Any) -> object:
        try:
            return ask(self, *arguments)
        except Unavailable:
            return answer

    patch.wrap(_LookUps, name, ask_or_assume)


_IN_AN_OUTAGE: Rows[tuple[str, object]] = {
    "unavailable-session-is-live": (
        "The store is down, and users are not to suffer for it: whoever overloads it switches it off (W21, CWE-636).",
        ("revoked", False),
    ),
    "unavailable-session-is-revoked": (
        "The store is down, and everybody is told that he was logged out.",
        ("revoked", True),
    ),
    "unavailable-version-is-current": (
        "A version that cannot be looked up is as good as none, and without one every token is fresh (CWE-636).",
        ("current", None),
    ),
    "unavailable-version-is-stale": (
        "A version that cannot be looked up is beyond all others, so that every session seems to be ended.",
        ("current", 2**62),
    ),
    "unavailable-replay-store-has-seen-nothing": (
        "A cache that cannot be reached is an empty cache (CWE-755).",
        ("first_use", True),
    ),
    "unavailable-replay-store-has-seen-everything": (
        "A token that cannot be looked up is called a replay, and the audit trail is full of attacks.",
        ("first_use", False),
    ),
}
faults_for("VER-44", spread(_in_an_outage), _IN_AN_OUTAGE)


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
