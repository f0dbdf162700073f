"""PyJWT, with the key that ``PyJWKClient`` finds in the policy's set and every check that ``decode`` offers."""

from typing import Any

import jwt
import time_machine
from library import CURVES, RSA, SYMMETRIC, Json, serve_library


class PolicyKeys(jwt.PyJWKClient):
    """The client that the documents recommend for a key set; the set comes with the request, not from the network."""

    def __init__(self, jwks: Any) -> None:
        super().__init__("https://keys.invalid/")
        self.jwks = jwks

    def fetch_data(self) -> Any:
        """Return the set of the policy."""
        return self.jwks


def verify(request: Json) -> Json:
    """Return the claims; PyJWT reads the clock itself, for which there is a stand-in."""
    token, policy = request["token"], request["policy"]
    with time_machine.travel(request["now"], tick=False):
        return jwt.decode(
            token,
            PolicyKeys(policy["keys"]).get_signing_key_from_jwt(token),
            algorithms=policy["algorithms"],
            issuer=policy["issuer"],
            audience=policy["audience"],
            leeway=policy.get("leeway", 0),
            options={"require": policy.get("require", []), "enforce_minimum_key_length": True},
        )


serve_library("PyJWT", verify, (jwt.PyJWTError,), algorithms=[*SYMMETRIC, *RSA, *CURVES, "EdDSA"])
