"""Keys that must not verify, in the fetched set of a resource server that runs, each under a kid of its own.

Such a server can be told no policy; but it fetches what we serve. In one set stand a new key that is sound, which has
to be found, and beside it those that are not: so a refusal is about a key, and not about a set that nobody has read.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from secrets import token_bytes

import pytest

from bearerproof.contract.declaration import Need
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.edits.keysets import NOT_FOR_VERIFYING, signed_under_exponent_one
from bearerproof_fuzz.jwks_endpoint import jwk_set
from bearerproof_fuzz.keys import Jwk, Key
from bearerproof_fuzz.needs import RESOURCE_FETCHES
from bearerproof_fuzz.resource.fetching import Fetching, fetching_keys

_RS256 = Need("algorithm", "RS256")


@dataclass(frozen=True)
class _Unfit:
    """A key that must not verify: what is served of it, and how tokens under it are signed."""

    key: Key
    jwks: tuple[Jwk, ...]
    sign: Callable[[bytes], bytes] | None = None


def _refuse(fetching: Fetching, unfit: Mapping[str, _Unfit]) -> None:
    """Serve keys beside one that is sound, all at once or, where that spoils the set, one by one: none verifies."""
    if _refused_together(fetching, unfit):
        return
    for name, each in unfit.items():
        fetching.recover()
        if not _refused_together(fetching, {name: each}):
            pytest.skip(f"in a set with {name} no new key is found, so it cannot be seen what it would verify")


def _refused_together(fetching: Fetching, unfit: Mapping[str, _Unfit]) -> bool:
    """Say whether a set with these keys is read; if so, require that they verify nothing."""
    sound = fetching.fresh(next(iter(unfit.values())).key.algorithm)
    jwks = [jwk for each in unfit.values() for jwk in each.jwks]
    fetching.authority.key_set.reply = jwk_set([*fetching.authority.published(), *jwks, sound.public_jwk])
    if not fetching.finds(sound):
        return False
    for name, each in unfit.items():
        presented = fetching.under(each.key, each.sign)
        summary = f"a token under {name} is accepted"
        fetching.trial.expect(fetching.trial.ask(presented), REJECTED, summary, presented, kind=name)
    return True


@check("KEY-1", needs=RESOURCE_FETCHES)
def test_running_server_heeds_the_use_of_a_key(mark: CheckId, trial: Trial) -> None:
    """A key of the fetched set that is not for verifying verifies nothing."""
    with fetching_keys(trial, mark) as fetching:
        fresh = {name: fetching.fresh() for name in NOT_FOR_VERIFYING}
        unfit = {
            f"a key with {name}": _Unfit(key, (NOT_FOR_VERIFYING[name](key.public_jwk),)) for name, key in fresh.items()
        }
        _refuse(fetching, unfit)


@check("KEY-3", needs=RESOURCE_FETCHES)
def test_running_server_takes_neither_of_two_twins(mark: CheckId, trial: Trial) -> None:
    """A kid that names two keys of the fetched set, both fit to verify, decides nothing."""
    with fetching_keys(trial, mark) as fetching:
        first = fetching.fresh()
        second = replace(fetching.fresh(), kid=first.kid)
        twins = {"the first of two keys of one kid": first, "the second of two keys of one kid": second}
        if not _refused_together(fetching, {name: _Unfit(key, (key.public_jwk,)) for name, key in twins.items()}):
            pytest.skip("in a set with two keys of one kid no new key is found: the whole of it is refused")


@check("KEY-6", needs=RESOURCE_FETCHES)
def test_running_server_keeps_key_families_apart(mark: CheckId, trial: Trial) -> None:
    """With a secret in the fetched set, no public key of it is taken for one, whatever text it is written as."""
    with fetching_keys(trial, mark) as fetching:
        public, kid = fetching.fresh(), fetching.fresh().kid
        secret = {"kty": "oct", "kid": kid, "use": "sig", "alg": "HS256", "k": keys.b64(token_bytes(32))}
        fetching.authority.key_set.reply = jwk_set([*fetching.authority.published(), secret, public.public_jwk])
        if not fetching.finds(public):
            pytest.skip("in a set with a secret no new key is found, so it cannot be seen what it would verify")
        for name, text in keys.public_forms(public).items():
            presented = fetching.under(public, _keyed(text), alg="HS256")
            summary = f"a public key is taken for a secret, written as {name}"
            trial.expect(trial.ask(presented), REJECTED, summary, presented, kind=name)
        presented = fetching.under(replace(public, kid=kid))
        summary = "a token that a public key verifies is accepted under the kid of a secret"
        trial.expect(trial.ask(presented), REJECTED, summary, presented)


def _keyed(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda octets: hmac.digest(secret, octets, "sha256")


@check("KEY-5", needs=(*RESOURCE_FETCHES, _RS256))
def test_running_server_refuses_weak_rsa_keys(mark: CheckId, trial: Trial) -> None:
    """An RSA key of the fetched set that is too short, or has the exponent 1, verifies nothing."""
    with fetching_keys(trial, mark) as fetching:
        one = fetching.fresh("RS256")
        unfit = {
            "an RSA key with the exponent 1": _Unfit(
                one, ({**one.public_jwk, "e": "AQ"},), signed_under_exponent_one(keys.rsa_modulus(one))
            )
        }
        if not keys.is_anew("RS256"):
            short = Key("bearerproof-1024", "RS256", "rsa", "1024")
            unfit["an RSA key of 1024 bits"] = _Unfit(short, (short.public_jwk,))
        _refuse(fetching, unfit)


@check("KEY-14", needs=(*RESOURCE_FETCHES, _RS256))
def test_running_server_refuses_keys_of_the_faulty_library(mark: CheckId, trial: Trial) -> None:
    """An RSA key of the fetched set with the fingerprint of the faulty library verifies nothing."""
    if keys.is_anew("RS256"):
        pytest.skip("a key that can be factored is not published for a server on another machine")
    with fetching_keys(trial, mark) as fetching:
        weak = Key("bearerproof-roca", "RS256", "rsa", "roca-1")
        _refuse(fetching, {"an RSA key of the faulty library": _Unfit(weak, (weak.public_jwk,))})
