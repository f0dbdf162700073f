"""What a sample can show of made-up values: repeats, constant bits, mixtures of few bits; not a source's quality."""

import base64
import hashlib
from collections.abc import Iterator, Sequence

BITS = 256
"""Random bits that a bearer has to have."""

SAMPLE = 300
"""Texts of a sample. So many random ones span 256 dimensions: that they do not has a chance below 2^-40."""

PART = 8
"""Characters that two texts do not share by chance."""


def dimensions(texts: Sequence[str]) -> int:
    """Return in how many independent bits texts in base64url differ: the dimension of the space that they span.

    It is an upper bound of the bits that each was made from, if it was made by copying, repeating, spelling or mixing
    (by XOR) them: 128 random bits written twice have 128 dimensions, and so have 128 bits in hexadecimal, or fewer
    than 256 in any case.
    """
    octets = [base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) for text in texts]
    numbers = [int.from_bytes(data, "big") for data in octets]
    return _rank([number ^ numbers[0] for number in numbers[1:]])


def _rank(rows: Sequence[int]) -> int:
    """Return the rank over GF(2) of rows written as numbers."""
    leading: dict[int, int] = {}
    for row in rows:
        left = row
        while left and left.bit_length() in leading:
            left ^= leading[left.bit_length()]
        if left:
            leading[left.bit_length()] = left
    return len(leading)


def share_a_part(text: str, other: str) -> bool:
    """Say whether two texts have so many characters in a row in common that it is no chance; hyphens are layout."""
    first, second = _bare(text), _bare(other)
    return any(first[begin : begin + PART] in second for begin in range(len(first) - PART + 1))


def _bare(text: str) -> str:
    return text.replace("-", "").lower()


def digests(text: str) -> Iterator[str]:
    """Yield the plain digests of a text, in the ways in which they are written."""
    for name in ("sha256", "sha1", "md5", "sha512"):
        yield from _written(hashlib.new(name, text.encode(), usedforsecurity=False).digest())


def spellings(text: str) -> Iterator[str]:
    """Yield the octets that a text in base64url stands for, in the other ways in which they are written."""
    yield from _written(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _written(octets: bytes) -> Iterator[str]:
    yield octets.hex()
    yield base64.urlsafe_b64encode(octets).decode()
    yield base64.b64encode(octets).decode()
    yield str(int.from_bytes(octets, "big"))
