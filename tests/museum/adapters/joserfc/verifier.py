"""joserfc with one key: a JWK, or whatever text there is, imported as a secret."""

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import JWKRegistry, OctKey
from library import CURVES, RSA, SYMMETRIC, Json
from texts import OPTIONS, key_of, serve_release


class RefusedKeyError(Exception):
    """The library does not import such a key: nothing verifies under it."""


def import_key(policy: Json) -> object:
    """Return the first key of the policy.

    Raises:
        RefusedKeyError: it cannot be one, which the library says with a ValueError.
    """
    if OPTIONS["key_form"] == "jwk":
        return JWKRegistry.import_key(policy["keys"]["keys"][0])
    try:
        return OctKey.import_key(key_of(policy))
    except ValueError as error:
        raise RefusedKeyError(str(error)) from None


def verify(request: Json) -> Json:
    """Return the claims; the registry counts whole seconds."""
    policy = request["policy"]
    wanted = {name: {"essential": True, "value": policy[key]} for name, key in (("iss", "issuer"), ("aud", "audience"))}
    registry = jwt.JWTClaimsRegistry(now=int(request["now"]), leeway=policy.get("leeway", 0), **wanted)
    claims = jwt.decode(request["token"], import_key(policy), algorithms=policy["algorithms"]).claims
    registry.validate(claims)
    return claims


serve_release(
    "joserfc",
    verify,
    (JoseError, RefusedKeyError),
    algorithms=[*SYMMETRIC, *RSA, *CURVES],
    key_form="jwk",
    key_set=False,
    mixed_algorithms=True,
    options=["leeway"],
)
