"""Chains as an honest writer leaves them, and checkpoints as a forger would like them to be, for the family CHAIN.

>>> [len(file) for file in honest(SECRET, (3, 2), every=2)]
[6, 5]
"""

import gzip
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256, sha512
from hmac import digest

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bearerproof.chain import ChainKey, genesis, link
from bearerproof.chain.records import CONTEXT
from bearerproof.members import Json
from bearerproof_fuzz.keys import b64, unb64

File = list[bytes]
"""The lines of a file, without the line feed that ends each."""


@dataclass(frozen=True)
class Key:
    """A key that signs checkpoints: what a writer is given, what a verifier is given, and what it is called."""

    private: Json
    public: Json
    id: str
    alg: str
    sign: Callable[[bytes], bytes] = field(repr=False)


def secret(octets: bytes, key_id: str = "") -> Key:
    """Return a secret, also one that no writer should take; without an id it is called as the specification has it."""
    jwk = {"kty": "oct", "k": b64(octets)}
    name = key_id or digest(octets, b"bearerproof chain key id", "sha256")[:16].hex()
    return Key(jwk, jwk, name, "HS256", lambda signed: digest(octets, signed, "sha256"))


def signer(seed: bytes) -> Key:
    """Return an Ed25519 key."""
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public = {"kty": "OKP", "crv": "Ed25519", "x": b64(private.public_key().public_bytes_raw())}
    name = ChainKey.ed25519(private.public_key()).id
    return Key({**public, "d": b64(seed)}, public, name, "Ed25519", private.sign)


def raw_public(key: Key) -> bytes:
    """Return the octets of an Ed25519 public key."""
    return unb64(str(key.public["x"]))


def pem_public(key: Key) -> bytes:
    """Return an Ed25519 public key in PEM."""
    public = Ed25519PublicKey.from_public_bytes(raw_public(key))
    return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


SECRET, OTHER_SECRET = (secret(sha512(name).digest()[:40]) for name in (b"secret", b"other secret"))
SIGNER, OTHER_SIGNER = (signer(sha256(name).digest()) for name in (b"signer", b"other signer"))
KEYS = {"HMAC": (SECRET, OTHER_SECRET), "Ed25519": (SIGNER, OTHER_SIGNER)}
"""Of each algorithm two keys."""


@dataclass
class Writer:
    """Writes a chain line by line; every checkpoint can be made to lie.

    >>> writer = Writer(SECRET)
    >>> writer.checkpoint("open")
    >>> writer.write(b"one")
    >>> writer.position
    2
    """

    key: Key
    chain: str = sha256(b"chain").hexdigest()[:32]
    position: int = 0
    head: bytes = b""
    files: list[File] = field(default_factory=lambda: [[]])

    def __post_init__(self) -> None:
        """Begin where a chain begins, unless told otherwise."""
        self.head = self.head or genesis(self.chain)

    def write(self, line: bytes) -> None:
        """Append a record."""
        self.files[-1].append(line)
        self.head, self.position = link(self.head, line), self.position + 1

    def checkpoint(self, kind: str, *, unproven: int = 0, sign: Callable[[bytes], bytes] | None = None) -> None:
        """Append a checkpoint, signed by this instead of the key if need be."""
        line = self.signed(kind, unproven, sign)
        if kind == "rotate":
            self.files[-1].append(line)
        else:
            self.write(line)

    def signed(self, kind: str, unproven: int = 0, sign: Callable[[bytes], bytes] | None = None) -> bytes:
        """Return a checkpoint of this moment."""
        text = (
            f'{{"chain":"{self.chain}","kind":"{kind}","position":{self.position},"head":"{self.head.hex()}",'
            f'"unproven":{unproven},"at":"2027-01-15T08:00:00.000000Z","alg":"{self.key.alg}","key_id":"{self.key.id}"'
        ).encode()
        return text + b',"sig":"' + b64((sign or self.key.sign)(CONTEXT + text)).encode() + b'"}'

    def rotate(self, *, seal: bool = True) -> None:
        """End the file, and begin another."""
        if seal:
            self.checkpoint("rotate")
        self.files.append([])
        self.checkpoint("continue")


def honest(
    key: Key,
    sizes: Sequence[int] = (6, 5, 7),
    *,
    every: int = 3,
    end: str = "close",
    seal: bool = True,
    lines: Iterable[bytes] = (),
    chain: str = Writer.chain,
) -> list[File]:
    """Return a chain with so many records in each file, and a checkpoint after so many of them.

    ``end`` is ``close`` or, for a writer that was killed, nothing; ``lines`` are the first of the records.
    """
    writer, given = Writer(key, chain), iter(lines)
    writer.checkpoint("open")
    number = 0
    for file, size in enumerate(sizes):
        if file:
            writer.rotate(seal=seal)
        for nth in range(1, size + 1):
            number += 1
            writer.write(next(given, record(number)))
            if nth % every == 0:
                writer.checkpoint("checkpoint")
    if end:
        writer.checkpoint(end)
    return writer.files


def record(number: int) -> bytes:
    """Return a record like any other."""
    return b'{"event":"token.used","token_jti":"jti-%d","seq":%d}' % (number, number)


def octets(files: Iterable[File], *, torn: bytes = b"", packed: Iterable[int] = ()) -> list[bytes]:
    """Return the files as they stand on a disk: with a last line that was cut short, and some of them as gzip."""
    whole = [b"".join(line + b"\n" for line in file) for file in files]
    whole[-1] += torn
    return [gzip.compress(file, mtime=0) if number in set(packed) else file for number, file in enumerate(whole)]


def is_checkpoint(line: bytes) -> bool:
    """Say whether a line is one of those that the writer puts between the records."""
    return line.startswith(b'{"chain":')
