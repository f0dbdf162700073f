"""The front of ``bearerproof prove``: progress, the matrix in the terminal and as a file, the exit code."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bearerproof.exceptions import BadInput
from bearerproof_fuzz.commands import faultrun, matrix
from bearerproof_fuzz.commands.faultrun import Fate
from bearerproof_fuzz.commands.report import evidence
from bearerproof_fuzz.commands.writing import write


def prove_and_tell(
    names: Sequence[str],
    out: Console,
    err: Console,
    *,
    full: bool = False,
    seeds: int = 0,
    workers: int = 2,
    picture: Path | None = None,
    victims: bool = False,
    export: Path | None = None,
) -> int:
    """Prove, tell, and return the exit code: 0 when all ended as it has to, 1 when not, 3 when not all was tried.

    With ``victims`` the names are theirs, and nothing else is tried.

    Raises:
        BadInput: no fault has one of these names or it cannot be tried, or the picture cannot be written.
    """
    if export is not None and seeds:
        raise BadInput("--export holds what one proof shows: it cannot be given with --seeds")
    if victims and (full or seeds or picture):
        raise BadInput("--victims stands alone: a victim is tried once, by its own requirement's checks")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
        task = bar.add_task("seeding faults", total=None)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)
            if not err.is_terminal and done * 10 // total > (done - 1) * 10 // total:
                err.print(f"{done} of {total} tried", highlight=False)

        if seeds:
            rows, untried = faultrun.prove_seeds(names, seeds, workers=workers, progress=advance)
        elif victims:
            proof = faultrun.prove_victims(names, workers=workers, progress=advance)
        else:
            proof = faultrun.prove(names, full=full, workers=workers, progress=advance)
    if seeds:
        out.print(matrix.render_seeds(rows, untried), markup=False, highlight=False, soft_wrap=True, end="")
        missed = any(attempt.fate not in (Fate.KILLED, Fate.EQUIVALENT) for row in rows for attempt in row)
        return 1 if missed else 3 if untried else 0
    out.print(matrix.render(proof), markup=False, highlight=False, soft_wrap=True, end="")
    if picture is not None:
        write(picture, matrix.as_svg(proof))
    if export is not None:
        write(export, evidence.written(proof))
    return proof.exit_code
