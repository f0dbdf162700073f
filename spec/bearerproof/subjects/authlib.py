"""Authlib's ``authlib.jose`` as an implementation of the profiles jws and jwt; ``validate`` is told the time.

The module is deprecated in Authlib, in favour of joserfc; it is judged because it is still widely installed.
"""

import warnings
from typing import ClassVar

from authlib import __version__
from authlib.deprecate import AuthlibDeprecationWarning

with warnings.catch_warnings():
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)  # it is said above; each run need not repeat it
    from authlib.jose import JsonWebKey, JsonWebSignature, JsonWebToken, KeySet, errors

from bearerproof.members import Json
from bearerproof.subjects.subject import ALGORITHMS, Meaning, Subject


class Authlib(Subject):
    """Authlib through ``JsonWebKey.import_key_set``, ``JsonWebToken.decode`` and ``claims.validate``."""

    name = "Authlib"
    version = __version__
    capabilities: ClassVar[Json] = {
        "algorithms": list(ALGORITHMS),
        "clock": "injected",
        "max_token": JsonWebSignature.MAX_CONTENT_LENGTH,
    }
    rejection = errors.JoseError
    meanings = (
        Meaning(errors.BadSignatureError, "signature"),
        Meaning(errors.ExpiredTokenError, "expired"),
        Meaning(errors.InvalidTokenError, "issued-in-future", words="in the future"),
        Meaning(errors.InvalidTokenError, "not-yet-valid"),
        Meaning(errors.MissingClaimError, "claim-missing"),
        Meaning(errors.InvalidClaimError, "issuer", claim="iss"),
        Meaning(errors.InvalidClaimError, "audience", claim="aud"),
        Meaning(errors.InvalidClaimError, "claim-malformed"),
        Meaning(errors.MissingAlgorithmError, "algorithm"),
        Meaning(errors.UnsupportedAlgorithmError, "algorithm"),
        Meaning(errors.InvalidCritHeaderParameterNameError, "critical"),
        Meaning(errors.InvalidHeaderParameterNameError, "critical"),  # crit of the wrong type
        Meaning(errors.InvalidUseError, "key-unusable"),
        Meaning(errors.DecodeError, "malformed"),
        Meaning(errors.JoseError, "other"),
    )

    def import_keys(self, jwks: Json) -> KeySet:
        """Return the set as Authlib's own."""
        return JsonWebKey.import_key_set(jwks)

    def verify(self, token: str | bytes, keys: KeySet, policy: Json, now: float) -> Json:
        """Verify a JWT: the signature by ``decode``, the claims by ``validate``."""
        options: dict[str, Json] = {name: {"essential": True} for name in policy["require"]}
        options["iss"] = {"essential": True, "value": policy["issuer"]}
        options["aud"] = {"essential": True, "value": policy["audience"]}
        claims = JsonWebToken(policy["algorithms"]).decode(token, keys, claims_options=options)
        claims.validate(now=now, leeway=policy["leeway"])
        return dict(claims)

    def verify_jws(self, token: str | bytes, keys: KeySet, algorithms: list[str]) -> bytes:
        """Verify a JWS in compact serialisation, with the key that its ``kid`` names."""
        jws = JsonWebSignature(algorithms)
        found = jws.deserialize_compact(token, lambda header, _: keys.find_by_kid(header.get("kid")))
        payload: bytes = found["payload"]
        return payload


def create() -> Authlib:
    """Return an adapter with an empty cache of key sets."""
    return Authlib()
