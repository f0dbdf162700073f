"""Faults in what the resource server answers: challenges, codes, statuses, metadata."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by
from bearerproof_reference.deployment import resource
from bearerproof_reference.deployment.resource import Answer, Request, ResourceServer


def _changing_answers(patch: Patch, change: Callable[[Answer, Request], Answer]) -> None:
    """Change every answer."""
    patch.wrap(ResourceServer, "answer", lambda answer, server, request: change(answer(server, request), request))


def _changing_challenge(patch: Patch, change: Callable[[str, str | None], str]) -> None:
    """Change the text of every challenge; the second argument is the error code."""
    patch.wrap(ResourceServer, "challenge", lambda challenge, server, error: change(challenge(server, error), error))


@fault_by("RS-1", _changing_answers)
def challenge_field_misspelt(answer: Answer, request: Request) -> Answer:  # noqa: ARG001 - the helper's form
    """The field is called WWW-Authentication, as in many a public repository."""
    names = {"WWW-Authenticate": "WWW-Authentication"}
    return Answer(
        answer.status, answer.members, tuple((names.get(name, name), value) for name, value in answer.headers)
    )


@fault_by("RS-1", _changing_challenge)
def challenge_without_a_parameter(challenge: str, error: str | None) -> str:
    """Where there was no token the challenge is the word Bearer and nothing else, as several frameworks have it."""
    return challenge if error else "Bearer"


@fault_by("RS-2", _changing_challenge)
def error_code_without_credentials(challenge: str, error: str | None) -> str:
    """A request without a token is told that its token is invalid, as the SDKs of MCP do."""
    return challenge if error else f'{challenge}, error="invalid_token"'


@fault_by("RS-3", _changing_answers)
def bad_token_is_a_bad_request(answer: Answer, request: Request) -> Answer:  # noqa: ARG001 - the helper's form
    """A token that does not verify is answered with 400, so that clients do not renew it."""
    return Answer(
        400 if answer.members.get("error") == "invalid_token" else answer.status, answer.members, answer.headers
    )


@fault_by("RS-15", _changing_challenge)
def no_error_code_at_all(challenge: str, error: str | None) -> str:  # noqa: ARG001 - the helper's form
    """Every challenge is the same, whatever was presented."""
    return 'Bearer realm="orders"'


@fault_by("RS-16", _changing_answers)
def lack_of_scope_is_an_invalid_token(answer: Answer, request: Request) -> Answer:  # noqa: ARG001 - the helper's form
    """A token of another scope is answered as one that is no good, and clients renew it for ever."""
    if answer.status != 403:
        return answer
    told = tuple((name, value.replace("insufficient_scope", "invalid_token")) for name, value in answer.headers)
    return Answer(401, {"error": "invalid_token"}, told)


def _refusing(patch: Patch, change: Callable[..., Answer]) -> None:
    """Change how a token is refused that does not verify."""
    patch.wrap(ResourceServer, "refusal", change)


@fault_by("RS-12", _refusing)
def refusal_repeats_the_token(refusal: Any, server: ResourceServer, verdict: Any, token: str) -> Answer:
    """The refusal says which token it was, to help whoever debugs."""
    refused: Answer = refusal(server, verdict, token)
    return Answer(refused.status, {**refused.members, "detail": f"cannot verify {token}"}, refused.headers)


@fault_by("RS-12", _refusing)
def refusal_shows_a_stack_trace(refusal: Any, server: ResourceServer, verdict: Any, token: str) -> Answer:
    """The application runs with its debugging page on."""
    refused: Answer = refusal(server, verdict, token)
    trace = 'Traceback (most recent call last):\n  File "app.py", line 12, in verify'
    return Answer(refused.status, {**refused.members, "trace": trace}, refused.headers)


@fault_by("RS-13", _refusing)
def malformed_token_is_a_server_error(refusal: Any, server: ResourceServer, verdict: Any, token: str) -> Answer:
    """Only errors of the signature are caught, and what cannot be parsed is an exception that nobody handles."""
    if str(verdict.reason) == "malformed":
        return Answer(500, {"error": "internal_server_error"})
    refused: Answer = refusal(server, verdict, token)
    return refused


@fault("RS-8")
def metadata_of_the_wrong_resource(patch: Patch) -> None:
    """The identifier in the metadata has a slash at its end, which the identifier has not."""

    def changed(metadata: Any, server: ResourceServer) -> Any:
        found = metadata(server)
        return {**found, "resource": f"{found['resource']}/"}

    patch.wrap(ResourceServer, "metadata", changed)


@fault("RS-8")
def metadata_elsewhere(patch: Patch) -> None:
    """The metadata is served under the name that metadata of an authorization server has."""
    patch(resource, "WELL_KNOWN", "/.well-known/oauth-authorization-server")


@fault("RS-9")
def metadata_names_no_issuer(patch: Patch) -> None:
    """Nobody filled in who issues tokens."""

    def changed(metadata: Any, server: ResourceServer) -> Any:
        return {**metadata(server), "authorization_servers": []}

    patch.wrap(ResourceServer, "metadata", changed)


@fault_by("RS-10", _changing_challenge)
def challenge_leads_nowhere(challenge: str, error: str | None) -> str:  # noqa: ARG001 - the helper's form
    """The challenge does not say where the metadata is."""
    return challenge.replace("resource_metadata=", "metadata=")
