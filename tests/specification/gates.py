"""Which gates of an honest verifier a presentation fails, by other code than the reference's: PyJWT's algorithms."""

import json
import re
from collections.abc import Mapping
from typing import Any

from jwt.algorithms import get_default_algorithms
from jwt.exceptions import InvalidKeyError

from bearerproof.contract.messages import Presentation
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.edits.registry import Gate
from bearerproof_fuzz.keys import unb64

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_ALGORITHMS = get_default_algorithms()
_ALGORITHMS["Ed25519"] = _ALGORITHMS["EdDSA"]


def broken(presented: Presentation) -> set[Gate]:
    """Return the gates that do not let the token through; one that is no compact JWS comes to no other."""
    token, policy = str(presented.token), presented.policy.members
    if not _COMPACT.fullmatch(token) or any(len(segment) % 4 == 1 for segment in token.split(".")):
        return {Gate.FORM}
    head, body, signature = token.split(".")
    header, claims = _object(head), _object(body)
    if header is None:
        return {Gate.FORM}
    found = set() if header.get("alg") in policy["algorithms"] else {Gate.ALGORITHM}
    named = [jwk for jwk in policy["keys"]["keys"] if jwk.get("kid") == header.get("kid")]
    found |= set() if named else {Gate.KID}
    candidates = named or policy["keys"]["keys"]
    if not any(_verifies(jwk, header.get("alg"), f"{head}.{body}", signature) for jwk in candidates):
        found.add(Gate.SIGNATURE)
    if presented.profile is not Profile.JWS and not _admitted(claims, policy, presented.now):
        found.add(Gate.CLAIMS)
    return found


def _object(segment: str) -> Json | None:
    """Read a segment as leniently as can be: only what is no object at all is none."""
    try:
        value = json.loads(unb64(segment))
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _verifies(jwk: Json, alg: object, signing_input: str, signature: str) -> bool:
    algorithm = _ALGORITHMS.get(alg) if isinstance(alg, str) else None
    if algorithm is None:
        return False
    try:
        key: Any = algorithm.from_jwk({"use": "sig", **jwk})
        public = key.public_key() if hasattr(key, "public_key") else key
        return algorithm.verify(signing_input.encode(), public, unb64(signature))
    except (NotImplementedError, InvalidKeyError, ValueError, TypeError, AttributeError, KeyError):
        return False


def _admitted(claims: Json | None, policy: Mapping[str, Any], now: float) -> bool:
    """Say whether issuer, audience and times are those of an honest token, to the policy's leeway; none is missing."""
    if claims is None:
        return False
    leeway, audience = policy.get("leeway", 0), claims.get("aud")
    times = [claims.get("exp", now + 1), claims.get("nbf", now)]
    return (
        claims.get("iss") == policy["issuer"]
        and (audience == policy["audience"] or (isinstance(audience, list) and policy["audience"] in audience))
        and all(isinstance(time, int | float) for time in times)
        and claims.keys() >= set(policy.get("require", ()))
        and times[1] - leeway <= now < times[0] + leeway
    )
