"""Weak ways with key sets: how they are fetched, what is believed of an answer, and how long it is kept."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from email.message import Message

from bearerproof_fuzz.victims import encoding, fetching, verifier
from bearerproof_fuzz.victims.question import KeySetCache, Memory, Question
from bearerproof_fuzz.victims.refusal import Json, Refused
from bearerproof_fuzz.victims.verifier import HONEST, Steps
from bearerproof_fuzz.victims.weaknesses.keys import or_without_kid, whatever_secret


def _fetched(current: Callable[[Question, Memory], list[Json]]) -> Steps:
    """Keep fetched sets in another way; sets that are given are as they are."""

    def entries(question: Question, memory: Memory) -> list[Json]:
        if "keys_url" not in question.policy:
            return verifier.entries_of_a_set(question, memory)
        return current(question, memory)

    return replace(HONEST, entries=entries)


def _cache(question: Question, memory: Memory) -> KeySetCache:
    return memory.key_sets.setdefault(question.policy["keys_url"], KeySetCache())


def _for_ever(question: Question, memory: Memory) -> list[Json]:
    cache = _cache(question, memory)
    if cache.entries is None:
        fetching.refresh(question, cache)
    if cache.entries is None:
        raise Refused("keys-unavailable")
    return cache.entries


def _lost_on_failure(question: Question, memory: Memory) -> list[Json]:
    """Throw the set away before the next one is there."""
    cache = _cache(question, memory)
    if cache.entries is not None and question.tick - cache.fetched >= fetching.TTL:
        cache.entries = None
    return fetching.current(question, memory)


def _never_stale(question: Question, memory: Memory) -> list[Json]:
    cache = _cache(question, memory)
    try:
        return fetching.current(question, memory)
    except Refused:
        if cache.entries is None:
            raise
        return cache.entries


def _for_each_token(question: Question, memory: Memory) -> list[Json]:
    """Fetch for every token: nothing is kept but for the case that the fetch fails."""
    cache = _cache(question, memory)
    fetched = fetching.fetch(question.policy["keys_url"])
    if fetched is None:
        return fetching.current(question, memory)
    cache.entries, cache.fetched = fetched, question.tick
    return fetched


def _added(question: Question, memory: Memory) -> list[Json]:
    """Add what is fetched to what is there."""
    held: list[Json] = memory.kept.setdefault(question.policy["keys_url"], [])
    held += [entry for entry in fetching.current(question, memory) if entry not in held]
    return held


def _by_wall_clock(question: Question, memory: Memory) -> list[Json]:
    return fetching.current(replace(question, tick=question.now), memory)


def _empty_when_unavailable(question: Question, memory: Memory) -> list[Json]:
    """Have no keys where there is no set, and find every kid unknown."""
    try:
        return fetching.current(question, memory)
    except Refused:
        return []


def _refetch_without_limit(question: Question, memory: Memory) -> list[Json] | None:
    cache = _cache(question, memory)
    cache.tried = None
    fetching.refresh(question, cache)
    return cache.entries


def _never_refetched(_: Question, __: Memory) -> None:
    return None


def _replaced_by_whatever(question: Question, memory: Memory) -> list[Json] | None:
    """Have a refetch that fails throw the good set away."""
    cache = _cache(question, memory)
    if cache.refetched is not None and question.tick - cache.refetched < fetching.COOLDOWN:
        return None
    cache.refetched = question.tick
    cache.entries = fetching.fetch(question.policy["keys_url"])
    return cache.entries or []


def _believing(answer: Callable[[int, Message, bytes], list[Json] | None]) -> Steps:
    """Read the endpoint's answer in a weak way: its status, its header fields, and its body."""
    return _fetched(lambda question, memory: fetching.current(question, memory, lambda url: answer(*fetching.get(url))))


def _redirected(status: int, fields: Message, body: bytes) -> list[Json] | None:
    location = fields.get("Location", "")
    if status in (301, 302, 303, 307, 308) and location:
        status, _, body = fetching.get(location)
    return fetching.entries_of(body) if status == 200 else None


