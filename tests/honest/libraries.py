"""Products over real libraries: adapters in the shapes that products have, calling a library as its documents show."""

import base64
import hmac
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.oauth2.rfc6749 import OAuth2Error
from authlib.oauth2.rfc9068 import JWTBearerTokenValidator
from authlib.oidc.core import CodeIDToken, HybridIDToken
from joserfc import jwk
from joserfc import jwt as jose
from joserfc.errors import JoseError

from bearerproof.contract.connections import Handle
from bearerproof.judging import expectations
from bearerproof.judging.expectations import Expectation
from bearerproof.members import Json

from .shapes import Shape
from .verifiers import SHAPES

with warnings.catch_warnings():
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.jose import JsonWebKey, JsonWebToken
    from authlib.jose.errors import JoseError as AuthlibError

ADAPTERS = Path(__file__).parents[1] / "adapters"


class Refused(Exception):
    """A check fails that the product makes beside its library."""


REFUSALS = (jwt.PyJWTError, JoseError, AuthlibError, OAuth2Error, Refused)


@dataclass(frozen=True)
class Product:
    """How a product calls a library, and what it declares.

    ``verify`` returns the claims of the token in a request, or raises; ``known`` names the adapter whose deviations
    are the library's, and ``deviates`` has the clause of each further check that is rightly red. ``shapes`` are put
    around it, by name.
    """

    known: str
    verify: Callable[[Json], Json]
    capabilities: Json
    profile: str = "jwt"
    shapes: str = ""
    deviates: tuple[Expectation, ...] = ()

    def worn(self) -> list[Shape]:
        """Return the shapes around it."""
        return [SHAPES[name] for name in self.shapes.split()]

    def foreseen(self) -> list[Expectation]:
        """Return the true deviations, each with the clause."""
        return [*expectations.read(ADAPTERS / f"python-{self.known}" / "expectations.toml").entries, *self.deviates]

    def handle(self, request: Json) -> Json:
        """Answer one message: the declaration says no more than it must."""
        return {"id": request["id"], **self._answer(request)}

    def _answer(self, request: Json) -> Json:
        if request["op"] == "hello":
            implementation = {"name": f"a product over {self.known}", "version": "1", "language": "python"}
            told = {"protocol": 1, "level": 0, "profiles": [self.profile], "capabilities": self.capabilities}
            return {**told, "implementation": implementation}
        if request["op"] != "verify":
            return {"skipped": "only whole JWTs"}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return {"verdict": "accepted", "claims": self.verify(request)}
        except REFUSALS:
            return {"verdict": "rejected"}


# --- PyJWT


def pyjwt_with_the_key_in_its_settings(request: Json) -> Json:
    return _pyjwt(request, _only_key(request["policy"]))


def pyjwt_with_files_of_pem_by_kid(request: Json) -> Json:
    return _pyjwt(request, _named(request, request["policy"]["key_texts"])["pem"])


def pyjwt_with_a_set(request: Json) -> Json:
    return _pyjwt(request, _of_the_set(request))


def pyjwt_with_the_algorithm_of_its_key(request: Json) -> Json:
    (member,) = request["policy"]["keys"]["keys"]
    key = jwt.PyJWK(member)
    return _pyjwt(request, key, algorithms=[key.algorithm_name])


