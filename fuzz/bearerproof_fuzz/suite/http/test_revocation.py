"""Revocation over HTTP: the DELETE of one token, or of all that an identity has."""

from collections.abc import Mapping
from urllib.parse import quote, urlencode

import pytest

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import wire
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.http_asserts import answered
from bearerproof_fuzz.keyserver.revocation_asserts import NOBODYS_JTI, dead, live
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER
from bearerproof_fuzz.keyserver.wire import ADMINISTRATOR, FORM, Reply
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, HTTP

# --- one token


@check("HTTP-11", needs=(HTTP,))
def test_token_is_deleted(mark: CheckId, trial: Trial) -> None:
    """Revoking a live token is answered with 204, no body, and no field that speaks of one; the bearer is refused."""
    server = KeyServerDriver(trial)
    grant, other = server.issue(), server.issue()
    reply = wire.delete(server, grant.jti, ADMINISTRATOR)
    answered(server, reply, 204, "a live token is revoked")
    for field in ("Content-Type", "Content-Length", "Transfer-Encoding"):
        if reply.values(field):
            server.fail("a live token is revoked", f"204 without {field}", ", ".join(reply.values(field)))
    if reply.body:
        server.fail("a live token is revoked", "204 without a body", f"{len(reply.body)} bytes")
    dead(server, grant, summary="the token was revoked")
    live(server, other, summary="another token was revoked")


@check("HTTP-11", needs=(HTTP,))
def test_token_that_is_not_active(mark: CheckId, trial: Trial) -> None:
    """Revoking a token that is unknown or revoked before is answered with 404."""
    server = KeyServerDriver(trial)
    grant, other = server.issue(), server.issue()
    answered(server, wire.delete(server, grant.jti, ADMINISTRATOR), 204, "a live token is revoked")
    answered(server, wire.delete(server, grant.jti, ADMINISTRATOR), 404, "a token that was revoked before")
    for name, jti in _UNKNOWN.items():
        reply = wire.delete(server, jti, ADMINISTRATOR)
        if reply.status != 404 and (name == "an id of nobody" or reply.status != 400):
            server.fail(f"what is to be revoked is {name}", "404", reply.describe())
    live(server, other, summary="something unknown was revoked")


_UNKNOWN = {
    "an id of nobody": NOBODYS_JTI,
    "a word": "x",
    "an asterisk": "*",
    "encoded controls": "a%0D%0Ab%00",
    "an encoded slash": f"{NOBODYS_JTI}%2Fx",
    "octets that are no UTF-8": "%FF%FE",
    "broken encoding": "%zz",
    "a long id": "a" * 4000,
}


