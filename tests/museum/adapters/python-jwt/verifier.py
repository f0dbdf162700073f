"""python_jwt: ``verify_jwt`` with one key, a list of algorithms and the checks that it offers."""

import json

import python_jwt
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK
from library import CURVES, RSA, SYMMETRIC, Json
from texts import serve_release

REJECTIONS = (python_jwt._JWTError, JWException)


def verify(request: Json) -> Json:
    """Return the claims; python_jwt reads the clock itself and compares neither issuer nor audience."""
    policy = request["policy"]
    key = JWK.from_json(json.dumps(policy["keys"]["keys"][0]))
    _, claims = python_jwt.verify_jwt(request["token"], key, policy["algorithms"], checks_optional=True)
    return claims


serve_release(
    "python_jwt",
    verify,
    REJECTIONS,
    algorithms=[*SYMMETRIC, *RSA, *CURVES],
    clock="real",
    key_form="jwk",
    key_set=False,
    mixed_algorithms=True,
    options=[],
)
