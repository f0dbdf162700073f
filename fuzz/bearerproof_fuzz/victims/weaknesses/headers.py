"""Weak ways with the header: the algorithm, extensions, keys that the token brings along, encrypted tokens."""

import base64
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace

from cryptography import x509
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac, padding
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bearerproof_fuzz.victims import fetching, signatures, verifier
from bearerproof_fuzz.victims.question import Memory, Question
from bearerproof_fuzz.victims.refusal import Json, Refused
from bearerproof_fuzz.victims.signatures import Key
from bearerproof_fuzz.victims.variants import ORDINARY, weak_header
from bearerproof_fuzz.victims.verifier import HONEST, Opened, Steps

# --- the algorithm


def _unsigned(is_none: Callable[[object], bool], *, only_without_key: bool = False) -> Steps:
    """Take a token unsigned if its ``alg`` says so, or only if no key is found for it."""

    def opened(steps: Steps, question: Question, memory: Memory) -> Opened:
        parts = question.token.split(".")
        if len(parts) == 3 and is_none((found := steps.parse_header(steps.decode(parts[0]))).get("alg")):
            entries = steps.entries(question, memory)
            if not (only_without_key and "kid" in found and any(steps.named(found, entry) for entry in entries)):
                return Opened(found, steps.decode(parts[1]))
        return verifier.open_jws(steps, question, memory)

    return replace(HONEST, open=opened)


def _any_algorithm(_: Question, header: Json) -> None:
    """Look for the algorithm among those that are implemented, not among those that are allowed."""
    if header.get("alg") not in signatures.ALGORITHMS:
        raise Refused("algorithm")


def _looked_up(question: Question, header: Json) -> None:
    """Look for the algorithm in a table, whatever it is."""
    if header.get("alg") not in dict.fromkeys(question.policy["algorithms"]):
        raise Refused("algorithm")


def _normalised(alg: Callable[[Question, Json], object]) -> Steps:
    """Read the algorithm in some tolerant way, and go on with what was read."""

    def opened(steps: Steps, question: Question, memory: Memory) -> Opened:
        def parsed(octets: bytes) -> Json:
            found = steps.parse_header(octets)
            return {**found, "alg": alg(question, found)}

        return verifier.open_jws(replace(steps, parse_header=parsed), question, memory)

    return replace(HONEST, open=opened)


def _upper(question: Question, header: Json) -> object:
    alg = header.get("alg")
    return next((each for each in question.policy["algorithms"] if each.lower() == str(alg).lower()), alg)


def _or_default(question: Question, header: Json) -> object:
    return header.get("alg") or question.policy["algorithms"][0]


def _first_of_list(_: Question, header: Json) -> object:
    alg = header.get("alg")
    return alg[0] if isinstance(alg, list) and alg else alg


def _stripped(_: Question, header: Json) -> object:
    alg = header.get("alg")
    return alg.strip() if isinstance(alg, str) else alg


def _in_full_width(_: Question, header: Json) -> object:
    return unicodedata.normalize("NFKC", str(header.get("alg")))


_ELSEWHERE = {"SHA256withECDSA": "ES256", "SHA256withRSA": "RS256", "HmacSHA256": "HS256"}


def _of_java(_: Question, header: Json) -> object:
    """Translate the name by which a library of signatures knows the algorithm."""
    alg = str(header.get("alg"))
    return _ELSEWHERE.get(alg, alg)


def _within_text(question: Question, header: Json) -> object:
    """Look for the name within a text of the allowed ones, so that a part of a name is found too."""
    allowed = question.policy["algorithms"]
    return allowed[0] if str(header.get("alg")) in " ".join(allowed) else header.get("alg")


def _fits(key: Key, alg: str, _: list[str]) -> bool:
    return key.fits(alg)


def _of_the_key(steps: Steps, question: Question, memory: Memory) -> Opened:
    """Verify under the algorithm of the key, whatever the header says."""

    def chosen(steps: Steps, question: Question, header: Json, entries: list[Json]) -> Key:
        named = [entry for entry in entries if steps.named(header, entry)]
        alg = named[0].get("alg") if named else None
        if not isinstance(alg, str) or alg not in question.policy["algorithms"]:
            raise Refused("algorithm")
        header["alg"] = alg
        return verifier.choose(steps, question, header, named)

    return verifier.open_jws(replace(steps, choose=chosen), question, memory)


# --- extensions


