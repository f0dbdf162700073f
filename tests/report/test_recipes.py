"""The action and the recipes, run as a runner does: real scripts, the real command, a stand-in for gh and for pip."""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]  # its types are a package of their own

from bearerproof import __version__
from bearerproof_fuzz.commands.report import streams

from ..conftest import ROOT
from . import samples
from .runner import Ended, Runner, run_action

FEW = "--quick --no-baselines -k alg-none-without-kid"
"""A check that is there in every profile, and quickly made."""

REFERENCE = f"{sys.executable} -m bearerproof_reference"

GITHUB = {
    "GITHUB_REPOSITORY": "acme/jwt",
    "GITHUB_SERVER_URL": "https://github.example",
    "GITHUB_RUN_ID": "7",
    "GITHUB_SHA": "c0ffee",
    "GITHUB_REF": "refs/heads/main",
}

EARLIER = [samples.check("VER-12.alg-none-without-kid.jwt"), samples.check("VER-1.gone.jwt")]


every_recipe = pytest.mark.skipif(
    "BEARERPROOF_RECIPES" not in os.environ, reason="each starts whole runs: BEARERPROOF_RECIPES=all makes them too"
)


def acted(folder: Path, inputs: Mapping[str, str], event: str = "push", **notes: str) -> tuple[Ended, Runner]:
    runner = Runner(folder, {**GITHUB, "PYTHONPATH": str(ROOT)})
    for name, text in notes.items():
        (runner.notes / name.replace("_", ".")).write_text(text)
    github = {"event_name": event, "event": {"pull_request": {"number": 12}}}
    return run_action(ROOT / "action.yml", runner, inputs, github), runner


def test_the_action_judges_compares_comments_uploads_and_attaches(tmp_path: Path) -> None:
    ended, runner = acted(
        tmp_path,
        {"command": REFERENCE, "options": FEW, "previous": "release", "sarif": "true", "release": "v1"},
        "pull_request",
        release_jsonl=samples.octets([samples.header(), *EARLIER, samples.footer()]).decode(),
    )
    assert (ended.code, ended.outputs["exit"], ended.outputs["diff-exit"]) == (0, "0", "0")
    found = Path(ended.outputs["directory"])
    assert streams.read(found / "run.jsonl").header.implementation.name == "bearerproof-reference"
    assert "<!doctype html>" in (found / "report.html").read_text()
    assert json.loads((found / "badge.json").read_text())["color"] == "lightgrey", "a quick look is never green"
    pip = runner.noted("pip.txt")
    assert f"--constraint {ROOT}/constraints.txt" in pip
    asked = runner.noted("gh.txt").splitlines()
    assert [line for line in asked if line.startswith("api --silent --method POST repos/acme/jwt/issues/12/comments")]
    assert [line for line in asked if "code-scanning/sarifs -f commit_sha=c0ffee -f ref=refs/heads/main" in line]
    assert [line for line in asked if line.startswith("release upload v1") and "report.html" in line]
    body = runner.noted("body.md")
    assert body.startswith("<!-- bearerproof -->")
    assert "VER-1.gone.jwt" in body
    assert "the suite is another" in body
    assert "conforms to strict" in ended.summary


def test_the_action_fails_as_the_check_does_and_changes_its_own_comment(tmp_path: Path) -> None:
    accepting = "tests.harness.degenerate:accept_all"
    ended, runner = acted(
        tmp_path,
        {"implementation": f"python:{accepting}", "options": FEW, "previous": "none.jsonl"},
        "pull_request",
        comment="4711",
    )
    assert (ended.code, ended.outputs["exit"], ended.outputs["diff-exit"]) == (1, "1", "")
    assert "--method PATCH repos/acme/jwt/issues/comments/4711" in runner.noted("gh.txt")
    assert "nothing to compare with" in ended.printed
    sarif = json.loads((Path(ended.outputs["directory"]) / "findings.sarif").read_text())
    assert sarif["runs"][0]["results"][0]["ruleId"] == "VER-12"


