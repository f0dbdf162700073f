"""Honest verifiers of unusual shape, none of which may be red; and single faults, each of which is found once.

Both are the reference, with something done to what it is asked or to what it answers.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bearerproof.contract.connections import Handle, InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.judging.results import RED, State
from bearerproof.judging.runner import RunOptions, run
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof.members import Json
from bearerproof_fuzz.suite import SUITE
from bearerproof_reference.adapter import create as reference

HELLO: Json = {
    "protocol": 1, "level": 0, "profiles": ["jwt", "id-token"], "measure": "base",
    "implementation": {"name": "shape", "version": "1", "language": "python"},
    "capabilities": {"algorithms": ["ES256", "HS256"], "options": ["leeway", "require"]},
}  # fmt: skip

Shape = Callable[[Json, Handle], Json]
"""Given a request and the reference, returns what this verifier answers."""


def _part(request: Json, number: int) -> Any:
    """Read a segment of the token as leniently as can be; an empty object is what cannot be read."""
    try:
        segment = request["token"].split(".")[number]
        return json.loads(base64.urlsafe_b64decode(segment + "=="))
    except (KeyError, IndexError, ValueError, RecursionError):
        return {}


def audience_as_a_list(request: Json, ask: Handle) -> Json:
    """Returns `aud` as a list, numbers as doubles and members in another order."""
    answer = ask(request)
    if "claims" not in answer:
        return answer
    found = {name: float(value) if type(value) is int else value for name, value in reversed(answer["claims"].items())}
    return {**answer, "claims": {**found, "aud": [found["aud"]] if isinstance(found["aud"], str) else found["aud"]}}


def in_whole_seconds(request: Json, ask: Handle) -> Json:
    """Counts in whole seconds and in doubt refuses: the token has to hold a little earlier and later, too."""
    answers = [ask({**request, "now": request["now"] + step}) for step in (0, 0.999, -0.001)]
    return next((answer for answer in answers if answer["verdict"] == "rejected"), answers[0])


def without_options(request: Json, ask: Handle) -> Json:
    """Knows neither leeway nor required claims, and minds being given either."""
    policy = request.get("policy", {})
    return {"errored": {"message": "an option"}} if {"leeway", "require", "typ"} & policy.keys() else ask(request)


def with_a_cap_on_lifetimes(request: Json, ask: Handle) -> Json:
    """Refuses what lives for more than a day or is older than one."""
    claims, now = _part(request, 1), request["now"]
    times = [claims.get(name, now) for name in ("exp", "iat")] if isinstance(claims, dict) else []
    far = any(isinstance(time, int | float) and abs(time - now) > 86_400 for time in times)
    return {"verdict": "rejected"} if far else ask(request)


def unmindful_of_iat(request: Json, ask: Handle) -> Json:
    """Never reads `iat`, so that it is for nobody to say what it is."""
    claims, answer = _part(request, 1), ask(request)
    read = isinstance(claims, dict) and answer.get("reason") in ("claim-malformed", "issued-in-future")
    return {"verdict": "accepted", "claims": claims} if read and not _is_past(claims.get("iat"), request) else answer


def _is_past(value: object, request: Json) -> bool:
    return type(value) in (int, float) and 0 <= float(str(value)) <= request["now"] + 30


SHAPES: Mapping[str, tuple[Shape, list[str] | None]] = {
    "audience-as-a-list": (audience_as_a_list, None),
    "in-whole-seconds": (in_whole_seconds, None),
    "without-options": (without_options, []),
    "with-a-cap-on-lifetimes": (with_a_cap_on_lifetimes, None),
    "unmindful-of-iat": (unmindful_of_iat, None),
}


def none_accepted(request: Json, ask: Handle) -> Json:
    """Believes an unsecured JWT."""
    header, claims = _part(request, 0), _part(request, 1)
    if isinstance(header, dict) and header.get("alg") == "none" and _admitted(claims, request):
        return {"verdict": "accepted", "claims": claims}
    return ask(request)


def times_as_text(request: Json, ask: Handle) -> Json:
    """Converts an `exp` that is text."""
    claims, answer = _part(request, 1), ask(request)
    exp = str(claims.get("exp")) if isinstance(claims, dict) and isinstance(claims.get("exp"), str) else ""
    converted = answer.get("reason") == "claim-malformed" and exp.isdigit() and int(exp) > request["now"]
    return {"verdict": "accepted", "claims": claims} if converted else answer


def blanks_skipped(request: Json, ask: Handle) -> Json:
    """Strips blanks and what else is no base64url from the token before it does anything with it."""
    return ask({**request, "token": re.sub(r"[ \t\r\n]", "", request["token"])} if "token" in request else request)


def _admitted(claims: object, request: Json) -> bool:
    if not isinstance(claims, dict):
        return False
    policy, aud, exp = request["policy"], claims.get("aud"), claims.get("exp")
    in_time = type(exp) is int and exp > request["now"] and claims.get("nbf", 0) <= request["now"]
    return in_time and claims.get("iss") == policy["issuer"] and aud == policy["audience"]


FAULTS: Mapping[str, tuple[Shape, set[str]]] = {
    "none-accepted": (none_accepted, {"VER-12"}),
    "times-as-text": (times_as_text, {"VER-32"}),
    "blanks-skipped": (blanks_skipped, {"VER-2"}),
}

ABOUT_CLAIMS = ("VER-24", *(f"VER-{number}" for number in range(29, 37)), "VER-40", "IDT-1", "IDT-5", "IDT-6")
ABOUT_FORGERY = (*(f"VER-{number}" for number in (1, 2, 4, 9, 12, 24, 25, 26, 29, 32, 33)), "IDT-4")


@pytest.mark.parametrize("name", SHAPES)
def test_an_honest_shape_is_not_red(name: str) -> None:
    shape, options = SHAPES[name]
    states = judged(shape, ABOUT_CLAIMS, options)
    assert [check for check, state in states.items() if state in RED] == []
    assert State.PASSED in states.values()


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_is_the_matter_of_one_requirement(name: str) -> None:
    shape, requirements = FAULTS[name]
    states = judged(shape, ABOUT_FORGERY)
    assert {check.split(".")[0] for check, state in states.items() if state in RED} == requirements


def judged(shape: Shape, requirements: tuple[str, ...], options: list[str] | None = None) -> dict[str, State]:
    """Return how each check ended that was made of a verifier of this shape."""
    started = Implementation(InProcess(lambda: adapter(shape, options)))
    config = RunConfig(target="shape", requirements=requirements, depth=QUICK)
    finished = run(SUITE, config, RunOptions(report_findings=False), started=started)
    return {record.id: record.state for record in finished.records}


def adapter(shape: Shape, options: list[str] | None) -> Handle:
    """Return an adapter of this shape that honours these options."""
    ask = reference().handle
    capabilities = {**HELLO["capabilities"], **({} if options is None else {"options": options})}

    def handle(request: Json) -> Json:
        if request["op"] == "hello":
            return {**HELLO, "capabilities": capabilities}
        answer = shape(request, ask)
        return {name: answer[name] for name in ("verdict", "claims", "errored", "skipped") if name in answer}

    return handle
