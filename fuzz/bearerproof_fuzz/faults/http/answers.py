"""Faults in refused exchanges over HTTP, and in what may be stored (HTTP-3, HTTP-4, HTTP-10)."""

from collections.abc import Callable

from bearerproof.members import Json
from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, answering_with, asking
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread


@helper_by(answering)
def _errors(change: Callable[[Answer], None], answer: Answer) -> None:
    """Have the answers 400 of the token endpoint changed."""
    if answer.path == "/auth/token" and answer.status == 400:
        change(answer)


def _error_members(patch: Patch, change: Callable[[Json], Json]) -> None:
    _errors(patch, lambda answer: answer.put_json(change(answer.json)))


@fault("HTTP-3")
def error_with_status_of_success(patch: Patch) -> None:
    """Errors are sent with 200, since the request as such was handled."""
    _errors(patch, lambda answer: setattr(answer, "status", 200))


@fault("HTTP-3")
def bad_subject_token_is_unauthorized(patch: Patch) -> None:
    """A subject token that does not verify is answered with 401, as if it were a credential (W6)."""
    from_token = "the subject token is not accepted"  # noqa: S105 - part of a description

    def unauthorize(answer: Answer) -> None:
        if answer.json.get("error") == "invalid_request" and from_token in str(answer.json):
            answer.status = 401

    _errors(patch, unauthorize)


@fault_by("HTTP-3", _errors)
def errors_of_the_framework(answer: Answer) -> None:
    """Errors have the framework's form: 422 and a list of what is wrong."""
    answer.status = 422
    answer.put_json({"detail": [{"msg": answer.json["error"]}]})


_ERROR_MEMBERS: Rows[Callable[[Json], Json]] = {
    "error-under-another-name": (
        "The code stands under `code`, as in the API beside it (W6).",
        lambda members: {"code": members["error"], "message": members["error_description"]},
    ),
    "error-is-an-object": (
        "The error is an object with a code and a message, as in another protocol.",
        lambda members: {"error": {"code": members["error"], "message": ""}},
    ),
    "error-code-of-its-own": (
        "The codes are the server's own, in its own spelling.",
        lambda members: {**members, "error": members["error"].replace("_", "-")},
    ),
}
faults_for("HTTP-3", _error_members, _ERROR_MEMBERS)


@fault("HTTP-3")
def error_in_plain_text(patch: Patch) -> None:
    """Errors are sent as text: nobody set the type of the answer."""
    _errors(patch, lambda answer: answer.put("content-type", "text/plain; charset=utf-8"))


@fault("HTTP-3")
def description_repeats_what_was_presented(patch: Patch) -> None:
    """The description repeats the parameters to be helpful, quotes, line feeds and all (CWE-116)."""
    presented: list[str] = []

    def note(sent: Sent) -> None:
        presented[:] = [sent.body.decode("latin-1")]

    def repeat(answer: Answer) -> None:
        answer.put_json({**answer.json, "error_description": f'no good: "{presented[0][:100]}"'})

    _errors(patch, repeat)
    asking(patch, note)


# --- storing


def _stored(patch: Patch, cache_control: str | None, when: Callable[[Answer], bool]) -> None:
    """Have this Cache-Control, or none, with the answers of the token endpoint of which this holds."""

    def change(answer: Answer) -> None:
        if answer.path == "/auth/token" and when(answer):
            answer.drop("cache-control")
            if cache_control is not None:
                answer.put("cache-control", cache_control)

    answering(patch, change)


_STORED: Rows[tuple[str | None, Callable[[Answer], bool]]] = {
    "answers-may-be-stored": ("No answer says anything of being stored (W6).", (None, lambda _answer: True)),
    "tokens-are-revalidated": (
        "The directive no-cache is taken for no-store: caches keep the token, and only ask before they hand it out.",
        ("no-cache", lambda answer: answer.status == 200),
    ),
    "tokens-are-private": (
        "Answers are private and old at once, which lets the browser's own cache keep them.",
        ("private, max-age=0", lambda _answer: True),
    ),
    "no-store-by-its-letters": ("The directive is misspelt, and nobody reads it.", ("nostore", lambda _answer: True)),
    "errors-may-be-stored": (
        "The field is set where a token is answered, and an error is kept and served to the next client.",
        (None, lambda answer: answer.status != 200),
    ),
    "load-may-be-stored": (
        "Refusals for load come from a layer that does not know of the field, and outlive the load.",
        (None, lambda answer: answer.status in (429, 503)),
    ),
}
faults_for("HTTP-4", spread(_stored), _STORED)


# --- when to come back


_LIMITED: Rows[Callable[[Answer], None]] = {
    "no-retry-after-when-limited": (
        "429 comes alone, and clients return at once.",
        lambda answer: answer.drop("retry-after"),
    ),
    "limited-is-forbidden": (
        "Who comes too often is refused with 403, and told to come back.",
        lambda answer: setattr(answer, "status", 403),
    ),
}
faults_for("HTTP-10", answering_with(429), _LIMITED)


_OUT_OF_ORDER: Rows[Callable[[Answer], None]] = {
    "no-retry-after-when-out-of-order": (
        "503 comes alone, and what recovers is run down again.",
        lambda answer: answer.drop("retry-after"),
    ),
    "out-of-order-is-an-error": (
        "What cannot be decided at present is an error of the server, 500.",
        lambda answer: setattr(answer, "status", 500),
    ),
}
faults_for("HTTP-10", answering_with(503), _OUT_OF_ORDER)


_LATER: Rows[Callable[[Answer], None]] = {
    "retry-after-at-the-token-endpoint-alone": (
        "The field is set where tokens are issued, and not where they are used.",
        lambda answer: answer.drop("retry-after") if answer.path.startswith("/resource/") else None,
    ),
    "retry-after-not-for-administrators": (
        "Whoever guesses at the admin secret is not told when to go on, and neither is the administrator.",
        lambda answer: answer.drop("retry-after") if answer.method == "DELETE" else None,
    ),
    "retry-after-in-fractions": (
        "The seconds have a fraction, which the field has no form for.",
        lambda answer: answer.put("retry-after", f"{answer.values('retry-after')[0]}.5"),
    ),
    "retry-after-with-its-unit": (
        "The duration is written as the language prints it.",
        lambda answer: answer.put("retry-after", f"{answer.values('retry-after')[0]}s"),
    ),
    "retry-after-in-milliseconds": (
        "The number is in another unit than the field has.",
        lambda answer: answer.put("retry-after", f"{answer.values('retry-after')[0]}000"),
    ),
    "retry-after-is-now": (
        "The seconds are rounded down, to none at all where there is less than one to wait.",
        lambda answer: answer.put("retry-after", str(int(answer.values("retry-after")[0]) - 1)),
    ),
}
faults_for("HTTP-10", answering_with(429, 503), _LATER)
