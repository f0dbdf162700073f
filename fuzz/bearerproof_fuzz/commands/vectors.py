"""The command ``bearerproof vectors``: the frozen vectors, listed, printed, or made anew."""

import json
import shutil
from pathlib import Path
from typing import Annotated

import typer

from bearerproof import data
from bearerproof.exceptions import BadInput
from bearerproof.judging import vectors as frozen
from bearerproof.specification import accumulated


def list_vectors(
    name: Annotated[
        str | None, typer.Argument(metavar="ID", help="Print this vector, or those of a requirement.")
    ] = None,
    compare: Annotated[bool, typer.Option("--compare", help="Make them anew and say what differs.")] = False,
    write: Annotated[Path | None, typer.Option("--write", help="Make them anew into this folder.")] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Write all that somebody needs who cannot run the suite into this folder."),
    ] = None,
    digest: Annotated[
        int | None,
        typer.Option("--digest", min=1, help="The digest over so many accumulated vectors (spec/accumulated.md)."),
    ] = None,
) -> int:
    """List the frozen vectors, print one, export them as data, or make them anew from the registry of edits."""
    if digest is not None:
        typer.echo(accumulated.digest(digest))
        return 0
    if export is not None:
        return _export(export)
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


_EXPORTED = ("vectors", "errata", "accumulated.json", "accumulated.md")
_SCHEMAS = ("vector.schema.json", "hint-vectors.schema.json")


def _export(folder: Path) -> int:
    """Copy vectors, their schemas and errata, and write the accumulated vectors with the verdicts that are due."""
    number = sorted(accumulated.accumulated().digests)[1]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in _EXPORTED:
            source = data.root() / name
            if source.is_dir():
                shutil.copytree(source, folder / name, dirs_exist_ok=True)
            else:
                shutil.copyfile(source, folder / name)
        (folder / "schemas").mkdir(exist_ok=True)
        for name in _SCHEMAS:
            shutil.copyfile(data.root() / "schemas" / name, folder / "schemas" / name)
        with (folder / "accumulated.jsonl").open("w", encoding="ascii") as lines:
            for index, case in enumerate(accumulated.cases(number)):
                verdict = "accepted" if case.accepted else "rejected"
                lines.write(json.dumps({"n": index, "token": case.token, "verdict": verdict}) + "\n")
    except OSError as error:
        raise BadInput(f"cannot write to {folder}: {error.strerror or error}") from None
    typer.echo(f"wrote {len(frozen.vectors())} vectors and {number} accumulated ones to {folder}")
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
