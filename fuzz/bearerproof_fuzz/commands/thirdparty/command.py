"""``check --wycheproof`` and ``check --rfc7520``: third-party vectors through the implementation, scored by group."""

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.commands.thirdparty import rfc7520, wycheproof
from bearerproof_fuzz.commands.thirdparty.jwsvectors import VectorGroup, render, score


def check_vectors(settings: RunConfig, wycheproof_at: Path | None, rfc7520_at: Path | None, out: Console) -> int:
    """Run the vectors of the given folders and print their scores; 0 when the implementation conforms to them.

    Raises:
        BearerproofError: a folder cannot be read, or the implementation cannot be asked.
    """
    groups = [group for loaded in _loaded(wycheproof_at, rfc7520_at) for group in loaded]
    implementation = settings.start()
    try:
        card = score(implementation, groups)
    finally:
        implementation.close()
    out.print(render(card), markup=False, highlight=False, soft_wrap=True, end="")
    return 0 if card.conforms(settings.measure or implementation.declaration.measure) else 1


def _loaded(wycheproof_at: Path | None, rfc7520_at: Path | None) -> Iterator[list[VectorGroup]]:
    if wycheproof_at is not None:
        yield wycheproof.load(wycheproof_at)
    if rfc7520_at is not None:
        yield rfc7520.load(rfc7520_at)
