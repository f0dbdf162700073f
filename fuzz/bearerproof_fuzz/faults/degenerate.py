"""Degenerate implementations: they decide nothing, or tell nothing true, and every family that can see it must fail.

Each is the reference with its answers bent, so that all of it but one thing is in order. Those that crash or hang
have to run in a process of their own: ``python -m bearerproof_fuzz.faults.degenerate NAME``.
"""

import json
import os
import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bearerproof.adapter import serve
from bearerproof.judging.baselines import STAND_INS
from bearerproof.members import Json
from bearerproof.specification.catalogue import FAMILIES
from bearerproof_reference.adapter import adapter

Handle = Callable[[Json], Json]
Bend = Callable[[Json, Json], Json]

EVERYTHING = frozenset(FAMILIES)
VERDICTS = EVERYTHING - {"SRC"}
KEY_SERVER = frozenset({"LIFE", "TOK", "EXC", "POL", "REV", "HTTP", "LIM", "TRAIL"})
LIFECYCLE = frozenset({"LIFE", "TRAIL"})
AUDIT = frozenset({"HINT", "SRC", "FAIL", "SINK", "LIM"})

_VERIFYING = frozenset({"verify", "verify-jws"})
_CHAINING = frozenset({"verify-chain", "write-chain"})
_DECIDING = frozenset({"exchange", "authenticate", "revoke", "http"})
"""What a key server decides; all else that it is asked (to be configured, to reap, to count) is answered in truth."""


@dataclass(frozen=True)
class Degenerate:
    """One of them: how it bends an answer, and the families whose checks can see it.

    ``own_process`` says that it may take its process down or never answer.
    """

    name: str
    story: str
    bend: Bend
    seen_by: frozenset[str]
    own_process: bool = False

    def handle(self) -> Handle:
        """Return a fresh one, as an adapter's handler."""
        honest = adapter.create().handle

        def answer(request: Json) -> Json:
            true = honest(request)
            if request["op"] == "hello":
                return {**true, "implementation": {**true["implementation"], "name": self.name}}
            return self._bent(request, true)

        return answer

    def _bent(self, request: Json, true: Json) -> Json:
        if request["op"] == "race":
            answers = zip(request["requests"], true["answers"], strict=True)
            return {**true, "answers": [self._bent(raced, answer) for raced, answer in answers]}
        return self.bend(request, true) if request["op"] in _VERIFYING | _DECIDING | _CHAINING else true


def _verdict(verdict: str) -> Bend:
    """Answer every token, bearer and request alike, with the events that would go with it."""

    def bend(request: Json, true: Json) -> Json:
        if request["op"] in _DECIDING:
            return _decided(verdict, request["op"], true)
        if request["op"] in _CHAINING:
            return {"id": true["id"], **_stand_in(verdict, request["op"])}
        kept = {name: value for name, value in true.items() if name in ("id", "delivered", "summaries")}
        events = true.get("events", []) if verdict == "rejected" else []
        return {**kept, "verdict": verdict, "events": events, "lines": true.get("lines", []) if events else []}

    return bend


def _decided(verdict: str, op: str, true: Json) -> Json:
    """Return what a key server answers that decides everything alike; what it decides rightly is left as it is."""
    if _is_good(true) == (verdict == "accepted"):
        return true
    kept = {name: value for name, value in true.items() if name == "id"}
    return {**kept, **_stand_in(verdict, op), "events": []}


def _stand_in(verdict: str, op: str) -> Json:
    return STAND_INS["accept-all" if verdict == "accepted" else "reject-all"][op]


def _is_good(true: Json) -> bool:
    """Say whether a key server granted, admitted or did something."""
    return bool("refused" not in true and true.get("verdict") != "rejected" and true.get("status", 200) < _REFUSING)


_REFUSING = 400
"""Statuses from here on are refusals (RFC 9110 §15.5)."""


def _crash(_request: Json, _true: Json) -> Json:
    os._exit(70)


def _hang(_request: Json, true: Json) -> Json:
    time.sleep(3600)
    return true


def _echo(request: Json, _true: Json) -> Json:
    return request


def _wrong_id(request: Json, true: Json) -> Json:
    return {**true, "id": request["id"] + 1}


def _without_events(_request: Json, true: Json) -> Json:
    return {**true, "events": [], "lines": []} if "events" in true else true


def _events_only(_request: Json, true: Json) -> Json:
    """Leave an event whatever was decided, as a log that is written before the decision."""
    return {**true, "events": _LAST, "lines": []} if true.get("events") == [] else _remember(true)


