"""``bearerproof report``: result streams in, a page, SARIF or a badge out."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bearerproof.exceptions import BadInput
from bearerproof_fuzz.commands.writing import write

if TYPE_CHECKING:
    from bearerproof_fuzz.commands.report.model import Report

EXIT_CODES = (
    "Exit codes: 0 written; 1 written without some of the streams, which are named; 3 nothing could be written. "
    "It judges nothing anew: the gate is check."
)


def report(
    runs: Annotated[
        list[str], typer.Argument(metavar="RUN.jsonl…", help="Result streams, as check --report FILE writes them.")
    ],
    html: Annotated[Path | None, typer.Option("--html", help="Write one self-contained page.")] = None,
    evidence: Annotated[
        Path | None, typer.Option("--evidence", help="What prove --export wrote: which faults each check finds.")
    ] = None,
) -> int:
    """Make of one or more result streams what people and machines look at.

    [bold]bearerproof report run.jsonl --html report.html[/]  one page, to open, send or publish

    [bold]bearerproof report pyjwt.jsonl joserfc.jsonl --html compared.html[/]  one matrix of several
    """
    if html is None:
        raise BadInput("say what to write: --html FILE")
    from bearerproof_fuzz.commands.report import page  # noqa: PLC0415 - keeps `bearerproof --help` quick

    page.require()
    made = _model([Path(run) for run in runs], evidence)
    write(html, page.render(made))
    return 0


def _model(runs: list[Path], evidence: Path | None) -> "Report":
    from bearerproof.specification.errata import errata  # noqa: PLC0415 - as above
    from bearerproof.specification.threats import threats  # noqa: PLC0415
    from bearerproof_fuzz.commands.report import evidence as evidence_file  # noqa: PLC0415
    from bearerproof_fuzz.commands.report import streams  # noqa: PLC0415
    from bearerproof_fuzz.commands.report.model import model  # noqa: PLC0415

    proved = None if evidence is None else evidence_file.read(evidence)
    return model([streams.read(run) for run in runs], threats=threats(), errata=errata(), evidence=proved)
