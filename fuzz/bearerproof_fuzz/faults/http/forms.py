"""Faults in which bodies the token endpoint takes (HTTP-1, HTTP-2, HTTP-16)."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode

from bearerproof_fuzz.faults.http.binding import Answer, Sent, answering, asking
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for
from bearerproof_fuzz.keyserver.setting import EXCHANGE_PARAMETERS
from bearerproof_reference.deployment import httprequest
from bearerproof_reference.deployment.httprequest import FORM


def _is_form(patch: Patch, enough: Callable[[list[str]], bool]) -> None:
    """Have the content type judged by this, which is given the values of its field in lower case."""
    patch(
        httprequest,
        "is_form",
        lambda scope: enough([value.lower() for value in httprequest.header(scope, b"content-type")]),
    )


_IS_FORM: Rows[Callable[[list[str]], bool]] = {
    "content-type-not-looked-at": (
        "Whatever body comes is parsed as a form, under any type (CWE-436).",
        lambda _values: True,
    ),
    "no-content-type-is-a-form": (
        "A missing content type is taken for the one that is meant.",
        lambda values: not values or (len(values) == 1 and values[0].partition(";")[0] == FORM),
    ),
    "content-type-by-its-beginning": (
        "The content type is matched from its beginning, so longer subtypes are forms as well.",
        lambda values: len(values) == 1 and values[0].startswith(FORM),
    ),
    "content-type-anywhere": (
        "The content type is searched for the one of a form, parameters and lists included.",
        lambda values: len(values) == 1 and FORM in values[0],
    ),
    "first-of-two-content-types": (
        "Of two content types the first one counts, and the last one for the filter in front (CWE-436).",
        lambda values: bool(values) and values[0].partition(";")[0].strip() == FORM,
    ),
}
faults_for("HTTP-1", _is_form, _IS_FORM)


@fault_by("HTTP-1", Patch.wrap, httprequest, "is_form")
def content_type_in_one_case(is_form: Any, scope: Any) -> Any:
    """Media types are compared letter by letter, so clients that write them in another case are refused."""
    return is_form(scope) and httprequest.header(scope, b"content-type")[0].startswith(FORM)


@fault_by("HTTP-1", asking)
def json_is_taken_too(sent: Sent) -> None:
    """A second parser takes JSON, with other rules for names that stand twice."""
    if sent.path == "/auth/token" and "application/json" in "".join(sent.values("content-type")).lower():
        try:
            sent.body = urlencode(json.loads(sent.body)).encode()
        except (ValueError, TypeError):
            return
        sent.put("content-type", FORM)


@fault("HTTP-1")
def wrong_type_is_a_bad_request(patch: Patch) -> None:
    """A wrong content type is answered with 400, as every other mistake in a request."""
    _status(patch, 415, 400)


@fault_by("HTTP-1", answering)
def wrong_type_in_plain_text(answer: Answer) -> None:
    """The framework's own page is sent for a wrong content type."""
    if answer.status == 415:
        answer.body = b"Unsupported Media Type"
        answer.put("content-type", "text/plain")


def _status(patch: Patch, expected: int, given: int) -> None:
    def change(answer: Answer) -> None:
        answer.status = given if answer.status == expected else answer.status

    answering(patch, change)


@fault("HTTP-2")
def bound_of_a_megabyte(patch: Patch) -> None:
    """The bound is the framework's, sixteen times what is stated."""
    patch(httprequest, "MAX_BODY", 1024 * 1024)


@fault("HTTP-2")
def bound_below_what_is_stated(patch: Patch) -> None:
    """The bound is half of what is stated, and large groups make honest requests fail."""
    patch(httprequest, "MAX_BODY", 32 * 1024 - 1)


@fault("HTTP-2")
def bound_of_each_piece(patch: Patch) -> None:
    """Each piece of a body is held against the bound, and never their sum."""

    async def read_pieces(receive: Any) -> bytes:
        body, more = b"", True
        while more:
            message = await receive()
            piece = message.get("body", b"")
            if len(piece) > httprequest.MAX_BODY:
                raise httprequest.BodyTooLarge
            body, more = body + piece, message.get("more_body", False)
        return body

    patch(httprequest, "read_body", read_pieces)


