"""The hash chain of a trail: what its writer keeps, the keys that sign it, and how lines are verified again.

A checkpoint is a line of the trail itself. It says how many records stand before it and what they hash to, and ends
with a MAC or signature over its own octets before ``,"sig":``. Nothing is serialised again to be verified.
"""

import gzip
import hmac
import re
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

INTACT, ALTERED, MISSING, UNTOLD = "intact", "altered", "missing", "cannot be told (key absent)"

EVERY = 64
"""Records after which a checkpoint follows."""
EVERY_SECONDS = 10.0
"""Seconds since the last checkpoint after which one follows the next record."""

_BEGINS = b'{"chain":'
_CONTEXT = b"bearerproof chain v1\n"
_KEY_ID = b"bearerproof chain key id"
_SHORTEST = 32
_FEWEST = 16
_CHECKPOINT = re.compile(
    rb'\{"chain":"([0-9a-f]{32})","kind":"(open|checkpoint|continue|rotate|close)","position":(0|[1-9]\d{0,15}),'
    rb'"head":"([0-9a-f]{64})","unproven":(0|[1-9]\d{0,15}),"at":"[-0-9T:.]{18,26}Z","alg":"(HS256|Ed25519)",'
    rb'"key_id":"([0-9a-f]{32})","sig":"([\w-]{43,86})"\}'
)


class ChainError(ValueError):
    """A key, or a trail that is to be continued, is none that can be used; says why."""


@dataclass(frozen=True)
class Secret:
    """A secret for HMAC-SHA256, of 32 random octets or more.

    Raises:
        ChainError: it is short, or repeats itself, or is the text of another kind of key.
    """

    octets: bytes = field(repr=False)
    alg: str = field(default="HS256", init=False)

    def __post_init__(self) -> None:
        if self.octets.lstrip().startswith((b"-----BEGIN", b"ssh-", b"{")):
            raise ChainError("the text of another kind of key is no secret")
        if len(self.octets) < _SHORTEST or len(set(self.octets)) < _FEWEST:
            raise ChainError(f"a secret is at least {_SHORTEST} random octets")

    @property
    def key_id(self) -> str:
        """What the key is called: made with it, and telling nothing of it."""
        return self.sign(_KEY_ID)[:16].hex()

    def sign(self, signed: bytes) -> bytes:
        """Return the whole MAC."""
        return hmac.digest(self.octets, signed, "sha256")

    def verifies(self, signed: bytes, sig: bytes) -> bool:
        """Compare in constant time."""
        return hmac.compare_digest(self.sign(signed), sig)


@dataclass(frozen=True)
class Verifier:
    """A public key for Ed25519."""

    public: Ed25519PublicKey = field(repr=False)
    alg: str = field(default="Ed25519", init=False)

    @property
    def key_id(self) -> str:
        """What the key is called: part of its hash."""
        return sha256(_KEY_ID + self.public.public_bytes_raw()).digest()[:16].hex()

    def verifies(self, signed: bytes, sig: bytes) -> bool:
        """Verify the signature."""
        try:
            self.public.verify(sig, signed)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Signer(Verifier):
    """A private key for Ed25519, which verifies as well."""

    private: Ed25519PrivateKey = field(repr=False, kw_only=True)

    @classmethod
    def of(cls, private: Ed25519PrivateKey) -> "Signer":
        """Return a private key with its public one."""
        return cls(private.public_key(), private=private)

    def sign(self, signed: bytes) -> bytes:
        """Sign."""
        return self.private.sign(signed)


VerifyingKey: TypeAlias = Secret | Verifier
SigningKey: TypeAlias = Secret | Signer


def read_key(octets: bytes) -> VerifyingKey:
    """Read the file of a key: an Ed25519 key in PEM, or a secret, in base64 or as it is.

    Raises:
        ChainError: it is none.
    """
    if b"-----BEGIN" not in octets:
        return Secret(_decoded(octets.strip()) or octets)
    try:
        if b"PRIVATE KEY" in octets:
            private = load_pem_private_key(octets, None)
            if isinstance(private, Ed25519PrivateKey):
                return Signer.of(private)
        else:
            public = load_pem_public_key(octets)
            if isinstance(public, Ed25519PublicKey):
                return Verifier(public)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ChainError("not a key in PEM that can be read without a password") from None
    raise ChainError("a key in PEM is one for Ed25519")


