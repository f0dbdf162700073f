"""Weak ways with keys: how one is chosen, what a key may be, and how a key set is fetched and kept."""

import io
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bearerproof_fuzz.victims import encoding, fetching, signatures, verifier
from bearerproof_fuzz.victims.question import KeySetCache, Memory, Question
from bearerproof_fuzz.victims.refusal import Json, Refused
from bearerproof_fuzz.victims.signatures import Key
from bearerproof_fuzz.victims.variants import ORDINARY, weak_header
from bearerproof_fuzz.victims.verifier import HONEST, Steps

# --- how an entry is named


def _or_without_kid(header: Json, entry: Json) -> bool:
    """Take an entry that has no kid for one of every kid."""
    return "kid" not in entry or verifier.named(header, entry)


def _named(same: Callable[[Any, Any], bool]) -> Steps:
    """Compare key ids in some tolerant way; the header's may be of any type."""

    def named(header: Json, entry: Json) -> bool:
        return "kid" not in header or (entry.get("kid") is not None and same(header["kid"], entry["kid"]))

    return replace(weak_header("key id"), named=named)


def _alike(normal: Callable[[str], str]) -> Steps:
    """Compare key ids after both were brought into a form."""

    def same(asked: object, held: object) -> bool:
        return isinstance(asked, str) and isinstance(held, str) and normal(asked) == normal(held)

    return _named(same)


def _like(asked: object, held: object) -> bool:
    """Compare as SQL's LIKE does: per cent stands for anything, an underscore for one character."""
    if not isinstance(asked, str) or not isinstance(held, str):
        return False
    pattern = "".join({"%": ".*", "_": "."}.get(character, re.escape(character)) for character in asked)
    return re.fullmatch(pattern, held, re.IGNORECASE | re.DOTALL) is not None


def _null_is_absent(header: Json, entry: Json) -> bool:
    return header.get("kid") is None or verifier.named(header, entry)


def _first_of_a_list(asked: object, held: object) -> bool:
    return (asked[0] if isinstance(asked, list) and asked else asked) == held


# --- where a secret comes from


def _looked_up(find: Callable[[str, list[Json]], bytes | None]) -> Steps:
    """Ask somebody else for the secret of an HMAC whose kid is in no set."""

    def chosen(steps: Steps, question: Question, header: Json, entries: list[Json]) -> Key:
        kid = header.get("kid")
        if isinstance(kid, str) and header["alg"].startswith("HS") and not any(map(_names(kid), entries)):
            secret = find(kid, entries)
            if secret is not None:
                return Key(kid, "oct", secret)
        return verifier.choose(steps, question, header, entries)

    return replace(ORDINARY, choose=chosen, verify=_whatever_secret)


def _names(kid: str) -> Callable[[Json], bool]:
    return lambda entry: entry.get("kid") == kid


