"""joserfc with one key: a JWK, or whatever text there is, imported as a secret."""

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, OctKey
from library import CURVES, RSA, SYMMETRIC, Json
from texts import OPTIONS, key_of, serve_release


def verify(request: Json) -> Json:
    """Return the claims; the registry counts whole seconds."""
    policy = request["policy"]
    jwk = policy["keys"]["keys"][0]
    key = JWKRegistry.import_key(jwk) if OPTIONS["key_form"] == "jwk" else OctKey.import_key(key_of(policy))
    wanted = {name: {"essential": True, "value": policy[key]} for name, key in (("iss", "issuer"), ("aud", "audience"))}
    registry = jwt.JWTClaimsRegistry(now=int(request["now"]), leeway=policy.get("leeway", 0), **wanted)
    claims = jwt.decode(request["token"], key, algorithms=policy["algorithms"]).claims
    registry.validate(claims)
    return claims


serve_release(
    "joserfc", verify, (JoseError,), algorithms=[*SYMMETRIC, *RSA, *CURVES], key_form="jwk", key_set=False,
    mixed_algorithms=True, options=["leeway"],
)  # fmt: skip
