"""JWK sets: which key, if any, may decide about a token (RFC 7517, RFC 8725 §3.1)."""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.exceptions import UnsupportedAlgorithm

from bearerproof_reference.verifier.algorithms import ALGORITHMS, Jwk, UnusableKeyError, Verify
from bearerproof_reference.verifier.verdicts import Reason, Refusal

_KEY_TYPES = frozenset(algorithm.kty for algorithm in ALGORITHMS.values())


@dataclass(frozen=True, slots=True)
class Key:
    """A key prepared for the one algorithm it serves."""

    kid: str | None
    alg: str
    verify: Verify


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
        # A key type that is not understood is ignored (RFC 7517 §5); everything else takes up its kid.
        known = [jwk for jwk in _members(jwks) if isinstance(jwk, Mapping) and _is_understood(jwk.get("kty"))]
        kids = Counter(_kid(jwk) for jwk in known)
        self._named: dict[str, Key | None] = {}
        self._usable: list[Key] = []
        for jwk in known:
            kid = _kid(jwk)
            unambiguous = kid is None or kids[kid] == 1
            key = _prepare(jwk, allowed) if unambiguous else None
            if kid is not None:
                self._named[kid] = key
            if key is not None:
                self._usable.append(key)

    def __contains__(self, kid: str) -> bool:
        """Whether some key of the set has this ``kid``, usable or not."""
        return kid in self._named

    def find(self, kid: str | None, alg: str) -> Key:
        """Return the key with exactly this ``kid``; without a kid, the only key for ``alg``.

        Raises:
            Refusal: no such key, one that must not verify, or one made for another algorithm.
        """
        if kid is None:
            candidates = [key for key in self._usable if key.alg == alg]
            if len(candidates) != 1:
                raise Refusal(Reason.KEY_UNKNOWN)
            return candidates[0]
        key = self._named.get(kid)
        if key is None:
            raise Refusal(Reason.KEY_UNUSABLE if kid in self._named else Reason.KEY_UNKNOWN)
        if key.alg != alg:
            raise Refusal(Reason.ALGORITHM)
        return key


def _members(jwks: object) -> list[Any]:
    match jwks:
        case {"keys": list(members)}:
            return members
    raise ValueError("a JWK set is an object with a list named keys (RFC 7517 §5)")


def _is_understood(kty: object) -> bool:
    return isinstance(kty, str) and kty in _KEY_TYPES


def _kid(jwk: Jwk) -> str | None:
    kid = jwk.get("kid")
    return kid if isinstance(kid, str) else None


def _prepare(jwk: Jwk, allowed: Collection[str]) -> Key | None:
    """Return the key ready for use, or None when it must not verify anything under this allow-list."""
    try:
        _check_purpose(jwk)
        alg = _algorithm(jwk, allowed)
        return Key(_kid(jwk), alg, ALGORITHMS[alg].prepare(jwk))
    except (ValueError, UnsupportedAlgorithm):
        return None


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
        if algorithm.kty == jwk["kty"] and algorithm.crv in (None, jwk.get("crv"))
    ]
    names = [jwk["alg"]] if "alg" in jwk else [name for name in fitting if name in allowed]
    if len(names) != 1 or names[0] not in fitting:
        raise UnusableKeyError("it serves no algorithm, or more than one")
    return str(names[0])
