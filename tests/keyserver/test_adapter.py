"""The key server behind the contract: what the suite, which speaks through it, never asks for.

Restarts on a shared store, races with what is no request, and times that are none.
"""

from typing import Any

import pytest

from bearerproof_reference.adapter.keyserver import KeyServerAdapter
from tests.keyserver.environment import NOW, PEER, configuration, form, id_token
from tests.reference.minting import Json

TIMES = {"now": NOW, "tick": 0, "peer": PEER}


def adapter(*, shared: bool = False, **changes: Any) -> KeyServerAdapter:
    made = KeyServerAdapter(shared=shared)
    configured = {"op": "configure", **TIMES, "key_server": configuration(**changes)}
    assert made.handle(configured) == {"configured": True}
    return made


def exchange(scope: str | None = None, **claims: Any) -> Json:
    return {"op": "exchange", **TIMES, "form": [list(pair) for pair in form(id_token(**claims), scope=scope)]}


def authenticate(bearer: str, **wants: str) -> Json:
    return {"op": "authenticate", **TIMES, "bearer": bearer, **({"wants": wants} if wants else {})}


def granted(made: KeyServerAdapter, **claims: Any) -> Json:
    answer: Json = made.handle(exchange(**claims))["granted"]
    return answer


def test_a_refused_configuration_leaves_no_server() -> None:
    made = adapter()
    assert made.handle({"op": "configure", **TIMES, "key_server": configuration(ttl=0)}) == {"configured": False}
    for operation in ("exchange", "restart", "count", "reap"):
        assert "skipped" in made.handle({"op": operation, **TIMES})


@pytest.mark.parametrize("shared", [False, True])
def test_a_restart_forgets_unless_the_store_is_shared(shared: bool) -> None:
    made = adapter(shared=shared)
    bearer = granted(made)["access_token"]
    assert made.handle({"op": "restart", **TIMES}) == {"restarted": True}
    verdict = made.handle(authenticate(bearer))["verdict"]
    assert verdict == ("accepted" if shared else "rejected")
    made.handle({"op": "configure", **TIMES, "key_server": configuration()})
    assert made.handle(authenticate(bearer))["verdict"] == "rejected"


def test_a_race_for_the_cap_has_its_answers_in_order_and_its_events_where_they_belong() -> None:
    made = adapter(cap=3)
    bearer = granted(made)["access_token"]
    requests = [exchange() for _ in range(8)] + [authenticate(bearer), {"op": "exchange", **TIMES}]
    answers = made.handle({"op": "race", "requests": requests})["answers"]
    assert sum("granted" in answer for answer in answers[:8]) == 2
    for answer in answers[:8]:
        (event,) = answer["events"]
        assert event["event"] == ("token.issued" if "granted" in answer else "token.denied")
        assert event.get("token_jti") == answer.get("granted", {}).get("jti")
    assert answers[8]["verdict"] == "accepted"
    assert answers[9] == {"errored": {"message": "KeyError"}}
    assert made.handle({"op": "race", "requests": []}) == {"answers": []}
    assert "skipped" in made.handle({"op": "race", "requests": [{}] * 257})


def test_no_request_of_a_race_is_dated_before_its_own_time() -> None:
    """Nor before another whose event stands before its own."""
    made = adapter()
    late = [{**authenticate("x"), "now": NOW + second} for second in range(20)]
    answers = made.handle({"op": "race", "requests": late})["answers"]
    events = [answer["events"][0] for answer in answers]
    assert all(event["occurred_at"] >= f"2027-01-15T08:00:{second:02}.000000Z" for second, event in enumerate(events))
    in_order = [event["occurred_at"] for event in sorted(events, key=lambda event: event["seq"])]
    assert in_order == sorted(in_order)


@pytest.mark.parametrize("now", [None, "0", True, 1e20, float("nan")])
def test_a_time_is_a_number_of_seconds(now: object) -> None:
    with pytest.raises(ValueError, match="a time"):
        adapter().handle({**authenticate("x"), "now": now})
