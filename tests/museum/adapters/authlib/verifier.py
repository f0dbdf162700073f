"""``authlib.jose`` with one key, text that it imports itself or a JWK, or with a function that finds it by kid."""

from authlib.jose import JsonWebToken, jwt
from authlib.jose.errors import JoseError
from library import CURVES, RSA, SYMMETRIC, Json
from texts import CALL, OPTIONS, key_of, serve_release


def verify(request: Json) -> Json:
    """Return the claims; ``validate`` is told the time."""
    policy = request["policy"]
    wanted = {name: {"essential": True, "value": policy[key]} for name, key in (("iss", "issuer"), ("aud", "audience"))}
    verifier = jwt if CALL.get("any_algorithm") else JsonWebToken(policy["algorithms"])

    def load_key(header: Json, _: Json) -> object:
        return next((jwk for jwk in policy["keys"]["keys"] if jwk.get("kid") == header.get("kid")), None)

    key = load_key if OPTIONS["key_set"] else key_of(policy)
    claims = verifier.decode(request["token"], key, claims_options=wanted)
    claims.validate(now=request["now"], leeway=policy.get("leeway", 0))
    return dict(claims)


serve_release(
    "Authlib", verify, (JoseError,), algorithms=[*SYMMETRIC, *RSA, *CURVES], key_form="jwk", key_set=False,
    mixed_algorithms=True, options=["leeway"],
)  # fmt: skip
