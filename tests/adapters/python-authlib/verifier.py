"""Authlib's ``authlib.jose``, deprecated there in favour of joserfc and judged because so much still uses it."""

import warnings
from typing import Any

from authlib.deprecate import AuthlibDeprecationWarning
from library import CURVES, RSA, SYMMETRIC, Json, serve_library

warnings.simplefilter("ignore", AuthlibDeprecationWarning)

from authlib.jose import JsonWebKey, JsonWebToken  # noqa: E402 - it warns when it is imported
from authlib.jose.errors import JoseError  # noqa: E402 - likewise


def verify(request: Json) -> Json:
    """Return the claims; ``validate`` is told the time."""
    policy = request["policy"]
    wanted: dict[str, Any] = {name: {"essential": True} for name in policy.get("require", [])}
    for name, value in (("iss", policy["issuer"]), ("aud", policy["audience"])):
        wanted[name] = {"essential": True, "value": value}
    keys = JsonWebKey.import_key_set(policy["keys"])
    claims = JsonWebToken(policy["algorithms"]).decode(request["token"], keys, claims_options=wanted)
    claims.validate(now=request["now"], leeway=policy.get("leeway", 0))
    return dict(claims)


serve_library("Authlib", verify, (JoseError,), algorithms=[*SYMMETRIC, *RSA, *CURVES, "EdDSA"])
