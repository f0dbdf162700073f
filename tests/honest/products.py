"""A product with rules of its own for its tokens, over the reference."""

from bearerproof.contract.connections import Handle
from bearerproof.members import Json

from .shapes import Shape
from .verifiers import REJECTED, claims_of, declaring

SUBJECTS = [f"01ARZ3NDEKTSV4RRFFQ69G5FA{letter}" for letter in "VWXY"]
DAY = 86_400
IAT_LEEWAY = 60

_KNOWN = ["iss", "sub", "aud", "exp", "nbf", "iat", "cat", "scopes", "sid", "sv"]
_OWN: dict[str, list[str]] = {
    "jwt": ["client_id", "jti"],
    "access-token": ["client_id", "jti"],
    "id-token": [
        "azp",
        "nonce",
        "at_hash",
        "c_hash",
        "auth_time",
        "acr",
    ],
}


def _rules(profile: str) -> Json:
    return {
        "claims": {"cat": "access"},
        "subjects": SUBJECTS,
        "closed_claims": [*_KNOWN, *_OWN[profile]],
        "padding_claim": "scopes",
        "max_lifetime": DAY,
        "leeway": {"iat": IAT_LEEWAY},
        "nonce_required": profile == "id-token",
    }


RULES: Json = {profile: _rules(profile) for profile in _OWN}


def answers(request: Json, ask: Handle) -> Json:
    """Hold tokens to the rules, after all that the reference asks of them."""
    answer = ask(request)
    rules = RULES.get(request.get("profile", ""))
    if rules is None:
        return answer
    claims, now = claims_of(request), request["now"]
    if answer.get("reason") == "issued-in-future" and claims["iat"] <= now + IAT_LEEWAY:
        answer = {"verdict": "accepted", "claims": claims}
    return answer if answer["verdict"] == "rejected" or _is_ours(claims, rules, request) else REJECTED


def _is_ours(claims: Json, rules: Json, request: Json) -> bool:
    typed = claims.get("cat") == "access" and claims.get("sub") in SUBJECTS
    known = set(claims) <= set(rules["closed_claims"])
    asked = not rules["nonce_required"] or request["policy"].get("nonce") is not None
    return typed and known and asked and claims["exp"] - _first(claims, request["now"]) <= DAY


def _first(claims: Json, now: float) -> float:
    return min(now, float(claims.get("iat", now)), float(claims.get("nbf", now)))


PRODUCT = Shape(answers, {"profiles": ["jwt", "access-token", "id-token"], **declaring(tokens=RULES)})
