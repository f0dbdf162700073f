"""Weak ways with keys: how one is chosen, what a key may be, and how a key set is fetched and kept."""

import html
import io
import json
import os
import posixpath
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from bearerproof_fuzz.victims import encoding, signatures, verifier
from bearerproof_fuzz.victims.question import Memory, Question
from bearerproof_fuzz.victims.refusal import Json, Refused
from bearerproof_fuzz.victims.signatures import Key
from bearerproof_fuzz.victims.variants import ORDINARY, weak_header
from bearerproof_fuzz.victims.verifier import HONEST, Steps

# --- how an entry is named


def or_without_kid(header: Json, entry: Json) -> bool:
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


def _number(kid: str) -> str:
    """Make a number of a kid that looks like one."""
    try:
        return str(float(kid))
    except ValueError:
        return kid


def _indexed(normal: Callable[[str], str]) -> Steps:
    """Keep the entries in a table by the form of their kid, so that of two alike the last is there."""

    def chosen(steps: Steps, question: Question, header: Json, entries: list[Json]) -> Key:
        if not isinstance(header.get("kid"), str):
            return verifier.choose(steps, question, header, entries)
        table = {normal(str(entry.get("kid"))): entry for entry in entries}
        entry = table.get(normal(header["kid"]))
        return verifier.choose(steps, question, {**header, "kid": entry and entry["kid"]}, [entry] if entry else [])

    return replace(HONEST, choose=chosen)


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

    return replace(ORDINARY, choose=chosen, verify=whatever_secret)


def _names(kid: str) -> Callable[[Json], bool]:
    return lambda entry: entry.get("kid") == kid


