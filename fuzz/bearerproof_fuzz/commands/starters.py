"""``bearerproof init``: the beginning of an adapter, in which one function is still to be filled in."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from bearerproof import adapter
from bearerproof.exceptions import BadInput

EXIT_CODES = "Exit codes: 0 written; 3 nothing was written."

_FILES = files("bearerproof_fuzz") / "starters"


@dataclass(frozen=True)
class Starter:
    """What an adapter in one language begins with.

    ``sources`` are the files, by the name that they get; ``fill_in`` is the one that holds the function; ``build`` is
    the command that makes a program of it, if there is one; ``command`` starts it.
    """

    language: str
    sources: Mapping[str, str]
    fill_in: str
    command: str
    add_library: str
    build: str = ""


_JAVA_BUILD = "mvn -q compile dependency:copy-dependencies -DoutputDirectory=target/lib -DincludeScope=runtime"
_STARTERS = (
    Starter(
        "python",
        {"adapter.py": "adapter.py", "library.py": "library.py"},
        "adapter.py",
        "python3 adapter.py",
        "python3 -m pip install my-library",
    ),
    Starter(
        "node",
        {"adapter.mjs": "adapter.mjs", "loop.mjs": "loop.mjs", "package.json": "package.json"},
        "adapter.mjs",
        "node adapter.mjs",
        "npm install my-library",
    ),
    Starter(
        "go",
        {"adapter.go": "adapter.go", "loop.go": "loop.go", "go.mod": "go.mod"},
        "adapter.go",
        "./adapter",
        "go get example.com/my/library",
        "go build -o adapter .",
    ),
    Starter(
        "rust",
        {"src/main.rs": "adapter.rs", "src/loop.rs": "loop.rs", "Cargo.toml": "Cargo.toml"},
        "src/main.rs",
        "target/release/adapter",
        "cargo add my-library",
        "cargo build --release",
    ),
    Starter(
        "java",
        {"src/main/java/Adapter.java": "Adapter.java", "src/main/java/Loop.java": "Loop.java", "pom.xml": "pom.xml"},
        "src/main/java/Adapter.java",
        "java -cp 'target/classes:target/lib/*' Adapter",
        "put your library into pom.xml",
        _JAVA_BUILD,
    ),
)
STARTERS: Mapping[str, Starter] = {starter.language: starter for starter in _STARTERS}
"""By language."""


def init(
    language: Annotated[
        str, typer.Argument(metavar="|".join((*STARTERS, "api")), help="The language of your library, or api.")
    ],
    folder: Annotated[
        str, typer.Argument(help="Where the adapter is to stand; of an API the URL of what a token opens.")
    ] = "adapter",
) -> None:
    """Begin an adapter, all of it but the one function that asks your library; or the profile of a resource server."""
    if language == "api":
        from bearerproof_fuzz.commands.apiprofile import begin_profile  # noqa: PLC0415 - few need a client

        typer.echo(begin_profile(folder))
        return
    typer.echo(begin_adapter(language, Path(folder)))


def begin_adapter(language: str, folder: Path) -> str:
    """Write the beginning of an adapter into a folder, and return what is to be done next.

    Raises:
        BadInput: there is none in this language, a file of that name is there already, or it cannot be written.
    """
    starter = STARTERS.get(language)
    if starter is None:
        nearest = get_close_matches(language, STARTERS, n=1)
        hint = f"; did you mean {nearest[0]}?" if nearest else ""
        raise BadInput(f"no adapter begins in {language!r}; there are {', '.join(STARTERS)}{hint}")
    texts = {folder / name: (_FILES / language / source).read_text("utf-8") for name, source in starter.sources.items()}
    if language == "python":
        texts[folder / "loop.py"] = Path(adapter.__file__).read_text("utf-8")
    if existing := [path for path in texts if path.exists()]:
        raise BadInput(f"{existing[0]} exists already, and nothing was written over")
    for path, text in texts.items():
        _write(path, text)
    return _next_steps(starter, folder)


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}") from None


def _next_steps(starter: Starter, folder: Path) -> str:
    steps = (
        f"cd {folder}",
        f"{starter.add_library:<40} # your library",
        *([starter.build] if starter.build else []),
        f"bearerproof smoke -- {starter.command}",
        f"bearerproof check --quick -- {starter.command}",
    )
    return "\n".join(
        [
            f"Fill in verify, in {folder / starter.fill_in}: it is the only function that is missing. Then",
            "",
            *(f"    {step}" for step in steps),
            "",
            "smoke says whether the adapter is right, check whether the library is. Messages: spec/contract.md",
        ]
    )
