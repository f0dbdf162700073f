"""Faults in how refused credentials are answered over HTTP (HTTP-6, HTTP-7, HTTP-8)."""

from collections.abc import Callable

from bearerproof_fuzz.faults.http.binding import Answer, answering, reason
from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference.deployment import httprequest


def _challenge(patch: Patch, change: Callable[[str], str | None], status: int = 401) -> None:
    """Have the challenge of answers with this status changed, or left out where it is changed to None."""

    def change_challenge(answer: Answer) -> None:
        if answer.status == status:
            told = change(answer.values("www-authenticate")[0])
            answer.drop("www-authenticate")
            if told is not None:
                answer.put("www-authenticate", told)

    answering(patch, change_challenge)


@fault("HTTP-6")
def no_challenge(patch: Patch) -> None:
    """401 comes without a challenge, so clients cannot know what to bring (RFC 9110 §15.5.2)."""
    _challenge(patch, lambda _told: None)


@fault("HTTP-6")
def no_challenge_to_administrators(patch: Patch) -> None:
    """The challenge is set where bearers are presented, and forgotten where the admin secret is."""
    _challenge(patch, lambda told: None if "admin" in told else told)


@fault("HTTP-6")
def bare_scheme(patch: Patch) -> None:
    """The challenge is the scheme alone, and RFC 6750 asks for a parameter."""
    _challenge(patch, lambda _told: "Bearer")


@fault("HTTP-6")
def challenge_of_another_scheme(patch: Patch) -> None:
    """The challenge is for a password, and browsers open a window to ask for one."""
    _challenge(patch, lambda told: told.replace("Bearer", "Basic"))


@fault("HTTP-6")
def parameters_without_comma(patch: Patch) -> None:
    """The parameters of the challenge are joined with blanks, and strict parsers see no error."""
    _challenge(patch, lambda told: told.replace(", ", " ") if ", " in told else told)


@fault("HTTP-6")
def realm_without_quotes(patch: Patch) -> None:
    """The realm is a text with blanks and stands without quotes."""
    _challenge(patch, lambda told: told.replace('realm="key-server', "realm=the key-server").replace('"', "", 1))


@fault("HTTP-6")
def single_quotes(patch: Patch) -> None:
    """The values of the challenge are quoted as the language prints them."""
    _challenge(patch, lambda told: told.replace('"', "'").replace("key-server", "key server"))


@fault("HTTP-6")
def realm_twice(patch: Patch) -> None:
    """Two layers name the realm, each its own."""
    _challenge(patch, lambda told: f'{told}, realm="gateway"')


@fault("HTTP-6")
def error_without_a_credential(patch: Patch) -> None:
    """Whoever brought no token is told that it is bad, and exchanges again (RFC 6750 §3.1)."""
    _challenge(patch, lambda told: told if "error" in told else f'{told}, error="invalid_token"')


@fault("HTTP-6")
def error_left_out(patch: Patch) -> None:
    """The challenge never holds an error, so a client with a dead token keeps sending it."""
    _challenge(patch, lambda told: told.partition(",")[0])


@fault("HTTP-6")
def error_code_made_up(patch: Patch) -> None:
    """The challenge says expired_token, which no client looks for."""
    _challenge(patch, lambda told: told.replace("invalid_token", "expired_token"))


@fault("HTTP-6")
def other_scheme_is_a_bad_token(patch: Patch) -> None:
    """A field of another scheme is answered as a bearer that is not good."""
    patch.wrap(httprequest, "credentials", lambda read, scope, body: (
        read(scope, body) or ["" for value in httprequest.header(scope, b"authorization") if value]
    ))  # fmt: skip


# --- one answer


def _refused(patch: Patch, change: Callable[[Answer, str], None]) -> None:
    """Have answers 401 changed by what the trail gives as their cause."""

    def change_refusal(answer: Answer) -> None:
        if answer.status == 401 and answer.path.startswith("/resource/") and reason() != "missing-credential":
            change(answer, reason())

    answering(patch, change_refusal)