def _remember(true: Json) -> Json:
    _LAST[:] = true.get("events", _LAST)
    return true


_LAST: list[Json] = []

_CHANCE = random.Random(0)  # noqa: S311 - a verdict by lot


def _by_lot(request: Json, true: Json) -> Json:
    return _verdict(_CHANCE.choice(("accepted", "rejected")))(request, true)


def _after_the_first() -> Bend:
    seen: list[str] = []

    def bend(request: Json, true: Json) -> Json:
        seen.append(request["op"])
        return true if len(seen) == 1 or _begins(true) else _verdict("rejected")(request, true)

    return bend


def _begins(true: Json) -> bool:
    """Say whether a key server decides for the first time: with each configuration its numbers begin anew."""
    return any(event.get("seq") == 0 for event in true.get("events", ()))


def _wrong_reason(request: Json, true: Json) -> Json:
    if request["op"] not in _DECIDING:
        return {**true, "reason": "acr"} if "reason" in true else true
    if _is_good(true):
        return true
    member, wrong = _WRONG[request["op"]]
    events = [{**event, "reason": "throttled"} for event in true.get("events", [])]
    told = {"events": events, "lines": [json.dumps(event) for event in events]} if "events" in true else {}
    return {**true, member: wrong, **told}


_WRONG: Mapping[str, tuple[str, Any]] = {
    "exchange": ("refused", "temporarily_unavailable"),
    "authenticate": ("reason", "unavailable"),
    "revoke": ("refused", "temporarily_unavailable"),
    "http": ("status", 503),
}
"""By operation: where a refusal says why, and what it never is."""


def _constant_event(request: Json, true: Json) -> Json:
    if not true.get("events"):
        return true
    constant = _CONSTANT["key server" if request["op"] in _DECIDING else "verifier"]
    return {**true, "events": [constant], "lines": true.get("lines", [])}


_CONSTANT: Mapping[str, Json] = {
    "verifier": {
        "kind": "Expired",
        "occurred_at": "2027-01-15T08:00:00.000000Z",
        "source_id": "anon::nokid",
        "client_id_hint": None,
        "kid_hint": None,
        "metadata": {},
    },
    "key server": {
        "event": "token.used",
        "occurred_at": "2027-01-15T08:00:00.000000Z",
        "seq": 0,
        "client_ip": "192.0.2.7",
        "token_jti": "0b5f4c1e-7a7b-4a53-9d2e-3f0c8a6f1d24",
        "identity": {"issuer": "https://idp.example", "subject": "alice", "email": "alice@example.com", "groups": []},
    },
}


DEGENERATES: Mapping[str, Degenerate] = {
    degenerate.name: degenerate
    for degenerate in (
        Degenerate("accept-all", "accepts whatever it is asked", _verdict("accepted"), EVERYTHING),
        Degenerate("reject-all", "rejects whatever it is asked", _verdict("rejected"), VERDICTS),
        Degenerate("crash-always", "ends at every token", _crash, EVERYTHING, own_process=True),
        Degenerate("hang", "never answers", _hang, EVERYTHING, own_process=True),
        Degenerate("echo", "answers with the request", _echo, frozenset()),
        Degenerate("wrong-ids", "answers with the id of another request", _wrong_id, frozenset()),
        Degenerate(
            "no-events", "decides rightly and leaves no event", _without_events, AUDIT | LIFECYCLE | {"TOK", "HTTP"}
        ),
        Degenerate(
            "events-only", "leaves an event whatever it decides", _events_only, LIFECYCLE | {"FAIL", "SINK", "HTTP"}
        ),
        Degenerate("random", "decides by lot", _by_lot, EVERYTHING),
        Degenerate("reject-after-the-first", "accepts once and then never", _after_the_first(), VERDICTS),
        Degenerate(
            "wrong-reason",
            "rejects rightly and says why wrongly",
            _wrong_reason,
            (KEY_SERVER - {"TRAIL"}) | {"VER", "KEY", "FAIL"},
        ),
        Degenerate(
            "constant-event",
            "leaves one and the same event",
            _constant_event,
            LIFECYCLE | {"HINT", "SRC", "FAIL", "LIM", "TOK", "HTTP"},
        ),
    )
}
"""Those with no family break the contract itself: there the run ends as a fault, exit code 3."""


def main() -> None:
    """Answer as the one that is named until the input ends."""
    serve(DEGENERATES[sys.argv[1]].handle())


if __name__ == "__main__":
    main()
