"""google-auth: ``google.auth.jwt.decode`` with certificates by kid; the issuer compared as ``oauth2.id_token`` does.

It needs ``iat`` and ``exp``, and reads the clock by ``_helpers.utcnow``, for which its users' tests have a stand-in.
"""

from datetime import UTC, datetime

from google.auth import _helpers, exceptions, jwt
from library import Json, serve_library


def verify(request: Json) -> Json:
    """Return the claims."""
    policy = request["policy"]
    now = datetime.fromtimestamp(request["now"], UTC).replace(tzinfo=None)
    _helpers.utcnow = lambda: now
    claims: Json = jwt.decode(
        request["token"],
        certs={kid: texts["certificate"] for kid, texts in policy["key_texts"].items()},
        audience=policy["audience"],
        clock_skew_in_seconds=policy.get("leeway", 0),
    )
    if claims.get("iss") != policy["issuer"]:
        raise exceptions.GoogleAuthError("wrong issuer")
    return claims


serve_library(
    "google-auth",
    verify,
    (exceptions.GoogleAuthError,),
    algorithms=["RS256", "ES256", "ES384"],
    key_form="certificate",
    options=["leeway"],
    tokens={"jwt": {"needed_claims": ["iat", "exp"]}},
)
