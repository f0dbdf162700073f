"""Reports for people: the whole text of one check, and the command that runs it again."""

import json
import shlex
from collections.abc import Sequence

from bearerproof.judging.changes import change_lines, policy_text, step_text
from bearerproof.judging.page import WIDTH, Page, Style
from bearerproof.judging.results import Record
from bearerproof.judging.settings import RunConfig
from bearerproof.judging.tokens import token_apart, token_of, token_text
from bearerproof.members import Json
from bearerproof.specification.catalogue import requirement


def failure_text(record: Record, settings: RunConfig, width: int = WIDTH) -> str:
    """Tell one failed check: what is wrong, by which sentence, the token that shows it, how to run just this."""
    return str(failure_page(record, settings, width))


def failure_page(record: Record, settings: RunConfig, width: int = WIDTH) -> Page:
    """Return the same as lines."""
    row, page = requirement(record.requirement), Page(width)
    page.keep(f"{record.id}: {record.state}", Style.HEAD)
    page.blank()
    for finding in record.findings or ({"summary": record.reason or "", "expected": "", "got": ""},):
        page.say(finding["summary"])
        page.blank()
        page.labelled("requirement", f"{row.id} ({row.level}, {row.clause}) {row.text}", column=_LABEL)
        for name in ("expected", "got"):
            if finding[name]:
                page.labelled(name, str(finding[name]), column=_LABEL)
        if record.reason and record.findings:
            page.labelled("note", record.reason, column=_LABEL)
        _add_evidence(finding, page)
    page.keep(f"  {'run again':<{_LABEL}}{rerun_command(record.id, settings)}")
    page.keep(f"  {'read more':<{_LABEL}}bearerproof explain {row.id}")
    return page


_LABEL = 13


def rerun_command(selected: str, settings: RunConfig) -> str:
    """Return the command that runs just these checks, by an id of one or all, on the same implementation."""
    options = ["-k", selected]
    if settings.measure is not None:
        options += ["--measure", str(settings.measure)]
    if settings.seed is not None:
        options += ["--seed", str(settings.seed)]
    return command("check", settings, options)


def command(name: str, settings: RunConfig, options: Sequence[str] = ()) -> str:
    """Return the command line of a command on the implementation that the settings name."""
    words = ["bearerproof", name, *options]
    if settings.url is not None:
        words += ["--url", settings.url, "--server-profile", str(settings.server_profile)]
        words += [] if settings.owned is None else ["--i-own-this", settings.owned]
    else:
        words += ["--", *settings.command] if settings.command else [settings.target]
    return shlex.join(words)


def _add_evidence(finding: Json, page: Page) -> None:
    presented, base = finding.get("presented"), finding.get("base")
    page.blank()
    if presented is not None:
        if base is not None:
            page.keep("  what was changed of the token that was accepted", Style.HEAD)
            for line in change_lines(finding, page.width - 4):
                page.keep(line, Style.WARN, indent=4)
            page.blank()
        page.keep("  the token presented", Style.HEAD)
        for line in token_apart(token_of(presented)):
            page.say(line, indent=4, hang=6)
        page.blank()
        page.labelled("policy", policy_text(presented["policy"]), column=_LABEL)
        tick = f", tick {presented['tick']}" if presented["tick"] else ""
        page.labelled("now", f"{presented['now']}{tick}", column=_LABEL)
        page.keep(f"  {'token':<{_LABEL}}{token_text(presented)}")
    for number, step in enumerate(finding.get("steps", ()), 1):
        page.labelled(f"step {number}", step_text(step), column=_LABEL)
    for event in finding.get("events", ()):
        page.labelled("event", json.dumps(event), column=_LABEL)
    page.blank()
