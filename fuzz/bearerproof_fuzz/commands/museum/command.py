"""The command ``bearerproof museum``."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from bearerproof.exceptions import BadInput
from bearerproof_fuzz.commands.libraries import building
from bearerproof_fuzz.commands.museum import results
from bearerproof_fuzz.commands.museum.exhibits import Museum

EXIT_CODES = (
    "Exit codes: 0 all are caught and mended; 1 one is missed, or a fixed release is red on that row; "
    "3 one could not be run."
)
DEFAULT_TABLE = Path("tests/museum/exhibits.toml")
"""Where the table stands in the source tree, in which the command is run."""


def museum(
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", help="Only these exhibits; * is any.")] = None,
    table: Annotated[Path, typer.Option("--table", help="The table of exhibits.")] = DEFAULT_TABLE,
    cache: Annotated[Path | None, typer.Option("--cache", help="The folder for what is installed.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it for a program (museum.schema.json).")] = False,
) -> int:
    """Judge releases with a published weakness, and those that mended it, by the requirement that names it.

    Each release is installed from its package registry into a cache, outside of any project.
    """
    from bearerproof_fuzz.commands.museum.judging import judge  # noqa: PLC0415 - the engine takes half a second to load

    if table == DEFAULT_TABLE and not table.exists():
        raise BadInput(f"{table} is not here: run it in the source tree, or name a table with --table")
    collection = Museum.load(table)
    place = (cache or building.default_cache("museum")).resolve()
    out, err = Console(), Console(stderr=True)

    def tell(message: str) -> None:
        err.print(message, markup=False, highlight=False, soft_wrap=True)

    judged = [judge(exhibit, collection, place, tell) for exhibit in collection.find(names or [])]
    told = [json.dumps(results.as_json(judged))] if as_json else results.lines(judged)
    for line in told:
        out.print(line, markup=False, highlight=False, soft_wrap=True)
    return results.exit_code(judged)
