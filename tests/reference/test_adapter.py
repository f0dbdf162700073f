"""The adapter: sinks that fail, requests that make no sense, and standard input and output.

What it answers is judged by the suite, which speaks to the reference through it.
"""

import json
import os
import subprocess
import sys
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
    applied = {**POLICY, **(policy or {})}
    base = {"id": 7, "op": "verify", "now": NOW, "tick": 0, "profile": "access-token", "token": token}
    return {**base, "policy_id": json.dumps(applied), "policy": applied, **members}


@pytest.fixture(name="adapter")
def _adapter() -> Adapter:
    return create()


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
    answers = [adapter.handle(request(mint(EXPIRED))) for _ in range(20)]
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
        timeout=600,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [answer.get("verdict") for answer in answers] == [None, "accepted", "rejected"]
