"""The command ``bearerproof trail``: options in, the report for a person or a program out, the exit code."""

import io
import json
import re
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from bearerproof.chain.files import judge_files
from bearerproof.exceptions import BadInput
from bearerproof.trail.exporting import Exporter, Form
from bearerproof.trail.judge import prove
from bearerproof.trail.options import Options
from bearerproof.trail.picture import as_svg
from bearerproof.trail.presets import Preset
from bearerproof.trail.processes import prove_with
from bearerproof.trail.reading import STDIN
from bearerproof.trail.report import RuleStatus, TrailReport
from bearerproof_fuzz.commands import trailcluster
from bearerproof_fuzz.commands.following import prove_following
from bearerproof_fuzz.commands.terminal import loss_of
from bearerproof_fuzz.commands.writing import write

EXIT_CODES = (
    "Exit codes: 0 the trail is truthful; 1 it is not; 3 nothing was judged, or a file could not be read to its end."
)

_DEFAULT = Options()


def trail(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE…", help="Logs, oldest first; gzip is recognised; - is standard input.")
    ],
    preset: Annotated[
        Preset,
        typer.Option("--preset", help="How events stand in the lines: auto tries all, plain takes bare events only."),
    ] = _DEFAULT.preset,
    from_middle: Annotated[
        bool,
        typer.Option("--from-middle", help="The trail begins in the middle: what it refers to may stand before it."),
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance", min=0, max=86_400, help="Seconds by which lines may stand out of the order of time."
        ),
    ] = _DEFAULT.tolerance,
    skew: Annotated[
        float, typer.Option("--skew", min=0, max=86_400, help="Seconds by which the clocks of two hosts may differ.")
    ] = _DEFAULT.skew,
    single_writer: Annotated[
        bool,
        typer.Option("--single-writer", help="One server wrote all that names no origin: repeated is then repeated."),
    ] = False,
    secret_pattern: Annotated[
        list[str] | None,
        typer.Option("--secret-pattern", metavar="REGEX", help="What else no event may hold; repeat for several."),
    ] = None,
    max_sources: Annotated[
        int, typer.Option("--max-sources", min=1, max=1_000_000, help="Source ids that verify failures may have.")
    ] = _DEFAULT.max_sources,
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", min=1, max=100_000_000, help="Tokens remembered at once; a bound of memory.")
    ] = _DEFAULT.max_tokens,
    horizon: Annotated[
        float,
        typer.Option("--horizon", min=0, max=1e9, help="Seconds for which a token is remembered after its expiry."),
    ] = _DEFAULT.horizon,
    findings: Annotated[
        int, typer.Option("--findings", min=0, max=100_000, help="Findings told of each rule; all are counted.")
    ] = _DEFAULT.findings,
    processes: Annotated[
        int, typer.Option("-n", min=1, max=64, help="Processes that read the files; the report is the same.")
    ] = 1,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            help="A Dask scheduler; its machines read the files, the report is the same.",
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Go on with the last file as it grows and is rotated, until Ctrl-C.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the report as JSON (trail-report.schema.json).")
    ] = False,
    picture: Annotated[
        Path | None, typer.Option("--picture", help="Draw the findings over time into this SVG file.")
    ] = None,
    to: Annotated[
        Form | None,
        typer.Option("--to", help="Write the valid events to standard output in this form, the report to stderr."),
    ] = None,
    chain: Annotated[
        bool, typer.Option("--chain", help="Judge the hash chain of the files, in any order, and nothing else.")
    ] = False,
    chain_key: Annotated[
        list[Path] | None,
        typer.Option("--chain-key", metavar="FILE", help="A key that wrote the chain; repeat for several."),
    ] = None,
    chain_public_key: Annotated[
        list[Path] | None,
        typer.Option("--chain-public-key", metavar="FILE", help="The public key of one that wrote the chain."),
    ] = None,
    high_water: Annotated[
        Path | None,
        typer.Option("--high-water", help="Where the chain had been before, kept elsewhere; it is raised when intact."),
    ] = None,
) -> int:
    """Prove that an audit trail is truthful and leaks nothing, in one pass and bounded memory.

    [bold]bearerproof trail audit.jsonl.2.gz audit.jsonl.1 audit.jsonl[/]  rotated files, oldest first

    [bold]journalctl -u gateway -o cat | bearerproof trail -[/]  a pipe; lines that are not ours are counted

    [bold]bearerproof trail --from-middle today.log[/]  tokens issued before the first line are not missed

    [bold]bearerproof trail --to ocsf audit.jsonl > events.ocsf.jsonl[/]  a line an event; otel: OTLP/JSON

    [bold]bearerproof trail --follow audit.jsonl[/]  a live log: findings as they come, the report at Ctrl-C

    It judges lifecycle and verify-failure events by the rules TRAIL-1 to TRAIL-16. Where an event
    lacks what a rule needs, the report says how often that rule could not judge: never that it holds.

    [bold]bearerproof trail --chain --chain-key FILE audit.jsonl*[/]  are these the lines that were written?
    """
    if sum((to is not None, follow, processes > 1, cluster is not None)) > 1:
        raise BadInput("--to, --follow, --cluster and -n cannot be had together")
    if chain and (follow or processes > 1 or cluster is not None):
        raise BadInput("--follow, --cluster and -n do not go with --chain")
    if chain:
        return _judge_chain(files, chain_key or (), chain_public_key or (), high_water, from_middle, as_json)
    if chain_key or chain_public_key or high_water:
        raise BadInput("--chain-key, --chain-public-key and --high-water go with --chain")
    options = Options(
        preset=preset,
        tolerance=tolerance,
        horizon=horizon,
        max_tokens=max_tokens,
        max_sources=max_sources,
        secret_patterns=_patterns(secret_pattern or ()),
        findings=findings,
        from_middle=from_middle,
        skew=skew,
        single_writer=single_writer,
    )
    exported: list[str] = []
    exporter = None if to is None else Exporter(to, exported.append)
    if follow:
        report = prove_following(files, options, partial(_tell_finding, err=as_json))
    else:
        write_out = partial(_write_out, exported)
        report = _prove(files, options, Console(stderr=True), exporter, write_out, processes, cluster)
    _write_out(exported)
    _tell(report, exporter, as_json=as_json)
    if picture is not None:
        write(picture, as_svg(report.timeline))
    return report.exit_code