@fault("HTTP-2")
def bound_of_what_is_announced(patch: Patch) -> None:
    """Content-Length is held against the bound, so a body that announces none, or less, has no bound."""
    announced: list[int] = []

    async def read_all(receive: Any) -> bytes:
        if announced and announced[0] > 64 * 1024:
            raise httprequest.BodyTooLarge
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        return body

    def note(sent: Sent) -> None:
        announced[:] = [int(value) for value in sent.values("content-length")]

    asking(patch, note)
    patch(httprequest, "read_body", read_all)


@fault_by("HTTP-2", asking)
def body_is_cut(sent: Sent) -> None:
    """What goes beyond the bound is left unread, and the rest is taken for the whole."""
    sent.body = sent.body[: httprequest.MAX_BODY]


@fault_by("HTTP-2", asking)
def bound_of_the_token_endpoint_alone(sent: Sent) -> None:
    """Where no body is expected none is bounded, and it is read all the same."""
    if sent.path != "/auth/token":
        sent.body = sent.body[: httprequest.MAX_BODY]


@fault("HTTP-2")
def large_body_is_a_bad_request(patch: Patch) -> None:
    """A body over the bound is answered with 400, and the client sends it again."""
    _status(patch, 413, 400)


def _parameters(patch: Patch, change: Callable[[list[tuple[str, str]]], list[tuple[str, str]]]) -> None:
    """Have the parameters of forms and queries changed after they were read."""
    patch.wrap(httprequest, "parameters", lambda read, octets: change(read(octets)))


_PARAMETERS: Rows[Callable[[list[tuple[str, str]]], list[tuple[str, str]]]] = {
    "last-of-two-parameters": (
        "The form is made a dictionary, in which the last value of a name stays (CWE-235).",
        lambda form: list(dict(form).items()),
    ),
    "first-of-two-parameters": (
        "The framework's form gives the first value of a name (CWE-235).",
        lambda form: list(dict(reversed(form)).items()),
    ),
    "same-parameter-twice-is-once": (
        "A parameter that stands twice with the same value is taken for one.",
        lambda form: list(dict.fromkeys(form)),
    ),
    "empty-parameters-are-dropped": (
        "Parameters without a value are dropped before anybody counts, as the parser of the language does by default.",
        lambda form: [(name, value) for name, value in form if value],
    ),
}
faults_for("HTTP-16", _parameters, _PARAMETERS)


@fault("HTTP-16")
def unknown_parameters_are_dropped(patch: Patch) -> None:
    """Only the parameters of the specification are counted, and what nobody knows may stand as often as it likes."""
    known = {*EXCHANGE_PARAMETERS, "issuer", "subject"}
    _parameters(patch, lambda form: [(name, value) for name, value in form if name in known])


@fault_by("HTTP-16", asking)
def parameters_counted_before_decoding(sent: Sent) -> None:
    """Names are compared as they stand in the body, so one that is encoded differently is another (CWE-436)."""
    if sent.path == "/auth/token" and sent.method == "POST":
        names = [item.partition(b"=")[0] for item in sent.body.split(b"&")]
        if len(set(names)) == len(names):
            pairs = parse_qsl(sent.body, keep_blank_values=True)
            sent.body = urlencode(list(dict(pairs).items())).encode() if pairs else sent.body


@fault("HTTP-16")
def repetition_is_a_server_error(patch: Patch) -> None:
    """A list where a text was expected is raised as an error of the server."""

    def fail(answer: Answer) -> None:
        if answer.path == "/auth/token" and answer.json.get("error") == "invalid_request" and _repeated:
            answer.status = 500

    _repeated: list[bool] = []

    def note(sent: Sent) -> None:
        names = [item.partition(b"=")[0] for item in sent.body.split(b"&")]
        _repeated[:] = [True] if len(set(names)) < len(names) and b"=" in sent.body else []

    answering(patch, fail)
    asking(patch, note)
