"""PyJWT with one key as text, since 0.4; before 1.0 no list of algorithms could be given."""

from types import SimpleNamespace

from cryptography.hazmat import primitives
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils

# What old releases import by names that cryptography gave up.
primitives.interfaces = SimpleNamespace(**{**vars(rsa), **vars(ec)})
utils.decode_rfc6979_signature = utils.decode_dss_signature
utils.encode_rfc6979_signature = utils.encode_dss_signature

import jwt  # noqa: E402 - it finds them now
from library import CURVES, RSA, SYMMETRIC, Json  # noqa: E402 - likewise
from texts import key_of, serve_release  # noqa: E402 - likewise

OLD = jwt.__version__.startswith("0.")
ERROR = jwt.InvalidTokenError if OLD else jwt.PyJWTError if hasattr(jwt, "PyJWTError") else jwt.InvalidTokenError


def verify(request: Json) -> Json:
    """Return the claims; PyJWT reads the clock itself."""
    policy = request["policy"]
    chosen = {} if OLD else {"algorithms": policy["algorithms"]}
    leeway = policy.get("leeway", 0)
    return jwt.decode(
        request["token"], key_of(policy), issuer=policy["issuer"], audience=policy["audience"], leeway=leeway, **chosen
    )


serve_release(
    "PyJWT",
    verify,
    (ERROR,),
    algorithms=[*SYMMETRIC, *RSA[:3], *CURVES],
    clock="real",
    key_set=False,
    mixed_algorithms=True,
    options=["leeway"],
)
