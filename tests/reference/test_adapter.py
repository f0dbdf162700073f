"""The adapter: every operation of the contract, in process and over standard input and output."""

import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path

import pytest

import bearerproof_reference
from bearerproof_reference.adapter.adapter import Adapter, create

from .minting import AUDIENCE, ISSUER, NOW, Json, claims, mint, signer

POLICY = {
    "issuer": ISSUER,
    "audience": AUDIENCE,
    "algorithms": ["EdDSA"],
    "leeway": 0,
    "typ": "at+jwt",
    "require": [],
    "keys": {"keys": [signer().jwk]},
}
LIMITER = {"capacity": 1, "window": 60, "sources": 2, "strangers": 5}
EXPIRED = claims(exp=1)


def request(token: str, policy: Json | None = None, **members: object) -> Json:
    """Return a request to verify this access token."""
    told = {**POLICY, **(policy or {})}
    base = {"id": 7, "op": "verify", "now": NOW, "tick": 0, "profile": "access-token", "token": token}
    return {**base, "policy_id": json.dumps(told), "policy": told, **members}


@pytest.fixture(name="adapter")
def _adapter() -> Adapter:
    return create()


def test_hello(adapter: Adapter) -> None:
    answer = adapter.handle({"id": 1, "op": "hello", "protocol": 1})
    assert (answer["id"], answer["level"], answer["measure"]) == (1, 3, "strict")


def test_verify(adapter: Adapter) -> None:
    good = adapter.handle(request(mint()))
    assert good == {
        "id": 7,
        "verdict": "accepted",
        "claims": claims(),
        "events": [],
        "delivered": 0,
        "summaries": [],
        "lines": [],
    }
    bad = adapter.handle(request(mint(EXPIRED)))
    assert (bad["verdict"], bad["reason"], bad["delivered"]) == ("rejected", "expired", 1)
    assert [json.loads(line) for line in bad["lines"]] == bad["events"]
    assert bad["events"][0]["source_id"] == "app-1::k1"


def test_tokens_that_are_no_text(adapter: Adapter) -> None:
    octets: Json = {"token_b64": b64encode(b"\xff\xfe.\xfb.x").decode()}
    asked = request("", **octets)
    del asked["token"]
    assert adapter.handle(asked)["reason"] == "malformed"


def test_verify_jws(adapter: Adapter) -> None:
    asked = {
        "id": 2,
        "op": "verify-jws",
        "token": mint(b"{}"),
        "keys": POLICY["keys"],
        "algorithms": ["EdDSA"],
    }
    assert adapter.handle(asked) == {"id": 2, "verdict": "accepted", "payload_b64": "e30="}
    assert adapter.handle({**asked, "algorithms": []}) == {
        "id": 2,
        "verdict": "rejected",
        "reason": "algorithm",
    }


def test_replay_lasts_until_reset(adapter: Adapter) -> None:
    asked = request(mint(), {"replay": True})
    assert [adapter.handle(asked).get("reason") for _ in range(2)] == [None, "replay"]
    assert adapter.handle({"id": 3, "op": "reset"}) == {"id": 3, "reset": True}
    assert adapter.handle(asked)["verdict"] == "accepted"


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        ({"sessions": {"s": "live"}}, None),
        ({"sessions": {"s": "revoked"}}, "session"),
        ({"session_versions": {"user-1": 3}}, "session"),
        ({"session_versions": {"user-1": 2}}, None),
        ({"unavailable": ["sessions"]}, "unavailable"),
        ({"unavailable": ["session_versions"]}, "unavailable"),
        ({"unavailable": ["replay"]}, "unavailable"),
    ],
)
def test_ports(adapter: Adapter, ports: Json, expected: str | None) -> None:
    answer = adapter.handle(request(mint(claims(sid="s", sv=2)), {"replay": True, "ports": ports}))
    assert answer.get("reason") == expected


def test_limiter_and_stats(adapter: Adapter) -> None:
    asked = {"sink": "memory", "limiter": LIMITER, "registered": {"clients": ["app-1"], "kids": ["k1"]}}
    assert adapter.handle({"id": 4, "op": "configure", "audit": asked}) == {"id": 4, "configured": True}
    answers = [adapter.handle(request(mint(EXPIRED))) for _ in range(5)]
    assert [answer["delivered"] for answer in answers] == [1, 1, 0, 0, 0]
    later = adapter.handle(request(mint(EXPIRED), tick=60))
    assert later["summaries"] == [
        {"tier": "registered", "dropped": 3, "kinds": {"Expired": 3}, "sources": {"app-1::k1": 3}}
    ]
    counters = {"buckets": 1, "submitted": 6, "admitted": 3, "dropped": 3, "lost": 0}
    assert adapter.handle({"id": 5, "op": "stats"}) == {"id": 5, **counters}
    adapter.handle({"id": 6, "op": "reset"})
    assert adapter.handle(request(mint(EXPIRED)))["delivered"] == 1
    assert adapter.handle({"id": 5, "op": "stats"})["submitted"] == 1


def test_a_refused_configuration_leaves_the_old_one(adapter: Adapter) -> None:
    adapter.handle({"id": 4, "op": "configure", "audit": {"limiter": LIMITER}})
    for member in ("capacity", "window"):
        refused = {"id": 4, "op": "configure", "audit": {"limiter": {**LIMITER, member: 0}}}
        assert adapter.handle(refused) == {"id": 4, "configured": False}
    with pytest.raises(KeyError):
        adapter.handle({"id": 4, "op": "configure", "audit": {"sink": "carrier-pigeon"}})
    delivered = [adapter.handle(request(mint(EXPIRED)))["delivered"] for _ in range(4)]
    assert delivered == [1, 1, 0, 0]


@pytest.mark.parametrize("sink", ["raises", "hangs", "slow"])
def test_a_bad_sink_changes_no_verdict_and_is_counted(adapter: Adapter, sink: str) -> None:
    adapter.handle({"id": 4, "op": "configure", "audit": {"sink": sink}})
    began = time.monotonic()
    answers = [adapter.handle(request(mint(EXPIRED))) for _ in range(20)]
    assert time.monotonic() - began < 20 * 0.5
    assert {answer["reason"] for answer in answers} == {"expired"}
    stats = adapter.handle({"id": 5, "op": "stats"})
    assert sum(answer["delivered"] for answer in answers) + stats["lost"] == stats["admitted"] == 20
    adapter.handle({"id": 6, "op": "reset"})


@pytest.mark.parametrize("wrong", [{"now": "soon"}, {"policy": {}}, {"profile": "saml"}, {"op": "introspect"}])
def test_a_request_that_makes_no_sense_is_an_error(adapter: Adapter, wrong: Json) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        adapter.handle({**request(mint()), "policy_id": "p", **wrong})
    assert adapter.handle(request(mint()))["verdict"] == "accepted"


def test_standard_input_and_output() -> None:
    lines = [{"id": 1, "op": "hello", "protocol": 1}, request(mint()), request("x")]
    roots = [Path(bearerproof_reference.__file__).parents[1], Path(__file__).parents[2] / "spec"]
    done = subprocess.run(
        [sys.executable, "-m", "bearerproof_reference"],
        input="".join(json.dumps(line) + "\n" for line in lines),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, roots))},
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("verdict") for answer in answers] == [None, "accepted", "rejected"]
