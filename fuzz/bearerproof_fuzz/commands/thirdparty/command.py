"""``check --wycheproof``, ``--rooterberg`` and ``--rfc7520``: third-party vectors, scored by group."""

from collections.abc import Callable, Mapping
from pathlib import Path

from rich.console import Console

from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.commands.thirdparty import rfc7520, rooterberg, wycheproof
from bearerproof_fuzz.commands.thirdparty.jwsvectors import VectorGroup, render, score

_LOADERS: Mapping[str, Callable[[Path], list[VectorGroup]]] = {
    "wycheproof": wycheproof.load,
    "rooterberg": rooterberg.load,
    "rfc7520": rfc7520.load,
}


def check_vectors(settings: RunConfig, folders: Mapping[str, Path], out: Console) -> int:
    """Run the vectors in the folder of each suite and print their scores; 0 when the implementation conforms to them.

    Raises:
        BearerproofError: a folder cannot be read, or the implementation cannot be asked.
    """
    groups = [group for suite, folder in folders.items() for group in _LOADERS[suite](folder)]
    implementation = settings.start()
    try:
        card = score(implementation, groups)
    finally:
        implementation.close()
    out.print(render(card), markup=False, highlight=False, soft_wrap=True, end="")
    return 0 if card.conforms(settings.measure or implementation.declaration.measure) else 1
