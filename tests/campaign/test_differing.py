"""Comparisons: what they are drawn from stays young, an interrupt loses nothing, and what is written says it all."""

import errno
import json
import os
import shlex
import signal
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bearerproof.exceptions import AdapterFault
from bearerproof.judging.settings import RunConfig
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.campaign import comparison, differing, keeping, store
from bearerproof_fuzz.campaign.candidate import Candidate, Honest
from bearerproof_fuzz.campaign.candidates import World
from bearerproof_fuzz.campaign.comparison import Comparison
from bearerproof_fuzz.campaign.differing import Disagreement
from bearerproof_fuzz.commands.differing import Kept
from bearerproof_fuzz.edits.registry import EITHER, REJECTED
from bearerproof_fuzz.forge import Forge

from ..conftest import CommandLine, Ended
from ..elements import Elements
from .test_campaign import valid

TARGET = "python:tests.campaign.targets:{}"
WRONG, RIGHT = TARGET.format("accepts_unsigned"), TARGET.format("is_mended")


@pytest.mark.parametrize(("other", "times"), [("pyjwt", 2), ("authlib", 1)], ids=["a real clock", "a clock we set"])
def test_tokens_for_a_real_clock_are_made_anew(other: str, times: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("joserfc")
    pytest.importorskip("authlib")
    made: list[World] = []
    make = differing.world

    def world(crowd: differing.Crowd) -> World:
        made.append(make(crowd))
        return made[-1]

    def interrupt(tokens: int, classes: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(differing, "world", world)
    monkeypatch.setattr(differing, "FRESH", -1)
    crowd = {name: RunConfig(target=name).start() for name in ("joserfc", other)}
    found = differing.differences(crowd, 60, 7, interrupt)
    assert len(made) == times
    assert found.tokens > 0
    assert found.found


def test_who_accepts_a_part_by_itself_offends_its_requirement_alone() -> None:
    crowd = {name: RunConfig(target=name).start() for name in ("victim:alg-none-taken", "reference")}
    found = differing.Differential(crowd, differing.world(crowd), Random(1), {})
    found.edits_alone()
    kinds = {kind for kind, _ in found.found}
    assert "alg-none-unsigned-exact" in kinds
    assert "duplicate-alg-bad-last" not in kinds


def test_nobody_is_asked_about_what_one_is_not_told_of_a_key() -> None:
    declaration = RunConfig(target="pyjwt").start().declaration
    pem = replace(declaration, key_form="pem")
    assert [differing.shared(each).key_form for each in ([declaration, pem], [pem, declaration])] == ["pem", "pem"]
    assert differing.shared([declaration, replace(declaration, key_form="jwk")]).key_form == declaration.key_form


class Full:
    """A disk that is full for the first so many files, and then has room again."""

    def __init__(self, files: int) -> None:
        self.left = files
        self._write = store.replaced

    def replaced(self, path: Path, text: str) -> None:
        self.left -= 1
        if self.left >= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self._write(path, text)


CLASS = ("VER-1", "a-kind: accepted by authlib")


@pytest.fixture
def found() -> Disagreement:
    declaration = RunConfig(target="pyjwt").start().declaration
    base = Honest(Forge.at_present(declaration).base(Profile.JWT, "HS256"))
    made = Candidate("VER-1", "a-kind", "how", base.presentation, base.presentation, EITHER)
    return Disagreement("VER-1", "a-kind", ("authlib",), ("joserfc",), made)


def test_a_class_is_on_the_disk_as_soon_as_it_is_found(
    tmp_path: Path, bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("joserfc")
    pytest.importorskip("authlib")
    written: list[int] = []

    def killed(*_: object) -> None:
        written.append(len(list((tmp_path / "disagreements").glob("*.json"))))
        raise SystemExit(9)

    monkeypatch.setattr(differing.Differential, "step", killed)
    with pytest.raises(SystemExit):
        bearerproof("fuzz", "--for", "60s", "--seed", "1", "--corpus", tmp_path, "joserfc", "authlib")
    assert written[0] > 3


def test_a_class_that_has_no_room_is_written_when_there_is_some(
    tmp_path: Path, found: Disagreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = Kept(tmp_path)
    monkeypatch.setattr(keeping, "replaced", Full(1).replaced)
    kept.keep(found)
    assert (list(tmp_path.glob("*.json")), kept.new) == ([], {CLASS})
    assert kept.finished([replace(found, times=5)]) == []
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text())["times"] == 5
    again = Kept(tmp_path)
    again.keep(found)
    assert again.new == set()
    monkeypatch.setattr(keeping, "replaced", Full(9).replaced)
    path.unlink()
    again.keep(found)
    assert again.finished([found]) == [f"cannot write 1 classes in {tmp_path}: they are told here alone"]


@pytest.fixture
def compared(tmp_path: Path, bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Compares one who accepts what nobody has signed with one who does not, and is told to end after the edits."""

    def killed(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(differing.Differential, "step", killed)

    def run(*words: object) -> Ended:
        return bearerproof("fuzz", "--for", "60s", "--seed", "1", "--corpus", tmp_path / "c", *words, WRONG, RIGHT)

    return run


def test_a_comparison_that_is_told_to_end_writes_all_that_it_has(compared: Any, tmp_path: Path) -> None:
    ended = compared("--json", tmp_path / "a.json", "--page", tmp_path / "a.html")
    assert (ended.code, "(interrupted)" in ended.out) == (1, True), ended
    summary = json.loads((tmp_path / "a.json").read_text())
    assert valid("comparison", summary) == []
    assert valid("comparison", {**summary, "unheard-of": 1}) != []
    assert (summary["interrupted"], summary["exit_code"], summary["asked"], summary["troubles"]) == (True, 1, 60, [])
    assert [each["given"] for each in summary["implementations"]] == [WRONG, RIGHT]
    (unsigned,) = (row for row in summary["classes"] if row["kind"] == "alg-none-unsigned-exact")
    assert (unsigned["state"], unsigned["wrong"], unsigned["open"]) == ("new", [WRONG], False)
    assert sorted(row["file"] for row in summary["classes"]) == sorted(
        path.name for path in (tmp_path / "c" / "disagreements").iterdir()
    )
    assert compared("--json", tmp_path / "a.json").code == 0
    assert {row["state"] for row in json.loads((tmp_path / "a.json").read_text())["classes"]} == {"known"}


def test_a_class_is_replayed_to_either_side(compared: Any, tmp_path: Path, bearerproof: CommandLine) -> None:
    compared("--json", tmp_path / "a.json")
    summary = json.loads((tmp_path / "a.json").read_text())
    (unsigned,) = (row for row in summary["classes"] if row["kind"] == "alg-none-unsigned-exact")
    words = shlex.split(unsigned["replay"])
    assert words[-1] == WRONG
    ended = bearerproof(*words[1:])
    assert (ended.code, "due rejected, got accepted" in ended.out) == (1, True), ended
    assert bearerproof(*words[1:-1], RIGHT).code == 0


def test_a_file_that_cannot_be_written_costs_no_other(compared: Any, tmp_path: Path) -> None:
    nowhere = tmp_path / "none" / "a.html"
    ended = compared("--page", nowhere, "--json", tmp_path / "a.json")
    assert (ended.code, ended.err) == (3, f"bearerproof: cannot write {nowhere}: No such file or directory\n")
    classes = json.loads((tmp_path / "a.json").read_text())["classes"]
    assert len(classes) == len(list((tmp_path / "c" / "disagreements").glob("*.json"))) > 3
    assert all(row["kind"] in ended.out for row in classes)


def test_who_breaks_the_contract_in_the_middle_costs_no_class(
    compared: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def perhaps(*_: object) -> None:
        raise AdapterFault("a verdict is 'perhaps'")

    def broken(comparing: differing.Differential) -> None:
        monkeypatch.setattr(comparing.crowd[RIGHT], "verify_all", perhaps)
        comparing._patterns([comparing.world.bases[0].presentation])

    monkeypatch.setattr(differing.Differential, "step", broken)
    codes = [compared("--json", tmp_path / "a.json").code for _ in range(2)]
    summary = json.loads((tmp_path / "a.json").read_text())
    assert (codes, summary["troubles"]) == ([1, 3], [f"{RIGHT}: a verdict is 'perhaps'"])
    assert valid("comparison", summary) == []
    assert summary["classes"]


EVIL = '<script src="//evil">&\x00'


def comparison_of(*classes: Disagreement, crowd: tuple[str, ...] = ("authlib", "joserfc")) -> Comparison:
    declaration = RunConfig(target="pyjwt").start().declaration
    nothing: Any = None
    found = differing.Differential({}, nothing, Random(1), {(each.kind, each.accept): each for each in classes})
    return Comparison(dict.fromkeys(crowd, declaration), EVIL, Path("x"), 1, 60, found, {each.key for each in classes})


def rows(page: str) -> list[list[str]]:
    """The cells of the matrix, each as its classes."""
    body = page.partition("Classes of disagreement</h2>")[2].partition('<tr class="kept">')[2]
    return [
        [str(attributes.get("class")) for tag, attributes in Elements(row).found if tag == "td"]
        for row in body.split('<tr class="kept">')
    ]


def test_the_page_of_a_comparison_needs_nothing_else_and_escapes_all(found: Disagreement) -> None:
    evil = replace(found, kind=EVIL, accept=(EVIL,), smallest=found.smallest._replace(how=f"{EVIL}\ud800"))
    page = comparison.page(comparison_of(evil, crowd=(EVIL, "joserfc")))
    tags = Elements(page).found
    assert not {"script", "link", "img"} & {tag for tag, _ in tags}
    assert not {"src", "href"} & {name for _, attributes in tags for name in attributes}
    page.encode("utf-8")


def test_the_page_marks_those_alone_who_do_what_is_forbidden(found: Disagreement) -> None:
    forbidden = replace(found, smallest=found.smallest._replace(allowed=REJECTED))
    assert rows(comparison.page(comparison_of(forbidden)))[0][:2] == ["accepted wrong", "refused"]
    assert rows(comparison.page(comparison_of(found)))[0][:2] == ["accepted", "refused"]
    assert (forbidden.wrong, found.wrong) == (("authlib",), ())


def test_who_disagrees_with_whom_is_told_of_more_than_two(found: Disagreement) -> None:
    other = replace(found, kind="another-kind", accept=("authlib", "joserfc"), refuse=("pyjwt",))
    three = comparison_of(replace(found, refuse=("joserfc", "pyjwt")), other, crowd=("authlib", "joserfc", "pyjwt"))
    page = comparison.page(three)
    texts = "".join(Elements(page).texts)
    assert "disagrees with each" in texts
    assert "disagrees with each" not in comparison.page(comparison_of(found))
    standing = page.partition("<tbody>")[2].partition("</tbody>")[0].split("</tr>")[:-1]
    assert [Elements(row).texts[-3:] for row in standing] == [list("012"), list("011"), list("021")]
