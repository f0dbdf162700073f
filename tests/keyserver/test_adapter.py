"""The key server behind the contract: the messages of level 3, answered to the letter."""

import json
from typing import Any

import pytest

from bearerproof_reference.adapter.keyserver import KeyServerAdapter
from bearerproof_reference.keyserver.exchange import ACCESS_TOKEN
from tests.keyserver.stage import ADMIN, ISSUER, NOW, PEER, SCHEMA, configuration, form, id_token
from tests.reference.minting import Json, signer

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


def revoke(**whom: Any) -> Json:
    return {"op": "revoke", **TIMES, "admin": ADMIN, **whom}


def without_events(answer: Json) -> Json:
    """Return an answer without its one event, which is of good form."""
    (event,), (line,) = answer.pop("events"), answer.pop("lines")
    SCHEMA.validate(event)
    assert json.loads(line) == event
    return answer


def granted(made: KeyServerAdapter, **claims: Any) -> Json:
    told: Json = without_events(made.handle(exchange(**claims)))["granted"]
    return told


def test_exchange() -> None:
    told = granted(adapter())
    assert told["access_token"].startswith("bprf_")
    assert {name: told[name] for name in told if name not in ("access_token", "jti")} == {
        "issued_token_type": ACCESS_TOKEN,
        "token_type": "Bearer",
        "expires_in": 600,
        "scope": "backends:* tools:search,brave_*",
    }
    made = adapter(cap=1)
    assert without_events(made.handle(exchange("nope"))) == {"refused": "invalid_scope"}
    granted(made)
    assert without_events(made.handle(exchange())) == {"refused": "too_many_tokens", "retry_after": 600}


def test_authenticate() -> None:
    made = adapter()
    told = granted(made)
    request = authenticate(told["access_token"], backend="a", tool="search")
    assert without_events(made.handle(request)) == {
        "verdict": "accepted",
        "jti": told["jti"],
        "identity": {"issuer": ISSUER, "subject": "anna"},
        "scopes": {"backends": ["*"], "tools": ["search", "brave_*"], "rate_limit": 60},
    }
    for request, reason in (
        (authenticate("nonsense"), "invalid-token"),
        (authenticate(told["access_token"], tool="other"), "insufficient-scope"),
        ({**authenticate(told["access_token"]), "now": NOW + 600}, "invalid-token"),
    ):
        assert without_events(made.handle(request)) == {"verdict": "rejected", "reason": reason}


def test_rate() -> None:
    made = adapter()
    bearer = granted(made)["access_token"]
    answers = [made.handle(authenticate(bearer)) for _ in range(61)]
    assert [answer["verdict"] for answer in answers] == ["accepted"] * 60 + ["rejected"]
    assert without_events(answers[-1]) == {"verdict": "rejected", "reason": "rate-limited", "retry_after": 1}
    assert made.handle({**authenticate(bearer), "tick": 1})["verdict"] == "accepted"


def test_revoke() -> None:
    made = adapter()
    jti = granted(made)["jti"]
    assert without_events(made.handle(revoke(jti=jti))) == {"revoked": 1}
    assert without_events(made.handle(revoke(jti=jti))) == {"refused": "not-active"}
    assert made.handle(revoke(issuer=ISSUER, subject="anna")) == {"revoked": 0, "events": [], "lines": []}
    assert without_events(made.handle(revoke(issuer=ISSUER))) == {"refused": "invalid_request"}
    assert without_events(made.handle({**revoke(jti=jti), "admin": None})) == {"refused": "unauthorized"}


def test_the_rest() -> None:
    made = adapter(retention=0)
    granted(made)
    count = {"op": "count", **TIMES, "issuer": ISSUER, "subject": "anna"}
    assert made.handle(count) == {"count": 1}
    assert made.handle({"op": "reap", **TIMES}) == {"reaped": 0, "events": [], "lines": []}
    assert made.handle({"op": "reap", **TIMES, "now": NOW + 600}) == {"reaped": 1, "events": [], "lines": []}
    keys = {"keys": [signer("EdDSA", "k2").jwk]}
    assert made.handle({"op": "rotate", **TIMES, "issuer": ISSUER, "keys": keys}) == {"rotated": True}
    assert made.handle(exchange())["refused"] == "invalid_request"
    assert "granted" in made.handle({**exchange(by=signer("EdDSA", "k2"), at=NOW + 600), "now": NOW + 600})
    assert "skipped" in made.handle({"op": "sing"})


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


def test_forwarded() -> None:
    made = adapter()
    request = {**authenticate("x"), "peer": "10.0.0.1", "forwarded": "203.0.113.1, 198.51.100.1"}
    assert made.handle(request)["events"][0]["client_ip"] == "198.51.100.1"


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


def test_each_request_of_a_race_has_its_own_time() -> None:
    made = adapter()
    late = [{**authenticate("x"), "now": NOW + second} for second in range(20)]
    answers = made.handle({"op": "race", "requests": late})["answers"]
    times = [answer["events"][0]["occurred_at"] for answer in answers]
    assert times == [f"2027-01-15T08:00:{second:02}.000000Z" for second in range(20)]


@pytest.mark.parametrize("now", [None, "0", True, 1e20, float("nan")])
def test_a_time_is_a_number_of_seconds(now: object) -> None:
    with pytest.raises(ValueError, match="a time"):
        adapter().handle({**authenticate("x"), "now": now})


def test_answers_are_json() -> None:
    made = adapter()
    json.dumps([made.handle(exchange()), made.handle(authenticate("x"))], allow_nan=False)
