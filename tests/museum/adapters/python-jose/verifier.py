"""python-jose with one key as text."""

from jose import jwt
from jose.exceptions import JOSEError
from library import SYMMETRIC, Json
from texts import key_of, serve_release


def verify(request: Json) -> Json:
    """Return the claims; python-jose reads the clock itself."""
    policy = request["policy"]
    checks = {name: policy[name] for name in ("issuer", "audience", "algorithms")}
    return jwt.decode(request["token"], key_of(policy), **checks)


serve_release(
    "python-jose",
    verify,
    (JOSEError,),
    algorithms=[*SYMMETRIC, "RS256"],
    clock="real",
    key_set=False,
    mixed_algorithms=True,
    options=[],
)
