"""Faults in refused exchanges over HTTP, and in what may be stored (HTTP-3, HTTP-4, HTTP-10)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, asking
from bearerproof_fuzz.faults.registry import Patch, fault

Json = dict[str, Any]


def _errors(patch: Patch, change: Callable[[Answer], None]) -> None:
    """Have the answers 400 of the token endpoint changed."""

    def change_errors(answer: Answer) -> None:
        if answer.path == "/auth/token" and answer.status == 400:
            change(answer)

    answering(patch, change_errors)


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


@fault("HTTP-3")
def errors_of_the_framework(patch: Patch) -> None:
    """Errors have the framework's form: 422 and a list of what is wrong."""

    def convert(answer: Answer) -> None:
        answer.status = 422
        answer.put_json({"detail": [{"msg": answer.json["error"]}]})

    _errors(patch, convert)


@fault("HTTP-3")
def error_under_another_name(patch: Patch) -> None:
    """The code stands under `code`, as in the API beside it (W6)."""
    _error_members(patch, lambda members: {"code": members["error"], "message": members["error_description"]})


@fault("HTTP-3")
def error_is_an_object(patch: Patch) -> None:
    """The error is an object with a code and a message, as in another protocol."""
    _error_members(patch, lambda members: {"error": {"code": members["error"], "message": ""}})


@fault("HTTP-3")
def error_code_of_its_own(patch: Patch) -> None:
    """The codes are the server's own, in its own spelling."""
    _error_members(patch, lambda members: {**members, "error": members["error"].replace("_", "-")})


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


@fault("HTTP-4")
def answers_may_be_stored(patch: Patch) -> None:
    """No answer says anything of being stored (W6)."""
    _stored(patch, None, lambda _answer: True)


@fault("HTTP-4")
def tokens_are_revalidated(patch: Patch) -> None:
    """The directive no-cache is taken for no-store: caches keep the token, and only ask before they hand it out."""
    _stored(patch, "no-cache", lambda answer: answer.status == 200)


@fault("HTTP-4")
def tokens_are_private(patch: Patch) -> None:
    """Answers are private and old at once, which lets the browser's own cache keep them."""
    _stored(patch, "private, max-age=0", lambda _answer: True)


@fault("HTTP-4")
def no_store_by_its_letters(patch: Patch) -> None:
    """The directive is misspelt, and nobody reads it."""
    _stored(patch, "nostore", lambda _answer: True)


@fault("HTTP-4")
def errors_may_be_stored(patch: Patch) -> None:
    """The field is set where a token is answered, and an error is kept and served to the next client."""
    _stored(patch, None, lambda answer: answer.status != 200)


@fault("HTTP-4")
def load_may_be_stored(patch: Patch) -> None:
    """Refusals for load come from a layer that does not know of the field, and outlive the load."""
    _stored(patch, None, lambda answer: answer.status in (429, 503))


# --- when to come back


def _later(patch: Patch, change: Callable[[Answer], None], statuses: tuple[int, ...] = (429, 503)) -> None:
    """Have answers with these statuses changed."""

    def change_some(answer: Answer) -> None:
        if answer.status in statuses:
            change(answer)

    answering(patch, change_some)


@fault("HTTP-10")
def no_retry_after_when_limited(patch: Patch) -> None:
    """429 comes alone, and clients return at once."""
    _later(patch, lambda answer: answer.drop("retry-after"), (429,))


@fault("HTTP-10")
def no_retry_after_when_out_of_order(patch: Patch) -> None:
    """503 comes alone, and what recovers is run down again."""
    _later(patch, lambda answer: answer.drop("retry-after"), (503,))


@fault("HTTP-10")
def retry_after_at_the_token_endpoint_alone(patch: Patch) -> None:
    """The field is set where tokens are issued, and not where they are used."""
    _later(patch, lambda answer: answer.drop("retry-after") if answer.path.startswith("/resource/") else None)


@fault("HTTP-10")
def retry_after_not_for_administrators(patch: Patch) -> None:
    """Whoever guesses at the admin secret is not told when to go on, and neither is the administrator."""
    _later(patch, lambda answer: answer.drop("retry-after") if answer.method == "DELETE" else None)


@fault("HTTP-10")
def retry_after_in_fractions(patch: Patch) -> None:
    """The seconds have a fraction, which the field has no form for."""
    _later(patch, lambda answer: answer.put("retry-after", f"{answer.values('retry-after')[0]}.5"))


@fault("HTTP-10")
def retry_after_with_its_unit(patch: Patch) -> None:
    """The duration is written as the language prints it."""
    _later(patch, lambda answer: answer.put("retry-after", f"{answer.values('retry-after')[0]}s"))


@fault("HTTP-10")
def retry_after_in_milliseconds(patch: Patch) -> None:
    """The number is in another unit than the field has."""
    _later(patch, lambda answer: answer.put("retry-after", f"{answer.values('retry-after')[0]}000"))


@fault("HTTP-10")
def retry_after_is_now(patch: Patch) -> None:
    """The seconds are rounded down, to none at all where there is less than one to wait."""
    _later(patch, lambda answer: answer.put("retry-after", str(int(answer.values("retry-after")[0]) - 1)))


@fault("HTTP-10")
def limited_is_forbidden(patch: Patch) -> None:
    """Who comes too often is refused with 403, and told to come back."""
    _later(patch, lambda answer: setattr(answer, "status", 403), (429,))


@fault("HTTP-10")
def out_of_order_is_an_error(patch: Patch) -> None:
    """What cannot be decided at present is an error of the server, 500."""
    _later(patch, lambda answer: setattr(answer, "status", 500), (503,))
