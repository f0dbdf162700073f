"""The messages of the contract: what is asked, what may be answered, and how an answer is read.

Answers come from the implementation under test and are hostile input: their size, nesting and members are
checked here, and whatever breaks the contract is an ``AdapterFault`` that says what was due.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeVar

from bearerproof.catalogue import Measure, Profile
from bearerproof.exceptions import AdapterFault

Json = dict[str, Any]
Request = dict[str, Any]
E = TypeVar("E", bound=StrEnum)

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""A longer answer line is a fault of the adapter: no message of the contract comes near it."""

MAX_ANSWER_DEPTH = 64

_TOO_DEEP = f"JSON nested deeper than {MAX_ANSWER_DEPTH} levels"

_VOCABULARY = """
    malformed too-large algorithm header critical key-unknown key-unusable keys-unavailable signature type
    claim-missing claim-malformed expired not-yet-valid issued-in-future issuer audience authorized-party nonce
    token-hash auth-time acr replay session unavailable other
"""

REASONS = frozenset(_VOCABULARY.split())
"""The closed vocabulary of contract level 1."""


class Outcome(StrEnum):
    """What an implementation did with a token; crashed and hung are the harness's own verdicts."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SKIPPED = "skipped"
    ERRORED = "errored"
    CRASHED = "crashed"
    HUNG = "hung"


@dataclass(frozen=True)
class Answer:
    """One answer to ``verify`` or ``verify-jws``.

    ``detail`` says why something was skipped or errored, or how the process ended. The members of contract
    level 2 are None when the implementation did not send them.
    """

    outcome: Outcome
    reason: str | None = None
    claims: object = None
    payload_b64: str | None = None
    kid: str | None = None
    events: tuple[Json, ...] | None = None
    delivered: int | None = None
    summaries: tuple[Json, ...] = ()
    lines: tuple[str, ...] | None = None
    detail: str | None = None

    def describe(self) -> str:
        """Say the outcome in a few words, as it stands in failure texts."""
        if self.reason is not None:
            return f"{self.outcome} ({self.reason})"
        return f"{self.outcome}: {self.detail}" if self.detail else str(self.outcome)


@dataclass(frozen=True)
class Policy:
    """What a verifier is told: the members of the contract's ``policy``, with a stable identifier.

    Build variants with ``but``; a policy is never changed in place, so its identifier can be computed once.
    """

    members: Mapping[str, Any]

    def but(self, **changes: Any) -> "Policy":
        """Return the same policy with some members set anew."""
        return Policy({**self.members, **changes})

    @cached_property
    def id(self) -> str:
        """A digest of the content: equal policies carry equal ids, so adapters may cache."""
        text = json.dumps(self.members, sort_keys=True, separators=(",", ":"))
        return "p" + hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Presentation:
    """A token presented to a verifier under a policy, at an instant.

    ``now`` is the wall clock in seconds since the epoch, ``tick`` monotonic seconds. A token that is not
    Unicode text is given as bytes.
    """

    token: str | bytes
    policy: Policy
    profile: Profile
    now: float
    tick: float = 0

    def request(self) -> Request:
        """Return the message that asks for a verdict; the expectation never crosses the wire."""
        token = (
            {"token": self.token}
            if isinstance(self.token, str)
            else {"token_b64": base64.b64encode(self.token).decode()}
        )
        if self.profile is Profile.JWS:
            kept = {name: self.policy.members[name] for name in _JWS_POLICY if name in self.policy.members}
            return {"op": "verify-jws", **token, "policy_id": self.policy.id, **kept}
        return {
            "op": "verify",
            "now": self.now,
            "tick": self.tick,
            "profile": str(self.profile),
            **token,
            "policy_id": self.policy.id,
            "policy": self.policy.members,
        }


_JWS_POLICY = ("keys", "key_texts", "algorithms")


@dataclass(frozen=True)
class Audit:
    """What an implementation of contract level 2 declares about its audit trail; ``bound`` is in seconds."""

    lines: bool = False
    stats: bool = False
    delivered: bool = False
    limiter: bool = False
    summaries: bool = False
    sinks: tuple[str, ...] = ("memory",)
    bound: float = 0.5


@dataclass(frozen=True)
class FetchedKeys:
    """Times of a key set read from a URL, in seconds of ``tick``: fresh for, served stale for, refetch cool-down."""

    ttl: float
    stale: float
    cooldown: float


@dataclass(frozen=True)
class Declaration:
    """What ``hello`` was answered with: who is judged, by what, and what does not apply to it."""

    name: str
    version: str
    language: str
    level: int
    profiles: tuple[Profile, ...]
    measure: Measure
    algorithms: tuple[str, ...]
    injected_clock: bool = True
    key_form: str = "jwks"
    key_set: bool = True
    mixed_algorithms: bool = False
    options: tuple[str, ...] = ("leeway", "require")
    max_line: int = 60_000
    max_token: int | None = None
    token_b64: bool = False
    keys_url: FetchedKeys | None = None
    audit: Audit = field(default_factory=Audit)

    def lacks(self, need: str) -> str | None:
        """Return why a check that has this need is not applicable, or None when the need is met.

        Needs are written ``key_set``, ``clock``, ``option:typ``, ``algorithm:ES256``, ``audit:limiter``,
        ``sink:raises``; an unknown need is a programming error and raises ``KeyError``.
        """
        kind, _, name = need.partition(":")
        met = {
            "clock": lambda: self.injected_clock,
            "key_set": lambda: self.key_set,
            "mixed_algorithms": lambda: self.mixed_algorithms,
            "token_b64": lambda: self.token_b64,
            "max_token": lambda: self.max_token is not None,
            "keys_url": lambda: self.keys_url is not None,
            "option": lambda: name in self.options,
            "algorithm": lambda: name in self.algorithms,
            "audit": lambda: bool(getattr(self.audit, name)),
            "sink": lambda: name in self.audit.sinks,
        }[kind]()
        return None if met else f"the implementation does not declare {need}"


def parse_json(line: bytes) -> Json:
    """Read one answer line.

    Claims that JSON cannot carry (NaN, endless nesting) become None: they are what an implementation wrongly
    accepted, and that is a finding of its own, not a fault of the adapter.

    Raises:
        AdapterFault: not UTF-8, not JSON (NaN included), not an object, too long or nested too deep.
    """
    if len(line) > MAX_ANSWER_BYTES:
        raise AdapterFault(f"answered a line of {len(line):,} bytes; at most {MAX_ANSWER_BYTES:,} are read")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise AdapterFault(f"answered a line that is not UTF-8: {excerpt(line)}") from None
    try:
        value = json.loads(text, parse_constant=_NotJson)
    except RecursionError:
        raise AdapterFault(f"answered {_TOO_DEEP}") from None
    except ValueError as error:
        raise AdapterFault(
            f"answered a line that is not JSON ({error}): {excerpt(line)}; stdout carries answers and nothing "
            "else, so banners and logs belong on stderr"
        ) from None
    if not isinstance(value, dict):
        raise AdapterFault(f"answered JSON that is not an object: {excerpt(line)}")
    if "N" in text or "I" in text or text.count("{") + text.count("[") > MAX_ANSWER_DEPTH:
        _refuse_oddities(value)
    return value


def _refuse_oddities(value: Json) -> None:
    """Drop claims that are no plain JSON, and refuse anything else that is none."""
    if _oddity(value.get("claims")) is not None:
        value["claims"] = None
    oddity = _oddity(value)
    if oddity is not None:
        raise AdapterFault(f"answered {oddity}")


def check_id(raw: Json, request: Request) -> None:
    """Refuse an answer that belongs to another request.

    Raises:
        AdapterFault: the answer's ``id`` is not the request's.
    """
    if raw.get("id") != request["id"] or isinstance(raw.get("id"), bool):
        raise AdapterFault(
            f"answered id {_brief(raw.get('id'))} when id {request['id']} was due "
            f"(op {request['op']}): answers must repeat the id and come in the order of the requests"
        )


def read_declaration(raw: Json) -> Declaration:
    """Read the answer to ``hello``.

    Raises:
        AdapterFault: a member is missing, unknown or of the wrong type.
    """
    where = "hello"
    for member in ("errored", "skipped"):
        if member in raw:
            raise AdapterFault(f"hello: answered {member}: {printable(_brief(raw[member]))}")
    _refuse_unknown(raw, {"id", "protocol", "implementation", "level", "profiles", "measure", "capabilities"}, where)
    if raw.get("protocol") != 1:
        raise AdapterFault(f"hello: speaks protocol {_brief(raw.get('protocol'))}; this harness speaks protocol 1")
    who = _get(raw, "implementation", dict, where)
    _refuse_unknown(who, {"name", "version", "language"}, "hello: implementation")
    level = _get(raw, "level", int, where)
    if level not in range(4):
        raise AdapterFault(f"hello: level must be 0, 1, 2 or 3, not {level}")
    return Declaration(
        name=_text(who, "name", "hello: implementation", 100),
        version=_text(who, "version", "hello: implementation", 100),
        language=_text(who, "language", "hello: implementation", 100),
        level=level,
        profiles=_profiles(_get(raw, "profiles", list, where)),
        measure=_one_of(Measure, raw.get("measure", "base"), "hello: measure"),
        **_capabilities(_get(raw, "capabilities", dict, where)),
    )


def read_answer(raw: Json, op: str) -> Answer:
    """Read the answer to ``verify`` or ``verify-jws``.

    Raises:
        AdapterFault: the answer is none that the contract knows.
    """
    if "skipped" in raw:
        _refuse_unknown(raw, {"id", "skipped"}, op)
        return Answer(Outcome.SKIPPED, detail=_text(raw, "skipped", op))
    if "errored" in raw:
        _refuse_unknown(raw, {"id", "errored"}, op)
        context = _get(raw, "errored", dict, op)
        return Answer(Outcome.ERRORED, detail=_text(context, "message", f"{op}: errored"))
    verdict = raw.get("verdict")
    if verdict == "accepted":
        return _accepted(raw, op)
    if verdict == "rejected":
        return _rejected(raw, op)
    raise AdapterFault(f"{op}: answered {_brief(raw)}; due is a verdict (accepted or rejected), or skipped, or errored")


def read_done(raw: Json, op: str, member: str) -> str | None:
    """Read the answer to ``reset`` or ``configure``: None when done, ``refused``, or why it was skipped or errored.

    Raises:
        AdapterFault: it is neither.
    """
    if "skipped" in raw:
        return _text(raw, "skipped", op)
    if "errored" in raw:
        return f"errored: {_text(_get(raw, 'errored', dict, op), 'message', op)}"
    _refuse_unknown(raw, {"id", member}, op)
    if raw.get(member) is False:
        return "refused"
    if raw.get(member) is not True:
        raise AdapterFault(f'{op}: answered {_brief(raw)}; due is {{"{member}": true}}')
    return None


STATS = ("buckets", "submitted", "admitted", "dropped", "lost")


def read_stats(raw: Json) -> dict[str, int]:
    """Read the answer to ``stats``: five counters, none negative.

    Raises:
        AdapterFault: a counter is missing, unknown, negative or not an integer.
    """
    _refuse_unknown(raw, {"id", *STATS}, "stats")
    counters = {name: _get(raw, name, int, "stats") for name in STATS}
    if min(counters.values()) < 0:
        raise AdapterFault(f"stats: a counter is negative: {counters}")
    return counters


def printable(text: str, spared: str = "") -> str:
    """Escape what could disturb a terminal or cannot be encoded: controls, bidirectional marks, lone surrogates."""
    return "".join(char if char.isprintable() or char in spared else ascii(char)[1:-1] for char in text)


def excerpt(raw: bytes, limit: int = 120) -> str:
    """Show the beginning of a line without letting it disturb a terminal."""
    text = ascii(raw[:limit].decode("utf-8", "replace"))
    return text + ("…" if len(raw) > limit else "")


def _accepted(raw: Json, op: str) -> Answer:
    _refuse_unknown(raw, {"id", "verdict", "claims", "payload_b64", "kid"} | _AUDIT_MEMBERS, op)
    return Answer(
        Outcome.ACCEPTED,
        claims=raw.get("claims"),
        payload_b64=_get(raw, "payload_b64", str, op, optional=True),
        kid=_get(raw, "kid", str, op, optional=True),
        **_audit_members(raw, op),
    )


def _rejected(raw: Json, op: str) -> Answer:
    _refuse_unknown(raw, {"id", "verdict", "reason", "kid"} | _AUDIT_MEMBERS, op)
    reason = _get(raw, "reason", str, op, optional=True)
    if reason is not None and reason not in REASONS:
        raise AdapterFault(f"{op}: reason {_brief(reason)} is not in the vocabulary; use 'other' where none fits")
    return Answer(Outcome.REJECTED, reason=reason, **_audit_members(raw, op))


_AUDIT_MEMBERS = {"events", "delivered", "summaries", "lines"}


def _audit_members(raw: Json, op: str) -> Json:
    members: Json = {
        "events": _many(raw, "events", dict, op),
        "delivered": _get(raw, "delivered", int, op, optional=True),
        "summaries": _many(raw, "summaries", dict, op) or (),
        "lines": _many(raw, "lines", str, op),
    }
    return members


def _many(raw: Json, name: str, kind: type, where: str) -> tuple[Any, ...] | None:
    values = _get(raw, name, list, where, optional=True)
    if values is None:
        return None
    if not all(isinstance(value, kind) for value in values):
        raise AdapterFault(f"{where}: every element of {name} must be {_TYPE_NAMES[kind]}")
    return tuple(values)


def _capabilities(raw: Json) -> Json:
    where = "hello: capabilities"
    known: dict[str, type] = {
        "algorithms": list, "clock": str, "key_form": str, "key_set": bool, "mixed_algorithms": bool,
        "options": list, "max_line": int, "max_token": int, "token_b64": bool, "keys_url": dict, "audit": dict,
    }  # fmt: skip
    _refuse_unknown(raw, set(known), where)
    found = {name: _get(raw, name, kind, where) for name, kind in known.items() if name in raw}
    if not found.get("algorithms"):
        raise AdapterFault(f"{where}: algorithms must name at least one algorithm")
    clock = found.pop("clock", "injected")
    if clock not in ("injected", "real"):
        raise AdapterFault(f"{where}: clock must be 'injected' or 'real', not {_brief(clock)}")
    for name in ("algorithms", "options"):
        if name in found:
            found[name] = _strings(found[name], f"{where}: {name}")
    if "keys_url" in found:
        found["keys_url"] = _fetched_keys(found["keys_url"], f"{where}: keys_url")
    if "audit" in found:
        found["audit"] = _audit(found["audit"], f"{where}: audit")
    return {**found, "injected_clock": clock == "injected"}


def _fetched_keys(raw: Json, where: str) -> FetchedKeys:
    _refuse_unknown(raw, {"ttl", "stale", "cooldown"}, where)
    times = FetchedKeys(*(_seconds(raw, name, where) for name in ("ttl", "stale", "cooldown")))
    if not times.ttl or not times.cooldown:
        raise AdapterFault(f"{where}: ttl and cooldown must be more than 0 seconds")
    return times


def _audit(raw: Json, where: str) -> Audit:
    flags = ("lines", "stats", "delivered", "limiter", "summaries")
    _refuse_unknown(raw, {*flags, "sinks", "bound"}, where)
    found: Json = {name: _get(raw, name, bool, where) for name in flags if name in raw}
    if "sinks" in raw:
        found["sinks"] = _strings(raw["sinks"], f"{where}: sinks")
    if "bound" in raw:
        found["bound"] = _seconds(raw, "bound", where)
    return Audit(**found)


def _seconds(raw: Json, name: str, where: str) -> float:
    value = raw.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise AdapterFault(f"{where}: {name} must be a number of seconds, not {_brief(value)}")
    return float(value)


def _profiles(names: list[Any]) -> tuple[Profile, ...]:
    return tuple(_one_of(Profile, name, "hello: profiles") for name in names)


def _one_of(kind: type[E], value: object, where: str) -> E:
    try:
        return kind(str(value))
    except ValueError:
        raise AdapterFault(f"{where}: {_brief(value)} is not one of {', '.join(kind)}") from None


def _strings(values: object, where: str) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise AdapterFault(f"{where} must be a list of strings")
    return tuple(values)


_TYPE_NAMES = {str: "a string", int: "an integer", bool: "true or false", list: "a list", dict: "an object"}


def _text(raw: Json, name: str, where: str, most: int = 1000) -> str:
    text: str = _get(raw, name, str, where)
    return printable(text[:most])


def _get(raw: Json, name: str, kind: type, where: str, *, optional: bool = False) -> Any:
    value = raw.get(name)
    if value is None and optional:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        shown = _brief(value) if name in raw else "absent"
        raise AdapterFault(f"{where}: member {name!r} must be {_TYPE_NAMES[kind]}; it is {shown}")
    return value


def _refuse_unknown(raw: Json, known: set[str], where: str) -> None:
    """Refuse misspelt members: ignoring them would silently weaken the judgement they were meant for."""
    unknown = sorted(set(raw) - known)
    if unknown:
        raise AdapterFault(f"{where}: unknown member {_brief(unknown[0])}; known are {', '.join(sorted(known))}")


class _NotJson:
    """NaN or an infinity, which Python would write and JSON does not have."""

    def __init__(self, spelling: str) -> None:
        self.spelling = spelling


def _oddity(value: object) -> str | None:
    """Say in what a value is no JSON of bounded nesting; level by level, so that depth costs no stack."""
    level = [value]
    for _ in range(MAX_ANSWER_DEPTH + 1):
        strange = next((item for item in level if isinstance(item, _NotJson)), None)
        if strange is not None:
            return f"a line that is not JSON ({strange.spelling} is not JSON)"
        containers = [item for item in level if isinstance(item, list | dict)]
        if not containers:
            return None
        level = [inner for outer in containers for inner in _children(outer)]
    return _TOO_DEEP


def _children(value: list[object] | dict[str, object]) -> Iterable[object]:
    return value.values() if isinstance(value, dict) else value


def _brief(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= 80 else text[:80] + "…"
