"""What ``check`` leaves behind: its result stream, and what is made of that stream at once.

A stream says which revision of the suite made it and by which command, so that another can make the same.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from bearerproof.exceptions import BadInput
from bearerproof.judging import results
from bearerproof.judging.baselines import Score
from bearerproof.judging.runner import Run
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof.members import Json
from bearerproof.visible import visible
from bearerproof_fuzz.revision import revision


class Kind(StrEnum):
    """What a run can be written as."""

    STREAM = "stream"
    HTML = "html"
    SARIF = "sarif"
    BADGE = "badge"


@dataclass(frozen=True)
class Output:
    """A file to write, and what of."""

    kind: Kind
    path: Path


def outputs_of(words: Iterable[str]) -> tuple[Output, ...]:
    """Read ``[KIND=]FILE``; what stands before = and is no kind belongs to the file's name.

    >>> [(output.kind.value, str(output.path)) for output in outputs_of(["a=b.jsonl", "html=r.html"])]
    [('stream', 'a=b.jsonl'), ('html', 'r.html')]
    """
    outputs = []
    for word in words:
        kind, found, file = word.partition("=")
        known = bool(found) and kind in tuple(Kind)
        if found and not known and (near := get_close_matches(kind, Kind, n=1, cutoff=0.7)):
            raise BadInput(f"--report {word}: no report is of the kind {kind!r}; did you mean {near[0]}={file}?")
        if known and not file:
            raise BadInput(f"--report {kind}= names no file")
        outputs.append(Output(Kind(kind), Path(file)) if known else Output(Kind.STREAM, Path(word)))
    paths = [output.path for output in outputs]
    if len(set(paths)) < len(paths):
        raise BadInput("two --report have the same file: the second would overwrite the first")
    return tuple(outputs)


def prepare(outputs: Sequence[Output], wanted: str | None) -> None:
    """Say before the run what would end it badly.

    Raises:
        BadInput: a package that an output needs is missing, or the suite is of another revision than the one wanted.
    """
    if wanted is not None and wanted != revision():
        raise BadInput(f"the installed suite is of revision {revision()}, not {visible(wanted)}: nothing was judged")
    if any(output.kind is Kind.HTML for output in outputs):
        from bearerproof_fuzz.commands.report import page  # noqa: PLC0415 - few runs make a page

        page.require()


def lines(finished: Run, code: int, scores: Sequence[Score]) -> list[str]:
    """Return the result stream of a run."""
    header = {**finished.header(), "revision": revision(), "command": command(finished.harness.settings)}
    footer = finished.footer(code)
    more: Json = {
        "baselines": [asdict(score) for score in scores],
        "untried": list(finished.untried.unjudged),
        "troubles": [visible(trouble)[:_CUT] for trouble in dict.fromkeys(finished.troubles)][:_CUT],
    }
    return list(
        results.stream(header, finished.records, {**footer, **{name: held for name, held in more.items() if held}})
    )


_CUT = 1_000
"""Characters of a trouble, and troubles, that are kept."""


def rendered(kind: Kind, stream: Sequence[str]) -> Iterable[str]:
    """Return the stream, or what it is to be made into."""
    if kind is Kind.STREAM:
        return stream
    from bearerproof_fuzz.commands.report import rendering, streams  # noqa: PLC0415 - few runs make one

    return [rendering.render(kind, [streams.parse("".join(stream).encode(), "run.jsonl")])]


def command(settings: RunConfig) -> list[str]:
    """Return the command that asks for the same run, apart from how many processes share it.

    It ends in a file that people publish: a password in a URL, and the value of an option that sounds like a secret,
    are left out of it.
    """
    words = ["bearerproof", "check"]
    words += ["--quick"] if settings.depth == QUICK else []
    words += [word for profile in settings.profiles for word in ("--profile", str(profile))]
    words += [word for term in settings.selection for word in ("-k", term)]
    given = {"--level": settings.level, "--measure": settings.measure, "--seed": settings.seed}
    words += [str(word) for name, value in given.items() if value is not None for word in (name, value)]
    if settings.url is not None:
        profile = [] if settings.server_profile is None else ["--server-profile", settings.server_profile]
        return [*words, "--url", _without_password(settings.url), *profile]
    return [*words, "--", *without_secrets(settings.command)] if settings.command else [*words, settings.target]


HIDDEN = "***"

_SECRET = re.compile(r"(?i)secret|passw|passphrase|token|credential|api[-_]?key|auth|bearer|private")


def without_secrets(words: Sequence[str]) -> list[str]:
    """Return a command's words without what could be a secret: the value of an option or variable that says so.

    >>> without_secrets(["./a", "--token", "t", "API_KEY=k", "http://u:p@h/"])
    ['./a', '--token', '***', 'API_KEY=***', 'http://***@h/']
    """
    shown: list[str] = []
    hide = False
    for word in words:
        name, found, value = word.partition("=")
        if hide and not word.startswith("-"):
            shown.append(HIDDEN)
        elif found and value and _SECRET.search(name):
            shown.append(f"{name}={HIDDEN}")
        elif _SECRET.search(word) and re.search(r"\s", word):
            shown.append(HIDDEN)  # a header, or a whole command line for a shell
        else:
            shown.append(_without_password(word))
        hide = word.startswith("-") and not found and bool(_SECRET.search(word))
    return shown


def _without_password(word: str) -> str:
    try:
        parts = urlsplit(word)
        if not parts.netloc or "@" not in parts.netloc:
            return word
        return urlunsplit(parts._replace(netloc=f"{HIDDEN}@{parts.netloc.rpartition('@')[2]}"))
    except ValueError:
        return word
