"""``bearerproof report``: result streams in; a page, SARIF or a badge out. ``bearerproof diff``: two of them."""

import json
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bearerproof.exceptions import BadInput
from bearerproof_fuzz.commands.writing import write

if TYPE_CHECKING:
    from bearerproof_fuzz.commands.report.difference import Change, Changed, Difference
    from bearerproof_fuzz.commands.report.streams import Stream

EXIT_CODES = (
    "Exit codes: 0 written; 1 written without some of the streams, which are named; 3 nothing could be written. "
    "It judges nothing anew: the gate is check."
)

DIFF_EXIT_CODES = (
    "Exit codes: 0 nothing broke; 1 something broke; 2 an input is unusable, or the new run was cut off or not judged "
    "whole, so that nobody knows."
)


def report(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN.jsonl…", help="Result streams, as check --report FILE writes them.")
    ],
    html: Annotated[Path | None, typer.Option("--html", help="Write one self-contained page.")] = None,
    sarif: Annotated[Path | None, typer.Option("--sarif", help="Write SARIF 2.1.0, for code scanning.")] = None,
    badge: Annotated[Path | None, typer.Option("--badge", help="Write the JSON of a shields.io endpoint.")] = None,
    collect: Annotated[
        bool, typer.Option("--collect", help="Take folders and https addresses too; what cannot be had is named.")
    ] = False,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", help="What prove --export wrote: which faults each check finds.")
    ] = None,
) -> int:
    """Make of one or more result streams what people and machines look at.

    [bold]bearerproof report run.jsonl --html report.html[/]  one page, to open, send or publish

    [bold]bearerproof report pyjwt.jsonl joserfc.jsonl --html compared.html[/]  one matrix of several

    [bold]bearerproof report --collect runs/ https://example.com/run.jsonl --html all.html[/]  of many repositories
    """
    wanted = {"html": html, "sarif": sarif, "badge": badge}
    files = {kind: path for kind, path in wanted.items() if path is not None}
    if not files:
        raise BadInput("say what to write: --html FILE, --sarif FILE or --badge FILE")
    from bearerproof_fuzz.commands.report import evidence as evidence_file  # noqa: PLC0415 - keeps --help quick
    from bearerproof_fuzz.commands.report import page, rendering  # noqa: PLC0415

    if html is not None:
        page.require()
    proved = None if evidence is None else evidence_file.read(evidence)
    streams, missing = _streams(runs, collect=collect)
    for why in missing:
        typer.echo(f"bearerproof: not collected: {why}", err=True)
    made = rendering.report_of(streams, proved, missing)
    for kind, path in files.items():
        write(path, rendering.RENDERERS[kind](made))
    return 1 if missing else 0


def _streams(runs: list[str], *, collect: bool) -> tuple[list["Stream"], list[str]]:
    from bearerproof_fuzz.commands.report import collecting, streams  # noqa: PLC0415 - as above

    if collect:
        found, missing = collecting.collect(runs)
        if not found:
            raise BadInput(
                "nothing was collected:" + "".join(f"\n  {why}" for why in missing or ["no stream is there"])
            )
        return found, missing
    other = next((run for run in runs if collecting.is_url(run) or Path(run).is_dir()), None)
    if other is not None:
        raise BadInput(f"{other!r} is no file: addresses and folders are taken with --collect")
    return [streams.read(Path(run)) for run in runs], []


def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD.jsonl", help="The result stream of an earlier run.")],
    new: Annotated[Path, typer.Argument(metavar="NEW.jsonl", help="That of a later one.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a program (difference.schema.json).")] = False,
) -> int:
    """Say what broke between two runs, what was mended, and what the suite itself changed."""
    from bearerproof_fuzz.commands.report import streams  # noqa: PLC0415 - keeps `bearerproof --help` quick
    from bearerproof_fuzz.commands.report.difference import difference  # noqa: PLC0415

    try:
        found = difference(streams.read(old), streams.read(new))
    except BadInput as error:
        typer.echo(f"bearerproof: {error}", err=True)
        return 2
    typer.echo(json.dumps(found.as_dict(), indent=2) if as_json else "\n".join(_lines(found)))
    return found.exit_code


def _lines(found: "Difference") -> Iterator[str]:
    from bearerproof_fuzz.commands.report.difference import WORSE, Change  # noqa: PLC0415 - as above

    for remark in found.remarks:
        yield from textwrap.wrap(f"note: {remark}", _WIDTH, subsequent_indent="      ", break_on_hyphens=False)
    for change in Change:
        changes = found.of(change)
        if changes:
            yield from ["", *_group(change, changes)]
    broken = sum(changed.change in WORSE for changed in found.changes)
    end = {0: "nothing broke", 1: f"{broken} checks broke" if broken > 1 else "1 check broke", 2: "nobody knows"}
    yield ""
    yield f"{end[found.exit_code]}; {found.same:,} checks are as they were"


_WIDTH = 80

_NAMED = 20
"""Requirements told of for each kind of change; --json has them all."""


def _group(change: "Change", changes: list["Changed"]) -> Iterator[str]:
    """Tell one kind of change, a line for each requirement."""
    by_requirement: dict[str, list[Changed]] = {}
    for changed in changes:
        by_requirement.setdefault(changed.requirement, []).append(changed)
    yield f"{change} ({len(changes)} {'check' if len(changes) == 1 else 'checks'}):"
    for held in list(by_requirement.values())[:_NAMED]:
        first = held[0]
        more = f", {len(held) - 1} more" if len(held) > 1 else ""
        outcomes = f" ({first.old or 'absent'}, now {first.new or 'absent'})" if first.old != first.new else ""
        yield f"  {first.id}{outcomes}{more}"
        yield from textwrap.wrap(first.detail, _WIDTH, initial_indent="    ", subsequent_indent="    ", max_lines=2)
    if len(by_requirement) > _NAMED:
        yield f"  and of {len(by_requirement) - _NAMED} requirements more (--json)"
