"""Faults in revocation over HTTP (HTTP-11, HTTP-12)."""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, asking
from bearerproof_fuzz.faults.registry import Patch, fault

_ONE, _ALL = "/auth/token/", "/auth/tokens"


def _deleted(patch: Patch, place: str, due: int, change: Callable[[Answer], None]) -> None:
    """Have answers of this status to a DELETE at this place changed."""

    def change_answer(answer: Answer) -> None:
        if answer.method == "DELETE" and answer.path.startswith(place) and answer.status == due:
            change(answer)

    answering(patch, change_answer)


def _as(status: int) -> Callable[[Answer], None]:
    return lambda answer: setattr(answer, "status", status)


# --- one token


@fault("HTTP-11")
def revoked_with_a_body(patch: Patch) -> None:
    """204 has a body, which the next reader of the connection takes for an answer."""

    def add(answer: Answer) -> None:
        answer.put_json({"revoked": 1})
        answer.drop("content-length")

    _deleted(patch, _ONE, 204, add)


@fault("HTTP-11")
def revoked_with_a_content_type(patch: Patch) -> None:
    """204 has the content type that all answers of the framework have."""
    _deleted(patch, _ONE, 204, lambda answer: answer.put("content-type", "application/json"))


@fault("HTTP-11")
def revoked_with_a_length(patch: Patch) -> None:
    """204 has a Content-Length, which RFC 9110 §8.6 forbids."""
    _deleted(patch, _ONE, 204, lambda answer: answer.put("content-length", "0"))


@fault("HTTP-11")
def revoked_is_plainly_ok(patch: Patch) -> None:
    """A revocation is answered with 200 and nothing."""
    _deleted(patch, _ONE, 204, _as(200))


@fault("HTTP-11")
def nothing_revoked_is_success(patch: Patch) -> None:
    """What is not active is answered with 204: the aim is reached."""
    _deleted(patch, _ONE, 404, _as(204))


@fault("HTTP-11")
def nothing_revoked_is_gone(patch: Patch) -> None:
    """What is not active is answered with 410, unknown ids included."""
    _deleted(patch, _ONE, 404, _as(410))


@fault("HTTP-11")
def wrong_secret_is_forbidden(patch: Patch) -> None:
    """A wrong admin secret is answered with 403: somebody was there after all."""
    _deleted(patch, _ONE, 401, _as(403))


@fault("HTTP-11")
def malformed_id_before_the_secret(patch: Patch) -> None:
    """The framework converts the path first, and a malformed id is told to everybody (W21)."""
    form = re.compile(r"[0-9a-f-]{36}")
    _deleted(patch, _ONE, 401, lambda answer: (
        None if form.fullmatch(answer.path.removeprefix(_ONE)) else setattr(answer, "status", 400)
    ))  # fmt: skip


@fault("HTTP-11")
def refusal_names_the_token(patch: Patch) -> None:
    """The refusal repeats which token was asked for, so no two of them are the same."""
    _deleted(patch, _ONE, 401, lambda answer: answer.put("x-token", answer.path.removeprefix(_ONE)))


# --- all of an identity


@fault("HTTP-12")
def bulk_without_a_number(patch: Patch) -> None:
    """A bulk revocation is answered with 204, like the other one."""
    _deleted(patch, _ALL, 200, _as(204))


@fault("HTTP-12")
def bulk_number_as_text(patch: Patch) -> None:
    """The number of revoked tokens is answered as a text, as a template writes it."""
    _deleted(patch, _ALL, 200, lambda answer: answer.put_json({"revoked": str(answer.json["revoked"])}))


@fault("HTTP-12")
def bulk_number_under_another_name(patch: Patch) -> None:
    """The number stands under another name than is documented (W29)."""
    _deleted(patch, _ALL, 200, lambda answer: answer.put_json({"count": answer.json["revoked"]}))


@fault("HTTP-12")
def bulk_of_none_is_not_found(patch: Patch) -> None:
    """Where there was nothing to revoke the answer is 404, as if the name were wrong."""
    _deleted(patch, _ALL, 200, lambda answer: None if answer.json["revoked"] else setattr(answer, "status", 404))


@fault("HTTP-12")
def names_before_the_secret(patch: Patch) -> None:
    """Missing names are answered with 400 before anybody asks for the secret (W21)."""
    _deleted(patch, _ALL, 401, lambda answer: (
        None if "issuer=" in answer.path and "subject=" in answer.path else setattr(answer, "status", 400)
    ))  # fmt: skip


@fault("HTTP-12")
def missing_names_are_unprocessable(patch: Patch) -> None:
    """Missing names are answered with the framework's 422."""
    _deleted(patch, _ALL, 400, _as(422))


@fault("HTTP-12")
def plus_is_a_plus(patch: Patch) -> None:
    """The query is decoded as a path is, and a blank sent as a plus names somebody else."""
    _queried(patch, lambda query: query.replace("+", "%2B"))


def _queried(patch: Patch, change: Callable[[str], str]) -> None:
    """Have the query of a bulk revocation changed."""

    def change_query(sent: Sent) -> None:
        path, mark, query = sent.path.partition("?")
        if path == _ALL and sent.method == "DELETE":
            sent.path = path + mark + change(query)

    asking(patch, change_query)


@fault("HTTP-12")
def query_names_in_any_case(patch: Patch) -> None:
    """The names of parameters are compared without regard to case."""
    _queried(patch, lambda query: query.replace("Issuer=", "issuer=").replace("Subject=", "subject="))


@fault("HTTP-12")
def body_completes_the_query(patch: Patch) -> None:
    """Query and body are merged, as the framework's collection of parameters does."""

    def merge(sent: Sent) -> None:
        path, _, query = sent.path.partition("?")
        if path == _ALL and sent.body:
            sent.path = f"{path}?{urlencode({**dict(parse_qsl(sent.body.decode())), **dict(parse_qsl(query))})}"

    asking(patch, merge)
