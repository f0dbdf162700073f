"""The messages of the contract: what is asked, what may be answered, and how an answer is read.

Answers come from the implementation under test and are hostile input: their size, nesting and members are
checked here, and whatever breaks the contract is an ``AdapterFault`` that says what was due.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

from bearerproof import members
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile

Request = dict[str, Any]

MAX_ANSWER_BYTES = 4 * 1024 * 1024
"""A longer answer line is a fault of the adapter: no message of the contract comes near it."""

MAX_ANSWER_DEPTH = 64

MAX_LINE = 60_000
"""Bytes of a request line where nothing else is declared: usual line readers stop at 64 KiB."""

LATEST = 4_102_444_800
"""The latest instant that is sent as ``now``, in seconds: the end of 2099. Some clocks end before the year 9999."""

_MAX_DIGITS = 4300
"""Python reads no longer integer, since that takes quadratic time."""

_TOO_DEEP = f"JSON nested deeper than {MAX_ANSWER_DEPTH} levels; claims that are so are sent as null"

_VOCABULARY = """
    malformed too-large algorithm header critical key-unknown key-unusable keys-unavailable signature type
    claim-missing claim-malformed expired not-yet-valid issued-in-future lifetime issuer audience authorized-party nonce
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

    def __post_init__(self) -> None:
        """Keep to the instants that the contract speaks of.

        Raises:
            ValueError: ``now`` is before 1970 or after ``LATEST``.
        """
        if not 0 <= self.now <= LATEST:
            raise ValueError(f"now is {self.now}; the contract knows instants from 0 to {LATEST}")

    def request(self) -> Request:
        """Return the message that asks for a verdict; the expectation never crosses the wire."""
        token = self.token
        name, text = ("token", token) if isinstance(token, str) else ("token_b64", base64.b64encode(token).decode())
        if self.profile is Profile.JWS:
            kept = {name: self.policy.members[name] for name in _JWS_POLICY if name in self.policy.members}
            return {"op": "verify-jws", name: text, "policy_id": self.policy.id, **kept}
        return {
            "op": "verify",
            "now": self.now,
            "tick": self.tick,
            "profile": str(self.profile),
            name: text,
            "policy_id": self.policy.id,
            "policy": self.policy.members,
        }


_JWS_POLICY = ("keys", "algorithms")


def request_line(request: Request) -> bytes:
    """Write a request as the line that it is over stdio, line feed included."""
    return _encoded(request).encode() + b"\n"


_encoded = json.JSONEncoder(separators=(",", ":")).encode

_WIDEST = 12
"""Bytes that one character of a token takes in a line at most: two escapes of a character beyond 16 bits."""

_NUMBERS = 200
"""Bytes that ``id``, ``now`` and ``tick`` take in a line at most, their names included."""

MOST_SIZES = 10_000


class LineSizes:
    """Says of most requests without writing them that their line is short enough: tokens differ, policies come again.

    >>> LineSizes().surely_fits({"op": "verify", "policy_id": "p", "policy": {}, "token": "a.b.c"}, 1000)
    True
    """

    def __init__(self) -> None:
        self._beside: dict[tuple[str, str], int] = {}

    def surely_fits(self, request: Request, most: int) -> bool:
        """Return True only if the line has at most so many bytes; False says nothing."""
        policy = request.get("policy_id")
        if policy is None:
            return False
        beside = self._beside.get((request["op"], policy))
        if beside is None:
            if len(self._beside) >= MOST_SIZES:
                self._beside.clear()
            rest = {name: value for name, value in request.items() if name not in ("token", "token_b64", "now", "tick")}
            beside = self._beside[request["op"], policy] = len(request_line(rest)) + _NUMBERS
        return beside + _WIDEST * len(request.get("token", "")) + len(request.get("token_b64", "")) <= most


def parse_json(line: bytes) -> Json:
    """Read one answer line.

    Claims that JSON cannot carry (NaN, endless nesting) become None: they are what an implementation wrongly
    accepted, and that is a finding of its own, not a fault of the adapter. So do those with an integer that Python
    does not read, of more than 4300 digits: JSON has it (RFC 8259 §6), and other languages return it.

    Raises:
        AdapterFault: not UTF-8, not JSON (NaN included), not an object, too long or nested too deep.
    """
    if len(line) > MAX_ANSWER_BYTES:
        raise AdapterFault(f"answered a line of {len(line):,} bytes; at most {MAX_ANSWER_BYTES:,} are read")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise AdapterFault(f"answered a line that is not UTF-8: {excerpt(line)}") from None
    value = _read_json(text)
    if not isinstance(value, dict):
        raise AdapterFault(f"answered JSON that is not an object: {excerpt(line)}")
    odd = len(text) > _MAX_DIGITS or "N" in text or "I" in text
    if odd or text.count("{") + text.count("[") > MAX_ANSWER_DEPTH:
        _refuse_oddities(value)
    return value


def _read_json(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_NotJson, parse_int=_integer if len(text) > _MAX_DIGITS else None)
    except RecursionError:
        raise AdapterFault(f"answered {_TOO_DEEP}") from None
    except ValueError as error:
        hint = (
            "claims that JSON cannot carry, such as infinities or text that is not UTF-8, are sent as null"
            if text.startswith("{")
            else "stdout carries answers and nothing else, so banners and logs belong on stderr"
        )
        raise AdapterFault(f"answered a line that is not JSON ({error}): {excerpt(text.encode())}; {hint}") from None


