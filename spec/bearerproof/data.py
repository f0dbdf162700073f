"""Where the data of the specification lies: inside an installed wheel, or beside this package in a checkout."""

from functools import cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


@cache
def root() -> Path:
    """Return the folder that holds ``requirements/``, ``schemas/``, ``vectors/`` and ``coverage.toml``."""
    installed = _PACKAGE / "_data"
    return installed if installed.is_dir() else _PACKAGE.parent
