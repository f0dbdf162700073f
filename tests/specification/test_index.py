"""The index in spec/README.md is the one the catalogue gives."""

from bearerproof import data
from bearerproof_fuzz.commands.explain import markdown_index


def test_index_of_the_specification_is_up_to_date() -> None:
    text = (data.root() / "README.md").read_text(encoding="utf-8")
    assert text.endswith(markdown_index()), "replace the index by the output of: bearerproof explain --markdown"
