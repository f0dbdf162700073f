"""A plain verifier of JWTs in steps, each of which can be taken out and replaced by a weak one.

The whole of it: the size is looked at, the token is opened (taken apart, its header read and checked, a key chosen,
the signature verified), and then the claims are read and held against the policy (RFC 7515 §5.2, RFC 7519 §7.2).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bearerproof_fuzz.victims import claims, encoding, fetching, signatures
from bearerproof_fuzz.victims.claims import Check
from bearerproof_fuzz.victims.question import Facts, Memory, Question
from bearerproof_fuzz.victims.refusal import Json, Refused
from bearerproof_fuzz.victims.signatures import Key

MAX_TOKEN = 16_384
"""Octets of a token that are looked at."""


@dataclass(frozen=True)
class Opened:
    """A JWS whose signature holds."""

    header: Json
    payload: bytes


def decide(steps: "Steps", question: Question, memory: Memory) -> Json | bytes:
    """Return the claims, or of a JWS the payload.

    Raises:
        Refused: the token does not stand up to the policy.
    """
    if len(question.token.encode("utf-8", "surrogatepass")) > MAX_TOKEN:
        raise Refused("too-large")
    return decide_unbounded(steps, question, memory)


def decide_unbounded(steps: "Steps", question: Question, memory: Memory) -> Json | bytes:
    """Decide on a token of whatever size."""
    opened = steps.open(steps, question, memory)
    if question.profile == "jws":
        return opened.payload
    facts = Facts(question, memory, opened.header, steps.parse_claims(opened.payload))
    for check in steps.claims.values():
        check(facts)
    return facts.claims


def open_jws(steps: "Steps", question: Question, memory: Memory) -> Opened:
    """Verify a compact JWS over the octets that were transmitted (RFC 7515 §5.2)."""
    first, second, third = steps.split(question.token)
    header = steps.parse_header(steps.decode(first))
    payload, signature = steps.decode(second), steps.decode(third)
    for check in steps.header.values():
        check(question, header)
    key = find_key(steps, question, memory, header)
    if not steps.verify(key, header["alg"], f"{first}.{second}".encode(), signature):
        raise Refused("signature")
    return Opened(header, payload)


# --- the header

HeaderCheck = Callable[[Question, Json], None]


def algorithm(question: Question, header: Json) -> None:
    """RFC 8725 §3.1: an algorithm of the allow-list, exactly so spelled, and one that is verified here."""
    alg = header.get("alg")
    if not isinstance(alg, str) or alg not in question.policy["algorithms"] or alg not in signatures.ALGORITHMS:
        raise Refused("algorithm")


def key_id(_: Question, header: Json) -> None:
    """RFC 7515 §4.1.4: a string."""
    if not isinstance(header.get("kid", ""), str):
        raise Refused("header")


def type_name(_: Question, header: Json) -> None:
    """RFC 7515 §4.1.9: a string."""
    if not isinstance(header.get("typ", ""), str):
        raise Refused("type")


def critical(_: Question, header: Json) -> None:
    """RFC 7515 §4.1.11: no extension is understood here, so whatever is called critical is refused."""
    if "crit" in header:
        raise Refused("critical")


def unencrypted(_: Question, header: Json) -> None:
    """RFC 7516 §9: what has ``enc`` is a JWE."""
    if "enc" in header:
        raise Refused("malformed")


def encoded(question: Question, header: Json) -> None:
    """RFC 7797 §7: a JWT has no unencoded payload."""
    if question.profile != "jws" and header.get("b64", True) is not True:
        raise Refused("header")


def closed(question: Question, header: Json) -> None:
    """Nothing stands in the header of a JWT but what is looked at."""
    if question.profile != "jws" and header.keys() - {"typ", "alg", "kid"}:
        raise Refused("header")


HEADER_CHECKS: Mapping[str, HeaderCheck] = {
    "algorithm": algorithm,
    "key id": key_id,
    "type": type_name,
    "critical": critical,
    "unencrypted": unencrypted,
    "encoded": encoded,
    "closed": closed,
}
"""Every check of the header by name."""


# --- the key


def find_key(steps: "Steps", question: Question, memory: Memory, header: Json) -> Key:
    """Choose the key, from a set that is fetched once more if it has no such kid and the cool-down allows."""
    entries = steps.entries(question, memory)
    try:
        return steps.choose(steps, question, header, entries)
    except Refused as refused:
        if refused.reason != "key-unknown" or "keys_url" not in question.policy:
            raise
        fresh = steps.refetch(question, memory)
        if fresh is None:
            raise
        return steps.choose(steps, question, header, fresh)


def entries_of_a_set(question: Question, memory: Memory) -> list[Json]:
    """Return the JWKs of the policy, or of the set that it names."""
    if "keys_url" in question.policy:
        return fetching.current(question, memory)
    entries: list[Json] = question.policy["keys"]["keys"]
    return entries


def entries_in_form(form: str) -> "Entries":
    """Return what hands public keys over as text in this form, or as PEM if they have none; secrets are JWKs."""

    def entries(question: Question, memory: Memory) -> list[Json]:
        texts = question.policy.get("key_texts", {})
        secrets = [jwk for jwk in entries_of_a_set(question, memory) if jwk.get("kty") == "oct"]
        spelled = {kid: forms.get(form, forms.get("pem")) for kid, forms in texts.items()}
        return [{"kid": kid, "text": text} for kid, text in spelled.items() if text is not None] + secrets

    return entries


def read(entry: Json) -> Key:
    """Read an entry: a text if it was handed over as one, else a JWK."""
    if "text" in entry:
        return signatures.from_text(entry["kid"], entry["text"])
    return signatures.from_jwk(entry)


def choose(steps: "Steps", question: Question, header: Json, entries: list[Json]) -> Key:
    """Return the one key that the ``kid`` names and that may verify under the algorithm (RFC 7517 §4.2 to §4.5).

    Without a ``kid`` it has to be the only one that may.
    """
    named = [entry for entry in entries if steps.named(header, entry)]
    if not named:
        raise Refused("key-unknown")
    readable = [key for entry in named if (key := _readable(steps, entry)) is not None]
    allowed = question.policy["algorithms"]
    agreeing = [key for key in readable if steps.agrees(key, header["alg"], allowed)]
    if readable and not agreeing:
        raise Refused("algorithm" if "kid" in header else "key-unknown")
    usable = {key.identity: key for key in agreeing if key.usable}
    if len(usable) != 1:
        raise Refused("key-unusable" if "kid" in header else "key-unknown")
    return next(iter(usable.values()))


def named(header: Json, entry: Json) -> bool:
    """Say whether the header names this entry: the same text, or no name at all."""
    kid = entry.get("kid")
    return "kid" not in header or (isinstance(kid, str) and kid == header["kid"])


def _readable(steps: "Steps", entry: Json) -> Key | None:
    try:
        return steps.read(entry)
    except Refused:
        return None  # RFC 7517 §5: what cannot be read is as if it were not there


def agrees(key: Key, alg: str, allowed: list[str]) -> bool:
    """Say whether the key is for this algorithm (RFC 8725 §3.1); one that names none is for the only one allowed."""
    if not key.fits(alg):
        return False
    if key.alg is not None or key.jwk is None:
        return key.alg in (None, alg)
    return {_scheme(each) for each in allowed if each in signatures.ALGORITHMS and key.fits(each)} == {_scheme(alg)}


def _scheme(alg: str) -> str:
    return "EdDSA" if alg == "Ed25519" else alg


Entries = Callable[[Question, Memory], list[Json]]


@dataclass(frozen=True)
class Steps:
    """The verifier, step by step; a weak one is ``dataclasses.replace`` of one of them.

    >>> from dataclasses import replace
    >>> weak = replace(Steps(), verify=lambda key, algorithm, signing_input, signature: True)
    """

    decide: Callable[["Steps", Question, Memory], Json | bytes] = decide
    open: Callable[["Steps", Question, Memory], Opened] = open_jws
    split: Callable[[str], tuple[str, str, str]] = encoding.split
    decode: Callable[[str], bytes] = encoding.decode
    parse_header: Callable[[bytes], Json] = encoding.parse
    parse_claims: Callable[[bytes], Json] = encoding.parse
    header: Mapping[str, HeaderCheck] = field(default_factory=lambda: HEADER_CHECKS)
    entries: Entries = entries_of_a_set
    refetch: Callable[[Question, Memory], list[Json] | None] = fetching.after_unknown_kid
    choose: Callable[["Steps", Question, Json, list[Json]], Key] = choose
    named: Callable[[Json, Json], bool] = named
    read: Callable[[Json], Key] = read
    agrees: Callable[[Key, str, list[str]], bool] = agrees
    verify: signatures.Verification = signatures.verify
    claims: Mapping[str, Check] = field(default_factory=lambda: claims.CHECKS)


HONEST = Steps()
"""Without a weakness."""
