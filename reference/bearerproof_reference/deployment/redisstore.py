"""The token store in a Redis or Valkey server, shared by every process that names the same prefix.

Each operation is one script, which the server runs without letting another in between. Records expire in the
server by themselves when their retention is over; what they are *counted* as goes by the caller's time alone,
so a server clock that runs ahead can make a token unknown, and nothing else.

What the server does, and what follows (``StoreGuarantees``):

- It *comes back* after a crash, or a replica takes its place. Unless it then has all that was answered, tokens would
  be good again that were revoked, and subject tokens that were used. So a server with another run id than the last is
  taken for one without our past: all tokens end, and a subject token issued before then mints nothing. After a restart
  it is not, if it writes everything down first (``appendonly yes``, ``appendfsync always``), and after a failover it is
  not, if ``replicas`` acknowledge what is answered: as many as could be promoted. ``min-replicas-to-write`` of the
  server should name that number as well, so that one which is cut off from its replicas takes no writes at all. A past
  that is changed under a running server, such as a data file put back by hand, is not noticed.
- It *evicts* keys when it is full. Then nothing is asked of it before ``maxmemory-policy noeviction`` is set, and
  nothing that was issued before is good any more. A full one that does not evict still looks up and revokes.
- Its *clock*: a caller whose own is more than ``leeway`` seconds ahead of it is refused, since the store goes by
  the highest time it was told and would end the tokens of everybody.

All this is looked at every ten seconds, and said by ``warnings``.

Under the prefix lie ``state`` (a hash: the highest time, up to when claims and revocations were forgotten, which
server it was and since when), each of these with the name of the server where its memory begins,
``token:DIGEST`` (a hash: record, expiry, identity, whether revoked), ``jti:JTI`` (the digest of its token),
``live:IDENTITY`` (the digests of its tokens by expiry, without the revoked), ``removals`` (the tokens by the end of
their retention), ``revocations`` (identities by the time of their bulk revocation), ``claims`` and ``uses`` (of subject
tokens). JTI and IDENTITY are digests too. The braces of the default prefix keep all of it in one slot of a cluster.
"""

import json
import logging
import re
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from math import inf
from threading import local
from typing import Any, TypeVar

from bearerproof_reference.deployment.redisscripts import SCRIPTS
from bearerproof_reference.keyserver.store import (
    Found,
    Issue,
    LastMoment,
    Moment,
    NotReplicated,
    State,
    StoreLimits,
    StoreUnavailable,
)
from bearerproof_reference.keyserver.tokens import Identity, Scopes, TokenRecord

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as error:
    raise ImportError("the shared token store needs a package: python -m pip install 'bearerproof[redis]'") from error

T = TypeVar("T")

_log = logging.getLogger(__name__)

LOOK_EVERY = 10.0
"""Seconds between two looks at the settings of the server."""

_BATCH = 1000
_RUN_ID = re.compile(rb"run_id:([0-9a-f]+)")
_KEPT = frozenset({"issue", "revoke", "revoke_all", "claim"})
"""Operations whose outcome must not be lost."""
_DOUBTFUL = 1000
"""Tokens of which it is not known whether they were stored that are remembered to be withdrawn."""

NOT_DURABLE = "the server forgets when it is restarted: all tokens end then, unless it has appendfsync always"
EVICTS = "the server would evict revocations when it is full: set maxmemory-policy noeviction"
AHEAD = "the clock here is ahead of the store's"
LAGGING = "too few replicas acknowledge what is written"


@dataclass(frozen=True, slots=True)
class StoreGuarantees:
    """What is asked of the server beyond its keeping what it is given.

    ``replicas`` is how many must have acknowledged a write before it is answered. ``leeway`` is how far (seconds) the
    clock of whoever asks may be ahead of the server's; inf is for whoever brings a time of his own. ``births``: a
    server without our past is noticed, and what was issued before it is refused.
    """

    replicas: int = 0
    leeway: float = inf
    births: bool = False


