"""PyJWT as an implementation of the profiles jws and jwt; it reads the clock itself, nobody can set it."""

from typing import Any, ClassVar

import jwt
from jwt.exceptions import InvalidJTIError, InvalidSubjectError

from bearerproof.members import Json
from bearerproof.subjects.subject import ALGORITHMS, Meaning, Subject


class PolicyKeys(jwt.PyJWKClient):
    """PyJWT's own key client, which takes its set from the policy in place of the network."""

    def __init__(self, jwks: Json) -> None:
        super().__init__("https://keys.invalid/")
        self._jwks = jwks

    def fetch_data(self) -> Any:
        """Return the set of the policy."""
        return self._jwks


class PyJwt(Subject):
    """PyJWT through ``PyJWKClient`` and ``jwt.decode``, with every check that its options offer."""

    name = "PyJWT"
    version = jwt.__version__
    capabilities: ClassVar[Json] = {"algorithms": list(ALGORITHMS), "clock": "real"}
    rejection = jwt.PyJWTError
    meanings = (
        Meaning(jwt.InvalidSignatureError, "signature"),
        Meaning(jwt.ExpiredSignatureError, "expired"),
        Meaning(jwt.ImmatureSignatureError, "issued-in-future", words="(iat)"),
        Meaning(jwt.ImmatureSignatureError, "not-yet-valid"),
        Meaning(jwt.InvalidAudienceError, "audience"),
        Meaning(jwt.InvalidIssuerError, "issuer"),
        Meaning(jwt.MissingRequiredClaimError, "claim-missing"),
        Meaning(jwt.InvalidAlgorithmError, "algorithm"),
        Meaning(InvalidSubjectError, "claim-malformed"),
        Meaning(InvalidJTIError, "claim-malformed"),
        Meaning(jwt.InvalidIssuedAtError, "claim-malformed"),
        Meaning(jwt.DecodeError, "claim-malformed", words=") must be an integer"),  # exp and nbf
        Meaning(jwt.DecodeError, "malformed"),
        Meaning(jwt.InvalidTokenError, "critical", words="crit"),
        Meaning(jwt.InvalidTokenError, "header"),
        Meaning(jwt.PyJWKClientError, "key-unknown"),
        Meaning(jwt.InvalidKeyError, "key-unusable"),
        Meaning(jwt.PyJWKSetError, "key-unusable"),
        Meaning(jwt.PyJWKError, "key-unusable"),
        Meaning(jwt.PyJWTError, "other"),
    )

    def import_keys(self, jwks: Json) -> PolicyKeys:
        """Return a key client over the set; the set itself is read when a key is first asked for."""
        return PolicyKeys(jwks)

    def verify(self, token: str | bytes, keys: PolicyKeys, policy: Json, now: float) -> Json:  # noqa: ARG002 - real clock
        """Verify a JWT as the documents show it for a key set."""
        return jwt.decode(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=policy["algorithms"],
            issuer=policy["issuer"],
            audience=policy["audience"],
            leeway=policy["leeway"],
            options={"require": policy["require"], "enforce_minimum_key_length": True},
        )

    def verify_jws(self, token: str | bytes, keys: PolicyKeys, algorithms: list[str]) -> bytes:
        """Verify a JWS with the key that its ``kid`` names, as ``get_signing_key_from_jwt`` would."""
        jws = jwt.PyJWS(options={"verify_signature": True, "enforce_minimum_key_length": True})
        key = keys.get_signing_key(jws.get_unverified_header(token).get("kid", ""))
        payload: bytes = jws.decode(token, key, algorithms)
        return payload


def create() -> PyJwt:
    """Return an adapter with an empty cache of key sets."""
    return PyJwt()
