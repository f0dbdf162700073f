"""The revision of the suite: what two streams have to share for their difference to be the implementation's.

It is the release and a digest of all that decides a verdict: the requirements, and the modules of harness and suite.
Commands, faults, victims and campaigns decide none.
"""

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import bearerproof
from bearerproof import __version__, data

_ROOMS = (Path(bearerproof.__file__).parent, Path(__file__).parent)
_DECIDE_NOTHING = frozenset(
    {"commands", "faults", "victims", "campaign", "_data", "__pycache__", "exports", "subjects"}
)


@cache
def revision() -> str:
    """Return the revision of the suite that is installed, such as ``0.4.0+1a2b3c4d5e6f``."""
    digest = hashlib.sha256()
    for name, file in sorted(_files()):
        digest.update(f"{name}\0".encode())
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return f"{__version__}+{digest.hexdigest()[:12]}"


def _files() -> Iterator[tuple[str, Path]]:
    for room in _ROOMS:
        for file in room.rglob("*"):
            place = file.relative_to(room)
            if file.suffix in (".py", ".json", ".toml") and _DECIDE_NOTHING.isdisjoint(place.parts):
                yield f"{room.name}/{place.as_posix()}", file
    for file in (data.root() / "requirements").glob("*.toml"):
        yield f"requirements/{file.name}", file