def _tell(report: TrailReport, exporter: Exporter | None, *, as_json: bool) -> None:
    """Print the report, in characters that whoever reads it can take."""
    if as_json:
        exported = {} if exporter is None else {"export": exporter.as_json(report)}
        typer.echo(json.dumps({**report.as_json(), **exported}).replace("\x7f", "\\u007f"), err=exporter is not None)
        return
    _make_printable()
    text = report.as_text() if exporter is None else f"{report.as_text()}\n{exporter.as_text(report)}"
    _show(text, Console(stderr=exporter is not None))


def _judge_chain(
    files: Sequence[str],
    secret: Sequence[Path],
    public: Sequence[Path],
    high_water: Path | None,
    from_middle: bool,
    as_json: bool,
) -> int:
    """Judge the chain of the files, and say so."""
    report = judge_files(files, secret, public, high_water, from_middle=from_middle)
    typer.echo(json.dumps(report.as_json()) if as_json else report.as_text())
    return report.exit_code


def _tell_finding(text: str, *, err: bool) -> None:
    """Print a finding at once, in characters that whoever reads it can take."""
    _make_printable()
    typer.echo(text, err=err)


def _make_printable() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _prove(
    files: Sequence[str],
    options: Options,
    err: Console,
    exporter: Exporter | None,
    write_out: Callable[[], None],
    processes: int,
    cluster: str | None,
) -> TrailReport:
    """Judge the files, on a terminal with a bar that shows how much of them has been read.

    What is exported of a part of them is written when it has been read: at once where each comes, and in one piece.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        tasks = {name: bar.add_task(name, total=_size(name), start=False) for name in files}

        def advance(name: str, octets: int) -> None:
            write_out()
            if err.is_terminal:
                bar.start_task(tasks[name])
                bar.update(tasks[name], completed=octets)

        take = None if exporter is None else exporter.take
        shown = advance if err.is_terminal or exporter is not None else None
        if cluster is not None:
            return trailcluster.prove_on(cluster, files, options, shown)
        if processes > 1:
            return prove_with(processes, files, options, shown)
        return prove(files, options, shown, take)


def _show(text: str, console: Console) -> None:
    for line in text.splitlines():
        console.print(line, style=_style(line), markup=False, highlight=False, soft_wrap=True)


def _write_out(exported: list[str]) -> None:
    """Write what has been exported, and let go of it."""
    if exported:
        sys.stdout.write("".join(exported))
        sys.stdout.flush()
        exported.clear()
        _refuse_loss()


def _refuse_loss() -> None:
    """End the command when nobody takes the events: an export that is cut short is no export."""
    error = loss_of(sys.stdout)
    if error is not None:
        raise BadInput(f"cannot write the exported events: {error.strerror}")


def _size(name: str) -> int | None:
    path = Path(name)
    try:
        return path.stat().st_size if name != STDIN and path.is_file() else None
    except OSError:
        return None


def _patterns(texts: Sequence[str]) -> tuple[re.Pattern[str], ...]:
    try:
        return tuple(re.compile(text) for text in texts)
    except re.error as error:
        raise BadInput(f"--secret-pattern {error.pattern!r} is no regular expression: {error}") from None


def _style(line: str) -> str | None:
    """Colour what a reader looks for: rules that are violated, and the verdict."""
    if line.startswith((RuleStatus.VIOLATED.mark, "The trail is NOT")):
        return "bold red"
    if line.startswith(("NOT judged", RuleStatus.NOT_JUDGED.mark)):
        return "yellow"
    return "bold green" if line.startswith("The trail is truthful") else None
