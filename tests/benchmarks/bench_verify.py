"""How much of the speed of a bare signature check is left when an access token gets all its checks.

Prints, for each algorithm, the speed of the reference and of three libraries divided by that of the bare
check of the same signature with the same cryptographic library, measured in the same run. 1.00 would mean
that everything beside the signature costs nothing.
"""

import warnings
from typing import Any

import jwt
from joserfc import jwk as joserfc_jwk
from joserfc import jwt as joserfc_jwt
from joserfc.errors import SecurityWarning
from jwt.types import Options
from samples import AUDIENCE, ISSUER, NAMES, NOW, Sample, sample
from timing import Call, arguments, ratio, rounds

from bearerproof_reference.verifier.verdicts import Accepted

with warnings.catch_warnings(record=True):  # authlib.jose announces its successor, which is measured beside it
    from authlib.jose import JsonWebKey, JsonWebToken

REQUIRED = ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"]


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore", SecurityWarning)  # joserfc warns of the name EdDSA
    options = arguments(__doc__)
    verifiers = {"reference": _reference, "PyJWT": _pyjwt, "joserfc": _joserfc, "Authlib": _authlib}
    print(f"{'speed / bare speed':20}" + "".join(f"{name:>11}" for name in verifiers) + f"{'added, us':>11}")
    for name in NAMES:
        made = sample(name)
        calls: dict[str, Call] = {"bare": made.bare}
        calls.update({label: make(made) for label, make in verifiers.items()})
        seconds = rounds(calls, options.rounds)
        cells = "".join(f"{ratio(seconds, 'bare', label):11.2f}" for label in verifiers)
        added = sorted(a - b for a, b in zip(seconds["reference"], seconds["bare"], strict=True))
        print(f"{name:20}{cells}{added[len(added) // 2] * 1e6:11.1f}")


def _reference(made: Sample) -> Call:
    verifier = made.verifier()
    assert isinstance(verifier.verify(made.token), Accepted)
    return lambda: verifier.verify(made.token)


# PyJWT cannot be told the time, so it is not asked to check times, in its favour.


def _pyjwt(made: Sample) -> Call:
    key = jwt.PyJWK(made.jwk)
    options: Options = {"require": REQUIRED, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    return lambda: jwt.decode(made.token, key, [made.name], options, audience=AUDIENCE, issuer=ISSUER)


def _joserfc(made: Sample) -> Call:
    key = joserfc_jwk.import_key({**made.jwk})
    registry = joserfc_jwt.JWTClaimsRegistry(now=NOW, **_claims_options())

    def call() -> None:
        registry.validate(joserfc_jwt.decode(made.token, key, algorithms=[made.name]).claims)

    return call


def _authlib(made: Sample) -> Call:
    library = JsonWebToken([made.name])
    key, options = JsonWebKey.import_key(made.jwk), _claims_options()
    return lambda: library.decode(made.token, key, claims_options=options).validate(now=NOW)


def _claims_options() -> dict[str, Any]:
    """Return the same checks as joserfc and Authlib spell them."""
    values = {"iss": {"value": ISSUER}, "aud": {"value": AUDIENCE}}
    return {name: {"essential": True, **values.get(name, {})} for name in REQUIRED}


if __name__ == "__main__":
    main()
