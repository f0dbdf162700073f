"""Faults in the answer to a successful exchange over HTTP (HTTP-5)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.http.binding import Answer, answering
from bearerproof_fuzz.faults.registry import Patch, fault

Json = dict[str, Any]


def _granted(patch: Patch, change: Callable[[Json], Json]) -> None:
    """Have the members of a success changed."""

    def change_success(answer: Answer) -> None:
        if answer.path == "/auth/token" and answer.status == 200:
            answer.put_json(change(answer.json))

    answering(patch, change_success)


def _without(members: Json, name: str) -> Json:
    return {key: value for key, value in members.items() if key != name}


@fault("HTTP-5")
def success_is_created(patch: Patch) -> None:
    """A token is a new thing, so the status is 201."""

    def create(answer: Answer) -> None:
        if answer.path == "/auth/token" and answer.status == 200:
            answer.status = 201

    answering(patch, create)


@fault("HTTP-5")
def success_as_a_page(patch: Patch) -> None:
    """The media type is left to a default that browsers run."""

    def page(answer: Answer) -> None:
        if answer.path == "/auth/token" and answer.status == 200:
            answer.put("content-type", "text/html; charset=utf-8")

    answering(patch, page)


@fault("HTTP-5")
def lifetime_as_text(patch: Patch) -> None:
    """`expires_in` is a text, which some languages add to the time of day."""
    _granted(patch, lambda members: {**members, "expires_in": str(members["expires_in"])})


@fault("HTTP-5")
def lifetime_as_instant(patch: Patch) -> None:
    """The end is told in place of the lifetime, under a name of its own."""
    _granted(patch, lambda members: {**_without(members, "expires_in"), "expires_at": 1_800_000_600})


@fault("HTTP-5")
def scope_as_list(patch: Patch) -> None:
    """The scope is a list of words."""
    _granted(patch, lambda members: {**members, "scope": members["scope"].split()})


@fault("HTTP-5")
def answer_without_issued_type(patch: Patch) -> None:
    """The answer is that of another grant: it does not say what was issued (W6)."""
    _granted(patch, lambda members: _without(members, "issued_token_type"))


@fault("HTTP-5")
def answer_without_token_type(patch: Patch) -> None:
    """How the token is to be presented is not told."""
    _granted(patch, lambda members: _without(members, "token_type"))


@fault("HTTP-5")
def issued_type_of_the_subject(patch: Patch) -> None:
    """The type of what was issued is that of what was presented."""
    urn = "urn:ietf:params:oauth:token-type:id_token"
    _granted(patch, lambda members: {**members, "issued_token_type": urn})


@fault("HTTP-5")
def token_twice_in_the_object(patch: Patch) -> None:
    """A layer that adds a member to the text does not look for it: parsers differ in which of two they take."""

    def add(answer: Answer) -> None:
        if answer.path == "/auth/token" and answer.status == 200:
            answer.body = answer.body.replace(b"{", b'{"access_token": "bprf_none", ', 1)

    answering(patch, add)
