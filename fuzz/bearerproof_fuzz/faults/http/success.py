"""Faults in the answer to a successful exchange over HTTP (HTTP-5)."""

from collections.abc import Callable

from bearerproof.members import Json
from bearerproof_fuzz.faults.http.binding import Answer, answering
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by


@helper_by(answering)
def _granted(change: Callable[[Json], Json], answer: Answer) -> None:
    """Have the members of a success changed."""
    if answer.path == "/auth/token" and answer.status == 200:
        answer.put_json(change(answer.json))


def _without(members: Json, name: str) -> Json:
    return {key: value for key, value in members.items() if key != name}


@fault_by("HTTP-5", answering)
def success_is_created(answer: Answer) -> None:
    """A token is a new thing, so the status is 201."""
    if answer.path == "/auth/token" and answer.status == 200:
        answer.status = 201


@fault_by("HTTP-5", answering)
def success_as_a_page(answer: Answer) -> None:
    """The media type is left to a default that browsers run."""
    if answer.path == "/auth/token" and answer.status == 200:
        answer.put("content-type", "text/html; charset=utf-8")


_GRANTED: Rows[Callable[[Json], Json]] = {
    "lifetime-as-text": (
        "`expires_in` is a text, which some languages add to the time of day.",
        lambda members: {**members, "expires_in": str(members["expires_in"])},
    ),
    "lifetime-as-instant": (
        "The end is told in place of the lifetime, under a name of its own.",
        lambda members: {**_without(members, "expires_in"), "expires_at": 1_800_000_600},
    ),
    "scope-as-list": ("The scope is a list of words.", lambda members: {**members, "scope": members["scope"].split()}),
    "answer-without-issued-type": (
        "The answer is that of another grant: it does not say what was issued (W6).",
        lambda members: _without(members, "issued_token_type"),
    ),
    "answer-without-token-type": (
        "How the token is to be presented is not told.",
        lambda members: _without(members, "token_type"),
    ),
}
faults_for("HTTP-5", _granted, _GRANTED)


@fault("HTTP-5")
def issued_type_of_the_subject(patch: Patch) -> None:
    """The type of what was issued is that of what was presented."""
    urn = "urn:ietf:params:oauth:token-type:id_token"
    _granted(patch, lambda members: {**members, "issued_token_type": urn})


@fault_by("HTTP-5", answering)
def token_twice_in_the_object(answer: Answer) -> None:
    """A layer that adds a member to the text does not look for it: parsers differ in which of two they take."""
    if answer.path == "/auth/token" and answer.status == 200:
        answer.body = answer.body.replace(b"{", b'{"access_token": "bprf_none", ', 1)
