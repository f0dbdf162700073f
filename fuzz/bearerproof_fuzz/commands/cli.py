"""The command line: ``bearerproof check`` and the commands beside it.

Everything after ``--`` is the command that starts an adapter; it is split off before the options are read.
"""

import os
import re
import sys
import traceback
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from bearerproof import __version__
from bearerproof.exceptions import AdapterFault, BadInput, BearerproofError
from bearerproof.judging.selection import Selection
from bearerproof.judging.settings import DEFAULT, QUICK, RunConfig
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof.visible import visible
from bearerproof_fuzz.commands import idpcommand, starters
from bearerproof_fuzz.commands import trail as trail_command
from bearerproof_fuzz.commands.museum import command as museum_command
from bearerproof_fuzz.commands.report import command as report_command
from bearerproof_fuzz.commands.serving import serve
from bearerproof_fuzz.commands.terminal import open_what_is_closed, show, unfailing, width_of
from bearerproof_fuzz.commands.vectors import list_vectors

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

EXIT_CODES = (
    "Exit codes: 0 conforms; 1 does not; 2 the expectations file is stale or invalid; "
    "3 harness or adapter fault: nothing was judged, or not enough."
)

Target = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME | -- COMMAND…]",
        help="reference (default), pyjwt, joserfc, authlib, python:module:factory, or -- and the adapter's command.",
        show_default=False,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="NAME | --all NAME… | -- COMMAND…",
        help="reference (default), pyjwt, joserfc, authlib, python:module:factory, or -- and the adapter's command; "
        "with --all, folders of adapters or names of some.",
        show_default=False,
    ),
]
Url = Annotated[
    str | None,
    typer.Option("--url", help="The key server or resource server that runs at this URL; needs its profile."),
]
ServerProfile = Annotated[
    Path | None,
    typer.Option(
        "--server-profile",
        help="TOML file that describes that server: see spec/server-profile.md and spec/resource-profile.md.",
    ),
]
Owned = Annotated[
    str | None,
    typer.Option("--i-own-this", metavar="HOST", help="With --url: ask a resource server on this other machine."),
]
Seconds = Annotated[float, typer.Option("--timeout", min=0.05, help="Seconds allowed for one answer.")]


def main() -> None:
    """Run the command line; every error ends as one message and an exit code, never as a traceback."""
    open_what_is_closed()
    with unfailing() as (out, _):
        code = run_command_line(sys.argv[1:])
        sys.stdout.flush()
        if out.failure is not None:
            sys.stderr.write(f"bearerproof: cannot write to standard output: {out.failure.strerror}\n")
            code = 3
    sys.exit(code)


def run_command_line(arguments: list[str]) -> int:
    """Run one command line and return its exit code."""
    head, command = _split(arguments)
    click_command = typer.main.get_command(app)
    err = Console(stderr=True)
    try:
        result: Any = click_command.main(
            args=head or ["--help"], prog_name="bearerproof", obj=command, standalone_mode=False
        )
    except BearerproofError as error:
        message = error.describe() if isinstance(error, AdapterFault) else str(error)
        err.print(f"bearerproof: {message}", markup=False, highlight=False, soft_wrap=True)
        return error.exit_code
    except (typer.Abort, KeyboardInterrupt):
        result = _INTERRUPTED
    except Exception as error:  # noqa: BLE001 - nobody above this would turn it into a message
        if hasattr(error, "format_message"):
            return _usage_error(error, err)
        return _internal_error(error, err)
    if result == _INTERRUPTED:
        err.print("bearerproof: interrupted", markup=False)
        return 3
    return result if isinstance(result, int) else 0


_INTERRUPTED = 130
"""What the command-line library makes of Ctrl-C, as shells do."""


@app.callback(invoke_without_command=True, epilog=EXIT_CODES)
def bearerproof(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.")] = False,
) -> None:
    """Prove that a bearer-token implementation rejects what it must, for the right reason, and audits it truthfully.

    Start with [bold]bearerproof check[/] (the built-in reference), then point it at your own:
    [bold]bearerproof check -- ./my-adapter[/]. The adapter speaks JSON lines; spec/contract.md says how.
    """
    if version:
        typer.echo(f"bearerproof {__version__}")
        raise typer.Exit


