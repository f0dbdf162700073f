"""Degenerate implementations: they decide nothing, or tell nothing true, and every family that can see it must fail.

Each is the reference with its answers bent, so that all of it but one thing is in order. Those that crash or hang
have to run in a process of their own: ``python -m bearerproof_fuzz.faults.degenerate NAME``.
"""

import os
import random
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bearerproof.adapter import serve
from bearerproof.catalogue import FAMILIES
from bearerproof_reference import adapter

Json = dict[str, Any]
Handle = Callable[[Json], Json]
Bend = Callable[[Json, Json], Json]

EVERYTHING = frozenset(FAMILIES)
VERDICTS = EVERYTHING - {"SRC", "LIM"}
AUDIT = frozenset({"HINT", "SRC", "FAIL", "SINK", "LIM"})


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
            return self.bend(request, true) if request["op"] in ("verify", "verify-jws") else true

        return answer


def _verdict(verdict: str) -> Bend:
    """Answer every token alike, with the events that would go with it."""

    def bend(_: Json, true: Json) -> Json:
        kept = {name: value for name, value in true.items() if name in ("id", "delivered", "summaries")}
        events = true.get("events", []) if verdict == "rejected" else []
        return {**kept, "verdict": verdict, "events": events, "lines": true.get("lines", []) if events else []}

    return bend


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
        return true if len(seen) == 1 else _verdict("rejected")(request, true)

    return bend


def _wrong_reason(_request: Json, true: Json) -> Json:
    return {**true, "reason": "acr"} if "reason" in true else true


def _constant_event(_request: Json, true: Json) -> Json:
    if not true.get("events"):
        return true
    constant: Json = {
        "kind": "Expired", "occurred_at": "2027-01-15T08:00:00.000000Z", "source_id": "anon::nokid",
        "client_id_hint": None, "kid_hint": None, "metadata": {},
    }  # fmt: skip
    return {**true, "events": [constant], "lines": true.get("lines", [])}


DEGENERATES: Mapping[str, Degenerate] = {
    one.name: one
    for one in (
        Degenerate("accept-all", "accepts every token", _verdict("accepted"), EVERYTHING),
        Degenerate("reject-all", "rejects every token", _verdict("rejected"), VERDICTS),
        Degenerate("crash-always", "ends at every token", _crash, EVERYTHING, own_process=True),
        Degenerate("hang", "never answers", _hang, EVERYTHING, own_process=True),
        Degenerate("echo", "answers with the request", _echo, frozenset()),
        Degenerate("wrong-ids", "answers with the id of another request", _wrong_id, frozenset()),
        Degenerate("no-events", "rejects rightly and leaves no event", _without_events, AUDIT),
        Degenerate("events-only", "leaves an event whatever it decides", _events_only, frozenset({"FAIL"})),
        Degenerate("random", "decides by lot", _by_lot, EVERYTHING),
        Degenerate(
            "reject-after-the-first", "accepts one token and then none", _after_the_first(), EVERYTHING - {"SRC", "LIM"}
        ),
        Degenerate("wrong-reason", "rejects rightly and says why wrongly", _wrong_reason, frozenset({"VER", "KEY"})),
        Degenerate(
            "constant-event", "leaves one and the same event", _constant_event, frozenset({"HINT", "SRC", "FAIL"})
        ),
    )
}
"""Those with no family break the contract itself: there the run ends as a fault, exit code 3."""


def main() -> None:
    """Answer as the one that is named until the input ends."""
    serve(DEGENERATES[sys.argv[1]].handle())


if __name__ == "__main__":
    main()
