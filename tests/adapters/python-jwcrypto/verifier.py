"""jwcrypto: ``jwt.JWT`` with the policy's ``JWKSet`` and ``check_claims``, which requires what it compares."""

import json
from typing import Any

import time_machine
from jwcrypto.common import JWException
from jwcrypto.jwk import JWKSet
from jwcrypto.jwt import JWT
from library import CURVES, RSA, SYMMETRIC, Json, serve_library


def verify(request: Json) -> Json:
    """Return the claims; jwcrypto reads the clock itself, for which there is a stand-in."""
    policy = request["policy"]
    wanted = dict.fromkeys(policy.get("require", [])) | {"iss": policy["issuer"], "aud": policy["audience"]}
    keys = JWKSet.from_json(json.dumps(policy["keys"]))
    jwt = JWT(algs=policy["algorithms"], check_claims=wanted, expected_type="JWS", strict_serialization=True)
    jwt.leeway = policy.get("leeway", 0)
    with time_machine.travel(request["now"], tick=False):
        jwt.deserialize(request["token"], keys)
    claims: dict[str, Any] = json.loads(jwt.claims)
    return claims


REJECTIONS = (JWException, ValueError)
"""``JWT.deserialize`` documents a ValueError beside the library's own exceptions."""

serve_library("jwcrypto", verify, REJECTIONS, algorithms=[*SYMMETRIC, *RSA, *CURVES, "EdDSA"])
