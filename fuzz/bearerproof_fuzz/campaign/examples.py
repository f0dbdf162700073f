"""Hypothesis's example database, shared through Redis: what fails for one worker is what all others try first.

It makes a campaign quicker, never less sure: a database that is away for a while is done without, what was to be left
there meanwhile is left there afterwards, and findings do not go through it at all.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar
from urllib.parse import urlsplit

from hypothesis.database import ExampleDatabase

from bearerproof.exceptions import BadInput

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds that a database has for an answer."""

PAUSE = 5.0
"""Seconds for which one that gave none is left alone."""

CONNECT = 10.0
"""Seconds for one to answer when a campaign begins: it may be starting just now."""

MOST_WAITING = 1000
"""Changes that are kept for a database that is away; of more the oldest are given up."""


def shared(url: str, words: tuple[str, ...]) -> "Examples":
    """Return the examples in a Redis that concern one implementation, named as the command line does.

    Another implementation's are none of its business: what does not fail there would be taken away here.

    Raises:
        BadInput: the URL is none of a Redis, or the extra is not installed.
    """
    return _shared(url, words)


@lru_cache(4)
def _shared(url: str, words: tuple[str, ...]) -> "Examples":
    try:
        import redis  # noqa: PLC0415 - of an extra
        from hypothesis.extra.redis import RedisExampleDatabase  # noqa: PLC0415
    except ImportError:
        raise BadInput("--database needs a package: python -m pip install 'bearerproof[redis]'") from None
    prefix = f"bearerproof:{sha256(chr(0).join(words).encode()).hexdigest()[:16]}:".encode()
    try:
        client = redis.Redis.from_url(url, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE)
    except ValueError:
        raise BadInput(f"--database: {told(url)} cannot be used; say redis://HOST:PORT/NUMBER") from None
    return Examples(RedisExampleDatabase(client, key_prefix=prefix), (redis.RedisError, OSError))


def told(url: str) -> str:
    """Return a URL as it may be shown: host and port alone, since anything else may be a password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if parts.netloc else "no URL of a Redis"


@dataclass(eq=False)
class Examples(ExampleDatabase):
    """A database that may be away. ``forgets`` says whether what fails no more is taken out of it."""

    database: ExampleDatabase
    errors: tuple[type[Exception], ...]
    forgets: bool = True
    clock: Callable[[], float] = time.monotonic
    waiting: deque[tuple[Callable[..., None], tuple[bytes, ...]]] = field(
        default_factory=lambda: deque(maxlen=MOST_WAITING)
    )
    away_until: float = 0.0

    def __post_init__(self) -> None:
        """Set up what Hypothesis has in a database."""
        super().__init__()

    def answers(self) -> bool:
        """Say whether it answers, now or within the next seconds."""
        deadline = self.clock() + CONNECT
        while self._tried(lambda: list(self.database.fetch(b"")), None) is None:
            if self.clock() >= deadline:
                return False
            time.sleep(0.2)
            self.away_until = 0.0
        return True

    def fetch(self, key: bytes) -> Iterable[bytes]:
        """Return the examples of a key; none while it is away."""
        self._catch_up()
        found: list[bytes] = self._tried(lambda: list(self.database.fetch(key)), [])
        return found

    def save(self, key: bytes, value: bytes) -> None:
        """Leave an example."""
        self._do(self.database.save, key, value)

    def delete(self, key: bytes, value: bytes) -> None:
        """Take an example out, where that is meant."""
        if self.forgets:
            self._do(self.database.delete, key, value)

    def move(self, src: bytes, dest: bytes, value: bytes) -> None:
        """Leave an example under another key; where nothing is forgotten, under both."""
        if self.forgets:
            self._do(self.database.move, src, dest, value)
        else:
            self._do(self.database.save, dest, value)

    def _do(self, act: Callable[..., None], *words: bytes) -> None:
        self.waiting.append((act, words))
        self._catch_up()

    def _catch_up(self) -> None:
        """Do what was to be done, in its order, until it is away again."""
        while self.waiting and self.clock() >= self.away_until:
            act, words = self.waiting[0]
            if not self._tried(lambda act=act, words=words: (act(*words), True)[1], False):  # type: ignore[misc]  # one call
                return
            self.waiting.popleft()

    def _tried(self, act: Callable[[], T], otherwise: T | Any) -> Any:
        if self.clock() < self.away_until:
            return otherwise
        try:
            return act()
        except self.errors:
            self.away_until = self.clock() + PAUSE
            return otherwise
