"""A runner in small: the steps of a composite action or a job, run by the shell as GitHub and GitLab run them.

It knows the expressions that ours use: a context's value, ``==``, ``!=``, ``&&``, texts in quotes. Others raise.
"""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]  # its types are a package of their own

PYTHON = """#!/bin/sh
# A python3 whose environments hold what is installed already, and which notes what pip was asked for.
if [ "$1 $2" = "-m venv" ]; then
  mkdir -p "$3/bin"
  cp "$0" "$3/bin/python"
  printf '#!/bin/sh\\nexec "%s" -P -m bearerproof "$@"\\n' "{python}" > "$3/bin/bearerproof"
  chmod +x "$3/bin/bearerproof"
elif [ "$1 $2 $3" = "-m pip install" ]; then
  echo "$@" >> "{notes}/pip.txt"
else
  exec "{python}" "$@"
fi
"""

GH = """#!/bin/sh
# A gh that notes what it was asked, and answers what stands in the notes.
echo "$@" >> "{notes}/gh.txt"
for word in "$@"; do
  case "$word" in body=@*) cat "${{word#body=@}}" > "{notes}/body.md" ;; esac
done
case "$1 $2" in
  "release download")
    [ -f "{notes}/release.jsonl" ] || exit 1
    while [ $# -gt 0 ]; do if [ "$1" = "--output" ]; then cp "{notes}/release.jsonl" "$2"; fi; shift; done ;;
  "api --paginate") if [ -f "{notes}/comment" ]; then cat "{notes}/comment"; fi ;;
esac
if [ -f "{notes}/refuses" ]; then exit 1; fi
"""


@dataclass
class Runner:
    """Where a job runs: its folder, the programs that it finds, and what they noted."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("programs", "notes", "temp", "work"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name, text in {"python3": PYTHON, "gh": GH}.items():
            program = self.folder / "programs" / name
            program.write_text(text.format(python=sys.executable, notes=self.notes))
            program.chmod(0o755)
        path = f"{self.folder / 'programs'}:/usr/bin:/bin"
        self.environment = {
            "PATH": path,
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "COLUMNS": "100",
            **self.environment,
        }

    @property
    def notes(self) -> Path:
        """What the stand-ins of python3 and gh noted."""
        return self.folder / "notes"

    def noted(self, name: str) -> str:
        """Return what was noted, or nothing."""
        file = self.notes / name
        return file.read_text() if file.exists() else ""

    def shell(self, script: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a script as both services do: bash, ending at the first error."""
        words = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        environment = {**self.environment, **more}
        return subprocess.run(
            words, cwd=self.folder / "work", env=environment, capture_output=True, text=True, check=False, timeout=300
        )


@dataclass(frozen=True)
class Ended:
    """How an action ended: the code of the step that failed, or 0; what was printed; outputs and summary."""

    code: int
    printed: str
    outputs: Mapping[str, str]
    summary: str


def run_action(file: Path, runner: Runner, inputs: Mapping[str, str], github: Mapping[str, Any]) -> Ended:
    """Run the steps of a composite action, up to the first that fails."""
    action = yaml.safe_load(file.read_text())
    unknown = set(inputs) - set(action["inputs"])
    assert not unknown, f"no such inputs: {unknown}"
    contexts: dict[str, Any] = {"github": {"action_path": str(file.parent), "token": "t0ken", **github}, "steps": {}}
    contexts["inputs"] = {
        name: str(inputs.get(name, _filled(held.get("default", ""), contexts)))
        for name, held in action["inputs"].items()
    }
    summary = runner.folder / "summary.md"
    summary.touch()
    printed, code = "", 0
    for step in action["runs"]["steps"]:
        if "if" in step and not _holds(step["if"], contexts):
            continue
        output, path = (runner.folder / name for name in ("output.txt", "path.txt"))
        output.write_text("")
        path.write_text("")
        given = {name: _filled(text, contexts) for name, text in step.get("env", {}).items()}
        ended = runner.shell(
            step["run"],
            **given,
            GITHUB_OUTPUT=str(output),
            GITHUB_PATH=str(path),
            GITHUB_STEP_SUMMARY=str(summary),
            RUNNER_TEMP=str(runner.folder / "temp"),
        )
        printed += ended.stdout + ended.stderr
        held = dict(line.split("=", 1) for line in output.read_text().splitlines())
        contexts["steps"][step["id"]] = {"outputs": held}
        for folder in path.read_text().splitlines():
            runner.environment["PATH"] = f"{folder}:{runner.environment['PATH']}"
        if ended.returncode != 0:
            code = ended.returncode
            break
    outputs = {name: _filled(held["value"], contexts) for name, held in action["outputs"].items()}
    return Ended(code, printed, outputs, summary.read_text())


def _filled(text: object, contexts: Mapping[str, Any]) -> str:
    return re.sub(r"\$\{\{ *(.+?) *\}\}", lambda found: str(_value(found[1], contexts)), str(text))


def _holds(expression: str, contexts: Mapping[str, Any]) -> bool:
    def compared(part: str) -> bool:
        found = re.fullmatch(r"(\S+) (==|!=) '([^']*)'", part.strip())
        assert found is not None, f"an expression that this runner does not know: {part}"
        return (str(_value(found[1], contexts)) == found[3]) is (found[2] == "==")

    return all(compared(part) for part in expression.split("&&"))


def _value(path: str, contexts: Mapping[str, Any]) -> object:
    assert re.fullmatch(r"[a-z_]+(\.[A-Za-z_-]+)+", path), f"an expression that this runner does not know: {path}"
    value: Any = contexts
    for name in path.split("."):
        value = value.get(name, "") if isinstance(value, dict) else ""
    return value
