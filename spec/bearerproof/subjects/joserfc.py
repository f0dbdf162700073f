"""joserfc as an implementation of the profiles jws and jwt; its claims registry is told the time."""

from typing import ClassVar

from joserfc import __version__, errors, jws, jwt
from joserfc.jwk import KeySet

from bearerproof.members import Json
from bearerproof.subjects.subject import ALGORITHMS, Meaning, Subject


class JoseRfc(Subject):
    """joserfc through ``KeySet``, ``jwt.decode`` and ``JWTClaimsRegistry``."""

    name = "joserfc"
    version = __version__
    capabilities: ClassVar[Json] = {
        "algorithms": [*ALGORITHMS, "Ed25519"],
        "clock": "injected",
        "max_token": 512 + 128_000 + 1024,  # the registry's caps of header, payload and signature
    }
    rejection = errors.JoseError
    meanings = (
        Meaning(errors.BadSignatureError, "signature"),
        Meaning(errors.ExceededSizeError, "too-large"),
        Meaning(errors.ExpiredTokenError, "expired"),
        Meaning(errors.MissingClaimError, "claim-missing"),
        Meaning(errors.InvalidClaimError, "issuer", claim="iss"),
        Meaning(errors.InvalidClaimError, "audience", claim="aud"),
        Meaning(errors.InvalidClaimError, "not-yet-valid", claim="nbf", words="not yet valid"),
        Meaning(errors.InvalidClaimError, "issued-in-future", claim="iat", words="in the future"),
        Meaning(errors.InvalidClaimError, "claim-malformed"),
        Meaning(errors.MissingAlgorithmError, "algorithm"),
        Meaning(errors.UnsupportedAlgorithmError, "algorithm"),
        Meaning(errors.ConflictAlgorithmError, "algorithm"),
        Meaning(errors.MissingCritHeaderError, "critical"),
        Meaning(errors.UnsupportedHeaderError, "critical", words="Unsupported ["),  # names in crit
        Meaning(errors.UnsupportedHeaderError, "header"),
        Meaning(errors.InvalidHeaderValueError, "header"),
        Meaning(errors.MissingHeaderError, "header"),
        Meaning(errors.InvalidKeyIdError, "key-unknown"),
        Meaning(errors.KeyParameterError, "key-unusable"),
        Meaning(errors.MissingKeyError, "key-unusable"),
        Meaning(errors.InvalidKeyCurveError, "key-unusable"),
        Meaning(errors.InvalidKeyLengthError, "key-unusable"),
        Meaning(errors.InvalidPayloadError, "malformed"),
        Meaning(errors.DecodeError, "malformed"),
        Meaning(errors.JoseError, "other"),
    )

    def import_keys(self, jwks: Json) -> KeySet:
        """Return the set as joserfc's own."""
        return KeySet.import_key_set(jwks)  # type: ignore[arg-type]  # the policy's JSON, not yet looked at

    def verify(self, token: str | bytes, keys: KeySet, policy: Json, now: float) -> Json:
        """Verify a JWT: the signature first, then its claims by a registry of what the policy asks for."""
        claims = jwt.decode(token, keys, algorithms=policy["algorithms"]).claims
        wanted: dict[str, jwt.ClaimsOption] = {name: {"essential": True} for name in policy["require"]}
        wanted["iss"] = {"essential": True, "value": policy["issuer"]}
        wanted["aud"] = {"essential": True, "value": policy["audience"]}
        jwt.JWTClaimsRegistry(now=int(now), leeway=policy["leeway"], **wanted).validate(claims)
        return claims

    def verify_jws(self, token: str | bytes, keys: KeySet, algorithms: list[str]) -> bytes:
        """Verify a JWS in compact serialisation."""
        return jws.deserialize_compact(token, keys, algorithms=algorithms).payload


def create() -> JoseRfc:
    """Return an adapter with an empty cache of key sets."""
    return JoseRfc()
