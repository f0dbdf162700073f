"""Faults in how refused credentials are answered over HTTP (HTTP-6, HTTP-7, HTTP-8)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.http.binding import Answer, answering, answering_with, reason
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.deployment import httprequest


def _challenge(patch: Patch, change: Callable[[str], str | None], status: int = 401) -> None:
    """Have the challenge of answers with this status changed, or left out where it is changed to None."""

    def change_challenge(answer: Answer) -> None:
        if answer.status == status:
            challenge = change(answer.values("www-authenticate")[0])
            answer.drop("www-authenticate")
            if challenge is not None:
                answer.put("www-authenticate", challenge)

    answering(patch, change_challenge)


_CHALLENGE: Rows[Callable[[str], str | None]] = {
    "no-challenge": (
        "401 comes without a challenge, so clients cannot know what to bring (RFC 9110 §15.5.2).",
        lambda _: None,
    ),
    "no-challenge-to-administrators": (
        "The challenge is set where bearers are presented, and forgotten where the admin secret is.",
        lambda challenge: None if "admin" in challenge else challenge,
    ),
    "bare-scheme": ("The challenge is the scheme alone, and RFC 6750 asks for a parameter.", lambda _: "Bearer"),
    "challenge-of-another-scheme": (
        "The challenge is for a password, and browsers open a window to ask for one.",
        lambda challenge: challenge.replace("Bearer", "Basic"),
    ),
    "parameters-without-comma": (
        "The parameters of the challenge are joined with blanks, and strict parsers see no error.",
        lambda challenge: challenge.replace(", ", " ") if ", " in challenge else challenge,
    ),
    "realm-without-quotes": (
        "The realm is a text with blanks and stands without quotes.",
        lambda challenge: challenge.replace('realm="key-server', "realm=the key-server").replace('"', "", 1),
    ),
    "single-quotes": (
        "The values of the challenge are quoted as the language prints them.",
        lambda challenge: challenge.replace('"', "'").replace("key-server", "key server"),
    ),
    "realm-twice": ("Two layers name the realm, each its own.", lambda challenge: f'{challenge}, realm="gateway"'),
    "error-without-a-credential": (
        "Whoever brought no token is told that it is bad, and exchanges again (RFC 6750 §3.1).",
        lambda challenge: challenge if "error" in challenge else f'{challenge}, error="invalid_token"',
    ),
    "error-left-out": (
        "The challenge never holds an error, so a client with a dead token keeps sending it.",
        lambda challenge: challenge.partition(",")[0],
    ),
    "error-code-made-up": (
        "The challenge says expired_token, which no client looks for.",
        lambda challenge: challenge.replace("invalid_token", "expired_token"),
    ),
}
faults_for("HTTP-6", _challenge, _CHALLENGE)


@fault_by("HTTP-6", Patch.wrap, httprequest, "credentials")
def other_scheme_is_a_bad_token(read: Any, scope: Any, body: Any) -> Any:
    """A field of another scheme is answered as a bearer that is not good."""
    return read(scope, body) or ["" for value in httprequest.header(scope, b"authorization") if value]


# --- one answer


@helper_by(answering)
def _refused(change: Callable[[Answer, str], None], answer: Answer) -> None:
    """Have answers 401 changed by what the trail gives as their cause."""
    if answer.status == 401 and answer.path.startswith("/resource/") and reason() != "missing-credential":
        change(answer, reason())


def _describe(answer: Answer, text: str) -> None:
    answer.put_json({**answer.json, "error_description": text})


_REFUSED: Rows[Callable[[Answer, str], None]] = {
    "description-tells-the-cause": (
        "The description is taken from the decision: revoked, expired, unknown (CWE-204).",
        _describe,
    ),
    "expired-is-told": (
        "Clients are told kindly that a token has expired, which was a token then (CWE-204).",
        lambda answer, why: _describe(answer, "expired") if why == "token.expired" else None,
    ),
    "malformed-is-a-bad-request": (
        "A bearer in the wrong form is answered with 400, so the form can be found out.",
        lambda answer, why: setattr(answer, "status", 400) if why == "malformed-bearer" else None,
    ),
    "revoked-is-forbidden": (
        "A bearer that was revoked is answered with 403: it was good once.",
        lambda answer, why: setattr(answer, "status", 403) if why == "revoked" else None,
    ),
    "revoked-has-a-field-more": (
        "One path through the code adds a field for debugging (CWE-203).",
        lambda answer, why: answer.put("x-token-state", "known") if why == "revoked" else None,
    ),
    "body-echoes-the-length": (
        "The body names what was presented, cut to a few letters, so every answer is another.",
        lambda answer, why: _describe(answer, "too short" if why == "malformed-bearer" else "no token"),
    ),
}
faults_for("HTTP-7", _refused, _REFUSED)


@fault_by("HTTP-7", _refused)
def challenge_tells_more_of_known_tokens(answer: Answer, why: str) -> None:
    """The challenge of a token on record holds a description."""
    if why in ("revoked", "token.expired"):
        challenge = answer.values("www-authenticate")[0]
        answer.put("www-authenticate", f'{challenge}, error_description="The token is not active"')


# --- scope


_forbidden = answering_with(403)

_FORBIDDEN: Rows[Callable[[Answer], None]] = {
    "insufficient-scope-is-unauthorized": (
        "A good bearer without the scope gets 401, and its client exchanges again and again.",
        lambda answer: setattr(answer, "status", 401),
    ),
    "insufficient-scope-is-not-found": (
        "What a bearer may not use is hidden, as if there were nothing.",
        lambda answer: setattr(answer, "status", 404),
    ),
    "forbidden-without-a-challenge": (
        "403 is sent as the framework does, and says nothing of scope.",
        lambda answer: answer.drop("www-authenticate"),
    ),
}
faults_for("HTTP-8", _forbidden, _FORBIDDEN)


@fault("HTTP-8")
def forbidden_with_another_code(patch: Patch) -> None:
    """The challenge says invalid_scope, which belongs to the other endpoint."""
    _challenge(patch, lambda challenge: challenge.replace("insufficient_scope", "invalid_scope"), 403)


@fault("HTTP-8")
def scope_of_the_challenge_is_a_list(patch: Patch) -> None:
    """The scope that is needed stands there as JSON, whose quotes end the value."""
    _challenge(patch, lambda challenge: challenge.partition(", scope=")[0] + ', scope="["backends:b"]"', 403)


@fault_by("HTTP-8", _forbidden)
def forbidden_path_is_repeated(answer: Answer) -> None:
    """The scope that is needed is built from the path as it was sent, whatever is in it (CWE-113)."""
    challenge = answer.values("www-authenticate")[0].partition(", scope=")[0]
    backend = answer.path.split("/")[2].replace("%20", " ").replace("%2A", '"')
    answer.put("www-authenticate", f'{challenge}, scope="backends:{backend}"')
