"""Single faults, each of which is the matter of one requirement: who has one is not blamed for others."""

import re
from collections.abc import Mapping

import pytest

from bearerproof.contract.connections import Handle
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof.members import Json

from .shapes import Answering, Shape, judged, red
from .verifiers import declaring, part


def none_accepted(request: Json, ask: Handle) -> Json:
    """Believes an unsecured JWT."""
    header, claims = part(request, 0), part(request, 1)
    if isinstance(header, dict) and header.get("alg") == "none" and _admitted(claims, request):
        return {"verdict": "accepted", "claims": claims}
    return ask(request)


def times_as_text(request: Json, ask: Handle) -> Json:
    """Converts an `exp` that is text."""
    claims, answer = part(request, 1), ask(request)
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


FAULTS: Mapping[str, tuple[Answering, set[str]]] = {
    "none-accepted": (none_accepted, {"VER-12"}),
    "times-as-text": (times_as_text, {"VER-32"}),
    "blanks-skipped": (blanks_skipped, {"VER-2"}),
}

ABOUT_FORGERY = (*(f"VER-{number}" for number in (1, 2, 4, 9, 12, 24, 25, 26, 29, 32, 33)), "IDT-4")

LIMITED = Shape(
    declares={
        "profiles": ["jwt", "id-token"],
        **declaring(algorithms=["ES256", "HS256"], options=["leeway", "require"], mixed_algorithms=False),
    }
)


@pytest.mark.parametrize("name", FAULTS)
def test_one_fault_is_the_matter_of_one_requirement(name: str) -> None:
    fault, requirements = FAULTS[name]
    finished = judged([Shape(fault), LIMITED], RunConfig(target="fault", requirements=ABOUT_FORGERY, depth=QUICK))
    assert {check.split(".")[0] for check in red(finished)} == requirements
