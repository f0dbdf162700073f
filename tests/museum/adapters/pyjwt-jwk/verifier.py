"""PyJWT 2 with the first key of the policy as ``PyJWK``."""

import jwt
from library import CURVES, RSA, SYMMETRIC, Json
from texts import serve_release


def verify(request: Json) -> Json:
    """Return the claims; PyJWT reads the clock itself."""
    policy = request["policy"]
    checks = {name: policy[name] for name in ("issuer", "audience", "algorithms")}
    key = jwt.PyJWK(policy["keys"]["keys"][0])
    return jwt.decode(request["token"], key, leeway=policy.get("leeway", 0), **checks)


serve_release(
    "PyJWT",
    verify,
    (jwt.PyJWTError,),
    algorithms=[*SYMMETRIC, *RSA, *CURVES, "EdDSA"],
    clock="real",
    key_form="jwk",
    key_set=False,
    mixed_algorithms=True,
    options=["leeway"],
)