def whatever_secret(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Verify without a look at the length of a secret."""
    if not isinstance(key.material, bytes):
        return signatures.verify(key, algorithm, signing_input, signature)
    return signatures.mac(key.material, algorithm, signing_input) == signature


def _in_a_file(kid: str, _: list[Json]) -> bytes | None:
    """Read the file of the name, in a folder that need not be there; bounded, since some files have no end."""
    try:
        with Path(os.path.normpath(Path("/etc/keys") / kid)).open("rb") as file:
            return file.read(io.DEFAULT_BUFFER_SIZE)
    except (OSError, ValueError):
        return None


def _in_a_table(kid: str, entries: list[Json]) -> bytes | None:
    """Ask a database, in a sentence that the kid is written into."""
    secrets = [(str(entry.get("kid")), signatures.octets(entry, "k")) for entry in entries if entry.get("kty") == "oct"]
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE keys (kid TEXT, secret BLOB)")
        database.executemany("INSERT INTO keys VALUES (?, ?)", secrets)
        try:
            found = database.execute(f"SELECT secret FROM keys WHERE kid = '{kid}'").fetchone()  # noqa: S608 - the weakness
        except (sqlite3.Error, sqlite3.Warning, ValueError):
            return None
    if found is None:
        return None
    return found[0] if isinstance(found[0], bytes) else str(found[0] or "").encode()


# --- which entry


def _taken(pick: Callable[[list[Json]], list[Json]]) -> Steps:
    """Pick among the entries of the kid before it is asked whether they may verify."""

    def chosen(steps: Steps, question: Question, header: Json, entries: list[Json]) -> Key:
        named = [entry for entry in entries if steps.named(header, entry)]
        return verifier.choose(steps, question, header, pick(named))

    return replace(HONEST, choose=chosen)


def _by_number(steps: Steps, question: Question, header: Json, entries: list[Json]) -> Key:
    """Take a kid of digits for the number of an entry, as a list that is used like a table does."""
    kid = header.get("kid")
    if isinstance(kid, str) and kid.isascii() and kid.isdigit() and int(kid) < len(entries):
        anonymous = {name: value for name, value in header.items() if name != "kid"}
        return verifier.choose(steps, question, anonymous, [entries[int(kid)]])
    return verifier.choose(steps, question, header, entries)


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


def _measured_in_octets(jwk: Json) -> Key:
    """Measure the modulus as it is spelled, with the zeros before it."""
    if jwk.get("kty") != "RSA":
        return signatures.from_jwk(jwk)
    if len(signatures.octets(jwk, "n")) < 256:
        raise Refused("key-unusable")
    return _in_place_of(jwk, signatures.rsa_of(signatures.number(jwk, "n"), signatures.number(jwk, "e")))


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
    return whatever_secret(key, algorithm, signing_input, signature)


def _only_empty(key: Key, algorithm: str, signing_input: bytes, signature: bytes) -> bool:
    """Have the length looked at where there is one: the empty secret is falsy, and so it passes."""
    chosen = whatever_secret if key.material == b"" else signatures.verify
    return chosen(key, algorithm, signing_input, signature)


def _named_public(steps: Steps, question: Question, header: Json, entries: list[Json]) -> Key:
    """Look among the keys of the algorithm's family; one of another name will do."""
    wanted = signatures.KTY_OF[header["alg"][:2]]
    family = [entry for entry in entries if entry.get("kty") == wanted]
    anonymous = {name: value for name, value in header.items() if name != "kid"}
    named = any(verifier.named(header, entry) for entry in family)
    return verifier.choose(steps, question, header if named else anonymous, family)


STEPS: Mapping[str, Steps] = {
    "kid-in-any-case": _alike(str.casefold),
    "kid-trimmed": _alike(str.strip),
    "kid-normalised": _alike(lambda kid: unicodedata.normalize("NFKC", kid)),
    "kid-percent-decoded": _alike(unquote),
    "kid-last-part-of-a-path": _alike(lambda kid: kid.rpartition("/")[2]),
    "kid-up-to-a-nul": _alike(lambda kid: kid.partition("\0")[0]),
    "kid-up-to-a-question-mark": _alike(lambda kid: kid.partition("?")[0]),
    "kid-up-to-a-hash": _alike(lambda kid: kid.partition("#")[0]),
    "kid-up-to-a-semicolon": _alike(lambda kid: kid.partition(";")[0]),
    "kid-up-to-a-comma": _alike(lambda kid: kid.partition(",")[0]),
    "kid-without-its-extension": _alike(lambda kid: posixpath.splitext(kid)[0]),
    "kid-as-a-normal-path": _alike(posixpath.normpath),
    "kid-last-part-of-a-urn": _alike(lambda kid: kid.rpartition(":")[2]),
    "kid-unquoted": _alike(lambda kid: kid.strip("\"'")),
    "kid-with-character-references-undone": _alike(html.unescape),
    "kid-of-letters-and-digits": _alike(lambda kid: re.sub(r"[^A-Za-z0-9]", "", kid)),
    "kid-as-a-number": _alike(_number),
    "kid-cut-to-64-characters": _alike(lambda kid: kid[:64]),
    "kid-in-a-table-without-case": _indexed(str.casefold),
    "kid-in-a-table-by-its-last-part": _indexed(lambda kid: kid.rpartition("/")[2]),
    "kid-of-any-type-as-json": _named(
        lambda asked, held: (asked if isinstance(asked, str) else json.dumps(asked)) == held
    ),
    "kid-beginning-is-enough": _named(
        lambda asked, held: isinstance(asked, str) and bool(asked) and held.startswith(asked)
    ),
    "kid-as-a-pattern": _named(_like),
    "kid-of-any-type-as-text": _named(lambda asked, held: str(asked) == str(held)),
    "kid-list-first-taken": _named(_first_of_a_list),
    "kid-null-is-absent": replace(weak_header("key id"), named=_null_is_absent),
    "kid-that-is-no-text-is-absent": _named(lambda asked, held: not isinstance(asked, str) or asked == held),
    "key-without-kid-serves-everybody": replace(HONEST, named=or_without_kid),
    "kid-not-looked-at": _any_of(lambda _, entries: entries),
    "kid-opens-a-file": _looked_up(_in_a_file),
    "kid-in-a-sentence-of-sql": _looked_up(_in_a_table),
    "kid-unknown-is-the-empty-secret": _looked_up(lambda _, __: b""),
    "kid-itself-is-the-secret": _looked_up(lambda kid, _: kid.encode()),
    "kid-as-the-number-of-an-entry": replace(HONEST, choose=_by_number),
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
    "short-secrets-taken": replace(HONEST, verify=whatever_secret),
    "short-secrets-taken-but-the-empty-one": replace(HONEST, verify=_any_but_empty),
    "empty-secret-taken": replace(HONEST, verify=_only_empty),
    "rsa-of-1024-bits-taken": _rsa(strong=_below_2048),
    "rsa-modulus-measured-with-its-zeros": _read(_measured_in_octets),
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
}
