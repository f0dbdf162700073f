"""PyJWT with one key as text, since 0.4; before 1.0 no list of algorithms could be given."""

import jwt
from library import CURVES, RSA, SYMMETRIC, Json
from texts import key_of, serve_release

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
    "PyJWT", verify, (ERROR,), algorithms=[*SYMMETRIC, *RSA[:3], *CURVES], clock="real", key_set=False,
    mixed_algorithms=True, options=["leeway"],
)  # fmt: skip
