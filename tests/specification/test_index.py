"""Where things stand: the index in spec/README.md, and checks and faults in the folder of their requirement."""

from pathlib import Path

from bearerproof import data
from bearerproof_fuzz import faults, suite
from bearerproof_fuzz.commands.explain import markdown_index
from bearerproof_fuzz.inventory import all_properties


def test_index_of_the_specification_is_up_to_date() -> None:
    text = (data.root() / "README.md").read_text(encoding="utf-8")
    assert text.endswith(markdown_index()), "replace the index by the output of: bearerproof explain --markdown"


def folders(package: str) -> set[str]:
    return {entry.name for entry in Path(package).iterdir() if entry.is_dir()} - {"__pycache__"}


def test_suite_and_faults_have_the_same_folders() -> None:
    assert folders(suite.__path__[0]) == folders(faults.__path__[0])


def test_a_check_stands_in_the_folder_of_its_requirement() -> None:
    in_folders = [check for check in all_properties() if check.folder != "suite"]
    assert len(in_folders) > 300
    astray = [check for check in in_folders if check.folder != check.requirement.partition("-")[0].lower()]
    assert astray == []
