"""``bearerproof smoke``: a first look at an adapter; its failure means that the adapter is wrong, not the library."""

from bearerproof.contract.declaration import Declaration
from bearerproof.judging.exercised import both_ways
from bearerproof.judging.page import Page, Style
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.commands import firstlook
from bearerproof_fuzz.commands.firstlook import Look
from bearerproof_fuzz.keys import MATERIAL


def smoke(settings: RunConfig, width: int, *, show: bool = False) -> tuple[int, Page]:
    """Return the exit code, and a few words that say what was tried and works, or what is wrong first.

    It is 0 when all of the declared algorithms and profiles were tried, 1 when something is wrong, else 3.

    Raises:
        BadInput: it cannot be named so. AdapterFault: it does not start, or breaks the contract.
    """
    implementation = settings.start()
    try:
        found = firstlook.look(implementation, settings.resolve(implementation.declaration))
    finally:
        implementation.close()
    page, wrong = Page(width), _wrong(found)
    if wrong is None:
        code, text = _told(found)
        page.say(text, hang=2)
    else:
        code = 1
        page.keep(f"wrong: {wrong}", Style.BAD)
    if show:
        page.take(firstlook.shown(found, width))
    return code, page


def _wrong(found: Look) -> str | None:
    """Return what is wrong first, or None."""
    if not any(name in MATERIAL for name in found.declaration.algorithms):
        return f"declares only algorithms that cannot be tried; known are {', '.join(MATERIAL)}"
    if found.refused:
        first = found.refused[0]
        if first.presented is None:  # it was not judged: what ended the look is a whole clause
            ended = f"{first.where}: no honest token is accepted: {first.said}"
            return f"{ended} ({found.hint})" if found.hint else ended
        hint = found.hint or "look at how the adapter passes keys, issuer, audience and the instant"
        return f"{first.where}: an honest token has to be accepted, and is {first.said} ({hint})"
    if found.skipped and not found.accepted:
        return found.skipped[0]
    return found.wrong[0] if found.wrong else None


def _told(found: Look) -> tuple[int, str]:
    """Say what was presented: a sentence about what is only declared would be untrue."""
    declaration: Declaration = found.declaration
    profiles, algorithms = (
        (
            both_ways(kind, names, found.tried),
            [name for name in names if name not in both_ways(kind, names, found.tried)],
        )
        for kind, names in (("profile", declaration.profiles), ("algorithm", declaration.algorithms))
    )
    left = [*profiles[1], *algorithms[1]]
    done = f"accepts honest tokens and rejects altered ones in {', '.join(profiles[0])} with {', '.join(algorithms[0])}"
    probed = f" (signature, {', '.join(found.probed)})" if found.probed else ""
    if not profiles[0]:
        done, probed = "could be asked nothing", ""
    line = (
        f"{declaration.name} {declaration.version} ({declaration.language}) speaks protocol 1 at contract level "
        f"{declaration.level}: {done}{probed}"
    )
    return (3, f"{line}; declared, not judged: {', '.join(left)}") if left else (0, line)