def _decoded(text: bytes) -> bytes | None:
    """Return what a text in base64 or base64url stands for, or None if it is none."""
    if not re.fullmatch(rb"[\w+/-]+={0,2}", text, re.ASCII):
        return None
    text = text.rstrip(b"=")
    decode = urlsafe_b64decode if set(text) & set(b"-_") else b64decode
    try:
        return decode(text + b"=" * (-len(text) % 4))
    except Error:
        return None


@dataclass
class Links:
    """Where a chain stands: how many records it has, and what they hash to."""

    chain: str
    position: int = 0
    head: bytes = b""

    def __post_init__(self) -> None:
        self.head = self.head or sha256(b"\0" + self.chain.encode()).digest()

    def add(self, line: bytes) -> None:
        """Link a record, by its octets without the line feed."""
        self.head = sha256(b"\1" + self.head + line).digest()
        self.position += 1

    def checkpoint(self, kind: str, at: str, key: SigningKey, unproven: int = 0) -> bytes:
        """Return a checkpoint as a line; ``unproven`` are records that were found, and not written by this run."""
        signed = (
            f'{{"chain":"{self.chain}","kind":"{kind}","position":{self.position},"head":"{self.head.hex()}",'
            f'"unproven":{unproven},"at":"{at}","alg":"{key.alg}","key_id":"{key.key_id}"'
        ).encode()
        sig = urlsafe_b64encode(key.sign(_CONTEXT + signed)).rstrip(b"=")
        return signed + b',"sig":"' + sig + b'"}'


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint as it was read."""

    chain: str
    kind: str
    position: int
    head: bytes
    unproven: int
    alg: str
    key_id: str
    signed: bytes
    sig: bytes


def read_checkpoint(line: bytes) -> Checkpoint | None:
    """Read a line in the one form of a checkpoint, or return None."""
    found = _CHECKPOINT.fullmatch(line)
    if found is None:
        return None
    chain, kind, position, head, unproven, alg, key_id, sig = (part.decode() for part in found.groups())
    octets = urlsafe_b64decode(sig + "=" * (-len(sig) % 4)) if len(sig) in _SIG_LENGTHS else b""
    if urlsafe_b64encode(octets).rstrip(b"=") != sig.encode():
        return None
    return Checkpoint(
        chain,
        kind,
        int(position),
        bytes.fromhex(head),
        int(unproven),
        alg,
        key_id,
        _CONTEXT + line[: line.rindex(b',"sig":')],
        octets,
    )


_SIG_LENGTHS = (43, 86)


@dataclass
class Found:
    """What a chain turned out to be: the word for it, and where it ends.

    ``proven`` records are proven by a checkpoint, ``unproven`` ones are not; the last ``tail`` of those stand behind
    the last checkpoint.
    """

    verdict: str
    proven: int = 0
    unproven: int = 0
    tail: int = 0
    links: Links | None = None


class _Wrong(Exception):
    """The chain is not what was written: the word for it."""


def split(octets: bytes) -> list[bytes]:
    """Return the lines of a file, each with its line feed if it has one."""
    return [line for line in re.split(rb"(?<=\n)", octets) if line]


def inflated(octets: bytes) -> bytes:
    """Return a file as it was before it was packed, where it was."""
    return gzip.decompress(octets) if octets.startswith(b"\x1f\x8b") else octets


def verify(
    files: Sequence[Sequence[bytes]],
    keys: Iterable[VerifyingKey],
    marks: Sequence[bytes] = (),
    *,
    from_middle: bool = False,
) -> Found:
    """Verify the chain in these files, each given as its lines; the first thing that is wrong decides.

    ``marks`` are lines of checkpoints that stood in the chain before. ``from_middle`` says that older files were left
    out on purpose.
    """
    walk = _Walk({key.key_id: key for key in keys}, _remembered(marks))
    try:
        walk.begin(files, from_middle=from_middle)
        for lines in _in_order(files):
            walk.file(lines)
        walk.end()
    except _Wrong as wrong:
        return Found(str(wrong))
    return walk.found()


def _remembered(marks: Sequence[bytes]) -> dict[int, bytes]:
    return {mark.position: line for line in marks if (mark := read_checkpoint(line)) is not None}


def _opening(lines: Sequence[bytes]) -> Checkpoint:
    """Return the checkpoint with which a file begins."""
    opening = read_checkpoint(lines[0].removesuffix(b"\n"))
    if opening is None or opening.kind == "rotate":
        raise _Wrong(ALTERED if lines[0].startswith(_BEGINS) else MISSING)
    return opening


def _in_order(files: Sequence[Sequence[bytes]]) -> list[Sequence[bytes]]:
    """Return the files that hold anything, by the position that each says it begins with."""
    return sorted((lines for lines in files if lines), key=lambda lines: _opening(lines).position)


class _Walk:
    """A walk along the lines of a chain."""

    def __init__(self, keys: Mapping[str, VerifyingKey], marks: Mapping[int, bytes]) -> None:
        self._keys, self._marks = keys, marks
        self._links = Links("")
        self._began = self._proven = self._found = 0
        self._doubtful = self._absent = self._ended = False

    def begin(self, files: Sequence[Sequence[bytes]], *, from_middle: bool) -> None:
        """Take the chain, its first position and head from the file that says it is the first."""
        openings = [_opening(lines) for lines in files if lines]
        if not openings:
            raise _Wrong(MISSING)
        first = min(openings, key=lambda opening: opening.position)
        if first.position and not from_middle:
            raise _Wrong(MISSING)
        self._links = Links(first.chain, first.position, first.head if first.position else b"")
        self._began = first.position

    def file(self, lines: Sequence[bytes]) -> None:
        """Take the lines of one file."""
        for number, line in enumerate(lines):
            octets = line.removesuffix(b"\n")
            checkpoint = read_checkpoint(octets) if line != octets else None
            if checkpoint is not None and checkpoint.kind == "rotate":
                self._at_end_of_file(checkpoint, last=number == len(lines) - 1)
                continue
            proves = checkpoint is not None and self._proves(checkpoint, first=number == 0)
            if checkpoint is None:
                self._doubtful |= line.startswith(_BEGINS) and line != octets
                self._not_after_the_end()
            self._remembered(line)
            self._links.add(octets)
            self._ended = checkpoint is not None and checkpoint.kind == "close"
            if proves:
                self._proven = self._links.position

    def _at_end_of_file(self, checkpoint: Checkpoint, *, last: bool) -> None:
        """Take the end of a file, which is no record of the chain, so that no later checkpoint is about it."""
        key = self._keys.get(checkpoint.key_id)
        if not last or (key is not None and not _signed(checkpoint, key)):
            raise _Wrong(ALTERED)
        if self._proves(checkpoint, first=False):
            self._proven = self._links.position

    def _not_after_the_end(self) -> None:
        if self._ended:
            raise _Wrong(ALTERED)

    def _remembered(self, line: bytes) -> None:
        mark = self._marks.get(self._links.position)
        if mark is not None and mark + b"\n" != line:
            raise _Wrong(MISSING if mark == line else ALTERED)

    def _proves(self, checkpoint: Checkpoint, *, first: bool) -> bool:
        """Say whether a checkpoint proves what stands before it; one that contradicts it ends the walk."""
        key = self._keys.get(checkpoint.key_id)
        if key is not None and not _signed(checkpoint, key):
            self._doubtful = True
            return False
        self._compare(checkpoint)
        self._belongs(checkpoint, first=first)
        if key is None:
            self._absent = True
            return False
        self._doubtful = self._absent = False
        self._found += checkpoint.unproven
        return True

    def _compare(self, checkpoint: Checkpoint) -> None:
        """Hold a checkpoint against the records that were found."""
        if checkpoint.chain == self._links.chain and checkpoint.position > self._links.position:
            raise _Wrong(MISSING)
        if (checkpoint.chain, checkpoint.position) != (self._links.chain, self._links.position):
            raise _Wrong(ALTERED)
        if checkpoint.head != self._links.head:
            raise _Wrong(ALTERED)

    def _belongs(self, checkpoint: Checkpoint, *, first: bool) -> None:
        """Refuse a beginning in the middle, and anything but a new run after the end."""
        genuine = checkpoint.kind != "continue" if not first else checkpoint.kind in {"open", "continue"}
        if not genuine or (self._ended and checkpoint.kind != "open"):
            raise _Wrong(ALTERED)

    def end(self) -> None:
        """Refuse what no later checkpoint explains, and an end before the high-water mark."""
        if self._doubtful:
            raise _Wrong(ALTERED)
        if any(position >= self._links.position for position in self._marks):
            raise _Wrong(MISSING)
        if self._absent or not self._proven:
            raise _Wrong(UNTOLD)

    def found(self) -> Found:
        """Say how much of the chain is proven."""
        proven = max(0, self._proven - self._began - self._found)
        tail = self._links.position - self._proven
        return Found(INTACT, proven, tail + self._found, tail, self._links)


def _signed(checkpoint: Checkpoint, key: VerifyingKey) -> bool:
    """Say whether a checkpoint is signed by this key, with the algorithm of the key and not of its own choice."""
    return checkpoint.alg == key.alg and key.verifies(checkpoint.signed, checkpoint.sig)