@app.command(epilog=EXIT_CODES)
def check(
    context: typer.Context,
    targets: Targets = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="A first answer in seconds: fewer examples, one profile a requirement.")
    ] = False,
    profile: Annotated[
        list[Profile] | None, typer.Option("--profile", help="Judge only this profile; repeat for several.")
    ] = None,
    level: Annotated[int | None, typer.Option("--level", min=0, max=3, help="Judge up to this contract level.")] = None,
    measure: Annotated[
        Measure | None,
        typer.Option("--measure", help="base: the RFCs alone; strict: the whole specification."),
    ] = None,
    selected: Annotated[
        list[str] | None,
        typer.Option(
            "-k", metavar="WHAT", help="Only these checks: VER-12, VER, 'VER-2.header-*', words, !KEY-5; a,b."
        ),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Draw other examples than the fixed ones.")] = None,
    workers: Annotated[str | None, typer.Option("-n", help="Worker processes: a number or auto.")] = None,
    exit_first: Annotated[bool, typer.Option("-x", help="Stop at the first red check.")] = False,
    verbose: Annotated[bool, typer.Option("-v", help="Print the whole report of each check that deviates.")] = False,
    seconds: Seconds = 5.0,
    expect: Annotated[
        Path | None, typer.Option("--expect", help="TOML file of deviations that are known and accepted.")
    ] = None,
    write_expect: Annotated[
        Path | None, typer.Option("--write-expect", help="Add today's deviations to such a file; what it holds stays.")
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="With --write-expect: take out what was mended.")] = False,
    report: Annotated[
        list[str] | None,
        typer.Option(
            "--report",
            metavar="[KIND=]FILE",
            help="Write the result stream (JSON lines), or of it html=FILE, sarif=FILE, badge=FILE; repeatable.",
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Refuse to run if the installed suite is of another revision.")
    ] = None,
    junit: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML.")] = None,
    summary: Annotated[
        Path | None, typer.Option("--summary", help="Write the summary as Markdown, e.g. for a step summary.")
    ] = None,
    baselines: Annotated[
        bool, typer.Option(help="After a whole run, say what reject-all and accept-all would score.")
    ] = True,
    wycheproof: Annotated[
        Path | None, typer.Option("--wycheproof", help="Run the Wycheproof JOSE vectors in this folder instead.")
    ] = None,
    rooterberg: Annotated[
        Path | None, typer.Option("--rooterberg", help="Run the Rooterberg JWS vectors in this folder instead.")
    ] = None,
    rfc7520: Annotated[
        Path | None, typer.Option("--rfc7520", help="Run the RFC 7520 cookbook files in this folder instead.")
    ] = None,
    url: Url = None,
    server_profile: ServerProfile = None,
    owned: Owned = None,
    all_adapters: Annotated[
        bool, typer.Option("--all", help="Build and judge the adapters of tests/adapters, or those named; one table.")
    ] = False,
    cache: Annotated[Path | None, typer.Option("--cache", help="With --all: the folder for what is built.")] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --all: print the table for a program (libraries.schema.json).")
    ] = False,
) -> int:
    """Judge an implementation and show the smallest token for everything that is wrong.

    [bold]bearerproof check[/]  the built-in reference, by the whole specification

    [bold]bearerproof check pyjwt[/]  a library by name, by the RFCs

    [bold]bearerproof check -- ./my-adapter[/]  any program that speaks the contract over stdin and stdout

    [bold]bearerproof check --all 'node-*'[/]  libraries of other languages, built from their lock files
    """
    if all_adapters:
        return _check_all(context, targets or [], measure or Measure.BASE, cache, as_json=as_json)
    if cache is not None or as_json:
        raise BadInput("--cache and --json go with --all")
    settings = _settings(
        context,
        _only(targets),
        measure=measure,
        profiles=tuple(profile or ()),
        level=level,
        depth=QUICK if quick else DEFAULT,
        seed=seed,
        seconds=seconds,
        url=url,
        server_profile=server_profile,
        selection=tuple(selected or ()),
        owned=owned,
    )
    if prune and write_expect is None:
        raise BadInput("--prune goes with --write-expect")
    Selection.parse(*settings.selection)
    if workers is not None and workers not in ("auto", "logical") and not workers.isdecimal():
        raise BadInput(f"-n is {workers!r}: say how many worker processes, or auto")
    if url is not None and workers is not None:
        raise BadInput("-n cannot be given with --url: the events in the trail of one server would mix")
    suites = {"wycheproof": wycheproof, "rooterberg": rooterberg, "rfc7520": rfc7520}
    folders = {name: folder for name, folder in suites.items() if folder is not None}
    if folders:
        from bearerproof_fuzz.commands.thirdparty.command import check_vectors  # noqa: PLC0415

        return check_vectors(settings, folders, Console())
    whole = not (quick or selected or exit_first)
    return _run_check(
        settings,
        workers,
        exit_first=exit_first,
        expect=expect,
        write_expect=write_expect,
        prune=prune,
        report=tuple(report or ()),
        revision=revision,
        junit=junit,
        summary=summary,
        baselines=whole and baselines,
        verbose=verbose,
    )