def _integer(digits: str) -> object:
    return int(digits) if len(digits) <= _MAX_DIGITS else _NotJson(f"an integer of {len(digits)} digits")


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
            f"answered id {members.brief(raw.get('id'))} when id {request['id']} was due "
            f"(op {request['op']}): answers must repeat the id and come in the order of the requests"
        )


def read_answer(raw: Json, op: str) -> Answer:
    """Read the answer to ``verify`` or ``verify-jws``.

    Raises:
        AdapterFault: the answer is none that the contract knows.
    """
    if "verdict" not in raw or "skipped" in raw or "errored" in raw:
        undone = read_undone(raw, op)
        if undone is not None:
            return Answer(undone[0], detail=undone[1])
    verdict = raw.get("verdict")
    if verdict == "accepted":
        return _accepted(raw, op)
    if verdict == "rejected":
        return _rejected(raw, op)
    raise AdapterFault(
        f"{op}: answered {members.brief(raw)}; due is a verdict (accepted or rejected), or skipped, or errored"
    )


def read_undone(raw: Json, op: str) -> tuple[Outcome, str] | None:
    """Read an answer that nothing was done: skipped or errored, and why; None is any other.

    Raises:
        AdapterFault: it has a member that does not go with that.
    """
    if "skipped" in raw:
        members.refuse_unknown(raw, {"id", "skipped"}, op)
        return Outcome.SKIPPED, members.text(raw, "skipped", op)
    if "errored" in raw:
        members.refuse_unknown(raw, {"id", "errored"}, op)
        context = members.get(raw, "errored", dict, op)
        return Outcome.ERRORED, members.text(context, "message", f"{op}: errored")
    return None


def read_done(raw: Json, op: str, member: str) -> tuple[Outcome, str] | None:
    """Read the answer to ``reset`` or ``configure``: None when done, else refused, skipped or errored, and why.

    Raises:
        AdapterFault: it is neither.
    """
    undone = read_undone(raw, op)
    if undone is not None:
        return undone[0], undone[1] if undone[0] is Outcome.SKIPPED else f"errored: {undone[1]}"
    members.refuse_unknown(raw, {"id", member}, op)
    if raw.get(member) is False:
        return Outcome.REJECTED, "refused"
    if raw.get(member) is not True:
        raise AdapterFault(f'{op}: answered {members.brief(raw)}; due is {{"{member}": true}}')
    return None


STATS = ("buckets", "submitted", "admitted", "dropped", "lost")


def read_stats(raw: Json) -> dict[str, int]:
    """Read the answer to ``stats``: counters, none negative; that of the buckets may be left out.

    Raises:
        AdapterFault: a counter is missing, unknown, negative or not an integer.
    """
    members.refuse_unknown(raw, {"id", *STATS}, "stats")
    counters = {name: members.get(raw, name, int, "stats") for name in STATS if name != "buckets" or name in raw}
    if min(counters.values()) < 0:
        raise AdapterFault(f"stats: a counter is negative: {counters}")
    return counters


def excerpt(raw: bytes, limit: int = 120) -> str:
    """Show the beginning of a line without letting it disturb a terminal."""
    text = ascii(raw[:limit].decode("utf-8", "replace"))
    return text + ("…" if len(raw) > limit else "")


def _accepted(raw: Json, op: str) -> Answer:
    if raw.keys() <= _PLAIN_ACCEPTANCE:
        return Answer(Outcome.ACCEPTED, claims=raw.get("claims"))
    members.refuse_unknown(raw, {"id", "verdict", "claims", "payload_b64", "kid"} | _AUDIT_MEMBERS, op)
    return Answer(
        Outcome.ACCEPTED,
        claims=raw.get("claims"),
        payload_b64=members.get(raw, "payload_b64", str, op, optional=True),
        kid=members.get(raw, "kid", str, op, optional=True),
        **_audit_members(raw, op),
    )


def _rejected(raw: Json, op: str) -> Answer:
    said = raw.get("reason")
    if raw.keys() <= _PLAIN_REFUSAL and (said is None or isinstance(said, str)) and said in _REFUSED:
        return _REFUSED[said]
    members.refuse_unknown(raw, {"id", "verdict", "reason", "kid"} | _AUDIT_MEMBERS, op)
    reason = members.get(raw, "reason", str, op, optional=True)
    if reason is not None and reason not in REASONS:
        raise AdapterFault(
            f"{op}: reason {members.brief(reason)} is not in the vocabulary; use 'other' where none fits"
        )
    return Answer(Outcome.REJECTED, reason=reason, **_audit_members(raw, op))


_PLAIN_ACCEPTANCE = {"id", "verdict", "claims"}
_PLAIN_REFUSAL = {"id", "verdict", "reason"}
_REFUSED: Mapping[object, Answer] = {reason: Answer(Outcome.REJECTED, reason=reason) for reason in (None, *REASONS)}
"""Refusals that say a reason or nothing, and no more: most answers are one of these."""

_AUDIT_MEMBERS = {"events", "delivered", "summaries", "lines"}


def _audit_members(raw: Json, op: str) -> Json:
    found: Json = {
        "events": members.many(raw, "events", dict, op),
        "delivered": members.get(raw, "delivered", int, op, optional=True),
        "summaries": members.many(raw, "summaries", dict, op) or (),
        "lines": members.many(raw, "lines", str, op),
    }
    return found


class _NotJson:
    """NaN or an infinity, which Python would write and JSON does not have, or an integer that Python does not read."""

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
