"""``authlib.jose`` with one key: text that it imports itself, or a JWK."""

from authlib.jose import JsonWebToken
from authlib.jose.errors import JoseError
from library import CURVES, RSA, SYMMETRIC, Json
from texts import key_of, serve_release


def verify(request: Json) -> Json:
    """Return the claims; ``validate`` is told the time."""
    policy = request["policy"]
    wanted = {name: {"essential": True, "value": policy[key]} for name, key in (("iss", "issuer"), ("aud", "audience"))}
    claims = JsonWebToken(policy["algorithms"]).decode(request["token"], key_of(policy), claims_options=wanted)
    claims.validate(now=request["now"], leeway=policy.get("leeway", 0))
    return dict(claims)


serve_release(
    "Authlib", verify, (JoseError,), algorithms=[*SYMMETRIC, *RSA, *CURVES], key_form="jwk", key_set=False,
    mixed_algorithms=True, options=["leeway"],
)  # fmt: skip
