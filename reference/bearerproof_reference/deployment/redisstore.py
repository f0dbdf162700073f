"""The token store in a Redis or Valkey server, shared by every process that names the same prefix.

Each operation is one script, which the server runs without letting another in between. Records expire in the
server by themselves when their retention is over; what they are *counted* as goes by the caller's time alone,
so a server clock that runs ahead can make a token unknown, and nothing else.

What the server must be: it must not evict (``maxmemory-policy noeviction``, which is checked), or it would
forget revocations; and what it restores after a crash must be all or nothing (``appendfsync always``, or no
persistence), or it would restore a token and not its revocation. A full one still looks up and revokes.

Under the prefix lie ``state`` (a hash: the highest time, and up to when claims and revocations were forgotten),
``token:DIGEST`` (a hash: record, expiry, identity, whether revoked), ``jti:JTI`` (the digest of its token),
``live:IDENTITY`` (the digests of its tokens by expiry, without the revoked), ``removals`` (the tokens by the end of
their retention), ``revocations`` (identities by the time of their bulk revocation), ``claims`` and ``uses`` (of subject
tokens). JTI and IDENTITY are digests too. The braces of the default prefix keep all of it in one slot of a cluster.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from hashlib import sha256
from typing import Any, TypeVar

from bearerproof_reference.deployment.redisscripts import SCRIPTS
from bearerproof_reference.keyserver.store import Found, Issue, State, StoreLimits, StoreUnavailable
from bearerproof_reference.keyserver.tokens import Identity, Scopes, TokenRecord

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:
    raise ImportError("the shared token store needs a package: python -m pip install 'bearerproof[redis]'") from error

T = TypeVar("T")

_BATCH = 1000


class RedisStore:
    """Keeps the records in the server at ``url``; no operation waits longer than ``timeout`` seconds for a reply.

    Nothing is tried twice: what a lost reply was about may have been done.
    """

    def __init__(
        self, url: str, limits: StoreLimits | None = None, *, prefix: str = "{bearerproof}:", timeout: float = 1.0
    ) -> None:
        self._limits = limits or StoreLimits()
        self._prefix = prefix
        self._client = redis.Redis.from_url(
            url,
            protocol=2,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )
        self._scripts = {name: self._client.register_script(text) for name, text in SCRIPTS.items()}
        self._never_evicts = False

    def issue(self, record: TokenRecord, cap: int, now: float, subject_issued_at: float) -> Issue:
        """Store the token, unless the identity's cap or the store's capacity is reached.

        Raises:
            StoreUnavailable: the server did not answer, or this clock is so far behind the store's that the
                token would be expired from the start.
            ValueError: the jti or the digest is on record already.
        """
        place = (record.digest.hex(), _name(record.jti), _name(*record.identity.key))
        times = (float(record.expires_at), float(subject_issued_at))
        words = (*place, _written(record), *times, cap, self._limits.capacity)
        outcome = self._ask("issue", _issued, now, *words)
        if outcome is None:
            raise ValueError("a token with this jti or this digest is on record already")
        return outcome

    def look_up(self, digest: bytes, now: float) -> Found | None:
        """Return the token whose bearer has this digest, or None when it is unknown."""
        return self._ask("look_up", _found, now, digest.hex())

    def revoke(self, jti: str, now: float) -> TokenRecord | None:
        """Revoke the token; return its record if it was live."""
        return self._ask("revoke", lambda answer: None if answer is None else _record(answer), now, _name(jti))

    def revoke_all(self, issuer: str, subject: str, now: float) -> tuple[TokenRecord, ...]:
        """Revoke every live token of the identity, and its subject tokens up to now."""
        words = (_name(issuer, subject), self._limits.remembered)
        return self._ask("revoke_all", lambda answer: tuple(map(_record, _items(answer))), now, *words)

    def count(self, issuer: str, subject: str, now: float) -> int:
        """Return how many live tokens the identity has."""
        return self._ask("count", int, now, _name(issuer, subject))

    def reap(self, now: float) -> int:
        """Forget the tombstones whose retention is over, and claims and revocations that are; count the first.

        It goes in batches, between which the server serves others.
        """
        reaped, more = 0, True
        while more:
            tokens, more = self._ask("reap", _batch, now, float(self._limits.subject_age), _BATCH)
            reaped += tokens
        return reaped

    def claim(self, key: str, uses: int, until: float, now: float) -> bool:
        """Use the subject token once more; return whether it had been used less than ``uses`` times.

        Raises:
            StoreUnavailable: the server did not answer, or is full of claims that must still be remembered.
        """
        words = (_name(key), uses, float(until), self._limits.remembered)
        outcome = self._ask("claim", _CLAIMED.__getitem__, now, *words)
        if outcome is None:
            raise StoreUnavailable("the store is full of used subject tokens that it must remember")
        return outcome

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def _ask(self, name: str, read: Callable[[Any], T], now: float, *words: str | float) -> T:
        """Run one script and return what ``read`` makes of its answer; whatever goes wrong, nothing is known."""
        arguments = [self._prefix, float(now), float(self._limits.retention), *words]
        try:
            self._check_eviction()
            return read(self._scripts[name]([self._prefix + "state"], arguments))
        except (redis.RedisError, OSError, *_UNREADABLE) as error:
            raise StoreUnavailable(f"the token store did not {name.replace('_', ' ')}: {error}") from error

    def _check_eviction(self) -> None:
        if self._never_evicts:
            return
        memory = self._client.info("memory")
        if memory["maxmemory"] and memory["maxmemory_policy"] != "noeviction":
            raise StoreUnavailable(
                "the server would evict revocations when it is full: set maxmemory-policy noeviction"
            )
        self._never_evicts = True


# What can be raised in making something of an answer, or of a record, that is not what the scripts write.
_UNREADABLE = (ValueError, TypeError, AttributeError, LookupError, RecursionError)

_CLAIMED = {b"granted": True, b"used": False, b"full": None}


def _issued(answer: bytes) -> Issue | None:
    if answer == b"expired":
        raise StoreUnavailable("the clock is behind the store's: the token would be expired already")
    return None if answer == b"known" else Issue(answer.decode())


def _found(answer: Any) -> Found | None:
    if answer is None:
        return None
    record, state = _items(answer)
    return Found(_record(record), State(state.decode()))


def _batch(answer: Any) -> tuple[int, bool]:
    """Return how many tombstones went, and whether there may be more."""
    tokens, more = _items(answer)
    return int(tokens), more == 1


def _items(answer: Any) -> list[Any]:
    """Return the list that the answer must be: a text has items as well."""
    if not isinstance(answer, list):
        raise TypeError("the script returns a list")
    return answer


def _name(*texts: str) -> str:
    """Return a digest that stands for these texts, and for no others."""
    return sha256(json.dumps(texts, ensure_ascii=False).encode("utf-8", "surrogatepass")).hexdigest()


def _written(record: TokenRecord) -> str:
    return json.dumps(asdict(record) | {"digest": record.digest.hex()})


def _record(text: bytes) -> TokenRecord:
    members = json.loads(text)
    identity, scopes = members.pop("identity"), members.pop("scopes")
    return TokenRecord(
        **members | {"digest": bytes.fromhex(members["digest"])},
        identity=Identity(**identity | {"groups": tuple(identity["groups"])}),
        scopes=Scopes(tuple(scopes["backends"]), tuple(scopes["tools"]), scopes["rate_limit"]),
    )