def _run_check(settings: RunConfig, workers: str | None = None, *, exit_first: bool = False, **outputs: Any) -> int:
    """Run the suite; ``outputs`` are members of ``Outputs``."""
    from bearerproof.judging.runner import RunOptions  # noqa: PLC0415
    from bearerproof_fuzz.commands.check import Outputs  # noqa: PLC0415 - the engine takes half a second to load
    from bearerproof_fuzz.commands.check import check as run_check  # noqa: PLC0415
    from bearerproof_fuzz.commands.recording import outputs_of  # noqa: PLC0415
    from bearerproof_fuzz.keyserver import idp  # noqa: PLC0415
    from bearerproof_fuzz.resource import authorizationserver  # noqa: PLC0415
    from bearerproof_fuzz.suite import SUITE  # noqa: PLC0415

    options = RunOptions(workers, exit_first)
    reports = outputs_of(outputs.pop("report", ()))
    return run_check(
        SUITE,
        settings,
        options,
        Outputs(**outputs, reports=reports),
        Console(),
        Console(stderr=True),
        provider=idp.start,
        authority=authorizationserver.start,
    )


def _print_text(text: str) -> None:
    """Print lines of which others wrote parts."""
    for line in text.split("\n")[:-1]:
        typer.echo(visible(line))


@app.command(epilog=EXIT_CODES)
def smoke(
    context: typer.Context,
    target: Target = None,
    seconds: Seconds = 5.0,
    show_token: Annotated[bool, typer.Option("--show", help="Show the honest token that was refused.")] = False,
) -> int:
    """Say in a few words what is wrong with an adapter, in under a second beside its own start."""
    from bearerproof_fuzz.commands.smoke import smoke as run_smoke  # noqa: PLC0415

    out = Console()
    code, page = run_smoke(_settings(context, target, seconds=seconds), width_of(out), show=show_token)
    show(page, out)
    return code


@app.command()
def explain(
    requirement_id: Annotated[
        str | None, typer.Argument(metavar="WHAT", help="HINT-1, HINT, a check's id: what -k takes.")
    ] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="List them as the tables of spec/README.md.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one requirement for a program.")] = False,
) -> None:
    """Explain a requirement: its sentence, why, its sources, and where row, checks, edits, vectors and faults stand.

    Without ID, list them all.
    """
    from bearerproof_fuzz.commands import explain as explaining  # noqa: PLC0415

    if as_json and requirement_id is None:
        raise BadInput("--json tells one requirement: give its ID")
    if requirement_id is not None:
        width = width_of(Console())
        text = explaining.explain_as_json(requirement_id) if as_json else explaining.explain(requirement_id, width)
        typer.echo(text, nl=False)
    else:
        typer.echo(explaining.markdown_index() if markdown else explaining.index(), nl=False)


