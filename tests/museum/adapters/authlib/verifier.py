"""``authlib.jose`` with one key, text that it imports itself or a JWK; the exhibit says by which of its classes."""

import json
from base64 import urlsafe_b64decode

from authlib.jose import JsonWebSignature, JsonWebToken, JWTClaims, jwt
from authlib.jose.errors import JoseError
from library import CURVES, RSA, SYMMETRIC, Json
from texts import CALL, key_of, serve_release


def by_token(token: str, policy: Json, wanted: Json) -> JWTClaims:
    """Verify by the list of algorithms."""
    return JsonWebToken(policy["algorithms"]).decode(token, key_of(policy), claims_options=wanted)


def by_default(token: str, policy: Json, wanted: Json) -> JWTClaims:
    """Verify by the object that stands ready-made, without a list."""
    return jwt.decode(token, key_of(policy), claims_options=wanted)


def by_signature(token: str, policy: Json, wanted: Json) -> JWTClaims:
    """Verify the signature alone, with the key that the caller has looked up by kid: None where there is none."""
    kid = json.loads(urlsafe_b64decode(token.partition(".")[0] + "===")).get("kid")
    key = next((jwk for jwk in policy["keys"]["keys"] if jwk["kid"] == kid), None)
    signed = JsonWebSignature(policy["algorithms"]).deserialize_compact(token, key)
    return JWTClaims(json.loads(signed.payload), signed.header, wanted)


VERIFIERS = {"token": by_token, "default": by_default, "signature": by_signature}


def verify(request: Json) -> Json:
    """Return the claims; ``validate`` is told the time."""
    policy = request["policy"]
    wanted = {name: {"essential": True, "value": policy[key]} for name, key in (("iss", "issuer"), ("aud", "audience"))}
    claims = VERIFIERS[CALL.get("by", "token")](request["token"], policy, wanted)
    claims.validate(now=request["now"], leeway=policy.get("leeway", 0))
    return dict(claims)


serve_release(
    "Authlib",
    verify,
    (JoseError,),
    algorithms=[*SYMMETRIC, *RSA, *CURVES],
    key_form="jwk",
    key_set=False,
    mixed_algorithms=True,
    options=["leeway"],
)
