"""Text of others, made safe to look at: what a reader would not see, or see elsewhere, stands there as an escape."""

import re
import unicodedata

_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff\U000e0000-\U000e0fff]"
)
"""Printable by their category, and yet nothing is drawn: fillers, variation selectors, the empty braille cell."""

MARKS = 2
"""How many combining marks may follow each other: no script needs more, and a pile of them covers other lines."""


def visible(text: str, spared: str = "") -> str:
    r"""Return the text with every character that cannot be seen, or moves others, written as an escape.

    What is spared stands as it is: a line feed, where lines are wanted.

    >>> print(visible("a\x1b[2Jb\u202ec"))
    a\x1b[2Jb\u202ec
    """
    if is_plain(text):
        return text
    return "".join(char if char in spared else shown for char, shown in zip(text, _pieces(text), strict=True))


def is_plain(text: str) -> bool:
    """Say whether all of it can be seen as it is, as nearly every text can."""
    if not text.isprintable():
        return False
    return text.isascii() or not (_UNSEEN.search(text) or any(map(unicodedata.combining, text)))


def pieces(text: str) -> list[tuple[bool, str]]:
    """Return the text in runs, each with whether it is an escape: a page shows those in another colour."""
    if is_plain(text):
        return [(False, text)]
    runs: list[tuple[bool, str]] = []
    for char, shown in zip(text, _pieces(text), strict=True):
        escaped = shown != char
        if runs and runs[-1][0] is escaped:
            runs[-1] = (escaped, runs[-1][1] + shown)
        else:
            runs.append((escaped, shown))
    return runs


def _pieces(text: str) -> list[str]:
    shown, marks = [], 0
    for char in text:
        marks = marks + 1 if unicodedata.combining(char) else 0
        plain = char.isprintable() and marks <= MARKS and not _UNSEEN.match(char)
        shown.append(char if plain else ascii(char)[1:-1] if not char.isascii() or not char.isprintable() else char)
    return shown
