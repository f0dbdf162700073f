"""The files of a chain: trails, as they are or as gzip, keys that nobody else can read, and high-water marks."""

import gzip
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from bearerproof.chain.judge import ChainFile, judge
from bearerproof.chain.keys import ChainKey, KeyRefused, read_key, read_public_key
from bearerproof.chain.records import read_checkpoint
from bearerproof.chain.report import ChainReport, Verdict
from bearerproof.exceptions import BadInput

_LONGEST = 1 << 26
"""Octets of the longest line."""
_GZIP = b"\x1f\x8b"


def judge_files(
    names: Sequence[str],
    secret: Sequence[Path],
    public: Sequence[Path],
    high_water: Path | None,
    *,
    from_middle: bool,
) -> ChainReport:
    """Judge the chains in files, with keys from files; what a mark remembers rises when all is intact.

    Raises:
        BadInput: a file cannot be read to its end, is no key or no mark, or others can read a secret.
    """
    keys = [_key(path, read_key, secret=True) for path in secret]
    keys += [_key(path, read_public_key, secret=False) for path in public]
    marks = [] if high_water is None else _read(high_water, "; a high-water mark begins as an empty file").splitlines()
    files = [ChainFile(name, partial(_lines, Path(name))) for name in names]
    try:
        report = judge(files, keys, marks, from_middle=from_middle)
    except ValueError as error:
        raise BadInput(f"{high_water}: {error}") from None
    if high_water is not None and report.verdict is Verdict.INTACT:
        _raise_marks(high_water, marks, report)
    return report


def _key(path: Path, read: Callable[[bytes], ChainKey], *, secret: bool) -> ChainKey:
    octets = _read(path)
    if secret and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise BadInput(f"{path}: others can read this key, so it proves nothing: chmod 600")
    try:
        return read(octets)
    except KeyRefused as refused:
        raise BadInput(f"{path}: {refused}") from None


def _raise_marks(path: Path, before: Sequence[bytes], report: ChainReport) -> None:
    """Remember the last checkpoint of each chain, and those of chains that stand elsewhere; never an earlier one."""
    kept = {mark.chain: line for line in before if (mark := read_checkpoint(line)) is not None}
    for chain in report.chains:
        old, new = (read_checkpoint(line) if line else None for line in (kept.get(chain.chain), chain.last))
        if new is not None and chain.last is not None and (old is None or new.position > old.position):
            kept[chain.chain] = chain.last
    try:
        path.write_bytes(b"".join(line + b"\n" for line in kept.values()))
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None


def _read(path: Path, advice: str = "") -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}{advice}") from None


def _lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Yield the lines of a file, inflated where it is gzip; nothing but a line feed ends one."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == _GZIP
            raw.seek(0)
            file = gzip.GzipFile(fileobj=raw) if packed else raw
            while line := file.readline(_LONGEST):
                if len(line) == _LONGEST:
                    raise BadInput(f"{path}: a line of more than {_LONGEST:,} octets")
                yield line.removesuffix(b"\n"), line.endswith(b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise BadInput(f"{path}: the gzip data is broken: {error}") from None
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}") from None
