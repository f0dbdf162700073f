"""Reading values of a TOML file strictly: whatever is unknown, missing or out of range is told with key and line."""

import difflib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bearerproof.exceptions import BadInput

Table = Mapping[str, Any]


class ValueReader:
    r"""Reads values of the tables of one file.

    >>> reader = ValueReader(Path("a.toml"), "[audit]\nwait = -1")
    >>> reader.number({"wait": -1}, "audit", "wait", 1.0, 0)
    Traceback (most recent call last):
    bearerproof.exceptions.BadInput: a.toml, line 2: audit.wait must be a number of seconds from 0 to 1e+09

    Raises:
        BadInput: each of its methods, for a value that is not as it has to be.
    """

    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self._lines = text.splitlines()

    def text(self, raw: Table, where: str, name: str, default: str | None) -> str:
        """Return a text that is not empty."""
        if name not in raw and default is not None:
            return default
        text: str = self.kind(raw, where, name, str, "a text that is not empty")
        if not text.strip():
            raise self.wrong(where, name, "must be a text that is not empty")
        return text

    def texts(self, raw: Table, where: str, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        """Return a list of texts that are not empty."""
        if name not in raw:
            return default
        values = self.kind(raw, where, name, list, "a list of texts")
        if not values or not all(isinstance(value, str) and value.strip() for value in values):
            raise self.wrong(where, name, "must be a list of texts that are not empty")
        return tuple(values)

    def number(self, raw: Table, where: str, name: str, default: Any, least: float, most: float = 1e9) -> Any:
        """Return a number within a range: whole, unless the default has a fraction."""
        whole = not isinstance(default, float)
        value = raw.get(name, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int if whole else int | float)
            or not least <= value <= most
        ):
            kind = "a whole number" if whole else "a number of seconds"
            raise self.wrong(where, name, f"must be {kind} from {least:g} to {most:g}")
        return value

    def file(self, raw: Table, where: str, name: str) -> Path | None:
        """Return a path, relative to the folder of the file, or None."""
        return self.path.parent / self.text(raw, where, name, None) if name in raw else None

    def kind(self, raw: Table, where: str, name: str, kind: type, description: str) -> Any:
        """Return a value of a type."""
        if not isinstance(raw.get(name), kind):
            raise self.wrong(where, name, "is missing" if name not in raw else f"must be {description}")
        return raw[name]

    def known(self, raw: Table, where: str, known: set[str]) -> None:
        """Refuse keys that are not known."""
        for name in sorted(set(raw) - known):
            near = difflib.get_close_matches(name, known, n=1)
            raise self.wrong(where, name, f"is not known{f'; did you mean {near[0]}?' if near else ''}")

    def wrong(self, where: str, name: str, what: str) -> BadInput:
        """Return a complaint about a key, with its line."""
        line = self._line(where, name)
        key = f"{where}.{name}" if where else name
        return BadInput(f"{self.path}{'' if line is None else f', line {line}'}: {key} {what}")

    def _line(self, where: str, name: str) -> int | None:
        """Return the line where a key stands, or else where its table begins; None where neither is written."""
        table, header = "", None
        for number, line in enumerate(self._lines, 1):
            if (heading := re.match(r"\s*\[+([^\]]*)\]", line)) is not None:
                table = heading[1].strip()
                header = number if table == where else header
                if table == (f"{where}.{name}" if where else name):
                    return number
            elif table == where and re.match(rf"""\s*["']?{re.escape(name)}["']?\s*=""", line):
                return number
        return header