def _critical(refuses: Callable[[object, Json], bool]) -> Steps:
    """Look at ``crit`` in a way that misses something."""

    def check(_: Question, header: Json) -> None:
        if "crit" in header and refuses(header["crit"], header):
            raise Refused("critical")

    return weak_header(changed={"critical": check})


def _names(crit: object) -> list[str]:
    """Return the names of a ``crit``; one that is malformed names what nobody understands."""
    return [str(name) for name in crit] if isinstance(crit, list) and crit else ["alg", "crit"]


def _critical_in_the_text(steps: Steps, question: Question, memory: Memory) -> Opened:
    """Look for ``crit`` in the text of the header, where its name may be spelled with an escape (RFC 8259 §7)."""
    if b'"crit"' in steps.decode(question.token.partition(".")[0]):
        raise Refused("critical")
    return verifier.open_jws(steps, question, memory)


def _b64_believed(steps: Steps, question: Question, memory: Memory) -> Opened:
    """RFC 7797 in a JWT: the payload stands in the token as it is."""
    parts = question.token.split(".")
    raw = len(parts) >= 3 and _is_raw(steps, parts[0])
    if not raw:
        return verifier.open_jws(steps, question, memory)
    first, second, third = parts[0], ".".join(parts[1:-1]), parts[-1]
    found = steps.parse_header(steps.decode(first))
    key = verifier.find_key(steps, question, memory, found)
    if not steps.verify(key, found["alg"], f"{first}.{second}".encode(), steps.decode(third)):
        raise Refused("signature")
    return Opened(found, second.encode())


def _is_raw(steps: Steps, segment: str) -> bool:
    try:
        return steps.parse_header(steps.decode(segment)).get("b64") is False
    except Refused:
        return False


# --- keys that the token brings along


def _brought(find: Callable[[Json], Key | None]) -> Steps:
    """Verify with the key that the header brings or points to, if it does."""

    def chosen(steps: Steps, question: Question, header: Json, entries: list[Json]) -> Key:
        return find(header) or verifier.choose(steps, question, header, entries)

    return replace(ORDINARY, choose=chosen)


def _embedded(header: Json) -> Key | None:
    return signatures.from_jwk(header["jwk"]) if isinstance(header.get("jwk"), dict) else None


def _certified(header: Json) -> Key | None:
    chain = header.get("x5c")
    if not isinstance(chain, list) or not chain:
        return None
    certificate = x509.load_der_x509_certificate(base64.b64decode(chain[0]))
    pem = certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return signatures.from_text("", pem.decode())


def _pointed_to(name: str) -> Callable[[Json], Key | None]:
    def find(header: Json) -> Key | None:
        if not isinstance(header.get(name), str):
            return None
        entries = fetching.fetch(header[name]) or []
        named = [entry for entry in entries if verifier.named(header, entry)] or entries
        return signatures.from_jwk(named[0]) if named else None

    return find


# --- encrypted tokens


def _decrypted(unwrap: Callable[[Json, Json, bytes], bytes]) -> Steps:
    """Take five segments for a token in confidence: who can encrypt is believed."""

    def opened(steps: Steps, question: Question, memory: Memory) -> Opened:
        parts = question.token.split(".")
        if len(parts) != 5:
            return verifier.open_jws(steps, question, memory)
        found = steps.parse_header(steps.decode(parts[0]))
        entry = next((each for each in steps.entries(question, memory) if steps.named(found, each)), None)
        if entry is None:
            raise Refused("key-unknown")
        wrapped, iv, ciphertext, tag = (steps.decode(part) for part in parts[1:])
        content_key = unwrap(found, entry, wrapped)
        payload = _decrypt(found["enc"], content_key, iv, ciphertext, tag, parts[0].encode())
        if payload.count(b".") == 2:  # nested: the outer wrapping is trusted, so the inner signature is not looked at
            payload = steps.decode(payload.decode().split(".")[1])
        return Opened(found, payload)

    return replace(ORDINARY, open=opened)


def _directly(header: Json, entry: Json, _: bytes) -> bytes:
    if header.get("alg") != "dir" or entry.get("kty") != "oct":
        raise Refused("algorithm")
    return signatures.octets(entry, "k")