@every_recipe
def test_a_token_that_may_not_comment_costs_a_warning_and_not_the_gate(tmp_path: Path) -> None:
    ended, _ = acted(tmp_path, {"command": REFERENCE, "options": FEW, "sarif": "true"}, "pull_request", refuses="")
    assert ended.code == 0
    assert ended.printed.count("::warning::") == 2


@pytest.mark.parametrize("inputs", [{}, {"command": "a", "implementation": "b"}])
def test_the_action_says_what_has_to_be_given(tmp_path: Path, inputs: dict[str, str]) -> None:
    ended, runner = acted(tmp_path, inputs)
    assert ended.code == 3
    assert "::error::give" in ended.printed
    assert runner.noted("gh.txt") == ""


def test_no_expression_is_a_piece_of_script() -> None:
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    assert [step["id"] for step in action["runs"]["steps"] if "${{" in step["run"]] == []
    assert [step for step in action["runs"]["steps"] if "uses" in step] == []


@every_recipe
def test_the_shell_recipe_keeps_a_green_run_and_compares_with_it(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    kept = tmp_path / "kept"
    script = (ROOT / "examples" / "ci" / "bearerproof.sh").read_text().replace(" check ", f" check {FEW} ")
    first = runner.shell(script, ADAPTER=REFERENCE, KEPT=str(kept))
    assert (first.returncode, (kept / "run.jsonl").exists()) == (0, True)
    second = runner.shell(script, ADAPTER=f"{sys.executable} -c 'import sys; sys.exit(1)'", KEPT=str(kept))
    assert second.returncode == 3
    assert streams.read(kept / "run.jsonl").header.implementation.name == "bearerproof-reference", (
        "a red run is not kept"
    )


@every_recipe
def test_the_gitlab_recipe_judges_without_an_earlier_run(tmp_path: Path) -> None:
    runner = Runner(tmp_path)
    job = yaml.safe_load((ROOT / "examples" / "ci" / "gitlab-ci.yml").read_text())["bearerproof"]
    given = {
        "CI_API_V4_URL": "http://127.0.0.1:9/api/v4",
        "CI_PROJECT_ID": "1",
        "CI_DEFAULT_BRANCH": "main",
        "CI_JOB_NAME": "bearerproof",
        "CI_JOB_TOKEN": "t0ken",
        "ADAPTER": REFERENCE,
    }
    script = "\n".join(job["script"]).replace(" check ", f" check {FEW} ")
    ended = runner.shell(script, **{**job["variables"], **given})
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "no earlier run to compare with" in ended.stdout
    found = runner.folder / "work" / "bearerproof"
    assert {file.name for file in found.iterdir()} >= {"run.jsonl", "report.html", "badge.json", "junit.xml"}
    assert {path.rstrip("/") for path in job["artifacts"]["paths"]} == {found.name}


def test_what_the_recipes_install_is_pinned() -> None:
    texts = {file.name: file.read_text() for file in (ROOT / "examples" / "ci").iterdir()}
    assert set(texts) == {"bearerproof.sh", "github.yml", "gitlab-ci.yml"}
    for name in ("bearerproof.sh", "gitlab-ci.yml"):
        assert re.findall(r"bearerproof\[report\]==([0-9.]+)", texts[name]) == [__version__], name
    uses = re.findall(r"uses: (\S+)", texts["github.yml"])
    assert [use for use in uses if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", use)] == []
    assert len(uses) == 2
    inputs = yaml.safe_load(texts["github.yml"])["jobs"]["bearerproof"]["steps"][1]["with"]
    assert set(inputs) <= set(yaml.safe_load((ROOT / "action.yml").read_text())["inputs"])


def test_the_form_of_a_challenge_has_the_rule_and_asks_what_is_needed() -> None:
    form = yaml.safe_load((ROOT / ".github" / "ISSUE_TEMPLATE" / "challenge.yml").read_text())
    asked = {field["id"] for field in form["body"] if field.get("validations", {}).get("required")}
    assert asked == {"check", "revision", "side", "clause", "why"}
    assert "own.toml" in form["body"][0]["attributes"]["value"]
