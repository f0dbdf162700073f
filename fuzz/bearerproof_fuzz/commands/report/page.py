"""The page: one HTML file without a request to anywhere. What a stream holds is text in it, escaped so as to be seen.

The templates escape all output (Jinja2's autoescape), and what they put out goes through ``visible`` first. Style and
script stand in the page, and its own policy lets it run nothing but these two: the policy names their hashes.
"""

import base64
import hashlib
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bearerproof.exceptions import BadInput
from bearerproof.specification.catalogue import FAMILIES
from bearerproof.specification.threats import unthreatened
from bearerproof.visible import pieces, visible
from bearerproof_fuzz.commands.report.findings import Issue
from bearerproof_fuzz.commands.report.model import Column, Report
from bearerproof_fuzz.commands.report.standing import Kind, Standing, ThreatState

INSTALL = "the page needs the extra 'report': python -m pip install 'bearerproof[report]'"

TEMPLATES = Path(__file__).with_name("templates")

MOST_OCTETS = 2_000_000
"""Of findings shown in full: the page as a whole stays under three megabytes."""

SYMBOLS = {
    Standing.FAILS: "✗",
    Standing.UNTESTABLE: "⊘",
    Standing.FAULT: "!",
    Standing.EXPECTED: "≈",
    Standing.WARNED: "△",
    Standing.CONFORMS: "✓",
    Standing.NOT_JUDGED: "·",
    Standing.NOT_ASKED: "",
    ThreatState.OPEN: "✗",
    ThreatState.IN_PART: "◐",
    ThreatState.STOPPED: "✓",
    ThreatState.NOT_JUDGED: "·",
    ThreatState.NOT_OURS: "",
    Kind.CONFORMS: "✓",
    Kind.EXPECTED: "≈",
    Kind.FAILS: "✗",
    Kind.NOT_WHOLE: "!",
    Kind.NOTHING: "·",
}
"""Beside the word, never in its place: nothing is told by colour or sign alone."""


def require() -> None:
    """Say that Jinja2 is missing before any work is done.

    Raises:
        BadInput: it is not installed.
    """
    try:
        import jinja2  # noqa: F401, PLC0415 - of the extra "report"
    except ImportError:
        raise BadInput(INSTALL) from None


def render(report: Report) -> str:
    """Return the page.

    Raises:
        BadInput: Jinja2 is not installed.
    """
    require()
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape  # noqa: PLC0415

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=select_autoescape(default=True, default_for_string=True),
        finalize=_finalized,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"seen": _seen, "prose": _prose, "word": _word, "sign": _sign, "command": _command}
    style, script = (TEMPLATES / "page.css").read_text("utf-8"), (TEMPLATES / "page.js").read_text("utf-8")
    return environment.get_template("page.html.j2").render(
        report=report,
        families=FAMILIES,
        unthreatened=unthreatened(),
        style=_trusted(style),
        script=_trusted(script),
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; base-uri 'none'; "
        "form-action 'none'",
        in_full=_budget(report),
        Standing=Standing,
        ThreatState=ThreatState,
    )


def _finalized(value: object) -> object:
    """Make every text visible that a template puts out; markup is our own."""
    return visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


def _trusted(text: str) -> object:
    from markupsafe import Markup  # noqa: PLC0415 - comes with Jinja2

    return Markup(text)  # noqa: S704 - our own style and script


def _seen(text: object) -> object:
    """Return a text of somebody's with its escapes marked, so that they differ from a backslash that was there."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - comes with Jinja2

    marked = [
        Markup("<span class=esc>{}</span>").format(shown) if escaped else escape(shown)
        for escaped, shown in pieces(str(text))
    ]
    return Markup("").join(marked)


def _prose(text: str) -> object:
    """Return a sentence of the specification with what stands between backticks as code."""
    from markupsafe import Markup, escape  # noqa: PLC0415 - comes with Jinja2

    parts = [
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part)
        for place, part in enumerate(text.split("`"))
    ]
    return Markup("").join(parts)


def _word(value: object) -> str:
    """Return the class of a standing or a state."""
    return "s-" + str(value).replace(" ", "-")


def _sign(value: Standing | ThreatState | Kind) -> str:
    return SYMBOLS[value]


def _command(column: Column) -> str:
    return shlex.join(column.stream.header.command)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _budget(report: Report) -> Callable[[Issue], bool]:
    """Return who says whether an issue is shown in full: the first of each cell, then as many as there is room for."""
    room, chosen = MOST_OCTETS, set[int]()
    cells = [cell for line in report.lines for cell in line.cells if cell.issues]
    for place in range(3):
        for cell in cells:
            if place < len(cell.issues) and room > 0:
                chosen.add(id(cell.issues[place]))
                room -= _octets(cell.issues[place])
    return lambda issue: id(issue) in chosen


def _octets(issue: Issue) -> int:
    """Estimate what an issue costs in full."""
    shown = issue.apart
    rows = [] if shown is None else [row for part in shown.parts for row in part.rows]
    texts: list[Any] = [issue.summary, issue.expected, issue.got, *issue.steps, *issue.events]
    texts += [text or "" for row in rows for text in (row.before, row.after)]
    return 1_500 + 120 * len(rows) + 2 * sum(map(len, texts)) + (0 if shown is None else len(shown.token))
