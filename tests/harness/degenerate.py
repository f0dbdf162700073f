"""Implementations that decide nothing, or tell nothing true: no group of requirements may let them pass."""

import base64
import json
from collections.abc import Callable
from itertools import count
from time import sleep

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


def ignores_crit() -> Handle:
    return _ignoring_crit(lambda _: True)


def ignores_crit_of_a_key_that_is_named() -> Handle:
    """Weak only where the header has a `kid`."""
    return _ignoring_crit(lambda header: "kid" in header)


def ignores_crit_under_es256() -> Handle:
    return _ignoring_crit(lambda header: header.get("alg") == "ES256")


def _ignoring_crit(where: Callable[[Json], bool]) -> Handle:
    """Accept what is refused, if its header has `crit` and is so."""
    answer = honest()

    def handle(request: Json) -> Json:
        found = answer(request)
        if request["op"] == "verify" and found["verdict"] == "rejected":
            header, claims = map(_members, [*request["token"].split("."), "", ""][:2])
            if "crit" in header and where(header):
                return {"verdict": "accepted", "claims": claims}
        return found

    return handle


def _members(segment: str) -> Json:
    try:
        read = json.loads(base64.urlsafe_b64decode(segment + "=="))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


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
    hello = {**HELLO, "capabilities": {"algorithms": ["XS256"]}}
    return lambda request: hello if request["op"] == "hello" else {"verdict": "rejected"}


def with_an_algorithm_more() -> Handle:
    """Honest, and declares an algorithm that bearerproof has no key for."""
    answer = reference().handle
    hello = {**HELLO, "capabilities": {"algorithms": ["ES256", "XS256"], "options": []}}
    return lambda request: hello if request["op"] == "hello" else _verdict(answer(request))


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


# --- honest but for one thing, to see how it is told


def erring_where_it_should_refuse() -> Handle:
    """Throws what it does not document wherever the reference rejects."""
    answer = reference().handle

    def handle(request: Json) -> Json:
        found = _verdict(answer(request))
        return {"errored": {"message": "KeyError: 'kid'"}} if found["verdict"] == "rejected" else found

    return declared(handle)


def believing_a_list_of_issuers() -> Handle:
    """Takes `iss` as a list, as one library does."""
    return _believing(lambda issuer, ours: issuer == [ours])


def believing_a_list_of_issuers_in_any_case() -> Handle:
    """Has a second fault of the same property."""
    return _believing(lambda issuer, ours: issuer == [ours] or str(issuer).lower() == ours.lower())


def _believing(trusts: Callable[[object, str], bool]) -> Handle:
    answer = reference().handle

    def handle(request: Json) -> Json:
        ours = request["policy"]["issuer"]
        claims = _claims(request["token"])
        if claims is None or not trusts(claims.get("iss"), ours):
            return _verdict(answer(request))
        return {"verdict": "accepted", "claims": claims}

    return declared(handle)


def _claims(token: str) -> Json | None:
    _, payload, *_ = f"{token}..".split(".")
    try:
        read = json.loads(base64.urlsafe_b64decode(payload + "=="))
    except ValueError:
        return None
    return read if isinstance(read, dict) else None


def without_rules_on_the_subject() -> Handle:
    """A key server that lacks one criterion, and says so."""
    answer = reference().handle

    def handle(request: Json) -> Json:
        rules = request.get("key_server", {}).get("policies", ())
        if any("subject" in (rule.get("match") or {}) for rule in rules if isinstance(rule, dict)):
            return {"skipped": "no rule on the subject"}
        return answer(request)

    return handle


def losing_one_fetch() -> Handle:
    """Refuses one token of a fetched key set, as if the fetch had come too late, and no other."""
    answer, fetches = reference().handle, count(1)

    def handle(request: Json) -> Json:
        fetched = request["op"] == "verify" and "keys_url" in request["policy"]
        late = fetched and next(fetches) == 2
        return {"verdict": "rejected", "reason": "keys-unavailable", "events": []} if late else answer(request)

    return handle


def losing_fetches_late() -> Handle:
    """Refuses every third token of a fetched key set after a time, as one does whose fetches come too late."""
    answer, fetches = reference().handle, count(1)

    def handle(request: Json) -> Json:
        fetched = request["op"] == "verify" and "keys_url" in request["policy"]
        if not fetched or next(fetches) % 3:
            return answer(request)
        sleep(0.6)
        return {"verdict": "rejected", "reason": "keys-unavailable", "events": []}

    return handle
