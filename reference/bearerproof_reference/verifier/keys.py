"""JWK sets: which key, if any, may decide about a token (RFC 7517, RFC 8725 §3.1)."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm

from bearerproof_reference.verifier.algorithms import ALGORITHMS, Jwk, UnusableKeyError, Verify
from bearerproof_reference.verifier.verdicts import Reason, Refusal

_NUMBERS = {
    "AKP": ("alg", "pub"),
    "EC": ("crv", "x", "y"),
    "OKP": ("crv", "x"),
    "RSA": ("e", "n"),
    "oct": ("k",),
}
"""The members that make a key of each type the one it is (RFC 7638 §3.2, RFC 8037 §2); each value has one spelling."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key prepared for the one algorithm it serves; two are equal that have the same numbers, name and use."""

    kid: str | None
    alg: str
    verify: Verify = field(compare=False)
    numbers: tuple[object, ...] = field(default=(), repr=False)


class KeySource(Protocol):
    """Where a verifier gets its keys."""

    def find(self, kid: str | None, alg: str) -> Key:
        """Return the key for a JOSE header that names this ``kid`` (None: no kid) and ``alg``.

        Raises:
            Refusal: key-unknown, key-unusable, algorithm or keys-unavailable.
        """


class KeySet:
    """A fixed JWK set, read once under an allow-list of algorithms.

    Raises:
        ValueError: ``jwks`` is not a JWK set (RFC 7517 §5).
    """

    def __init__(self, jwks: object, allowed: Collection[str]) -> None:
        members = [jwk for jwk in _members(jwks) if isinstance(jwk, Mapping)]
        prepared = (_prepare(jwk, allowed) for jwk in members)
        # What may verify nothing takes up no kid, and a key that is listed twice is one key (RFC 7517 §4.2, §4.5, §5).
        self._usable = list(dict.fromkeys(key for key in prepared if key is not None))
        self._named: dict[str, list[Key]] = {kid: [] for jwk in members if (kid := _kid(jwk)) is not None}
        for key in self._usable:
            if key.kid is not None:
                self._named[key.kid].append(key)

    def __contains__(self, kid: str) -> bool:
        """Whether some key of the set has this ``kid``, usable or not."""
        return kid in self._named

    def find(self, kid: str | None, alg: str) -> Key:
        """Return the only key for ``alg`` with exactly this ``kid``, or the only one for it at all without a kid.

        Raises:
            Refusal: no such key, one that must not verify or is made for another algorithm, or more than one.
        """
        named = self._usable if kid is None else self._named.get(kid, [])
        candidates = [key for key in named if key.alg == alg]
        if len(candidates) == 1:
            return candidates[0]
        if kid is None or kid not in self._named:
            raise Refusal(Reason.KEY_UNKNOWN)
        raise Refusal(Reason.ALGORITHM if named and not candidates else Reason.KEY_UNUSABLE)


def _members(jwks: object) -> list[Any]:
    match jwks:
        case {"keys": list(members)}:
            return members
    raise ValueError("a JWK set is an object with a list named keys (RFC 7517 §5)")


def _kid(jwk: Jwk) -> str | None:
    kid = jwk.get("kid")
    return kid if isinstance(kid, str) else None


def _prepare(jwk: Jwk, allowed: Collection[str]) -> Key | None:
    """Return the key ready for use, or None when it must not verify anything under this allow-list."""
    try:
        _check_purpose(jwk)
        alg = _algorithm(jwk, allowed)
        return Key(_kid(jwk), alg, ALGORITHMS[alg].prepare(jwk), _numbers(jwk))
    except (KeyError, ValueError, UnsupportedAlgorithm):  # KeyError: a key for ML-DSA that does not say its size
        return None


def _numbers(jwk: Jwk) -> tuple[object, ...]:
    return (jwk["kty"], *(jwk[name] for name in _NUMBERS[jwk["kty"]]))


def _check_purpose(jwk: Jwk) -> None:
    """Refuse a key whose ``use`` or ``key_ops`` leaves out verification (RFC 7517 §4.2, §4.3)."""
    if "use" in jwk and jwk["use"] != "sig":
        raise UnusableKeyError("its use is not sig")
    operations: Any = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise UnusableKeyError("its key_ops leave out verify")


def _algorithm(jwk: Jwk, allowed: Collection[str]) -> str:
    """Return the one algorithm the key serves: its own ``alg``, else the only one the list leaves it."""
    fitting = [
        name
        for name, algorithm in ALGORITHMS.items()
        if algorithm.kty == jwk.get("kty") and algorithm.crv in (None, jwk.get("crv"))
    ]
    names = [jwk["alg"]] if "alg" in jwk else [name for name in fitting if name in allowed]
    if len(names) != 1 or names[0] not in fitting:
        raise UnusableKeyError("it serves no algorithm, or more than one")
    return str(names[0])
