"""The command ``bearerproof vectors``: the frozen vectors, listed, printed, or made anew."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bearerproof.exceptions import BadInput
from bearerproof.judging import vectors as frozen


def list_vectors(
    name: Annotated[
        str | None, typer.Argument(metavar="ID", help="Print this vector, or those of a requirement.")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Make them anew and say what differs.")] = False,
    write: Annotated[Path | None, typer.Option("--write", help="Make them anew into this folder.")] = None,
) -> int:
    """List the frozen vectors, print one, or make them anew from the registry of edits."""
    if compare or write is not None:
        return _remake_vectors(write)
    known = frozen.vectors()
    if name is None:
        for vector in known.values():
            typer.echo(f"{vector.id}  {vector.row['title']}")
        typer.echo(f"{len(known)} vectors")
        return 0
    chosen = [vector for vector in known.values() if name in (vector.id, vector.row["edit"], vector.row["requirement"])]
    if not chosen:
        raise BadInput(
            f"no vector, edit or requirement with vectors is called {name!r} (bearerproof vectors lists them)"
        )
    for vector in chosen:
        typer.echo(json.dumps(vector.row, indent=2))
    return 0


def _remake_vectors(folder: Path | None) -> int:
    from bearerproof_fuzz import hintvectors, vectormaker  # noqa: PLC0415 - keeps `bearerproof --help` quick

    rows, hint_rows = vectormaker.rows(), hintvectors.rows()
    made = frozen.as_files(rows, hint_rows)
    if folder is None:
        differing = frozen.differences(made)
        typer.echo("\n".join(differing) if differing else f"{len(rows) + len(hint_rows)} vectors, all as frozen")
        return 1 if differing else 0
    try:
        for name, text in made.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror}") from None
    typer.echo(f"wrote {len(rows) + len(hint_rows)} vectors to {folder}")
    return 0
