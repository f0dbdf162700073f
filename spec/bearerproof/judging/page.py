"""Lines for a person: wrapped to a width, escaped in this one place, what to colour kept apart from what it says.

Whatever stands in a line, an adapter, a server, a stream or a log may have written: it is escaped on its way into the
line, so that no control character, no mark of direction and no line end of theirs gets to a terminal or a file.
"""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bearerproof.visible import visible

WIDTH = 80
"""Columns of what is not printed on a terminal."""

NARROWEST, WIDEST = 60, 120
"""Columns between which a page follows the terminal: longer lines are hard to read, shorter ones break everything."""


class Style(StrEnum):
    """What a piece of a line is, as far as a terminal may show it; the words say the same without."""

    BAD = "bad"
    GOOD = "good"
    WARN = "warn"
    HEAD = "head"
    FAINT = "faint"
    PLAIN = "plain"


Span = tuple[str, Style]


@dataclass(frozen=True)
class Line:
    """One line: pieces of text that are safe to print, each with its style."""

    spans: tuple[Span, ...] = ()

    def __str__(self) -> str:
        return "".join(text for text, _ in self.spans).rstrip()


@dataclass
class Page:
    """Lines that fit a width; a paragraph is wrapped, a token or a command is left whole.

    >>> page = Page(20)
    >>> page.say("a longer sentence than fits", indent=2)
    >>> page.keep("bearerproof explain VER-1")
    >>> print(page, end="")
      a longer sentence
      than fits
    bearerproof explain VER-1
    """

    width: int = WIDTH
    lines: list[Line] = field(default_factory=list)

    def say(
        self, text: str, style: Style = Style.PLAIN, *, indent: int = 0, hang: int = 0, most: int | None = None
    ) -> None:
        """Add a paragraph, its further lines ``hang`` columns deeper, cut to ``most`` lines."""
        for line in self._wrapped(visible(text), indent, hang, most):
            self.lines.append(Line(((line, style),)))

    def keep(self, text: str, style: Style = Style.PLAIN, *, indent: int = 0) -> None:
        """Add one line as it is, however long: what is to be copied."""
        self.lines.append(Line(((" " * indent + visible(text), style),)))

    def clip(self, text: str, style: Style = Style.PLAIN, *, indent: int = 0) -> None:
        """Add one line, cut where the page ends."""
        self.lines.append(Line(((" " * indent + clipped(text, self.width - indent), style),)))

    def row(self, left: str, right: str, style: Style = Style.PLAIN, left_style: Style = Style.HEAD) -> None:
        """Add a line with something at its left and at its right end; if both do not fit, the left one is cut."""
        right = visible(right)
        room = self.width - len(right) - 2
        left = clipped(left, max(room, 10))
        self.lines.append(Line(((f"{left:<{max(room, 10)}}  ", left_style), (right, style))))

    def labelled(self, label: str, text: str, style: Style = Style.PLAIN, *, indent: int = 2, column: int = 11) -> None:
        """Add a paragraph behind a label."""
        lead = f"{' ' * indent}{label:<{column}}"
        self.say(lead + visible(text), style, hang=len(lead))

    def both(self, left: str, right: str, *, indent: int = 2) -> None:
        """Add two commands beside each other where they fit, else one below the other."""
        left, right = visible(left), visible(right)
        gap = self.width - indent - len(left) - len(right)
        if gap >= 2:
            self.keep(left + " " * min(gap, 10) + right, Style.FAINT, indent=indent)
        else:
            self.keep(left, Style.FAINT, indent=indent)
            self.keep(right, Style.FAINT, indent=indent)

    def blank(self) -> None:
        """Add an empty line, never two in a row."""
        if self.lines and str(self.lines[-1]):
            self.lines.append(Line())

    def take(self, other: "Page") -> None:
        """Add the lines of another page."""
        self.lines += other.lines

    def __str__(self) -> str:
        return "".join(f"{line}\n" for line in self.lines)

    def _wrapped(self, text: str, indent: int, hang: int, most: int | None) -> Iterator[str]:
        lead = " " * indent
        lines = textwrap.wrap(
            text,
            max(self.width, 20),
            initial_indent=lead,
            subsequent_indent=lead + " " * hang,
            break_on_hyphens=False,
            break_long_words=False,
            drop_whitespace=True,
            max_lines=most,
            placeholder=" …",
            replace_whitespace=False,
            fix_sentence_endings=False,
        )
        yield from lines or [lead.rstrip()]


def clipped(text: str, room: int) -> str:
    """Escape a text and cut it to so many columns."""
    safe = visible(text)
    return safe if len(safe) <= room else safe[: max(room - 1, 0)] + "…"


def fitting(names: Sequence[str], room: int) -> tuple[str, int]:
    """Join as many names as fit into so many columns; return the text and how many there are."""
    text, number = "", 0
    for name in map(visible, names):
        longer = f"{text}, {name}" if text else name
        if len(longer) > room and number:
            break
        text, number = longer, number + 1
    return text, number
