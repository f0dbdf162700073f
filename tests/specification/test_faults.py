"""The seeded faults: each tells its story, changes the reference while it is seeded, and leaves nothing behind."""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import bearerproof_reference
from bearerproof.exceptions import BadInput
from bearerproof.specification.catalogue import requirements
from bearerproof_fuzz import faults as folder
from bearerproof_fuzz.faults import CONTROL, FAMILIES, faults, find, of
from bearerproof_fuzz.faults.registry import Fault, Patch

ALL = list(faults().values())

NOT_A_FACT = re.compile(r"\b(should|test that|tests that|ensure)\b", re.IGNORECASE)


def test_every_requirement_has_a_fault_that_counts() -> None:
    assert {fault.requirement_id for fault in ALL if fault.equivalent is None} == set(requirements())


def test_few_are_equivalent_and_each_says_why() -> None:
    equivalent = [fault for fault in ALL if fault.equivalent is not None]
    assert all(len(str(fault.equivalent)) > 40 for fault in equivalent)
    assert len(equivalent) <= len(ALL) * 0.05


def test_the_control_is_a_fault() -> None:
    assert faults()[CONTROL].requirement_id == "VER-25"


def test_a_fault_stands_in_the_folder_of_its_requirement() -> None:
    astray = [
        fault.id for fault in ALL if fault.id != CONTROL and fault.apply.__module__.split(".")[2] != _family(fault)
    ]
    assert astray == []


def test_every_folder_of_faults_is_a_family() -> None:
    folders = {Path(entry).name for entry in Path(folder.__path__[0]).iterdir() if entry.is_dir()}
    assert folders - {"__pycache__"} == set(FAMILIES)


def test_the_faults_of_a_requirement_are_found_and_so_is_each_by_name() -> None:
    assert [fault.id for fault in of("VER-17")] == sorted(fault.id for fault in ALL if fault.requirement_id == "VER-17")
    assert all(find(fault.id) is fault for fault in ALL)
    with pytest.raises(BadInput, match="no seeded fault is called 'x'"):
        find("x")


def test_one_fault_is_found_without_loading_what_another_family_needs() -> None:
    program = "import sys; from bearerproof_fuzz.faults import find; find('hmac-over-pem'); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout.split()
    assert "bearerproof_fuzz.faults.ver" in loaded
    assert [name for name in loaded if name.startswith(("bearerproof_fuzz.faults.http", "starlette"))] == []


def _family(fault: Fault) -> str:
    return fault.requirement_id.partition("-")[0].lower()


def test_each_tells_a_story() -> None:
    assert [(fault.id, fault.story) for fault in ALL if not _is_a_story(fault.story)] == []
    named = [f"{fault.id.replace('-', ' ')}. {fault.story}" for fault in ALL]
    assert [text for text in named if NOT_A_FACT.search(text)] == []


def _is_a_story(text: str) -> bool:
    begins = text[0].isupper() or not text[0].isalpha()
    return begins and text.endswith(".") and len(text.split()) >= 6


def test_each_changes_the_reference_and_is_taken_back() -> None:
    assert [(fault.id, wrong) for fault in ALL if (wrong := _wrong_with(fault)) is not None] == []


def _wrong_with(fault: Fault) -> str | None:
    patch = _Watched()
    fault.apply(patch)
    changed = list(patch.owners())
    patch.restore()
    if not changed:
        return "changes nothing"
    if not all(_belongs_to_the_reference(owner) for owner, _, _ in changed):
        return "changes what is not the reference's"
    taken_back = all(vars(owner).get(name) is before for owner, name, before in changed)
    return None if taken_back else "is not taken back"


def test_what_is_wrong_with_a_fault_is_seen() -> None:
    def applied(apply: Callable[[Patch], None]) -> Fault:
        return replace(ALL[0], apply=apply)

    assert _wrong_with(applied(lambda _: None)) == "changes nothing"
    assert _wrong_with(applied(lambda patch: patch(re, "compile", None))) == "changes what is not the reference's"
    assert _wrong_with(ALL[0]) is None


class _Watched(Patch):
    """Remembers what stood there before the first change of each attribute."""

    def owners(self) -> Iterator[tuple[object, str, object]]:
        seen: set[tuple[int, str]] = set()
        for owner, name, value in self._undo:
            if (id(owner), name) not in seen:
                seen.add((id(owner), name))
                yield owner, name, value


def _belongs_to_the_reference(owner: object) -> bool:
    home = getattr(owner, "__module__", None) or getattr(owner, "__name__", "")
    return str(home).partition(".")[0] == bearerproof_reference.__name__
