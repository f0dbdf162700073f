"""Files that a command was asked to write."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from bearerproof.exceptions import BadInput


class Unwritten(BadInput):
    """A file could not be written; what it was to replace is as it was."""


def write(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        BadInput: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from None


def write_each(texts: Mapping[Path | None, str]) -> None:
    """Write files, each whether or not the others can be; what has no path is not asked for.

    Raises:
        BadInput: some cannot be written.
    """
    failures: list[str] = []
    for path, text in texts.items():
        try:
            if path is not None:
                write(path, text)
        except BadInput as error:
            failures.append(str(error))
    if failures:
        raise BadInput("; ".join(failures))


def replace_file(path: Path, text: str) -> None:
    """Write beside the target and rename, so that a failed write leaves the old file whole.

    Raises:
        Unwritten: it cannot be written.
    """
    special = path.exists() and not path.is_file()  # a pipe or a device cannot be renamed over
    draft = path if special else path.with_name(path.name + ".partial")
    try:
        with draft.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as file:
            file.write(text)
        if not special:
            draft.replace(path)
    except OSError as error:
        if not special:
            with suppress(OSError):
                draft.unlink()
        raise Unwritten(f"cannot write {path}: {error.strerror}") from None
