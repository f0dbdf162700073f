"""The front of ``bearerproof fuzz A B…``: progress, and the classes in which the implementations disagree."""

import json
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from bearerproof.contract.implementation import Implementation
from bearerproof.exceptions import BadInput
from bearerproof.judging.judgement import Finding
from bearerproof.judging.results import finding_as_dict
from bearerproof.judging.settings import RunConfig
from bearerproof.judging.tokens import changed_lines, token_apart
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.campaign import keeping
from bearerproof_fuzz.campaign.comparison import Comparison, as_json, page
from bearerproof_fuzz.campaign.differing import DISAGREEMENT, Disagreement, differences
from bearerproof_fuzz.campaign.store import Directory, made, stored
from bearerproof_fuzz.commands.fuzz import say
from bearerproof_fuzz.commands.libraries import building, manifest
from bearerproof_fuzz.commands.libraries.command import DEFAULT_FOLDER
from bearerproof_fuzz.commands.writing import write_each


def settings_of(name: str, seconds: float, err: Console) -> RunConfig:
    """Return how to start what has this name: one that is installed, or an adapter's folder, which is built first.

    Raises:
        BadInput: an adapter's toolchain is not here. BuildFailed: it cannot be built.
    """
    if not (Path(name) / manifest.FILE).is_file() and not (DEFAULT_FOLDER / name / manifest.FILE).is_file():
        return RunConfig(target=name, seconds=seconds)
    (found,) = manifest.find([name], DEFAULT_FOLDER)
    absent = building.missing(found)
    if absent is not None:
        raise BadInput(f"{found.name} cannot be built: {absent}")
    folder = building.build(found, building.default_cache(), lambda text: say(err, text))
    return RunConfig(target="", command=found.run, folder=str(folder), seconds=seconds)


@dataclass(frozen=True)
class Options:
    """How many seconds implementations are compared, from which seed, where classes are kept, and what is written."""

    lasting: float
    seed: int
    directory: str
    page: Path | None = None
    json: Path | None = None


def compare(named: Mapping[str, RunConfig], options: Options, out: Console, err: Console) -> int:
    """Compare implementations, tell the classes of disagreement, and return the exit code.

    Raises:
        BearerproofError: one cannot be started, they have nothing in common, or a summary cannot be written.
    """
    kept = Kept(made(_path(options.directory) / "disagreements"))
    with ExitStack() as stack:
        # It ends in order as by Ctrl-C: those whom it has started end with it.
        stack.callback(signal.signal, signal.SIGTERM, signal.signal(signal.SIGTERM, signal.default_int_handler))
        crowd: dict[str, Implementation] = {}
        for name, settings in named.items():
            crowd[name] = settings.start()
            stack.callback(crowd[name].close)
        say(out, f"{', '.join(crowd)}: for {options.lasting:g} s, seed {options.seed}; in {options.directory}")
        columns = (TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
            task = bar.add_task("comparing", total=None)

            def show(tokens: int, classes: int) -> None:
                bar.update(task, description=f"{tokens:,} tokens, {classes} classes")

            found = differences(crowd, options.lasting, options.seed, show, kept.keep)
    declared = {name: each.declaration for name, each in crowd.items()}
    troubles = [*found.troubles, *kept.finished(found.found.values())]
    compared = Comparison(
        declared, options.directory, kept.folder, options.seed, options.lasting, found, kept.new, troubles
    )
    for line in _told(compared):
        say(out, line)
    write_each({options.page: page(compared), options.json: json.dumps(as_json(compared), indent=1) + "\n"})
    return compared.exit_code


def _path(directory: str) -> Path:
    store = stored(directory)
    if not isinstance(store, Directory):
        raise BadInput(f"a comparison is one process, and keeps its classes on a disk, not at {directory}")
    return store.path


@dataclass
class Kept:
    """The folder of classes: each is a file, there whole as soon as it is found. ``new`` are those that were none."""

    folder: Path
    new: set[tuple[str, str]] = field(default_factory=set)

    def keep(self, found: Disagreement) -> None:
        """Write a class, with its smallest token; what cannot be written now is tried again at the end."""
        if found.key in self.new or not self._path(found).exists():
            self.new.add(found.key)
            with suppress(OSError):
                keeping.write(self.folder, found.key, row_of(found))

    def finished(self, classes: Iterable[Disagreement]) -> list[str]:
        """Write the new classes again, as how often they were met is known now; return what is the trouble, if any."""
        new = [each for each in classes if each.key in self.new]
        for found in new:
            self.keep(found)
        unwritten = sum(not self._path(found).exists() for found in new)
        return [f"cannot write {unwritten} classes in {self.folder}: they are told here alone"] if unwritten else []

    def _path(self, found: Disagreement) -> Path:
        return self.folder / keeping.file_name(found.key)


def row_of(found: Disagreement) -> Json:
    """Return what a class is as a line, with its smallest token and all that ``replay`` judges it again by."""
    smallest = found.smallest
    shown = Finding(smallest.how, found.spoken_of, found.sides, smallest.presented, smallest.honest, edit=found.kind)
    return {
        "type": DISAGREEMENT,
        "id": f"{found.requirement}.found-by-comparing.{smallest.presented.profile}",
        "requirement": found.requirement,
        "kind": found.key[1],
        "accept": list(found.accept),
        "refuse": list(found.refuse),
        "specification": found.spoken_of,
        "times": found.times,
        "findings": [finding_as_dict(shown)],
        "measure": str(Measure.BASE),
        "choices": [],
        "candidate": keeping.candidate_as_dict(smallest),
    }


def _told(compared: Comparison) -> Iterator[str]:
    found = compared.found
    yield (
        f"{found.tokens:,} tokens to each of {len(compared.crowd)}; {len(found.found)} classes, "
        f"{len(compared.new)} of them new here{' (interrupted)' if found.interrupted else ''}"
    )
    for title, group in compared.groups.items():
        yield from ("", f"{title}:", *(line for each in group for line in _of_class(each)))
    yield from (f"trouble: {trouble}" for trouble in compared.troubles)


def _of_class(found: Disagreement) -> Iterator[str]:
    yield f"  {found.requirement}  {found.kind} ({found.times} times)"
    yield f"      {found.sides}"
    yield f"      {found.spoken_of}"
    apart = token_apart(found.smallest.presented.token, found.smallest.honest.token)
    yield from (f"        {line}" for line in changed_lines(apart))
