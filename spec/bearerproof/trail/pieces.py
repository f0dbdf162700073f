"""Putting together the lines that a collector cut into pieces, as container runtimes do at 16 KiB."""

from collections import Counter

from bearerproof.trail.presets import Piece

LONGEST = 1 << 20
"""Characters of the longest line that is put together."""

_MOST = 64
"""Streams in which a line may be under way at once."""


class Pieces:
    """Keeps the pieces of each stream until the last one comes; bounded in number and length."""

    def __init__(self) -> None:
        self._begun: dict[str, list[str]] = {}
        self._lengths: Counter[str] = Counter()

    def __bool__(self) -> bool:
        """Whether a line is under way."""
        return bool(self._begun)

    def has_begun(self, piece: Piece) -> bool:
        """Whether a line of this piece's stream is under way."""
        return piece.stream in self._begun

    def add(self, piece: Piece, text: str) -> str | None:
        """Take a piece; return the whole line if that was the last one."""
        self._begun.setdefault(piece.stream, []).append(text)
        self._lengths[piece.stream] += len(text) + 1
        return self.take(piece.stream) if piece.last else None

    def take(self, stream: str) -> str:
        """Return what has come of a line, which then is under way no longer."""
        del self._lengths[stream]
        return "".join(self._begun.pop(stream))

    def overfull(self) -> list[str]:
        """Return the streams whose line is to be given up: too long, or the oldest of too many."""
        long = [name for name, length in self._lengths.items() if length > LONGEST]
        return long or list(self._begun)[: max(0, len(self._begun) - _MOST)]

    def streams(self) -> list[str]:
        """Return the streams in which a line is under way."""
        return list(self._begun)
