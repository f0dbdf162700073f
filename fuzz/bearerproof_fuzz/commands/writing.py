"""Files that a command was asked to write."""

from pathlib import Path

from bearerproof.exceptions import BadInput


def write(path: Path, text: str) -> None:
    """Write a file.

    Raises:
        BadInput: it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from None
