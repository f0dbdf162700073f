"""Key sets that are fetched, as the contract's part on keys has it: fresh for a while, then stale, then gone."""

import json
import time
from collections.abc import Callable
from email.message import Message
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

from bearerproof_fuzz.victims.question import KeySetCache, Memory, Question
from bearerproof_fuzz.victims.refusal import Json, Refused

TTL, STALE, COOLDOWN = 300.0, 3600.0, 30.0
"""Seconds of ``tick``: how long a set is fresh, how long after that it may serve, and between two extra fetches."""

SECONDS = 1.5
"""Seconds of real time that a fetch may last in all."""

LARGEST = 1 << 20
"""Octets of a key set; thousands of keys fit."""

Fetch = Callable[[str], list[Json] | None]


def fetch(url: str) -> list[Json] | None:
    """Get a key set over HTTP: status 200, no redirect, within bounds of time and size; None if that fails."""
    status, _, body = get(url)
    return entries_of(body) if status == 200 else None


def current(question: Question, memory: Memory, fetch: Fetch = fetch) -> list[Json]:
    """Return the entries of the set, fetched anew if it is no longer fresh.

    Raises:
        Refused: there is none, or none that is young enough.
    """
    cache = memory.key_sets.setdefault(question.policy["keys_url"], KeySetCache())
    if cache.entries is None or question.tick - cache.fetched >= TTL:
        refresh(question, cache, fetch)
    if cache.entries is None or question.tick - cache.fetched >= TTL + STALE:
        raise Refused("keys-unavailable")
    return cache.entries


def refresh(question: Question, cache: KeySetCache, fetch: Fetch = fetch) -> None:
    """Fetch, unless a fetch has failed within the cool-down; one that fails leaves the set as it is."""
    if cache.tried is not None and cache.tried > cache.fetched and question.tick - cache.tried < COOLDOWN:
        return
    cache.tried = question.tick
    entries = fetch(question.policy["keys_url"])
    if entries is not None:
        cache.entries, cache.fetched, cache.tried = entries, question.tick, question.tick


def after_unknown_kid(question: Question, memory: Memory) -> list[Json] | None:
    """Return the entries of a set that was fetched because a kid is unknown; None within the cool-down."""
    cache = memory.key_sets[question.policy["keys_url"]]
    if cache.refetched is not None and question.tick - cache.refetched < COOLDOWN:
        return None
    cache.refetched = question.tick
    refresh(question, cache)
    return cache.entries


def entries_of(body: bytes) -> list[Json] | None:
    """Return the entries of a JWK set (RFC 7517 §5); None if it is none."""
    try:
        value = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    keys = value.get("keys") if isinstance(value, dict) else None
    return [entry for entry in keys if isinstance(entry, dict)] if isinstance(keys, list) else None


def get(url: str) -> tuple[int, Message, bytes]:
    """Return status, header fields and body of one GET; status 0 if there was no whole answer in time."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        return 0, Message(), b""
    ends = time.monotonic() + SECONDS
    connection = HTTPConnection(parts.hostname, parts.port, timeout=SECONDS)
    try:
        connection.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
        answer = connection.getresponse()
        body = b""
        while chunk := answer.read1(65_536):
            body += chunk
            if len(body) > LARGEST or time.monotonic() > ends:
                return 0, Message(), b""
    except (OSError, HTTPException):
        return 0, Message(), b""
    else:
        return answer.status if answer.length in (None, 0) else 0, answer.headers, body
    finally:
        connection.close()
