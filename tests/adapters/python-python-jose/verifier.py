"""python-jose: ``jwt.decode`` with the policy's key set and every check among its options."""

import time_machine
from jose import jwt
from jose.exceptions import JOSEError
from library import CURVES, RSA, SYMMETRIC, Json, serve_library

REQUIRABLE = ["aud", "exp", "iat", "iss", "jti", "nbf", "sub"]
"""Claims for which ``decode`` has an option ``require_…``."""


def verify(request: Json) -> Json:
    """Return the claims; python-jose reads the clock itself, for which there is a stand-in."""
    policy = request["policy"]
    required = {"iss", "aud", *policy.get("require", [])}
    with time_machine.travel(request["now"], tick=False):
        return jwt.decode(
            request["token"],
            policy["keys"],
            algorithms=policy["algorithms"],
            issuer=policy["issuer"],
            audience=policy["audience"],
            options={f"require_{name}": True for name in required} | {"leeway": policy.get("leeway", 0)},
        )


serve_library(
    "python-jose",
    verify,
    (JOSEError,),
    algorithms=[*SYMMETRIC, *RSA[:3], *CURVES],
    key_set=False,
    options=["leeway", {"require": REQUIRABLE}],
)
