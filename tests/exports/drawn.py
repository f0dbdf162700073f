"""Any event that the two schemas admit, minimal ones and other people's additions among them."""

from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from bearerproof.exports.facts import Action
from bearerproof.members import Json

_PLAIN_KINDS = """
    InvalidFormat AlgorithmInvalid HeaderInvalid KeyUnknown KeyUnusable KeysetUnavailable SignatureInvalid TypeInvalid
    IdTokenAsBearer Expired NotYetValid IssuedInFuture LifetimeInvalid IssuerInvalid AudienceInvalid Replayed
    ReplayLookupUnavailable
    SessionVersionStale SessionVersionLookupUnavailable SessionRevoked SessionLivenessLookupUnavailable Other
"""
_ID_TOKEN_KINDS = """
    NonceMissing NonceMismatch AtHashMissing AtHashMismatch CHashMissing CHashMismatch AzpMissing AzpMismatch
    AuthTimeMissing AuthTimeStale AcrMissing AcrNotAllowed
"""
KINDS = _PLAIN_KINDS.split()
ID_TOKEN_KINDS = _ID_TOKEN_KINDS.split()
DECISIONS = [action for action in Action if action is not Action.REJECTED]
LEAP_SECONDS = ["2016-12-31T23:59:60.999999Z", "9999-12-31T23:59:60.000000Z"]
NO_DAYS = ["2026-02-30T00:00:00.000000Z", "0000-01-01T00:00:00.000000Z"]
"""What the pattern of the schemas lets through and no calendar has."""


def text(largest: int, smallest: int = 0) -> st.SearchStrategy[str]:
    """Any text, unpaired surrogates and controls included."""
    return st.text(st.characters(), min_size=smallest, max_size=min(largest, 30)) | st.sampled_from(
        ["\ud800", "a\r\nb\x00", "\u202egnp.exe", "é" * largest, "x" * largest]
    )


def instants() -> st.SearchStrategy[str]:
    return st.datetimes().map(_written) | st.sampled_from(LEAP_SECONDS + NO_DAYS)


def _written(at: datetime) -> str:
    return at.isoformat(timespec="microseconds") + "Z"


def members(required: Json, optional: Json | None = None) -> st.SearchStrategy[Json]:
    return st.fixed_dictionaries(required, optional=optional or {})


def hints() -> st.SearchStrategy[str | None]:
    return st.none() | text(108, smallest=1)


def source_ids() -> st.SearchStrategy[str]:
    part = st.from_regex(r"([A-Za-z0-9._~@/+=-]|%[0-9A-F]{2}){1,60}", fullmatch=True)
    return st.lists(part, min_size=2, max_size=3).map("::".join)


def kinds() -> st.SearchStrategy[Any]:
    spelt = st.sampled_from(["UnknownClaim", "CatMismatch"]).flatmap(lambda name: members({name: text(128)}))
    id_token = members({"IdToken": st.sampled_from(ID_TOKEN_KINDS) | spelt})
    return st.sampled_from(KINDS) | members({"MissingClaim": text(128, smallest=1)}) | id_token


def values() -> st.SearchStrategy[Any]:
    """What may stand in the metadata, or in a member that somebody added."""
    scalars = st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text(512)
    return st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | named(inner), max_leaves=5)


def named(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Json]:
    return st.dictionaries(st.text(max_size=20).map("x-{}".format), inner, max_size=3)


def with_additions(event: st.SearchStrategy[Json]) -> st.SearchStrategy[Json]:
    return st.builds(lambda own, added: {**added, **own}, event, named(values()))


def failures() -> st.SearchStrategy[Json]:
    """Every verify-failure event."""
    metadata = with_additions(members({}, {"engine_msg": text(512), "aud_hint": hints()}))
    return members(
        {"kind": kinds(), "occurred_at": instants(), "source_id": source_ids(), "metadata": metadata},
        {"client_id_hint": hints(), "kid_hint": hints()},
    )


def identities() -> st.SearchStrategy[Json]:
    email = text(320) | st.emails() | st.just("alice@example.com")
    required = {"subject": text(256, smallest=1), "email": email, "issuer": text(512, smallest=1)}
    return with_additions(members(required, {"name": text(256), "groups": st.lists(text(256), max_size=4)}))


def decisions() -> st.SearchStrategy[Json]:
    """Every lifecycle event."""
    return st.sampled_from(DECISIONS).flatmap(_decision)


def _decision(action: Action) -> st.SearchStrategy[Json]:
    circumstances = {
        "identity": identities(),
        "token_jti": text(256, smallest=1),
        "client_ip": st.ip_addresses().map(str) | st.just("2001:DB8:0:0:0:0:0:1"),
        "reason": text(512, smallest=1),
        "occurred_at": instants(),
        "seq": st.integers(0, 2**53 - 1) | st.sampled_from([7.0, 2**53 - 1]),
    }
    if action is Action.ISSUED:
        circumstances["expires_at"] = instants()
    needed = {name: circumstances.pop(name) for name in NEEDED[action]}
    required: Json = {"event": st.just(str(action)), **needed, **(_grant() if action is Action.ISSUED else {})}
    return with_additions(members(required, circumstances))


def _grant() -> Json:
    names = st.lists(text(256), max_size=4)
    return {"backends": names, "tools": names, "rate_limit": st.integers(0, 2**32 - 1) | st.just(60.0)}


NEEDED = {
    Action.ISSUED: ("identity", "token_jti"),
    Action.USED: ("identity", "token_jti"),
    Action.EXPIRED: ("identity", "token_jti"),
    Action.REVOKED: ("token_jti",),
    Action.DENIED: ("reason",),
    Action.INVALID: ("reason",),
}


def events() -> st.SearchStrategy[Json]:
    return failures() | decisions()
