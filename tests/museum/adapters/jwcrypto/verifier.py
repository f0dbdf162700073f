"""jwcrypto: ``jwt.JWT`` with the policy's ``JWKSet``, told no more than every release understands."""

import json

from jwcrypto.common import JWException
from jwcrypto.jwk import JWKSet
from jwcrypto.jwt import JWT
from library import CURVES, RSA, SYMMETRIC, Json
from texts import serve_release


def verify(request: Json) -> Json:
    """Return the claims; jwcrypto reads the clock itself."""
    policy = request["policy"]
    jwt = JWT(check_claims={"iss": policy["issuer"], "aud": policy["audience"]})
    jwt.leeway = policy.get("leeway", 0)
    jwt.deserialize(request["token"], JWKSet.from_json(json.dumps(policy["keys"])))
    return json.loads(jwt.claims)


serve_release(
    "jwcrypto",
    verify,
    (JWException, ValueError),
    algorithms=[*SYMMETRIC, *RSA, *CURVES],
    clock="real",
    mixed_algorithms=True,
    options=["leeway"],
)
