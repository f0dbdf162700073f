"""A configuration that is sound, and how it is judged whether one that differs from it in one place is refused."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, rule

Place = Sequence[str | int]

MISSING = object()
"""In place of a member: it is left out."""


def sound() -> Json:
    """Return a sound configuration with all there is in it."""
    rules = (rule(HOME, backends=("a", "b*"), tools=("*",), rate_limit=60, group="staff"), rule(OTHER))
    return DEFAULT.but(policies=rules).as_json()


def but(place: Place, value: object) -> Json:
    """Return the sound configuration with this at one place."""
    whole = copy.deepcopy(sound())
    *way, last = place
    inside: Any = whole
    for step in way:
        inside = inside[step]
    if value is MISSING:
        del inside[last]
    else:
        inside[last] = value
    return whole


def require_refused(trial: Trial, place: Place, values: Mapping[str, object]) -> None:
    """Require that each value at the place is refused at load, between sound configurations that are taken."""
    server = KeyServerDriver(trial)
    where = ".".join(map(str, place))
    server.good(server.configure(sound()), "the sound configuration is refused")
    for name, value in values.items():
        answer = server.configure(but(place, value))
        if answer.good:
            server.fail(f"a configuration is taken in which {where} is {name}", "configured: false", answer)
    server.good(server.configure(sound()), "the sound configuration is refused after bad ones")


NO_LIST: dict[str, object] = {
    "missing": MISSING,
    "empty": [],
    "null": None,
    "a text": "key-server",
    "a list with a number": [1],
    "a list with null": [None],
}
BLANKS = {"an empty text": "", "a blank": " ", "a tab": "\t", "a newline": "\n"}
