"""The front of ``bearerproof fuzz A B…``: progress, and the classes in which the implementations disagree."""

from collections.abc import Iterator, Sequence
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
from bearerproof_fuzz.campaign import keeping
from bearerproof_fuzz.campaign.differing import Differential, Disagreement, differences
from bearerproof_fuzz.campaign.store import Directory, made, stored
from bearerproof_fuzz.commands.fuzz import say
from bearerproof_fuzz.commands.libraries import building, manifest
from bearerproof_fuzz.commands.libraries.command import DEFAULT_FOLDER


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


def compare(named: dict[str, RunConfig], directory: str, lasting: float, seed: int, out: Console, err: Console) -> int:
    """Compare implementations for so long, tell the classes of disagreement, and return the exit code.

    Raises:
        BearerproofError: one cannot be started, or they have nothing in common.
    """
    kept = Kept(made(_path(directory) / "disagreements"))
    with ExitStack() as stack:
        crowd: dict[str, Implementation] = {}
        for name, settings in named.items():
            crowd[name] = settings.start()
            stack.callback(crowd[name].close)
        say(out, f"{', '.join(crowd)}: for {lasting:g} s, seed {seed}; in {directory}")
        columns = (TextColumn("{task.description}"), TimeElapsedColumn())
        with Progress(*columns, console=err, transient=True, disable=not err.is_terminal) as bar:
            task = bar.add_task("comparing", total=None)

            def show(tokens: int, classes: int) -> None:
                bar.update(task, description=f"{tokens:,} tokens, {classes} classes")

            found = differences(crowd, lasting, seed, show, kept.keep)
    classes = sorted(found.found.values(), key=lambda each: (each.requirement, each.kind, each.accept))
    unwritten = kept.counted(classes)
    new = [each for each in classes if key_of(each) in kept.new]
    for line in _told(found, classes, new):
        say(out, line)
    if unwritten:
        say(out, f"trouble: cannot write {unwritten} classes in {kept.folder}: they are told here alone")
    return 1 if new else 3 if unwritten else 0


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
        if not (self.folder / keeping.file_name(key_of(found))).exists():
            self.new.add(key_of(found))
            with suppress(OSError):
                keeping.write(self.folder, key_of(found), row_of(found))

    def counted(self, classes: Sequence[Disagreement]) -> int:
        """Write the new classes again, as how often they were met is known now; return how many are not there."""
        new = [each for each in classes if key_of(each) in self.new]
        for found in new:
            with suppress(OSError):
                keeping.write(self.folder, key_of(found), row_of(found))
        return sum(not (self.folder / keeping.file_name(key_of(found))).exists() for found in new)


def key_of(found: Disagreement) -> tuple[str, str]:
    """Return what classes of one cause have in common."""
    return found.requirement, f"{found.kind}: accepted by {' '.join(found.accept)}"


def row_of(found: Disagreement) -> Json:
    """Return what a class is as a line, with its smallest token."""
    smallest = found.smallest
    shown = Finding(smallest.how, found.spoken_of, _sides(found), smallest.presented, smallest.honest, edit=found.kind)
    row: Json = {
        "type": "disagreement",
        "requirement": found.requirement,
        "kind": key_of(found)[1],
        "accept": list(found.accept),
        "refuse": list(found.refuse),
        "specification": found.spoken_of,
        "times": found.times,
        "findings": [finding_as_dict(shown)],
    }
    return row


def _told(found: Differential, classes: Sequence[Disagreement], new: Sequence[Disagreement]) -> Iterator[str]:
    yield f"{found.tokens:,} tokens to each of {len(found.crowd)}; {len(classes)} classes, {len(new)} of them new here"
    open_questions = [each for each in classes if each.spoken_of.startswith("no requirement")]
    settled = [each for each in classes if each not in open_questions]
    for title, group in (("the specification says who is right:", settled), ("it leaves these open:", open_questions)):
        if group:
            yield from ("", title, *(line for each in group for line in _of_class(each)))


def _of_class(found: Disagreement) -> Iterator[str]:
    yield f"  {found.requirement}  {found.kind} ({found.times} times)"
    yield f"      {_sides(found)}"
    yield f"      {found.spoken_of}"
    apart = token_apart(found.smallest.presented.token, found.smallest.honest.token)
    yield from (f"        {line}" for line in changed_lines(apart))


def _sides(found: Disagreement) -> str:
    return f"accepted by {', '.join(found.accept)}; refused by {', '.join(found.refuse)}"
