"""Comparisons: what they are drawn from stays young, and an interrupt loses nothing."""

import errno
import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from bearerproof.judging.settings import RunConfig
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.campaign import differing, keeping, store
from bearerproof_fuzz.campaign.candidate import Candidate, Honest
from bearerproof_fuzz.campaign.candidates import World
from bearerproof_fuzz.campaign.differing import Disagreement
from bearerproof_fuzz.commands.differing import Kept
from bearerproof_fuzz.edits.registry import EITHER
from bearerproof_fuzz.forge import Forge

from ..conftest import CommandLine


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
    assert kept.counted([replace(found, times=5)]) == 0
    (path,) = tmp_path.glob("*.json")
    assert json.loads(path.read_text())["times"] == 5
    again = Kept(tmp_path)
    again.keep(found)
    assert again.new == set()
    monkeypatch.setattr(keeping, "replaced", Full(9).replaced)
    path.unlink()
    again.keep(found)
    assert again.counted([found]) == 1