def _any_status(status: int, _: Message, body: bytes) -> list[Json] | None:
    return fetching.entries_of(body) if status else None


def _text_is_a_secret(status: int, _: Message, body: bytes) -> list[Json] | None:
    """Take an answer that is a JSON string for the one secret there is."""
    entries = fetching.entries_of(body) if status == 200 else None
    if entries is None and status == 200 and body[:1] == body[-1:] == b'"':
        return [{"kty": "oct", "k": encoding.encode(body[1:-1])}]
    return entries


def _array_is_a_set(status: int, _: Message, body: bytes) -> list[Json] | None:
    return (
        fetching.entries_of(b'{"keys":' + body + b"}" if body.lstrip()[:1] == b"[" else body) if status == 200 else None
    )


def _one_key_is_a_set(status: int, _: Message, body: bytes) -> list[Json] | None:
    entries = fetching.entries_of(body)
    return entries or fetching.entries_of(b'{"keys":[' + body + b"]}") if status == 200 else None


def _of_one_media_type(status: int, fields: Message, body: bytes) -> list[Json] | None:
    """Believe nothing but the registered media type (RFC 7517 §8.5), which most of the world does not send."""
    registered = fields.get_content_type() == "application/jwk-set+json"
    return fetching.entries_of(body) if status == 200 and registered else None


def _as_long_as_caches_may(question: Question, memory: Memory) -> list[Json]:
    """Keep a set no longer than the endpoint says that caches may, which may be not at all."""
    cache = _cache(question, memory)
    url = question.policy["keys_url"]
    said: list[str] = []

    def fetch(url: str) -> list[Json] | None:
        status, fields, body = fetching.get(url)
        said.extend(fields.get_all("Cache-Control", []))
        return fetching.entries_of(body) if status == 200 else None

    if memory.kept.get(("not to be kept", url)):
        cache.fetched = -fetching.TTL
    entries = fetching.current(question, memory, fetch)
    if said:
        memory.kept["not to be kept", url] = re.search("no-store|no-cache|max-age=0", ",".join(said)) is not None
    return entries


def _given_sets_kept(question: Question, memory: Memory) -> list[Json]:
    """Keep the first set of an issuer, however often another one is given."""
    entries: list[Json] = memory.kept.setdefault(
        question.policy.get("issuer"), verifier.entries_of_a_set(question, memory)
    )
    return entries


STEPS: Mapping[str, Steps] = {
    "given-set-kept": replace(HONEST, entries=_given_sets_kept),
    "set-kept-for-ever": _fetched(_for_ever),
    "new-kid-not-fetched": replace(HONEST, refetch=_never_refetched),
    "set-lost-when-a-refresh-fails": _fetched(_lost_on_failure),
    "set-lost-when-a-refetch-fails": replace(HONEST, refetch=_replaced_by_whatever),
    "set-never-stale": _fetched(_never_stale),
    "set-aged-by-the-wall-clock": _fetched(_by_wall_clock),
    "set-fetched-for-each-token": _fetched(_for_each_token),
    "unknown-kid-always-fetched": replace(HONEST, refetch=_refetch_without_limit),
    "no-set-is-an-empty-set": _fetched(_empty_when_unavailable),
    "fetched-keys-are-added": _fetched(_added),
    "set-kept-as-long-as-caches-may": _fetched(_as_long_as_caches_may),
    "set-of-another-media-type-refused": _believing(_of_one_media_type),
    "redirect-followed": _believing(_redirected),
    "body-of-an-error-believed": _believing(_any_status),
    "text-taken-for-a-set": replace(_believing(_text_is_a_secret), named=or_without_kid, verify=whatever_secret),
    "array-taken-for-a-set": _believing(_array_is_a_set),
    "key-taken-for-a-set": _believing(_one_key_is_a_set),
}