@app.command(epilog=EXIT_CODES)
def replay(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="WHAT", help="What -k takes, an edit's name, or a result stream.")],
    target: Target = None,
    only: Annotated[str | None, typer.Option("--check", help="Of a result stream, only these: what -k takes.")] = None,
    measure: Annotated[
        Measure | None, typer.Option("--measure", help="Whose outcomes are due; by default the declared one's.")
    ] = None,
    seconds: Seconds = 5.0,
    url: Url = None,
    server_profile: ServerProfile = None,
    owned: Owned = None,
) -> int:
    """Present one vector or finding again and take its token apart, beside the accepted one it was made from."""
    from bearerproof_fuzz.campaign.working import started  # noqa: PLC0415 - the engine takes half a second to load
    from bearerproof_fuzz.commands import differing  # noqa: PLC0415
    from bearerproof_fuzz.commands import replay as replaying  # noqa: PLC0415

    settings = _settings(context, target, seconds=seconds, url=url, server_profile=server_profile, owned=owned)
    if target is not None:
        settings = differing.settings_of(target, seconds, Console(stderr=True))
    implementation = started(settings)
    try:
        declared = implementation.declaration
        found = replaying.find(what, declared, measure or declared.measure, only)
        outcomes = [replaying.replay(case, implementation) for case in found]
    except replaying.NoVector as lacking:
        _print_text(f"{lacking}; it is judged anew\n")
        return _run_check(replace(settings, measure=measure, selection=(what,)))
    finally:
        implementation.close()
    _print_text("\n".join(text for _, text in outcomes))
    return 0 if all(conforms for conforms, _ in outcomes) else 1


@app.command(epilog="Exit codes: 0 the proof is complete; 1 it is not; 3 not all was tried.")
def prove(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[FAULT]…", help="Only these seeded faults, or victims.")
    ] = None,
    victims: Annotated[
        bool, typer.Option("--victims", help="Only the verifiers that truly have a weakness, each by its requirement.")
    ] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Run the whole suite on each fault: every cell of the matrix.")
    ] = False,
    seeds: Annotated[
        int, typer.Option("--seeds", min=0, help="Random seeds a fault: tokens to the kill, and misses.")
    ] = 0,
    workers: Annotated[int, typer.Option("-n", min=1, help="Worker processes.")] = 2,
    picture: Annotated[Path | None, typer.Option("--picture", help="Draw the matrix into this SVG file.")] = None,
    benchmark: Annotated[
        Path | None,
        typer.Option("--export-benchmark", metavar="DIR", help="Write the victims as a benchmark for other fuzzers."),
    ] = None,
    export: Annotated[
        Path | None, typer.Option("--export", help="Write which check found what, for report --evidence.")
    ] = None,
) -> int:
    """Prove that the suite works: every seeded fault of the reference dies by its own requirement's check.

    So does every victim: a small verifier, made apart from reference and suite, that truly has one weakness.
    """
    from bearerproof_fuzz.commands.benchmark import export as export_benchmark  # noqa: PLC0415 - the engine takes half a second to load
    from bearerproof_fuzz.commands.prove import prove_and_tell  # noqa: PLC0415 - as before

    if benchmark is not None:
        typer.echo(export_benchmark(benchmark, names or ()))
        return 0
    return prove_and_tell(
        names or [],
        Console(),
        Console(stderr=True),
        full=full,
        seeds=seeds,
        workers=workers,
        picture=picture,
        victims=victims,
        export=export,
    )


