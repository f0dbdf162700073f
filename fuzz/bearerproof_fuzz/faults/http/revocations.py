"""Faults in revocation over HTTP (HTTP-11, HTTP-12)."""

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, urlencode

from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, asking
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread

_ONE, _ALL = "/auth/token/", "/auth/tokens"


def _deleted(patch: Patch, place: str, expected: int, change: Callable[[Answer], None]) -> None:
    """Have answers of this status to a DELETE at this place changed."""

    def change_answer(answer: Answer) -> None:
        if answer.method == "DELETE" and answer.path.startswith(place) and answer.status == expected:
            change(answer)

    answering(patch, change_answer)


def _as(status: int) -> Callable[[Answer], None]:
    return lambda answer: setattr(answer, "status", status)


# --- one token


@fault_by("HTTP-11", _deleted, _ONE, 204)
def revoked_with_a_body(answer: Answer) -> None:
    """204 has a body, which the next reader of the connection takes for an answer."""
    answer.put_json({"revoked": 1})
    answer.drop("content-length")


_DELETED_HTTP_11: Rows[tuple[str, int, Callable[[Answer], None]]] = {
    "revoked-with-a-content-type": (
        "204 has the content type that all answers of the framework have.",
        (_ONE, 204, lambda answer: answer.put("content-type", "application/json")),
    ),
    "revoked-with-a-length": (
        "204 has a Content-Length, which RFC 9110 §8.6 forbids.",
        (_ONE, 204, lambda answer: answer.put("content-length", "0")),
    ),
    "revoked-is-plainly-ok": ("A revocation is answered with 200 and nothing.", (_ONE, 204, _as(200))),
    "nothing-revoked-is-success": (
        "What is not active is answered with 204: the aim is reached.",
        (_ONE, 404, _as(204)),
    ),
    "nothing-revoked-is-gone": (
        "What is not active is answered with 410, unknown ids included.",
        (_ONE, 404, _as(410)),
    ),
    "wrong-secret-is-forbidden": (
        "A wrong admin secret is answered with 403: somebody was there after all.",
        (_ONE, 401, _as(403)),
    ),
    "refusal-names-the-token": (
        "The refusal repeats which token was asked for, so no two of them are the same.",
        (_ONE, 401, lambda answer: answer.put("x-token", answer.path.removeprefix(_ONE))),
    ),
}
faults_for("HTTP-11", spread(_deleted), _DELETED_HTTP_11)


@fault("HTTP-11")
def malformed_id_before_the_secret(patch: Patch) -> None:
    """The framework converts the path first, and a malformed id is told to everybody (W21)."""
    form = re.compile(r"[0-9a-f-]{36}")
    _deleted(
        patch,
        _ONE,
        401,
        lambda answer: None if form.fullmatch(answer.path.removeprefix(_ONE)) else setattr(answer, "status", 400),
    )


# --- all of an identity


_DELETED_HTTP_12: Rows[tuple[str, int, Callable[[Answer], None]]] = {
    "bulk-without-a-number": ("A bulk revocation is answered with 204, like the other one.", (_ALL, 200, _as(204))),
    "bulk-number-as-text": (
        "The number of revoked tokens is answered as a text, as a template writes it.",
        (_ALL, 200, lambda answer: answer.put_json({"revoked": str(answer.json["revoked"])})),
    ),
    "bulk-number-under-another-name": (
        "The number stands under another name than is documented (W29).",
        (_ALL, 200, lambda answer: answer.put_json({"count": answer.json["revoked"]})),
    ),
    "bulk-of-none-is-not-found": (
        "Where there was nothing to revoke the answer is 404, as if the name were wrong.",
        (_ALL, 200, lambda answer: None if answer.json["revoked"] else setattr(answer, "status", 404)),
    ),
    "missing-names-are-unprocessable": ("Missing names are answered with the framework's 422.", (_ALL, 400, _as(422))),
}
faults_for("HTTP-12", spread(_deleted), _DELETED_HTTP_12)


@fault_by("HTTP-12", _deleted, _ALL, 401)
def names_before_the_secret(answer: Answer) -> None:
    """Missing names are answered with 400 before anybody asks for the secret (W21)."""
    return None if "issuer=" in answer.path and "subject=" in answer.path else setattr(answer, "status", 400)


@fault("HTTP-12")
def plus_is_a_plus(patch: Patch) -> None:
    """The query is decoded as a path is, and a blank sent as a plus names somebody else."""
    _queried(patch, lambda query: query.replace("+", "%2B"))


@helper_by(asking)
def _queried(change: Callable[[str], str], sent: Sent) -> None:
    """Have the query of a bulk revocation changed."""
    path, mark, query = sent.path.partition("?")
    if path == _ALL and sent.method == "DELETE":
        sent.path = path + mark + change(query)


@fault("HTTP-12")
def query_names_in_any_case(patch: Patch) -> None:
    """The names of parameters are compared without regard to case."""
    _queried(patch, lambda query: query.replace("Issuer=", "issuer=").replace("Subject=", "subject="))


@fault_by("HTTP-12", asking)
def body_completes_the_query(sent: Sent) -> None:
    """Query and body are merged, as the framework's collection of parameters does."""
    path, _, query = sent.path.partition("?")
    if path == _ALL and sent.body:
        sent.path = f"{path}?{urlencode({**dict(parse_qsl(sent.body.decode())), **dict(parse_qsl(query))})}"