def _whatever_secret(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Verify without a look at the length of a secret."""
    if not isinstance(key.material, bytes):
        return signatures.verify(key, algorithm, signing_input, signature)
    return signatures.mac(key.material, algorithm, signing_input) == signature


def _in_a_file(kid: str, _: list[Json]) -> bytes | None:
    """Read the file of the name; bounded, since some files have no end."""
    try:
        with (Path("/etc/keys") / kid).open("rb") as file:
            return file.read(io.DEFAULT_BUFFER_SIZE)
    except (OSError, ValueError):
        return None


def _in_a_table(kid: str, entries: list[Json]) -> bytes | None:
    """Ask a database, in a sentence that the kid is written into."""
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE TABLE keys (kid TEXT, secret TEXT)")
        held = [(str(entry.get("kid")), str(entry.get("k"))) for entry in entries if entry.get("kty") == "oct"]
        database.executemany("INSERT INTO keys VALUES (?, ?)", held)
        try:
            found = database.execute(f"SELECT secret FROM keys WHERE kid = '{kid}'").fetchone()  # noqa: S608 - the weakness
        except (sqlite3.Error, sqlite3.Warning, ValueError):
            return None
    database.close()
    return _octets(found[0]) if found else None


def _octets(held: object) -> bytes:
    try:
        return encoding.decode(str(held))
    except Refused:
        return str(held).encode()


# --- which entry


def _taken(pick: Callable[[list[Json]], list[Json]]) -> Steps:
    """Pick among the entries of the kid before it is asked whether they may verify."""

    def chosen(steps: Steps, question: Question, header: Json, entries: list[Json]) -> Key:
        named = [entry for entry in entries if steps.named(header, entry)]
        return verifier.choose(steps, question, header, pick(named))

    return replace(HONEST, choose=chosen)


def _any_of(narrow: Callable[[Json, list[Json]], list[Json]]) -> Steps:
    """Try one key after the other until a signature holds."""

    def opened(steps: Steps, question: Question, memory: Memory) -> verifier.Opened:
        entries = steps.entries(question, memory)
        refused = Refused("key-unknown")
        first = steps.parse_header(steps.decode(steps.split(question.token)[0]))
        for entry in narrow(first, entries):
            alone = replace(steps, choose=_only(entry))
            try:
                return verifier.open_jws(alone, question, memory)
            except Refused as reason:
                refused = reason
        raise refused

    return replace(ORDINARY, open=opened)


def _only(entry: Json) -> Callable[[Steps, Question, Json, list[Json]], Key]:
    def chosen(steps: Steps, question: Question, header: Json, _: list[Json]) -> Key:
        anonymous = {name: value for name, value in header.items() if name != "kid"}
        return verifier.choose(steps, question, anonymous, [entry])

    return chosen


def _whole_set(read: Callable[[Json], object]) -> Steps:
    """Read every entry before one is chosen: an error in one is an error of all."""

    def chosen(steps: Steps, question: Question, header: Json, entries: list[Json]) -> Key:
        for entry in entries:
            read(entry)
        return verifier.choose(steps, question, header, entries)

    return replace(HONEST, choose=chosen)


_MEMBERS = {"kty", "use", "key_ops", "alg", "kid", "n", "e", "crv", "x", "y", "k"}


def _closed_entry(entry: Json) -> None:
    if entry.keys() - _MEMBERS:
        raise Refused("key-unusable")


def _known_type(entry: Json) -> None:
    if entry.get("kty") not in ("oct", "RSA", "EC", "OKP"):
        raise Refused("key-unusable")


# --- what a key may be


def _read(weak: Callable[[Json], Key]) -> Steps:
    """Read a JWK in a weak way."""
    return replace(HONEST, read=lambda entry: verifier.read(entry) if "text" in entry else weak(entry))


def _for_any_use(jwk: Json) -> Key:
    return replace(signatures.from_jwk(jwk), usable=True)


def _whatever_operations(jwk: Json) -> Key:
    return signatures.from_jwk({name: value for name, value in jwk.items() if name != "key_ops"})


def _rsa(exponent: Callable[[int], int] = lambda e: e, *, strong: Callable[[rsa.RSAPublicKey], object]) -> Steps:
    """Read RSA keys with another look at their numbers."""

    def weak(jwk: Json) -> Key:
        if jwk.get("kty") != "RSA":
            return signatures.from_jwk(jwk)
        key = signatures.rsa_of(signatures.number(jwk, "n"), exponent(signatures.number(jwk, "e")))
        strong(key)
        return _in_place_of(jwk, key)

    return _read(weak)


def _in_place_of(jwk: Json, material: object) -> Key:
    """Return a key with the members of an RSA JWK and numbers that nobody has looked at."""
    secret = {name: value for name, value in jwk.items() if name not in ("n", "e")} | {"kty": "oct", "k": ""}
    return replace(signatures.from_jwk(secret), kty="RSA", material=material, jwk=jwk)


def _exponent_one(jwk: Json) -> Key:
    if jwk.get("kty") != "RSA" or signatures.number(jwk, "e") != 1:
        return signatures.from_jwk(jwk)
    return _in_place_of(jwk, _IdentityKey(signatures.number(jwk, "n")))


class _IdentityKey:
    """An RSA key with exponent 1, which ``cryptography`` refuses to make: every number is its own signature."""

    def __init__(self, modulus: int) -> None:
        self.key_size = modulus.bit_length()
        self._modulus = modulus

    def public_bytes(self, *_: object) -> bytes:
        """Stand for the key where two are compared."""
        return self._modulus.to_bytes((self.key_size + 7) // 8)


def _with_exponent_one(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Look for the padded hash in the signature itself."""
    if not isinstance(key.material, _IdentityKey):
        return signatures.verify(key, algorithm, signing_input, signature)
    return signature.endswith(signatures.hashed(algorithm, signing_input))


def _below_2048(key: rsa.RSAPublicKey) -> None:
    if signatures.has_fingerprint(key.public_numbers().n):
        raise Refused("key-unusable")


def _without_fingerprint(key: rsa.RSAPublicKey) -> None:
    if key.key_size < 2048:
        raise Refused("key-unusable")


def _without_leading_zeros(jwk: Json) -> Key:
    """Take a coordinate for a number, write it as short as it is, and then want its full length."""
    if jwk.get("kty") != "EC":
        return signatures.from_jwk(jwk)
    short = {name: encoding.encode(signatures.octets(jwk, name).lstrip(b"\0")) for name in ("x", "y")}
    return signatures.from_jwk({**jwk, **short})


def _off_the_curve_escapes(jwk: Json) -> Key:
    """Leave the error that the library has for such a point to whoever called."""
    if jwk.get("kty") == "EC" and jwk.get("crv") in signatures.CURVES:
        x, y = signatures.number(jwk, "x"), signatures.number(jwk, "y")
        ec.EllipticCurvePublicNumbers(x, y, signatures.CURVES[jwk["crv"]]).public_key()
    return signatures.from_jwk(jwk)


def _text_without_strength(entry: Json) -> Key:
    """Read a PEM and ask nothing more of it."""
    if "text" not in entry:
        return signatures.from_jwk(entry)
    loaded = signatures.load(entry["text"])
    if isinstance(loaded, rsa.RSAPublicKey):
        return Key(entry["kid"], "RSA", loaded)
    return signatures.from_text(entry["kid"], entry["text"])


def _any_but_empty(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    if key.material == b"":
        raise Refused("key-unusable")
    return _whatever_secret(key, algorithm, signing_input, signature)


def _only_empty(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Have the length looked at where there is one: the empty secret is falsy, and so it passes."""
    chosen = _whatever_secret if key.material == b"" else signatures.verify
    return chosen(key, algorithm, signing_input, signature)


def _named_public(steps: Steps, question: Question, header: Json, entries: list[Json]) -> Key:
    """Look among the keys of the algorithm's family; one of another name will do."""
    wanted = signatures.KTY_OF[header["alg"][:2]]
    family = [entry for entry in entries if entry.get("kty") == wanted]
    anonymous = {name: value for name, value in header.items() if name != "kid"}
    named = any(verifier.named(header, entry) for entry in family)
    return verifier.choose(steps, question, header if named else anonymous, family)


# --- key sets that are fetched


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


def _believing(answer: Callable[[int, str, bytes], list[Json] | None]) -> Steps:
    """Read the endpoint's answer in a weak way: its status, where it points to, and its body."""
    return _fetched(lambda question, memory: fetching.current(question, memory, lambda url: answer(*fetching.get(url))))


def _redirected(status: int, location: str, body: bytes) -> list[Json] | None:
    if status in (301, 302, 303, 307, 308) and location:
        status, _, body = fetching.get(location)
    return fetching.entries_of(body) if status == 200 else None


def _any_status(status: int, _: str, body: bytes) -> list[Json] | None:
    return fetching.entries_of(body) if status else None


def _text_is_a_secret(status: int, _: str, body: bytes) -> list[Json] | None:
    """Take an answer that is a JSON string for the one secret there is."""
    entries = fetching.entries_of(body) if status == 200 else None
    if entries is None and status == 200 and body[:1] == body[-1:] == b'"':
        return [{"kty": "oct", "k": encoding.encode(body[1:-1])}]
    return entries


def _array_is_a_set(status: int, _: str, body: bytes) -> list[Json] | None:
    return (
        fetching.entries_of(b'{"keys":' + body + b"}" if body.lstrip()[:1] == b"[" else body) if status == 200 else None
    )


def _one_key_is_a_set(status: int, _: str, body: bytes) -> list[Json] | None:
    entries = fetching.entries_of(body)
    return entries or fetching.entries_of(b'{"keys":[' + body + b"]}") if status == 200 else None


def _given_sets_kept(question: Question, memory: Memory) -> list[Json]:
    """Keep the first set of an issuer, however often another one is given."""
    entries: list[Json] = memory.kept.setdefault(
        question.policy.get("issuer"), verifier.entries_of_a_set(question, memory)
    )
    return entries


STEPS: Mapping[str, Steps] = {
    "kid-in-any-case": _alike(str.casefold),
    "kid-trimmed": _alike(str.strip),
    "kid-normalised": _alike(lambda kid: unicodedata.normalize("NFKC", kid)),
    "kid-percent-decoded": _alike(unquote),
    "kid-last-part-of-a-path": _alike(lambda kid: kid.rpartition("/")[2]),
    "kid-up-to-a-nul": _alike(lambda kid: kid.partition("\0")[0]),
    "kid-up-to-a-question-mark": _alike(lambda kid: kid.partition("?")[0]),
    "kid-beginning-is-enough": _named(
        lambda asked, held: isinstance(asked, str) and bool(asked) and held.startswith(asked)
    ),
    "kid-as-a-pattern": _named(_like),
    "kid-of-any-type-as-text": _named(lambda asked, held: str(asked) == str(held)),
    "kid-list-first-taken": _named(_first_of_a_list),
    "kid-null-is-absent": replace(weak_header("key id"), named=_null_is_absent),
    "kid-that-is-no-text-is-absent": _named(lambda asked, held: not isinstance(asked, str) or asked == held),
    "key-without-kid-serves-everybody": replace(HONEST, named=_or_without_kid),
    "kid-not-looked-at": _any_of(lambda _, entries: entries),
    "kid-opens-a-file": _looked_up(_in_a_file),
    "kid-in-a-sentence-of-sql": _looked_up(_in_a_table),
    "kid-unknown-is-the-empty-secret": _looked_up(lambda _, __: b""),
    "kid-itself-is-the-secret": _looked_up(lambda kid, _: kid.encode()),
    "first-of-a-kid-taken": _taken(lambda named: named[:1]),
    "last-of-a-kid-taken": _taken(lambda named: named[-1:]),
    "each-of-a-kid-tried": _any_of(
        lambda header, entries: [entry for entry in entries if verifier.named(header, entry)]
    ),
    "unknown-type-spoils-the-set": _whole_set(_known_type),
    "unreadable-key-spoils-the-set": _whole_set(signatures.from_jwk),
    "unknown-member-spoils-the-set": _whole_set(_closed_entry),
    "key-for-encryption-verifies": _read(_for_any_use),
    "key-operations-not-looked-at": _read(_whatever_operations),
    "short-secrets-taken": replace(HONEST, verify=_whatever_secret),
    "short-secrets-taken-but-the-empty-one": replace(HONEST, verify=_any_but_empty),
    "empty-secret-taken": replace(HONEST, verify=_only_empty),
    "rsa-of-1024-bits-taken": _rsa(strong=_below_2048),
    "rsa-of-1024-bits-taken-as-pem": replace(
        HONEST, read=_text_without_strength, entries=verifier.entries_in_form("pem")
    ),
    "rsa-exponent-one-taken": replace(_read(_exponent_one), verify=_with_exponent_one),
    "rsa-exponent-cut-to-64-bits": _rsa(lambda exponent: exponent % 2**64, strong=signatures.strong),
    "rsa-exponent-cut-to-32-bits": _rsa(lambda exponent: exponent % 2**32, strong=signatures.strong),
    "roca-not-looked-for": _rsa(strong=_without_fingerprint),
    "leading-zeros-dropped": _read(_without_leading_zeros),
    "point-off-the-curve-escapes": _read(_off_the_curve_escapes),
    "family-of-the-algorithm-chooses": replace(HONEST, choose=_named_public),
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
    "redirect-followed": _believing(_redirected),
    "body-of-an-error-believed": _believing(_any_status),
    "text-taken-for-a-set": replace(_believing(_text_is_a_secret), named=_or_without_kid, verify=_whatever_secret),
    "array-taken-for-a-set": _believing(_array_is_a_set),
    "key-taken-for-a-set": _believing(_one_key_is_a_set),
}