@app.command(epilog="Exit codes: 0 nothing new; 1 new findings; 3 it could not be carried out.")
def fuzz(
    context: typer.Context,
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME… | -- COMMAND…",
            help="An implementation, or several to compare: names as for check, folders or names of adapters.",
            show_default=False,
        ),
    ] = None,
    lasting: Annotated[str, typer.Option("--for", metavar="TIME", help="How long: 90s, 30m, 2h.")] = "10m",
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Worker processes, each with its own: 2, with --url 1.")
    ] = None,
    corpus: Annotated[
        str,
        typer.Option(
            "--corpus", metavar="DIR|URL", help="The campaign's folder: inputs, and findings under findings/."
        ),
    ] = "campaign",
    cluster: Annotated[
        str | None,
        typer.Option("--cluster", metavar="ADDRESS", help="Have the workers work on the machines of a Dask cluster."),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database",
            metavar="URL",
            envvar="BEARERPROOF_DATABASE",
            show_envvar=True,
            help="A Redis in which Hypothesis's examples are shared: what fails anywhere is tried everywhere.",
        ),
    ] = None,
    measure: Annotated[
        Measure | None,
        typer.Option("--measure", help="base: the RFCs alone; strict: the whole specification."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Begin from this seed instead of a random one.")] = None,
    seconds: Seconds = 5.0,
    expect: Annotated[
        Path | None, typer.Option("--expect", help="TOML file of deviations that are known: they are no findings.")
    ] = None,
    seeds: Annotated[
        Path | None,
        typer.Option("--seeds", help="Captured tokens, one a line, or JSON lines: their shape is used, no value."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="FILE|TIME", help="New is what an earlier --json lacks, or found since then."),
    ] = None,
    page: Annotated[Path | None, typer.Option("--page", help="Write the summary as one HTML page.")] = None,
    json_file: Annotated[
        Path | None,
        typer.Option(
            "--json",
            metavar="FILE",
            help="Write the summary as JSON (campaign.schema.json; of several, comparison.schema.json).",
        ),
    ] = None,
    distill: Annotated[
        bool, typer.Option("--distill", help="Merge the corpus to the smallest set that shows as much, and stop.")
    ] = False,
    url: Url = None,
    server_profile: ServerProfile = None,
    owned: Owned = None,
) -> int:
    """Look for hours, after [bold]check[/] is green, for what nobody thought of.

    [bold]bearerproof fuzz pyjwt --for 30m[/]  a library by name; findings are files that [bold]replay[/] takes

    [bold]bearerproof fuzz pyjwt joserfc node-jose --for 10m[/]  where do they disagree, and who is right?

    A campaign goes on where it was: give the same --corpus again, from as many machines as share the folder.
    Ctrl-C ends it in order, twice at once; what was found is kept in any case.
    """
    from bearerproof_fuzz.commands import differing  # noqa: PLC0415 - the engine takes half a second to load
    from bearerproof_fuzz.commands import fuzz as fuzzing  # noqa: PLC0415

    out, err, names = Console(), Console(stderr=True), targets or []
    if distill:
        return fuzzing.distill(corpus, out)
    if len(names) > 1:
        if context.obj is not None or len(set(names)) < len(names):
            raise BadInput("to compare implementations, give several different names and no command")
        given = [name for name in _OF_ONE if _is_given(context, name)]
        if given:
            raise BadInput(f"{_OF_ONE[given[0]]} cannot be given to compare implementations")
        named = {name: differing.settings_of(name, seconds, err) for name in names}
        comparing = differing.Options(fuzzing.seconds(lasting), fuzzing.seeded(seed), corpus, page, json_file)
        return differing.compare(named, comparing, out, err)
    if url is not None and (workers or 1) > 1:
        raise BadInput("with --url one worker works: the events in the trail of one server would mix")
    settings = replace(
        _settings(context, names[0] if names else None, url=url, server_profile=server_profile, owned=owned)
        if context.obj is not None or not names or url is not None
        else differing.settings_of(names[0], seconds, err),
        measure=measure,
        seconds=seconds,
    )
    words = ("--", *context.obj) if context.obj is not None else tuple(names or (() if url else ("reference",)))
    if url is not None and cluster is not None:
        raise BadInput("--url is one server, which one worker asks: it goes without --cluster")
    lasts, many = fuzzing.seconds(lasting), workers or (1 if url else 2)
    options = fuzzing.Options(lasts, many, seed, words, expect, seeds, since, page, json_file, cluster, database)
    return fuzzing.fuzz(settings, corpus, options, out, err)


_OF_ONE = {
    "workers": "--workers",
    "measure": "--measure",
    "expect": "--expect",
    "seeds": "--seeds",
    "since": "--since",
    "url": "--url",
    "server_profile": "--server-profile",
    "owned": "--i-own-this",
    "cluster": "--cluster",
    "database": "--database",
}
"""Options of ``fuzz`` that a comparison does not have, by the name of their parameter."""


app.command(name="vectors")(list_vectors)
app.command(epilog=trail_command.EXIT_CODES)(trail_command.trail)
app.command(epilog="Exit codes: 0 ended when told to; 3 could not be started.")(serve)
app.command(epilog=idpcommand.EXIT_CODES)(idpcommand.idp)
app.command(epilog=starters.EXIT_CODES)(starters.init)
app.command(epilog=museum_command.EXIT_CODES)(museum_command.museum)
app.command(epilog=report_command.EXIT_CODES)(report_command.report)
app.command(epilog=report_command.DIFF_EXIT_CODES)(report_command.diff)


_WITH_ALL = {
    "quick": "--quick",
    "selected": "-k",
    "seed": "--seed",
    "workers": "-n",
    "exit_first": "-x",
    "seconds": "--timeout",
}
"""Options of ``check`` that each run of ``check --all`` gets as well, by the name of their parameter."""

_OF_ALL = {"targets", "measure", "all_adapters", "cache", "as_json"}


def _check_all(context: typer.Context, names: list[str], measure: Measure, cache: Path | None, *, as_json: bool) -> int:
    from bearerproof_fuzz.commands.libraries.command import check_all  # noqa: PLC0415 - keeps `bearerproof --help` quick

    if context.obj is not None:
        raise BadInput("--all takes folders of adapters or their names, no command after --")
    given = {name: value for name, value in context.params.items() if _is_given(context, name)}
    refused = sorted(set(given) - set(_WITH_ALL) - _OF_ALL)
    if refused:
        raise BadInput(f"--{refused[0].replace('_', '-')} cannot be given with --all")
    passed = [word for name, flag in _WITH_ALL.items() if name in given for word in _words(flag, given[name])]
    return check_all(names, tuple(passed), measure, cache, Console(), Console(stderr=True), as_json=as_json)


def _is_given(context: typer.Context, name: str) -> bool:
    source = context.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _words(flag: str, value: object) -> list[str]:
    if isinstance(value, list):
        return [word for each in value for word in (flag, str(each))]
    return [flag] if value is True else [flag, str(value)]


def _only(targets: list[str] | None) -> str | None:
    if targets is not None and len(targets) > 1:
        raise BadInput(f"unexpected extra argument {targets[1]!r}: only --all takes several names")
    return targets[0] if targets else None


def _settings(
    context: typer.Context, target: str | None, *, server_profile: Path | None = None, **options: Any
) -> RunConfig:
    command: list[str] | None = context.obj
    if options.get("url") is not None:
        if target is not None or command is not None:
            raise BadInput("give either --url or an implementation to start, not both")
        return RunConfig(target="", server_profile=None if server_profile is None else str(server_profile), **options)
    if server_profile is not None:
        raise BadInput("--server-profile describes the server at --url, and none is given")
    if command is None:
        return RunConfig(target=target or "reference", **options)
    if target is not None:
        raise BadInput(f"give either a name ({target}) or a command after --, not both")
    if not command:
        raise BadInput("no command stands after --")
    return RunConfig(target="", command=tuple(command), **options)


def _split(arguments: list[str]) -> tuple[list[str], list[str] | None]:
    if "--" not in arguments:
        return arguments, None
    at = arguments.index("--")
    return arguments[:at], arguments[at + 1 :]


def _usage_error(error: Any, err: Console) -> int:
    """Report a wrong flag; exit code 2 is taken by stale expectations, so this is a fault of the call: 3."""
    context = getattr(error, "ctx", None)
    hint = f" (see: {context.command_path} --help)" if context is not None else ""
    message = error.format_message().replace(": Value error, ", ": ")
    err.print(f"bearerproof: {message}{_meant(message)}{hint}", markup=False, highlight=False, soft_wrap=True)
    return 3


def _meant(message: str) -> str:
    """Name what may have been meant where a message says of one word that it is none of some others."""
    found = re.search(r"'([^']*)' is not one of (.*)", message)
    near = get_close_matches(found[1], re.findall(r"'([^']*)'", found[2]), n=1) if found else []
    return f" Did you mean '{near[0]}'?" if near else ""


def _internal_error(error: Exception, err: Console) -> int:
    """Report a defect of bearerproof itself; the traceback is for whoever mends it."""
    if os.environ.get("BEARERPROOF_DEBUG"):
        traceback.print_exception(error)
    message = f"{type(error).__name__}: {error}"[:500]
    err.print(
        f"bearerproof: a defect of bearerproof itself ({message}); BEARERPROOF_DEBUG=1 shows where",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    return 3


if __name__ == "__main__":
    main()
