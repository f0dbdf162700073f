"""Scope texts: read strictly, written exactly."""

import pytest

from bearerproof_reference.keyserver.patterns import MAX_PATTERNS
from bearerproof_reference.keyserver.scopes import Asked, ScopeError, read, spell
from bearerproof_reference.keyserver.tokens import Scopes


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        (None, Asked()),
        ("backends:a", Asked(("a",))),
        ("tools:x,y*", Asked(tools=("x", "y*"))),
        ("backends:* tools:*", Asked(("*",), ("*",))),
        ("tools:x backends:a,b", Asked(("a", "b"), ("x",))),
    ],
)
def test_what_is_asked(text: str | None, asked: Asked) -> None:
    assert read(text) == asked


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "tavily",
        "openid",
        "backends",
        "backends:",
        "backends:,",
        "backends:a,",
        "backends:,a",
        "backends:a,,b",
        "Backends:a",
        "backends: a",
        "backends:a backends:b",
        "backends:a  tools:x",
        "backends:a\ttools:x",
        " backends:a",
        "backends:a ",
        "backends:a tools:x other",
        "backends:a*b",
        "backends:a:b",
        "tools:x,x",
        "tools:é",
        "backends:" + ",".join(["a"] * (MAX_PATTERNS + 1)),
    ],
)
def test_what_is_no_scope(text: str) -> None:
    with pytest.raises(ScopeError):
        read(text)


def test_spelling() -> None:
    assert spell(Scopes(("a", "b*"), ("*",), 60)) == "backends:a,b* tools:*"
