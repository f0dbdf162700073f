"""Accumulated vectors: any number of tokens, made from hashes alone, and one digest over all their verdicts.

Whoever makes the same tokens, asks a verifier about each and hashes what it says, has a claim of conformance in 64
characters. ``spec/accumulated.md`` says how, in any language; ``spec/accumulated.json`` has what is not arithmetic.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from bearerproof import data
from bearerproof.members import Json


@dataclass(frozen=True)
class Part:
    """A part of a token, and the spellings that a verifier has to take and to refuse."""

    name: str
    good: tuple[str, ...]
    bad: tuple[str, ...]


@dataclass(frozen=True)
class Accumulated:
    """What the tokens are made of, the policy under which they are judged, and the digests that are due by number."""

    label: str
    secret: bytes
    other_secret: bytes
    now: int
    policy: Json
    parts: tuple[Part, ...]
    digests: Mapping[int, str]


@dataclass(frozen=True)
class Case:
    """One token and whether it has to be accepted."""

    token: str
    accepted: bool


@cache
def accumulated() -> Accumulated:
    """Return what stands in ``spec/accumulated.json``."""
    held: Any = json.loads((data.root() / "accumulated.json").read_text("utf-8"))
    parts = (Part(part["name"], tuple(part["good"]), tuple(part["bad"])) for part in held["parts"])
    return Accumulated(
        held["label"],
        held["secret"].encode(),
        held["other_secret"].encode(),
        held["now"],
        held["policy"],
        tuple(parts),
        {int(number): digest for number, digest in held["digests"].items()},
    )


def cases(number: int) -> Iterator[Case]:
    """Yield the first so many cases."""
    return (case(index) for index in range(number))


def case(index: int) -> Case:
    """Return one case: half of them have nothing bad, a quarter one bad part, a quarter two, which may be the same.

    >>> case(0).token.count(".")
    2
    """
    octets = _octets(index)
    return Case(_token(_spellings(octets), index, octets), not _bad_positions(octets))


def bad_spellings(index: int) -> list[tuple[str, str]]:
    """Return the parts of a case for which it has to be refused, each with its spelling."""
    octets = _octets(index)
    spelled = _spellings(octets)
    names = [accumulated().parts[position].name for position in sorted(_bad_positions(octets))]
    return [(name, spelled[name]) for name in names]


def digest(number: int) -> str:
    """Return the digest of the first so many cases and the verdicts that are due."""
    accumulator = hashlib.sha256()
    for held in cases(number):
        accumulator.update(line(held.token, accepted=held.accepted))
    return accumulator.hexdigest()


def line(token: str, *, accepted: bool) -> bytes:
    """Return what is hashed of one case."""
    return f"{token} {'accepted' if accepted else 'rejected'}\n".encode()


def _octets(index: int) -> bytes:
    return hashlib.sha256(f"{accumulated().label} {index}".encode()).digest()


def _bad_positions(octets: bytes) -> set[int]:
    return {octets[1 + fault] % len(accumulated().parts) for fault in range(max(0, octets[0] % 4 - 1))}


def _spellings(octets: bytes) -> dict[str, str]:
    bad = _bad_positions(octets)
    spelled = {}
    for position, part in enumerate(accumulated().parts):
        spellings = part.bad if position in bad else part.good
        spelled[part.name] = spellings[octets[3 + position] % len(spellings)]
    return spelled


def _token(spelled: Mapping[str, str], index: int, octets: bytes) -> str:
    members = [spelled["iss"], spelled["aud"], spelled["exp"], spelled["nbf"], f'"n":{index}']
    payload = _encoded(("{" + ",".join(filter(None, members)) + "}").encode())
    signed = f"{_encoded(spelled['header'].encode())}.{payload}"
    return _formed(spelled["form"], f"{signed}.{_signature(spelled['signature'], signed, octets)}")


def _signature(spelling: str, signed: str, octets: bytes) -> str:
    given = accumulated()
    header = signed.partition(".")[0]
    secret = given.other_secret if spelling == "of another secret" else given.secret
    what = f"{header}.{_encoded(b'{}')}" if spelling == "of another payload" else signed
    made = bytearray(hmac.new(secret, what.encode(), hashlib.sha256).digest())
    if spelling == "flipped":
        made[octets[10] % len(made)] ^= 1 << octets[11] % 8
    elif spelling == "cut":
        del made[octets[10] % len(made) :]
    elif spelling == "none":
        made.clear()
    return _encoded(bytes(made))


def _formed(spelling: str, token: str) -> str:
    header, payload, signature = token.split(".")
    return {
        "compact": token,
        "two segments": f"{header}.{payload}",
        "four segments": f"{token}.{payload}",
        "a foreign character": f"{header}.{payload[:1]}!{payload[1:]}.{signature}",
        "an empty payload": f"{header}..{signature}",
    }[spelling]


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
