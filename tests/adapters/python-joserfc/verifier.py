"""joserfc: ``jwt.decode`` with the policy's key set, then ``JWTClaimsRegistry``, which is told the time."""

from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from library import CURVES, RSA, SYMMETRIC, Json, serve_library


def verify(request: Json) -> Json:
    """Return the claims; the registry counts whole seconds."""
    policy = request["policy"]
    wanted: dict[str, Any] = {name: {"essential": True} for name in policy.get("require", [])}
    for name, value in (("iss", policy["issuer"]), ("aud", policy["audience"])):
        wanted[name] = {"essential": True, "value": value}
    registry = jwt.JWTClaimsRegistry(now=int(request["now"]), leeway=policy.get("leeway", 0), **wanted)
    keys = KeySet.import_key_set(policy["keys"])
    claims = jwt.decode(request["token"], keys, algorithms=policy["algorithms"]).claims
    registry.validate(claims)
    return claims


serve_library("joserfc", verify, (JoseError,), algorithms=[*SYMMETRIC, *RSA, *CURVES, "EdDSA", "Ed25519"])