def _describe(answer: Answer, text: str) -> None:
    answer.put_json({**answer.json, "error_description": text})


@fault("HTTP-7")
def description_tells_the_cause(patch: Patch) -> None:
    """The description is taken from the decision: revoked, expired, unknown (CWE-204)."""
    _refused(patch, _describe)


@fault("HTTP-7")
def expired_is_told(patch: Patch) -> None:
    """Clients are told kindly that a token has expired, which was a token then (CWE-204)."""
    _refused(patch, lambda answer, why: _describe(answer, "expired") if why == "token.expired" else None)


@fault("HTTP-7")
def malformed_is_a_bad_request(patch: Patch) -> None:
    """A bearer in the wrong form is answered with 400, so the form can be found out."""
    _refused(patch, lambda answer, why: setattr(answer, "status", 400) if why == "malformed-bearer" else None)


@fault("HTTP-7")
def revoked_is_forbidden(patch: Patch) -> None:
    """A bearer that was revoked is answered with 403: it was good once."""
    _refused(patch, lambda answer, why: setattr(answer, "status", 403) if why == "revoked" else None)


@fault("HTTP-7")
def revoked_has_a_field_more(patch: Patch) -> None:
    """One path through the code adds a field for debugging (CWE-203)."""
    _refused(patch, lambda answer, why: answer.put("x-token-state", "known") if why == "revoked" else None)


@fault("HTTP-7")
def challenge_tells_more_of_known_tokens(patch: Patch) -> None:
    """The challenge of a token on record holds a description."""

    def tell(answer: Answer, why: str) -> None:
        if why in ("revoked", "token.expired"):
            told = answer.values("www-authenticate")[0]
            answer.put("www-authenticate", f'{told}, error_description="The token is not active"')

    _refused(patch, tell)


@fault("HTTP-7")
def body_echoes_the_length(patch: Patch) -> None:
    """The body names what was presented, cut to a few letters, so every answer is another."""
    _refused(patch, lambda answer, why: _describe(answer, "too short" if why == "malformed-bearer" else "no token"))


# --- scope


@fault("HTTP-8")
def insufficient_scope_is_unauthorized(patch: Patch) -> None:
    """A good bearer without the scope gets 401, and its client exchanges again and again."""
    _forbidden(patch, lambda answer: setattr(answer, "status", 401))


def _forbidden(patch: Patch, change: Callable[[Answer], None]) -> None:
    def change_answer(answer: Answer) -> None:
        if answer.status == 403:
            change(answer)

    answering(patch, change_answer)


@fault("HTTP-8")
def insufficient_scope_is_not_found(patch: Patch) -> None:
    """What a bearer may not use is hidden, as if there were nothing."""
    _forbidden(patch, lambda answer: setattr(answer, "status", 404))


@fault("HTTP-8")
def forbidden_without_a_challenge(patch: Patch) -> None:
    """403 is sent as the framework does, and says nothing of scope."""
    _forbidden(patch, lambda answer: answer.drop("www-authenticate"))


@fault("HTTP-8")
def forbidden_with_another_code(patch: Patch) -> None:
    """The challenge says invalid_scope, which belongs to the other endpoint."""
    _challenge(patch, lambda told: told.replace("insufficient_scope", "invalid_scope"), 403)


@fault("HTTP-8")
def scope_of_the_challenge_is_a_list(patch: Patch) -> None:
    """The scope that is needed stands there as JSON, whose quotes end the value."""
    _challenge(patch, lambda told: told.partition(", scope=")[0] + ', scope="["backends:b"]"', 403)


@fault("HTTP-8")
def forbidden_path_is_repeated(patch: Patch) -> None:
    """The scope that is needed is built from the path as it was sent, whatever is in it (CWE-113)."""

    def repeat(answer: Answer) -> None:
        told = answer.values("www-authenticate")[0].partition(", scope=")[0]
        backend = answer.path.split("/")[2].replace("%20", " ").replace("%2A", '"')
        answer.put("www-authenticate", f'{told}, scope="backends:{backend}"')

    _forbidden(patch, repeat)