@check("HTTP-11", needs=(CLOCK, HTTP, CONFIGURE))
def test_expired_token(mark: CheckId, trial: Trial) -> None:
    """Revoking an expired token, or one that is forgotten, is answered with 404."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    for seconds in (600, 1000):
        server.wait(seconds)
        answered(server, wire.delete(server, grant.jti, ADMINISTRATOR), 404, "a token that has expired")


@check("HTTP-11", needs=(HTTP, CONFIGURE))
def test_token_without_the_secret(mark: CheckId, trial: Trial) -> None:
    """Without the admin secret there is one answer 401, whatever token is named, and nothing is revoked."""
    server = KeyServerDriver(trial, DEFAULT.but(admin_failures=1000))
    grant, ended = server.issue(), server.issue()
    answered(server, wire.delete(server, ended.jti, ADMINISTRATOR), 204, "a live token is revoked")
    named = {"a live token": grant.jti, "a revoked token": ended.jti, **_UNKNOWN}
    for credentials in _STRANGERS:
        _judge_uniform(server, {name: wire.delete(server, jti, *credentials) for name, jti in named.items()})
    for presented in (grant, ended):
        answered(
            server, wire.delete(server, grant.jti, wire.bearer(presented)), 401, "a bearer in place of the admin secret"
        )
    live(server, grant, summary="its revocation was asked for without the admin secret")


_STRANGERS: tuple[tuple[str, ...], ...] = ((), ("Bearer wrong",), ("Bearer",), ("Basic YTpi",))
"""Credentials of people who do not know the secret."""


def _judge_uniform(server: KeyServerDriver, replies: Mapping[str, Reply]) -> None:
    first = next(iter(replies.values()))
    for name, reply in replies.items():
        answered(server, reply, 401, f"without the secret {name} is to be revoked")
        if reply.fingerprint != first.fingerprint:
            expected = f"the same octets as for {next(iter(replies))}"
            server.fail(f"without the secret {name} is to be revoked", expected, "others")


# --- all of an identity


@check("HTTP-12", needs=(HTTP,))
def test_identity_is_deleted(mark: CheckId, trial: Trial) -> None:
    """Bulk revocation is answered with 200 and the number of tokens, 0 included."""
    server = KeyServerDriver(trial)
    others = [server.issue("bob"), server.issue("alice", provider=OTHER)]
    for number in (0, 3):
        grants = [server.issue("carol") for _ in range(number)]
        _number(server, wire.delete_all(server, wire.identity_query("carol"), ADMINISTRATOR), number)
        dead(server, *grants, summary="all tokens of the identity were revoked")
        if not trial.declaration.injected_clock:
            break  # who was revoked signs in again a second later
        server.wait(1)
    live(server, *others, summary="the tokens of another identity were revoked")


def _number(server: KeyServerDriver, reply: Reply, number: int) -> None:
    summary = f"an identity with {number} live tokens is revoked"
    found = None if reply.json is None else reply.json.get("revoked")
    if reply.status != 200 or reply.media_type != "application/json" or found != number or type(found) is not int:
        reported = f"{reply.describe()}, revoked {found}"
        server.fail(summary, f'200 and {{"revoked": {number}}} as JSON', reported)


_SPELLINGS = {
    "in the other order": "?subject={subject}&issuer={issuer}",
    "with a plus": "?issuer={issuer}&subject=al+ice",
    "encoded all over": "?issuer={issuer}&subject=%61%6c%20%69%63%65",
}


@check("HTTP-12", needs=(HTTP,))
def test_names_are_decoded(mark: CheckId, trial: Trial) -> None:
    """Issuer and subject are read as a form is: in any order, encoded as one likes."""
    for query in _SPELLINGS.values():
        server = KeyServerDriver(trial)
        if server.issue_if_known("al ice") is None:
            pytest.skip("a subject with a blank is not known")
        filled = query.format(subject=quote("al ice"), issuer=quote(HOME.issuer, safe=""))
        if trial.declaration.key_server.setting is None or "{subject}" in query:  # where subjects have no mark
            _number(server, wire.delete_all(server, filled, ADMINISTRATOR), 1)


_INCOMPLETE = {
    "neither name": "",
    "an empty query": "?",
    "no subject": f"?issuer={quote(HOME.issuer, safe='')}",
    "no issuer": "?subject=alice",
    "an empty subject": f"?issuer={quote(HOME.issuer, safe='')}&subject=",
    "an empty issuer": "?issuer=&subject=alice",
    "names without values": "?issuer&subject",
    "names in another case": f"?Issuer={quote(HOME.issuer, safe='')}&Subject=alice",
    "the names as names": "?issuer.subject=alice",
}


@check("HTTP-12", needs=(HTTP,))
def test_incomplete_names(mark: CheckId, trial: Trial) -> None:
    """Bulk revocation without issuer or subject is answered with 400 once the secret was judged, and ends nothing."""
    server = KeyServerDriver(trial)
    grants = [server.issue(), server.issue("bob")]
    for name, query in _INCOMPLETE.items():
        reply = wire.delete_all(server, query, ADMINISTRATOR)
        answered(server, reply, 400, f"a bulk revocation with {name}")
        if reply.error != "invalid_request":
            server.fail(f"a bulk revocation with {name}", "400 invalid_request", reply.describe())
    live(server, *grants, summary="a bulk revocation was asked for with a name missing")


@check("HTTP-12", needs=(HTTP,))
def test_names_in_the_body(mark: CheckId, trial: Trial) -> None:
    """Names in the body do not complete those of the query."""
    server = KeyServerDriver(trial)
    grants = [server.issue(), server.issue("bob")]
    fields = [("Authorization", ADMINISTRATOR), ("Content-Type", FORM)]
    body = urlencode({"issuer": HOME.issuer, "subject": "alice"}).encode()
    for query in ("", f"?issuer={quote(HOME.issuer, safe='')}", "?subject=alice"):
        reply = wire.send(server, "DELETE", f"/auth/tokens{query}", fields, body)
        answered(server, reply, 400, "a bulk revocation with a name in the body")
    live(server, *grants, summary="a bulk revocation was asked for with a name in the body")


@check("HTTP-12", needs=(HTTP, CONFIGURE))
def test_identity_without_the_secret(mark: CheckId, trial: Trial) -> None:
    """Without the admin secret there is one answer 401, whatever names there are, and nothing is revoked."""
    server = KeyServerDriver(trial, DEFAULT.but(admin_failures=1000))
    grant = server.issue()
    named = {"a known identity": wire.identity_query(), "an unknown one": wire.identity_query("x"), **_INCOMPLETE}
    for credentials in _STRANGERS:
        _judge_uniform(server, {name: wire.delete_all(server, query, *credentials) for name, query in named.items()})
    live(server, grant, summary="its revocation was asked for without the admin secret")
    _number(server, wire.delete_all(server, wire.identity_query(), ADMINISTRATOR), 1)
