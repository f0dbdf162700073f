"""Each thing that can be declared, alone: an honest implementation that declares it is judged whole at base."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PublicKey

from bearerproof.contract.connections import Handle, InProcess
from bearerproof.contract.declaration import ALGORITHMS, OPTIONS
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.keyforms import KEY_FORMS
from bearerproof.judging import exercised
from bearerproof.judging.exercised import Untried
from bearerproof.judging.results import RED
from bearerproof.judging.runner import Run, RunOptions, run
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.suite import SUITE
from bearerproof_reference.adapter import create as reference

PROFILES = ("jws", "jwt", "access-token", "id-token")
OF_OPTIONS = ("VER-29", "VER-35", "VER-37", "VER-41", "VER-42", "VER-43")
"""A few requirements that have checks of each option, so that the rest need not be run; VER-24 has of all else."""


def declaring(profile: str, **capabilities: Any) -> Handle:
    """Return the reference at contract level 0, which declares this and nothing else."""
    answer, told = reference().handle, {"algorithms": ["ES256"], "options": [], **capabilities}

    def handle(request: Json) -> Json:
        if request["op"] != "hello":
            known = ("id", "verdict", "claims", "payload_b64")
            return {name: value for name, value in answer(request).items() if name in known}
        who = {"name": "one", "version": "1", "language": "python"}
        return {
            "id": request["id"],
            "protocol": 1,
            "level": 0,
            "measure": "base",
            "profiles": [profile],
            "implementation": who,
            "capabilities": told,
        }

    return handle


def judged(handle: Handle, *requirements: str, measure: Measure | None = None) -> Run:
    started = Implementation(InProcess(lambda: handle))
    config = RunConfig(target="one", measure=measure, depth=QUICK, requirements=("VER-24", *requirements))
    return run(SUITE, config, RunOptions(report_findings=False), started=started)


def untried(finished: Run) -> Untried:
    """Return what the whole suite would be told to have left out, if it had no other checks than these."""
    harness = finished.harness
    declaration = harness.implementation.declaration
    return exercised.untried(declaration, harness.tried, asked=harness.asked, judged=harness.judged, partial=False)


def alone() -> Iterator[tuple[str, Json]]:
    """Yield what can be declared, each by itself."""
    for profile in PROFILES:
        yield profile, {}
    for option in (*OPTIONS, {"require": ["nbf"]}, {"require": ["tenant"]}):
        yield ("access-token" if "session" in str(option) else "jwt"), {"options": [option]}
    yield "id-token", {"options": list(OPTIONS), "clock": "real"}
    for algorithm in ALGORITHMS:
        yield "jwt", {"algorithms": [algorithm]}
    for form in KEY_FORMS:
        yield "jwt", {"algorithms": ["RS256"], "key_form": form, "key_set": False}
    for other in ({"clock": "real"}, {"key_set": False}, {"token_b64": True}):
        yield "jwt", other


@pytest.mark.parametrize(("profile", "capabilities"), list(alone()), ids=json.dumps)
def test_what_is_declared_alone_is_tried_or_costs_nothing(profile: str, capabilities: Json) -> None:
    finished = judged(declaring(profile, **capabilities), *(OF_OPTIONS if "options" in capabilities else ()))
    assert (finished.fault, finished.troubles) == (None, [])
    assert [record.id for record in finished.records if record.state in RED] == []
    assert untried(finished).unjudged == ()
    strict_only = [f"option {name}" for name in ("replay", "sessions", "session_versions")]
    assert set(untried(finished).deselected) <= set(strict_only)


def test_a_claim_that_is_declared_to_be_required_is() -> None:
    honest = declaring("jwt", options=[{"require": ["tenant"]}])

    def forgetful(request: Json) -> Json:
        policy = {**request.get("policy", {}), "require": []}
        return honest({**request, "policy": policy} if "policy" in request else request)

    red = {record.id for record in judged(forgetful, "VER-35").records if record.state in RED}
    assert red == {"VER-35.each-claim-that-can-be-required.jwt"}


def test_a_token_beyond_the_stated_cap_may_be_refused_whatever_it_is() -> None:
    answer, cap = declaring("jwt", max_token=1500), 1500

    def handle(request: Json) -> Json:
        beyond = len(request.get("token", "")) > cap
        return {"id": request["id"], "verdict": "rejected"} if beyond else answer(request)

    capped = {record.id: record for record in judged(handle, "VER-40", measure=Measure.STRICT).records}
    assert [record.id for record in capped.values() if record.state in RED] == []
    assert "is longer than the stated cap of 1500" in str(capped["VER-40.many-values-side-by-side.jwt"].reason)


# --- EdDSA with its second curve

BOTH = {"algorithms": ["EdDSA"], "eddsa_curves": ["Ed25519", "Ed448"]}


def with_ed448(verifies: bool) -> Handle:
    """Return the reference with the second curve of EdDSA, or with one that does not look at the signature."""
    answer = declaring("jwt", **BOTH)

    def handle(request: Json) -> Json:
        key = request["policy"]["keys"]["keys"][0] if "policy" in request else {}
        if key.get("crv") != "Ed448":
            return answer(request)
        signing_input, _, signature = request["token"].rpartition(".")
        try:
            if verifies:
                Ed448PublicKey.from_public_bytes(_octets(key["x"])).verify(_octets(signature), signing_input.encode())
        except InvalidSignature:
            return {"id": request["id"], "verdict": "rejected"}
        claims = json.loads(_octets(signing_input.partition(".")[2]))
        return {"id": request["id"], "verdict": "accepted", "claims": claims}

    return handle


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "==")


def test_ed448_under_the_name_eddsa_is_judged_where_it_is_declared() -> None:
    name = "VER-24.eddsa-with-ed448.jwt"
    right, lax, without = (
        judged(handle) for handle in (with_ed448(True), with_ed448(False), declaring("jwt", algorithms=["EdDSA"]))
    )
    assert [record.state for run in (right, lax, without) for record in run.records if record.id == name] == [
        "passed",
        "failed",
        "not-applicable",
    ]
    assert [untried(run).unjudged for run in (right, without)] == [(), ()]
