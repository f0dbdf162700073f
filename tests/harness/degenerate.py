"""Implementations that decide nothing, or tell nothing true: no group of requirements may let them pass."""

from collections.abc import Callable

from bearerproof.contract.connections import Handle
from bearerproof.members import Json
from bearerproof_reference.adapter import create as reference

HELLO: Json = {
    "protocol": 1,
    "level": 0,
    "profiles": ["jwt"],
    "measure": "base",
    "implementation": {"name": "degenerate", "version": "1", "language": "python"},
    "capabilities": {
        "algorithms": ["HS256", "RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"],
        "options": ["leeway", "require", "typ"],
        "mixed_algorithms": True,
    },
}


def accept_all() -> Handle:
    return declared(lambda _: {"verdict": "accepted", "claims": {}})


def reject_all() -> Handle:
    return declared(lambda _: {"verdict": "rejected"})


def reject_all_everywhere() -> Handle:
    """As ``reject_all``, in every profile."""
    hello = {**HELLO, "profiles": ["jws", "jwt", "access-token", "id-token"]}
    return lambda request: hello if request["op"] == "hello" else {"verdict": "rejected"}


def skip_all() -> Handle:
    return declared(lambda _: {"skipped": "not today"})


def error_all() -> Handle:
    return declared(lambda _: {"errored": {"message": "KeyError: 'kid'"}})


def honest() -> Handle:
    """The control: the reference's verdicts under the same declaration."""
    answer = reference().handle
    return declared(lambda request: _verdict(answer(request)))


def honest_in_little() -> Handle:
    """As ``honest``, with little to judge: one profile, one algorithm."""
    answer = reference().handle
    hello = {**HELLO, "profiles": ["id-token"], "capabilities": {"algorithms": ["ES256"]}}
    return lambda request: hello if request["op"] == "hello" else _verdict(answer(request))


def _verdict(answer: Json) -> Json:
    return {name: answer[name] for name in ("verdict", "claims", "payload_b64") if name in answer}


def without_events() -> Handle:
    return _audited(lambda _: [])


def with_each_event_twice() -> Handle:
    return _audited(lambda events: events * 2)


def with_an_event_for_everything() -> Handle:
    last: list[Json] = []

    def repeat(events: list[Json]) -> list[Json]:
        last[:] = events or last
        return last

    return _audited(repeat)


def with_true_events() -> Handle:
    """The control of those that change events."""
    return _audited(lambda events: events)


def without_reasons() -> Handle:
    adapter, hello = reference(), {**HELLO, "level": 1}
    return lambda request: hello if request["op"] == "hello" else _less(adapter.handle(request), "reason", *_AUDIT)


def without_the_events_member() -> Handle:
    adapter = reference()
    return lambda request: _less(adapter.handle(request), *_AUDIT)


def with_strange_algorithms() -> Handle:
    hello = {**HELLO, "capabilities": {"algorithms": ["ES256K"]}}
    return lambda request: hello if request["op"] == "hello" else {"verdict": "rejected"}


def with_hostile_texts() -> Handle:
    """Says things that a terminal obeys, and that no encoding can write."""
    hello = {**HELLO, "implementation": dict.fromkeys(("name", "version", "language"), HOSTILE)}
    return lambda request: hello if request["op"] == "hello" else {"skipped": HOSTILE}


HOSTILE = "mine\x1b[2J\r\nall passed \u202e\ud800"

_AUDIT = ("events", "delivered", "summaries", "lines")


def _less(answer: Json, *names: str) -> Json:
    return {name: value for name, value in answer.items() if name not in names}


def declared(handle: Handle) -> Handle:
    return lambda request: HELLO if request["op"] == "hello" else handle(request)


def _audited(change: Callable[[list[Json]], list[Json]]) -> Handle:
    adapter = reference()

    def handle(request: Json) -> Json:
        answer = adapter.handle(request)
        return {**answer, "events": change(answer["events"])} if "events" in answer else answer

    return handle