def _privately(header: Json, entry: Json, wrapped: bytes) -> bytes:
    """Unwrap by RSA-OAEP with the private key that stands in the set (RFC 7518 §4.3, §6.3.2)."""
    pad = {"RSA-OAEP": hashes.SHA1, "RSA-OAEP-256": hashes.SHA256}.get(str(header.get("alg")))
    if pad is None or not isinstance(entry.get("d"), str):
        raise Refused("algorithm")
    modulus, public, private = (signatures.number(entry, name) for name in ("n", "e", "d"))
    p, q = rsa.rsa_recover_prime_factors(modulus, public, private)
    numbers = rsa.RSAPrivateNumbers(
        p, q, private, private % (p - 1), private % (q - 1), pow(q, -1, p), rsa.RSAPublicNumbers(public, modulus)
    )
    oaep = rsa_padding.OAEP(rsa_padding.MGF1(pad()), pad(), None)
    try:
        return numbers.private_key().decrypt(wrapped, oaep)
    except ValueError:
        raise Refused("malformed") from None


def _decrypt(enc: str, key: bytes, iv: bytes, ciphertext: bytes, tag: bytes, associated: bytes) -> bytes:
    """RFC 7518 §5.2 and §5.3."""
    sizes = {"A128GCM": 16, "A192GCM": 24, "A256GCM": 32, "A128CBC-HS256": 32, "A192CBC-HS384": 48, "A256CBC-HS512": 64}
    if sizes.get(enc) != len(key):
        raise Refused("key-unusable")
    try:
        if enc.endswith("GCM"):
            return AESGCM(key).decrypt(iv, ciphertext + tag, associated)
        return _decrypt_cbc(key, iv, ciphertext, tag, associated)
    except (InvalidTag, ValueError):
        raise Refused("malformed") from None


def _decrypt_cbc(key: bytes, iv: bytes, ciphertext: bytes, tag: bytes, associated: bytes) -> bytes:
    half = len(key) // 2
    mac = hmac.HMAC(key[:half], {16: hashes.SHA256(), 24: hashes.SHA384(), 32: hashes.SHA512()}[half])
    mac.update(associated + iv + ciphertext + (len(associated) * 8).to_bytes(8))
    if mac.finalize()[:half] != tag:
        raise InvalidTag
    context = Cipher(algorithms.AES(key[half:]), modes.CBC(iv)).decryptor()
    unpadder = padding.PKCS7(128).unpadder()
    return unpadder.update(context.update(ciphertext) + context.finalize()) + unpadder.finalize()


STEPS: Mapping[str, Steps] = {
    "alg-none-taken": _unsigned(lambda alg: alg == "none"),
    "alg-none-refused-in-small-letters": _unsigned(
        lambda alg: isinstance(alg, str) and alg != "none" and alg.lower() == "none"
    ),
    "alg-none-where-no-key-is-found": _unsigned(lambda alg: alg == "none", only_without_key=True),
    "header-alg-trusted": replace(weak_header(changed={"algorithm": _any_algorithm}), agrees=_fits),
    "key-alg-ignored": replace(HONEST, agrees=_fits),
    "header-alg-ignored": replace(weak_header("algorithm"), open=_of_the_key),
    "alg-in-any-case": _normalised(_upper),
    "alg-missing-is-the-default": _normalised(_or_default),
    "alg-list-first-taken": _normalised(_first_of_list),
    "alg-trimmed": _normalised(_stripped),
    "alg-found-within-a-text": _normalised(_within_text),
    "alg-in-letters-of-any-width": _normalised(_in_full_width),
    "alg-by-its-name-in-java": _normalised(_of_java),
    "crit-ignored": weak_header("critical"),
    "crit-null-is-none": _critical(lambda crit, _: crit is not None),
    "crit-empty-is-none": _critical(lambda crit, _: crit != []),
    "crit-of-absent-parameters": _critical(lambda crit, found: not found.keys().isdisjoint(_names(crit))),
    "crit-of-registered-parameters": _critical(lambda crit, _: not {"alg", "kid", "typ"}.issuperset(_names(crit))),
    "crit-looked-for-in-the-text": replace(weak_header("critical"), open=_critical_in_the_text),
    "crit-as-text": _critical(lambda crit, _: not isinstance(crit, str)),
    "b64-false-believed": replace(weak_header("encoded", "critical"), open=_b64_believed),
    "b64-false-ignored": weak_header("encoded"),
    "jwk-in-header-trusted": _brought(_embedded),
    "x5c-in-header-trusted": _brought(_certified),
    "jku-fetched": _brought(_pointed_to("jku")),
    "x5u-fetched": _brought(_pointed_to("x5u")),
    "unknown-parameters-ignored": ORDINARY,
    "alg-list-escapes": weak_header(changed={"algorithm": _looked_up}),
    "jwe-under-the-secret": _decrypted(_directly),
    "jwe-to-the-private-key": _decrypted(_privately),
}
