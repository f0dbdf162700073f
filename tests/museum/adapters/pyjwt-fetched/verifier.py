"""PyJWT's ``PyJWKClient``, which fetches the key set; the clocks of the library are those of the request."""

import time
from functools import cache

import jwt
from library import CURVES, RSA, Json
from texts import serve_release

TTL, COOLDOWN = 300, 30
"""Seconds: PyJWT's own defaults, where a release has them."""

NOW = {"tick": 0.0}
time.time = time.monotonic = lambda: NOW["tick"]


@cache
def client(url: str, policy_id: str) -> jwt.PyJWKClient:
    """Return the client of a policy, made once."""
    return jwt.PyJWKClient(url, lifespan=TTL)


def verify(request: Json) -> Json:
    """Return the claims; ages of sets are told in ``tick``, and no claim about time is looked at."""
    NOW["tick"] = request["tick"]
    token, policy = request["token"], request["policy"]
    if "keys_url" in policy:
        key = client(policy["keys_url"], request["policy_id"]).get_signing_key_from_jwt(token)
    else:
        kid = jwt.get_unverified_header(token).get("kid")
        [key] = [key for key in jwt.PyJWKSet.from_dict(policy["keys"]).keys if key.key_id == kid] or [None]
        if key is None:
            raise jwt.PyJWKClientError("no key of that kid")
    checks = {name: policy[name] for name in ("issuer", "audience", "algorithms")}
    return jwt.decode(token, key.key, options={"verify_exp": False, "verify_nbf": False, "verify_iat": False}, **checks)


serve_release(
    "PyJWT",
    verify,
    (jwt.PyJWTError,),
    algorithms=[*RSA, *CURVES],
    options=[],
    keys_url={"ttl": TTL, "stale": 0, "cooldown": COOLDOWN},
)