def pyjwt_with_times_in_whole_seconds(request: Json) -> Json:
    """Check the times oneself, since PyJWT cannot be told what time it is."""
    unclocked = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims, leeway, now = (
        _pyjwt(request, _of_the_set(request), **unclocked),
        request["policy"]["leeway"],
        int(request["now"]),
    )
    times = {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
    if any(type(at) not in (int, float) or not abs(at) < 1e15 for at in times.values()):
        raise Refused
    if now >= int(times["exp"]) + leeway or any(now < times.get(name, now) - leeway for name in ("nbf", "iat")):
        raise Refused
    return claims


def pyjwt_as_a_relying_party(request: Json) -> Json:
    """The login flow of PyJWT's documents, which compares ``at_hash``, and beside it what OIDC Core asks for."""
    policy = request["policy"]
    claims = _pyjwt(request, _of_the_set(request), require=["iss", "sub", "aud", "exp", "iat"])
    algorithm = jwt.get_algorithm_by_name(jwt.get_unverified_header(request["token"])["alg"])
    for member, claim in (("access_token", "at_hash"), ("code", "c_hash")):
        if policy.get(member) is not None and claim in claims:
            digest = algorithm.compute_hash_digest(policy[member].encode())
            half = base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=")
            if not hmac.compare_digest(half, str(claims[claim]).encode()):
                raise Refused
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    strangers = set(audience) - {policy["client_id"], *policy["trusted_audiences"]}
    asked = {"nonce": policy["nonce"], "azp": policy["client_id"] if "azp" in claims else None}
    if strangers or any(value is not None and claims.get(name) != value for name, value in asked.items()):
        raise Refused
    return claims


def _pyjwt(request: Json, key: Any, **options: Any) -> Json:
    policy = request["policy"]
    algorithms = options.pop("algorithms", policy["algorithms"])
    options = {"require": policy.get("require", ["exp"]), "enforce_minimum_key_length": True, **options}
    return jwt.decode(
        request["token"],
        key,
        algorithms,
        options,  # type: ignore[arg-type]  # a plain dict of what the table names
        audience=[policy["audience"]],
        issuer=policy["issuer"],
        leeway=policy.get("leeway", 0),
    )


def _of_the_set(request: Json) -> Any:
    return _named(request, {key.key_id: key for key in jwt.PyJWKSet.from_dict(request["policy"]["keys"]).keys})


def _named(request: Json, keys: Mapping[Any, Any]) -> Any:
    kid = jwt.get_unverified_header(request["token"]).get("kid")
    if kid not in keys:
        raise Refused
    return keys[kid]


def _only_key(policy: Json) -> Any:
    """Return the only key as a product has it in its settings: a PEM, or the octets of a secret."""
    for texts in policy["key_texts"].values():
        return texts["pem"]
    (key,) = policy["keys"]["keys"]
    return base64.urlsafe_b64decode(key["k"] + "==")


# --- joserfc


def joserfc_with_the_key_in_its_settings(request: Json) -> Json:
    policy = request["policy"]
    return _joserfc(request, jwk.import_key(_only_key(policy), _KINDS[policy["algorithms"][0][:2]]))


def joserfc_with_a_jwk(request: Json) -> Json:
    (key,) = request["policy"]["keys"]["keys"]
    return _joserfc(request, jwk.import_key(key))


def joserfc_with_a_function_that_finds_the_key(request: Json) -> Json:
    """Of a set, read the key that is needed, and no other."""
    keys = request["policy"]["keys"]["keys"]
    found = {key.get("kid"): key for key in keys if isinstance(key, dict) and isinstance(key.get("kid"), str)}
    return _joserfc(request, lambda _: jwk.import_key(_named(request, found)))


def _joserfc(request: Json, key: Any) -> Json:
    policy = request["policy"]
    claims = jose.decode(request["token"], key, algorithms=policy["algorithms"]).claims
    registry = jose.JWTClaimsRegistry(int(request["now"]), policy.get("leeway", 0), **_wanted(policy))
    registry.validate(claims)
    return claims


def _wanted(policy: Json) -> Any:
    return {
        **{name: {"essential": True} for name in policy.get("require", ["exp"])},
        "iss": {"essential": True, "value": policy["issuer"]},
        "aud": {"essential": True, "value": policy["audience"]},
    }


_KINDS: Mapping[str, Any] = {"HS": "oct", "ES": "EC", "RS": "RSA", "PS": "RSA", "Ed": "OKP"}


# --- Authlib


def authlib_with_the_key_in_its_settings(request: Json) -> Json:
    return _authlib(request, _only_key(request["policy"]))


def authlib_with_a_set(request: Json) -> Json:
    return _authlib(request, JsonWebKey.import_key_set(request["policy"]["keys"]))


def authlib_as_a_resource_server(request: Json) -> Json:
    """Its validator of RFC 9068 asks for no allow-list: what stands outside the policy's is refused beside it."""
    policy = request["policy"]
    validator = JWTBearerTokenValidator(policy["issuer"], policy["audience"])
    validator.get_jwks = lambda: policy["keys"]
    token = validator.authenticate_token(request["token"])
    if token.header["alg"] not in policy["algorithms"]:
        raise Refused
    validator.validate_token(token, None, None)
    return dict(token)


def authlib_as_a_relying_party(request: Json) -> Json:
    policy = request["policy"]
    keys = jwk.KeySet.import_key_set(policy["keys"])
    token = jose.decode(request["token"], keys, algorithms=policy["algorithms"])
    names = ("nonce", "client_id", "max_age", "access_token", "code")
    asked = {name: policy[name] for name in names if policy[name] is not None}
    read = HybridIDToken if "code" in asked else CodeIDToken
    claims = read(token.claims, token.header, _wanted(policy), asked)
    claims.validate(now=int(request["now"]), leeway=policy.get("leeway", 0))
    return dict(claims)


def _authlib(request: Json, key: Any) -> Json:
    policy = request["policy"]
    claims = JsonWebToken(policy["algorithms"]).decode(request["token"], key, claims_options=_wanted(policy))
    claims.validate(now=int(request["now"]), leeway=policy.get("leeway", 0))
    return dict(claims)


# --- the table


def _takes(algorithms: str, **more: Any) -> Json:
    return {"algorithms": algorithms.split(), **more}


_PEM: Json = {"key_form": "pem", "key_set": False}
_JWK: Json = {"key_form": "jwk", "key_set": False}
_REAL: Json = {"clock": "real"}

_ONE_EQUALS = "RFC 7515 §2: no padding. 32 octets need one `=`, and base64url_decode takes it as it takes two."
_PADDED = (Expectation("VER-2", _ONE_EQUALS, "signature-spelled-with-one-equals"),)

_NO_TYPE = "RFC 9068 §2.1: typ has to be there. The validator looks at it if it is."
_UNTYPED = tuple(Expectation("VER-37", _NO_TYPE, f"typ-{what}") for what in ("missing", "is-empty"))

_AUDIENCE = "OpenID Connect Core §3.1.3.7 step 3: an audience that is not trusted. The library asks for azp instead."
_UNTRUSTED = (
    *(Expectation("IDT-1", _AUDIENCE, f"untrusted-audience-{at}") for at in ("before-ours", "beside-ours", "many")),
    Expectation("IDT-1", _AUDIENCE, "verdict-holds-for-one-request-alone"),
    Expectation("IDT-1", _AUDIENCE, "trusted-aud-as-the-oracle-says", finding="aud is a list: accepted"),
)

PRODUCTS: Mapping[str, Product] = {
    "pyjwt-pem": Product(
        "pyjwt",
        pyjwt_with_the_key_in_its_settings,
        _takes("ES256", options=["leeway"], **_REAL, **_PEM),
        shapes="claims-in-another-order",
    ),
    "pyjwt-secret": Product(
        "pyjwt",
        pyjwt_with_the_key_in_its_settings,
        _takes("HS256", options=[], **_REAL, **_PEM),
        shapes="lines-of-5000-bytes",
        deviates=_PADDED,
    ),
    "pyjwt-pems-by-kid": Product(
        "pyjwt", pyjwt_with_files_of_pem_by_kid, _takes("EdDSA", key_form="pem", **_REAL), shapes="audience-as-a-list"
    ),
    "pyjwt-algorithm-of-the-key": Product(
        "pyjwt", pyjwt_with_the_algorithm_of_its_key, _takes("ES256", **_REAL, **_JWK), shapes="one-key"
    ),
    "pyjwt-set": Product(
        "pyjwt",
        pyjwt_with_a_set,
        _takes("EdDSA HS512", **_REAL, max_line=60_000),
        shapes="lines-of-60000-bytes numbers-as-doubles",
    ),
    "pyjwt-whole-seconds": Product("pyjwt", pyjwt_with_times_in_whole_seconds, _takes("HS256"), deviates=_PADDED),
    "pyjwt-relying-party": Product(
        "pyjwt", pyjwt_as_a_relying_party, _takes("ES256", options=["leeway"], **_REAL), "id-token"
    ),
    "joserfc-pem": Product(
        "joserfc", joserfc_with_the_key_in_its_settings, _takes("Ed25519", **_PEM), shapes="lifetimes-of-a-day-at-most"
    ),
    "joserfc-secret": Product("joserfc", joserfc_with_the_key_in_its_settings, _takes("HS512", **_PEM)),
    "joserfc-jwk": Product(
        "joserfc", joserfc_with_a_jwk, _takes("ES256", options=["require"], **_JWK), shapes="one-key not-yet-at-nbf"
    ),
    "joserfc-finder": Product(
        "joserfc",
        joserfc_with_a_function_that_finds_the_key,
        _takes("EdDSA HS256", mixed_algorithms=True),
        shapes="known-header-parameters-alone",
    ),
    "authlib-pem": Product("authlib", authlib_with_the_key_in_its_settings, _takes("RS256", options=[], **_PEM)),
    "authlib-set": Product("authlib", authlib_with_a_set, _takes("ES256 HS256")),
    "authlib-resource-server": Product(
        "joserfc",
        authlib_as_a_resource_server,
        _takes("ES256", options=[], **_REAL),
        "access-token",
        deviates=_UNTYPED,
    ),
    "authlib-relying-party": Product(
        "joserfc", authlib_as_a_relying_party, _takes("ES256", options=["leeway"]), "id-token", deviates=_UNTRUSTED
    ),
}


def adapter(name: str) -> Callable[[], Handle]:
    """Return what makes the adapter of a product."""
    return lambda: PRODUCTS[name].handle
