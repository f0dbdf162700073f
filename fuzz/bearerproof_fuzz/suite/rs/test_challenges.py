"""How a resource server refuses: the challenge, its error code, and what it lets slip (RFC 6750 §3)."""

from collections.abc import Iterator, Mapping

from bearerproof.contract.resource.answers import Kind
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.edits.signature import with_a_bit_flipped
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.needs import RESOURCE, RESOURCE_AUTHORIZATION, RESOURCE_SCOPE
from bearerproof_fuzz.resource.driver import Reply, ResourceDriver


@check("RS-1", needs=RESOURCE_AUTHORIZATION)
def test_challenge_without_credentials(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A request without a token is answered with a Bearer challenge."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    _require_challenge(server, server.present(None), "a request without a token")


@check("RS-1", needs=RESOURCE_AUTHORIZATION)
def test_challenge_of_a_bad_token(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that does not verify is answered with a Bearer challenge, where the status is 401."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name, reply in _answers_to_bad_tokens(server):
        if reply.status == 401:
            _require_challenge(server, reply, name)


@check("RS-1", needs=RESOURCE_AUTHORIZATION)
def test_challenge_has_a_parameter(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The scheme of a challenge is followed by a parameter at least."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name, token in (("a request without a token", None), *_bad_tokens(server)):
        reply = server.present(token)
        server.count(reply)
        if reply.bearer is not None and not reply.bearer.parameters:
            server.find(f"{name} is answered with a challenge that is nothing but a scheme", "a parameter", reply)


def _require_challenge(server: ResourceDriver, reply: Reply, what: str) -> None:
    server.refuses(reply, f"{what} is accepted")
    if reply.bearer is None:
        server.find(f"{what} is refused without a challenge of scheme Bearer", "WWW-Authenticate: Bearer …", reply)


@check("RS-2", needs=RESOURCE_AUTHORIZATION)
def test_no_error_code_without_credentials(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A challenge says nothing of an error where there was no credential; that of a bad token may."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    reply = server.present(None)
    server.refuses(reply, "a request without a token is accepted")
    if reply.error is not None:
        server.find("a request without credentials is told an error code", "a challenge without one", reply)


@check("RS-3", needs=RESOURCE_AUTHORIZATION)
def test_bad_token_is_invalid_token(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Tokens that are bad in several ways are refused with 401 and ``invalid_token``."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name, reply in _answers_to_bad_tokens(server):
        server.refuses(reply, f"{name} is accepted")
        if reply.kind is Kind.REJECTED and (reply.status != 401 or reply.error not in (None, "invalid_token")):
            server.find(f"{name} is refused in another way", "401 invalid_token", reply, kind=name)
        if reply.kind is Kind.REJECTED and reply.error is None:
            server.find(f"{name} is refused without an error code", "401 invalid_token", reply, kind=f"{name}: no code")


@check("RS-15", needs=RESOURCE_AUTHORIZATION)
def test_failed_validation_is_invalid_token(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Each step of RFC 9068 §4 that fails is answered with the error code ``invalid_token``."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name, reply in _answers_to_bad_tokens(server):
        server.refuses(reply, f"{name} is accepted")
        if reply.kind in (Kind.REJECTED, Kind.FORBIDDEN) and reply.error != "invalid_token":
            server.find(f"{name} is refused without the code for it", "error=invalid_token", reply, kind=name)


def _answers_to_bad_tokens(server: ResourceDriver) -> Iterator[tuple[str, Reply]]:
    return ((name, server.present(token)) for name, token in _bad_tokens(server))


def _bad_tokens(server: ResourceDriver) -> Iterator[tuple[str, str]]:
    """Yield tokens that fail at one step of verification each; they are tokens to anybody who parses them."""
    draft, now = server.draft(), server.draft().now
    yield "a token with a changed signature", with_a_bit_flipped(draft).token()
    yield "a token that has expired", server.draft(exp=now - 3600, iat=now - 7200, nbf=now - 7200).token()
    yield "a token of another issuer", server.draft(iss="https://evil.example").token()
    yield "a token for another audience", server.draft(aud="api://another").token()
    yield "a token under a key of an attacker", _by_an_attacker(server.draft()).token()


def _by_an_attacker(draft: Draft) -> Draft:
    return draft.signed_by(keys.key(draft.key.algorithm, "attacker").sign)


@check("RS-4", needs=RESOURCE_SCOPE)
def test_token_of_another_scope(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that is good, and good for something else, does not lead to the resource."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control("a token of the scope that is needed")
    scope = server.server.scope
    for other in ("bearerproof:nothing", f"x{scope}", f"{scope}x", f"{scope}-x x-{scope}"):
        reply = server.present(server.with_scope(other).token())
        server.refuses(reply, f"a token of the scope {other!r} is accepted where {scope!r} is needed")


@check("RS-16", needs=(*RESOURCE_SCOPE, *RESOURCE_AUTHORIZATION))
def test_lack_of_scope_is_insufficient_scope(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token of another scope is refused with 403 and ``insufficient_scope``."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control("a token of the scope that is needed")
    reply = server.present(server.with_scope("bearerproof:nothing").token())
    if reply.kind is Kind.ACCEPTED:  # which RS-4 finds
        return
    server.count(reply)
    if reply.status != 403 or reply.error != "insufficient_scope":
        server.find("a token of another scope is refused in another way", "403 insufficient_scope", reply)


@check("RS-16", needs=RESOURCE_AUTHORIZATION)
def test_bad_token_is_not_short_of_scope(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """No token that does not verify is said to be short of scope."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name, reply in _answers_to_bad_tokens(server):
        server.count(reply)
        if reply.error == "insufficient_scope":
            server.find(f"{name} is said to be short of scope", "invalid_token", reply, kind=name)


@check("RS-12", needs=RESOURCE)
def test_refusal_repeats_no_token(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """No part of a token stands in the answer to it, be it good or bad."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name, token in (*_bad_tokens(server), ("an honest token", server.draft().token())):
        reply = server.present(token)
        server.count(reply)
        shown = b"\n".join([reply.body, *(value.encode("latin-1") for _, value in reply.headers)])
        if any(part.encode() in shown for part in (token, token.rpartition(".")[2])):
            server.find(f"the answer to {name} repeats it", "an answer without the token", reply)


@check("RS-12", needs=RESOURCE)
def test_refusal_shows_no_stack(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """No answer shows where in the program a token was refused."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name, token in (*_bad_tokens(server), *_misshapen(server)):
        reply = server.present(token)
        server.count(reply)
        found = next((trace for trace in _TRACES if trace in reply.body), None)
        if found is not None:
            server.find(f"the answer to {name} shows a stack trace", f"an answer without {found.decode()!r}", reply)


_TRACES = (
    b"Traceback (most recent call last)",
    b"\n    at ",
    b"\\n    at ",
    b"\n\tat ",
    b"\\n\\tat ",
    b"node_modules/",
    b"goroutine ",
    b".java:",
    b"site-packages/",
    b"panic: ",
)
"""What a stack trace has in it: of Python, JavaScript, Java, .NET and Go."""


@check("RS-13", needs=RESOURCE)
def test_odd_token_is_no_server_error(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Tokens of odd forms, well signed and badly, end in a refusal or an acceptance, never in an error."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name, token in _odd_tokens(server):
        reply = server.present(token)
        server.count(reply)
        if reply.status >= 500:
            trial.errors[f"status {reply.status}"] += 1
            server.find(f"{name} ends in a server error", "a status below 500", reply, kind=name)


def _odd_tokens(server: ResourceDriver) -> Iterator[tuple[str, str]]:
    """Yield what somebody may present: no tokens, and tokens of our issuer with odd headers and claims."""
    yield from _misshapen(server)
    for name, odd in _ODD_HEADERS.items():
        yield f"a token with {name}", server.draft().with_header(**odd).token()
    for name, value in _ODD_VALUES.items():
        for claim in ("sub", "aud", "exp", "scope", "jti", "iat"):
            yield f"a token whose {claim} is {name}", server.draft(**{claim: value}).token()
    for claim in ("sub", "iss", "aud", "exp", "iat", "jti"):
        yield f"a token without {claim}", server.draft().without_claim(claim).token()


def _misshapen(server: ResourceDriver) -> Iterator[tuple[str, str]]:
    """Yield what is no token, though made of one."""
    whole = server.draft().token()
    header, payload, signature = whole.split(".")
    yield from {
        "a word": "x",
        "two dots": "..",
        "two segments": f"{header}.{payload}",
        "five segments": f"{whole}.{whole}",
        "an empty header": f".{payload}.{signature}",
        "an empty payload": f"{header}..{signature}",
        "a header that is no JSON": f"{keys.b64(b'{')}.{payload}.{signature}",
        "a header that is a list": f"{keys.b64(b'[]')}.{payload}.{signature}",
        "a header that is a number": f"{keys.b64(b'1')}.{payload}.{signature}",
        "a header of octets that are no UTF-8": f"{keys.b64(bytes([0xFF, 0xFE]))}.{payload}.{signature}",
        "a header of deep nesting": f"{keys.b64(b'[' * 1200)}.{payload}.{signature}",
        "an impossible length": f"{header}.{payload}.{signature}A",
    }.items()


_ODD_HEADERS: Mapping[str, Json] = {
    "a kid that is a number": {"kid": 1},
    "a kid that is null": {"kid": None},
    "a kid that is a list": {"kid": []},
    "an alg that is a number": {"alg": 1},
    "an alg that is null": {"alg": None},
    "an unknown alg": {"alg": "XX999"},
    "an unknown kid": {"kid": "bearerproof-unknown"},
    "a typ that is a list": {"typ": []},
    "a crit that is a number": {"crit": 1},
    "an alg with a line break": {"alg": "a\r\nX-Injected: 1"},
    "an alg with a NUL": {"alg": "ES256\0"},
    "an alg beyond Latin-1": {"alg": "\U0001f511"},
    "a kid with a line break": {"kid": "a\r\nX-Injected: 1"},
    "a kid beyond Latin-1": {"kid": "\U0001f511"},
    "a typ with a line break": {"typ": "a\r\nX-Injected: 1"},
}
_ODD_VALUES = {"null": None, "a number": 7, "a list": [1], "an object": {"a": 1}, "a huge number": 10**30}
