"""Faults in whose requests a rate counts, and by which clock (LIM-11, LIM-14)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.keyserver.authentication import Authentication
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.throttling import Throttle


def _counted(patch: Patch, name: Callable[[Any, Any], object]) -> None:
    """Have the rate counted under another name, made of the token's record and of the occasion."""

    class Renamed:
        def __init__(self, throttle: Throttle, bucket: object) -> None:
            self._throttle, self._bucket = throttle, bucket

        def spend(self, _key: object, rate: int) -> int | None:
            return self._throttle.spend(self._bucket, rate)

    def judge(judging: Any, self: Any, found: Any, wants: Any, occasion: Any) -> Any:
        if found is None:
            return judging(self, found, wants, occasion)
        throttle, self._throttle = self._throttle, Renamed(self._throttle, name(found.record, occasion))
        try:
            return judging(self, found, wants, occasion)
        finally:
            self._throttle = throttle

    patch.wrap(Authentication, "_judge", judge)


_COUNTED_LIM_11: Rows[Callable[[Any, Any], object]] = {
    "rate-of-each-token": (
        "The rate is counted for the token, so it is multiplied by the cap and renewed with each exchange.",
        lambda record, _occasion: record.jti,
    ),
    "rate-of-a-subject": (
        "The rate is counted by subject, and the namesake at another provider uses it up.",
        lambda record, _occasion: record.identity.subject,
    ),
    "rate-of-an-email": (
        "The rate is counted by e-mail, which is another after a change of name, or the same for a whole team.",
        lambda record, _occasion: record.identity.email,
    ),
    "rate-of-a-client": (
        "The rate is counted by address: whoever has two of them has it twice.",
        lambda record, occasion: (record.identity.key, occasion.client_ip),
    ),
    "rate-of-a-scope": (
        "The rate is kept with the scopes of the token, and a token with others begins anew.",
        lambda record, _occasion: (record.identity.key, record.scopes.backends, record.scopes.tools),
    ),
    "rate-of-an-identity-with-its-attributes": (
        "The whole identity is the key, so a new name or group makes somebody else of it.",
        lambda record, _occasion: record.identity,
    ),
    "new-limit-is-a-new-bucket": (
        "The limit is part of the key: a token with another limit brings a full bucket.",
        lambda record, _occasion: (record.identity.key, record.scopes.rate_limit),
    ),
}
faults_for("LIM-11", _counted, _COUNTED_LIM_11)


@fault_by("LIM-11", Patch.wrap, Throttle, "spend")
def first_limit_stays(spend: Any, self: Any, name: object, rate: int) -> Any:
    """The bucket keeps the limit that it was made with, whatever later tokens bring (W20)."""
    return spend(self, name, self.__dict__.setdefault("rates", {}).setdefault(name, rate))


def _generation(patch: Patch, method: str, ends: Callable[[Any, Any], object]) -> None:
    """Have the bucket of an identity begin anew whenever the store has done this."""
    made: dict[object, int] = {}

    def begin_anew(act: Any, self: Any, first: Any, *rest: Any) -> Any:
        answer = act(self, first, *rest)
        made[ends(answer, first)] = made.get(ends(answer, first), 0) + 1
        return answer

    patch.wrap(MemoryStore, method, begin_anew)
    _counted(patch, lambda record, _occasion: (record.identity.key, made.get(record.identity.key)))


@fault("LIM-11")
def issue_refills(patch: Patch) -> None:
    """Issuing a token sets up what belongs to its identity, its bucket included."""
    _generation(patch, "issue", lambda _answer, record: record.identity.key)


@fault("LIM-11")
def revocation_refills(patch: Patch) -> None:
    """With a token that is revoked goes what was counted for it, and its identity begins anew."""
    _generation(patch, "revoke", lambda record, _jti: record and record.identity.key)


@fault("LIM-11")
def bucket_goes_with_the_last_token(patch: Patch) -> None:
    """Cleaning up after the last token of an identity takes its bucket too, so short tokens have no rate."""
    made: dict[object, int] = {}

    def remove_and_forget(remove: Any, self: Any) -> Any:
        record = self._by_digest[self._removals[0][1]]
        remove(self)
        if record.identity.key not in self._by_identity:
            made[record.identity.key] = made.get(record.identity.key, 0) + 1

    patch.wrap(MemoryStore, "_remove_first", remove_and_forget)
    _counted(patch, lambda record, _occasion: (record.identity.key, made.get(record.identity.key)))


# --- other requests, other clocks


@fault_by("LIM-14", Patch.wrap, Throttle, "__init__")
def rate_on_the_wall_clock(init: Any, self: Any, clock: Any, capacity: int) -> None:
    """Buckets refill by the wall clock, so correcting the time hands out full ones."""
    init(self, type("Wall", (), {"tick": staticmethod(clock.now)})(), capacity)


_COUNTED_LIM_14: Rows[Callable[[Any, Any], object]] = {
    "rate-of-everybody": (
        "One bucket for the server, under the name of a fair share.",
        lambda record, _occasion: record.scopes.rate_limit,
    ),
    "rate-of-joined-names": (
        "Issuer and subject are joined to the bucket's key, and two pairs can be the same.",
        lambda record, _occasion: record.identity.issuer + record.identity.subject,
    ),
    "rate-of-names-joined-with-a-slash": (
        "Issuer and subject are joined with a character that both may contain.",
        lambda record, _occasion: "/".join(record.identity.key),
    ),
    "rate-of-a-hash": (
        "Buckets are an array, indexed by a hash of eight bits: strangers share one.",
        lambda record, _occasion: sum("".join(record.identity.key).encode()) % 256,
    ),
}
faults_for("LIM-14", _counted, _COUNTED_LIM_14)


@helper_by(Patch.wrap, Throttle, "spend")
def _evicting(most: Callable[[Any], int], spend: Any, self: Any, name: object, rate: int) -> Any:
    """Have the oldest bucket forgotten where there are more than so many."""
    while len(self._recent) >= most(self):
        self._recent.pop(next(iter(self._recent)))
    return spend(self, name, rate)


@fault("LIM-14")
def oldest_bucket_is_evicted(patch: Patch) -> None:
    """The table has room for so many buckets and drops the oldest, so a crowd gives its owner a new one."""
    _evicting(patch, lambda _throttle: 256)


@fault("LIM-14")
def buckets_as_many_as_tokens(patch: Patch) -> None:
    """There are as many buckets as tokens have room, though a bucket outlives a short token."""
    _evicting(patch, lambda throttle: throttle._capacity)  # noqa: SLF001 - the fault is what it does with it