class RedisStore:
    """Keeps the records in the server at ``url``; no operation waits longer than ``timeout`` seconds for a reply.

    Nothing is tried twice: what a lost reply was about may have been done.
    """

    def __init__(
        self,
        url: str,
        limits: StoreLimits | None = None,
        *,
        prefix: str = "{bearerproof}:",
        timeout: float = 1.0,
        guarantees: StoreGuarantees | None = None,
    ) -> None:
        self._limits = limits or StoreLimits()
        self._guarantees = guarantees or StoreGuarantees()
        self._prefix = prefix
        self._patience = max(1, round(timeout * 500))  # milliseconds, of which the reply must find some left
        self._client = redis.Redis.from_url(
            url,
            protocol=2,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=self._know if self._guarantees.births else None,
        )
        self._scripts = {name: self._client.register_script(text) for name, text in SCRIPTS.items()}
        self._settings = _Settings()
        self._looked_at = -inf
        self._refused: frozenset[str] = frozenset()
        self._moment = LastMoment()
        self._server = ""
        self._told = _Told()
        self._doubtful: deque[tuple[str, str, str]] = deque(maxlen=_DOUBTFUL)

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
        try:
            outcome = self._ask("issue", _issued, now, *words)
        except StoreUnavailable as error:
            self._doubtful.append(place)  # it may be stored, and nobody will be told of it
            if isinstance(error, NotReplicated):
                self._withdraw(now)
            raise
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
        self._withdraw(now)
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

    def _withdraw(self, now: float) -> None:
        """Take back the tokens of which it is not known whether they were stored: nobody was told of one."""
        while self._doubtful:
            place = self._doubtful.popleft()
            try:
                self._ask("withdraw", bytes, now, *place)
            except StoreUnavailable as error:
                self._doubtful.append(place)
                raise StoreUnavailable(f"the token store did not reap: {error}") from error

    def moment(self) -> Moment:
        """Return when the last operation that this thread asked for was decided."""
        return self._moment.value

    def warnings(self) -> tuple[str, ...]:
        """Return what an operator should know about the server, and about our clock."""
        found = {NOT_DURABLE} if self._guarantees.births and not self._settings.durable else set()
        return tuple(sorted(found | self._refused))

    def close(self) -> None:
        """Close the connections to the server."""
        self._client.close()

    def _ask(self, name: str, read: Callable[[Any], T], now: float, *words: str | float) -> T:
        """Run one script and return what ``read`` makes of its answer; whatever goes wrong, nothing is known.

        Raises:
            NotReplicated: it was done, and too few replicas acknowledged it.
        """
        try:
            (at, number, answer), replicated = self._send(name, now, words)
            self._moment.value = float(at), int(number)
            outcome = read(answer)
        except (redis.RedisError, OSError, *_UNREADABLE) as error:
            self._note(AHEAD, set_to="clock of the caller is ahead" in str(error))
            raise StoreUnavailable(f"the token store did not {name.replace('_', ' ')}: {error}") from error
        self._note(AHEAD, set_to=False)
        if name in _KEPT and self._guarantees.replicas:
            self._note(LAGGING, set_to=not replicated)
        if not replicated:
            raise NotReplicated(outcome)
        return outcome

    def _send(self, name: str, now: float, words: tuple[str | float, ...]) -> tuple[list[Any], bool]:
        """Run one script, whichever server is there by now."""
        self._told.run = None
        self._look()
        try:
            return self._run(name, [*self._header(now), *words])
        except _AnotherServer:  # nothing was sent to it yet
            return self._run(name, [*self._header(now), *words])

    def _header(self, now: float) -> list[str | float]:
        asked, settings = self._guarantees, self._settings
        flags = [int(asked.births), int(settings.durable), int(asked.replicas > 0), settings.evicted]
        run = self._told.run = self._server
        return [self._prefix, float(now), float(self._limits.retention), _lua(asked.leeway), *flags, run]

    def _know(self, connection: Any) -> None:
        """Learn which server a new connection leads to.

        Raises:
            _AnotherServer: than this thread is about to tell that it is; nothing was asked of it.
        """
        connection.on_connect()
        connection.send_command("INFO", "server")
        found = _RUN_ID.search(connection.read_response())
        if found is None:
            raise redis.ConnectionError("the server has no run id")
        self._server = found[1].decode()
        if self._told.run not in (None, self._server):
            raise _AnotherServer("another server is there")

    def _run(self, name: str, arguments: list[str | float]) -> tuple[list[Any], bool]:
        """Return the script's answer, and whether as many replicas as are needed have acknowledged what it wrote."""
        script, key, needed = self._scripts[name], self._prefix + "state", self._guarantees.replicas
        if name not in _KEPT or not needed:
            return _triple(script([key], arguments)), True
        answer: Any = redis.exceptions.NoScriptError()
        for _ in range(2):
            pipeline = self._client.pipeline(transaction=False)  # WAIT is about the writes of its own connection
            pipeline.evalsha(script.sha, 1, key, *arguments)
            pipeline.wait(needed, self._patience)
            answer, acknowledged = pipeline.execute(raise_on_error=False)
            if not isinstance(answer, redis.exceptions.NoScriptError):
                break
            self._client.script_load(script.script)
        for reply in (answer, acknowledged):
            if isinstance(reply, Exception):
                raise reply
        return _triple(answer), acknowledged >= needed

    def _look(self) -> None:
        """Look at the settings of the server now and then; one that evicts is asked nothing."""
        if time.monotonic() - self._looked_at < LOOK_EVERY:
            return
        settings = _settings(self._client)
        self._note(EVICTS, set_to=settings.evicts)
        if settings.evicts:
            raise StoreUnavailable(EVICTS)
        self._settings, self._looked_at = settings, time.monotonic()

    def _note(self, warning: str, *, set_to: bool) -> None:
        if set_to != (warning in self._refused):
            self._refused = self._refused | {warning} if set_to else self._refused - {warning}
            _log.warning("%s%s", "" if set_to else "no longer: ", warning)


class _AnotherServer(redis.ConnectionError):
    """A connection was made to another server than the last one."""


class _Told(local):
    """The run id that this thread is about to tell the server; None while it tells none."""

    run: str | None = None


@dataclass(frozen=True, slots=True)
class _Settings:
    """What a server says of itself: whether it evicts, how many keys it did, and whether a restart loses nothing."""

    evicts: bool = False
    evicted: int = 0
    durable: bool = False


def _settings(client: "redis.Redis") -> _Settings:
    memory, stats, persistence = (client.info(section) for section in ("memory", "stats", "persistence"))
    evicts = bool(memory["maxmemory"]) and memory["maxmemory_policy"] != "noeviction"
    durable = persistence["aof_enabled"] == 1 and _appendfsync(client) == "always"
    return _Settings(evicts, stats["evicted_keys"], durable)


def _appendfsync(client: "redis.Redis") -> str:
    """Return when the server syncs its log; "" where we may not ask, which is as good as not often enough."""
    try:
        (value,) = client.config_get("appendfsync").values()
    except (redis.ResponseError, *_UNREADABLE):
        return ""
    return value.decode() if isinstance(value, bytes) else str(value)


def _lua(number: float) -> str:
    """Return a number as Lua reads it."""
    return "1e999" if number == inf else repr(float(number))


def _triple(answer: Any) -> list[Any]:
    """Return time, number and answer, as each script returns them; the last is left out where it is none."""
    items = _items(answer)
    return [*items, None] if len(items) == 2 else items


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
