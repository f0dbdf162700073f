"""The records of a chain: what a checkpoint says, which of its octets are signed, and how lines are linked.

Nothing is ever written anew to be hashed or verified: all of it is about the octets of a line as they stand in the
file, without the line feed that ends it.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

MARK = b'{"chain":'
"""How a line begins that is a checkpoint, or was meant to be one."""
CONTEXT = b"bearerproof chain v1\n"
"""What stands before the signed octets, so that no MAC of another use of the key is one of a checkpoint."""

_FORM = re.compile(
    rb'(?P<signed>\{"chain":"(?P<chain>[0-9a-f]{32})","kind":"(?P<kind>open|checkpoint|continue|rotate|close)",'
    rb'"position":(?P<position>0|[1-9][0-9]{0,15}),"head":"(?P<head>[0-9a-f]{64})",'
    rb'"unproven":(?P<unproven>0|[1-9][0-9]{0,15}),"at":"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{8,15}Z",'
    rb'"alg":"(?P<alg>HS256|Ed25519)","key_id":"(?P<key_id>[0-9a-f]{32})"),"sig":"(?P<sig>[A-Za-z0-9_-]{43,86})"\}'
)


class Kind(StrEnum):
    """Why a checkpoint was written: a run begins, some lines have passed, a file begins, a file ends, a run ends."""

    OPEN = "open"
    CHECKPOINT = "checkpoint"
    CONTINUE = "continue"
    ROTATE = "rotate"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a checkpoint says: that ``position`` records stand before it in the chain, and that ``head`` links them.

    ``unproven`` is how many of those, the last ones, its writer found and did not write. ``signed`` are the octets
    that ``sig`` is about.
    """

    chain: str
    kind: Kind
    position: int
    head: bytes
    unproven: int
    alg: str
    key_id: str
    signed: bytes
    sig: bytes

    @property
    def is_link(self) -> bool:
        """Whether it is a record of the chain itself; the end of a file only repeats what the next file begins with."""
        return self.kind is not Kind.ROTATE


def read_checkpoint(line: bytes) -> Checkpoint | None:
    """Read a line in the one form that a checkpoint has; None for any other, whatever it begins with."""
    match = _FORM.fullmatch(line)
    if match is None:
        return None
    sig = _canonical(match["sig"])
    if sig is None:
        return None
    return Checkpoint(
        match["chain"].decode(),
        Kind(match["kind"].decode()),
        int(match["position"]),
        bytes.fromhex(match["head"].decode()),
        int(match["unproven"]),
        match["alg"].decode(),
        match["key_id"].decode(),
        CONTEXT + match["signed"],
        sig,
    )


def genesis(chain: str) -> bytes:
    """Return the head of a chain that has no record yet."""
    return sha256(b"\0" + chain.encode()).digest()


def link(head: bytes, line: bytes) -> bytes:
    """Return the head after one record more; the first octet parts links from beginnings (RFC 9162 §2.1.1)."""
    return sha256(b"\1" + head + line).digest()


def _canonical(text: bytes) -> bytes | None:
    """Decode base64url that has one spelling only: no padding, and no bits that nobody reads."""
    try:
        octets = urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    except Error:
        return None
    return octets if urlsafe_b64encode(octets).rstrip(b"=") == text else None
