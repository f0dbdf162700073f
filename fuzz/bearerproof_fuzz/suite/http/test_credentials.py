"""Credentials over HTTP: how a bearer is presented, where it is none, and what is one credential too many."""

from base64 import b64encode
from typing import Any
from urllib.parse import urlencode

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check, strict_alone
from bearerproof_fuzz.keyserver import wire
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.http_asserts import UNKNOWN, admitted, refused
from bearerproof_fuzz.keyserver.revocation_asserts import peers
from bearerproof_fuzz.keyserver.setting import ADMIN
from bearerproof_fuzz.keyserver.wire import ADMINISTRATOR, FORM, Reply
from bearerproof_fuzz.needs import HTTP

# --- too many


def _one_too_many(server: KeyServerDriver, reply: Reply, summary: str) -> None:
    if reply.status != 400 or "invalid_request" not in _errors(reply):
        server.fail(summary, "400 invalid_request", reply.describe())


def _errors(reply: Reply) -> list[Any]:
    """Return the codes that the answer gives, in its body or in its challenge."""
    try:
        challenges = wire.challenges(reply.values("WWW-Authenticate"))
    except ValueError:
        challenges = []
    return [reply.error, *(challenge.parameters.get("error") for challenge in challenges)]


@check("HTTP-9", needs=(HTTP,))
def test_two_headers(mark: CheckId, trial: Trial) -> None:
    """Two Authorization fields are refused, whatever is in them and whichever comes first."""
    server = KeyServerDriver(trial)
    grant, second = server.issue(), server.issue()
    good = wire.bearer(grant)
    admitted(server, wire.resource(server, good), "an honest bearer")
    others = {
        "the same": good,
        "another good one": wire.bearer(second),
        "an unknown bearer": f"Bearer {UNKNOWN}",
        "a text": "Bearer x",
        "nothing": "Bearer",
        "an empty value": "",
        "another scheme": "Basic YTpi",
        "the admin secret": ADMINISTRATOR,
    }
    for name, other in others.items():
        for credentials in ((good, other), (other, good)):
            reply = wire.resource(server, *credentials)
            _one_too_many(server, reply, f"a good bearer and, in a field of its own, {name}")
    _one_too_many(server, wire.resource(server, good, good, good), "a good bearer in three fields")
    fields = (("authorization", good), ("AUTHORIZATION", f"Bearer {UNKNOWN}"))
    _one_too_many(server, wire.resource(server, fields=fields), "two fields whose names differ in case")
    admitted(server, wire.resource(server, good), "an honest bearer, after all that")


@check("HTTP-9", needs=(HTTP,))
def test_header_and_query(mark: CheckId, trial: Trial) -> None:
    """A bearer in the header and one in the query are two, be they the same or not."""
    server = KeyServerDriver(trial)
    grant, second = server.issue(), server.issue()
    good = wire.bearer(grant)
    admitted(server, wire.resource(server, good), "an honest bearer")
    for name, other in {"the same": grant.bearer, "another good one": second.bearer, "an unknown one": UNKNOWN}.items():
        for query in (f"?access_token={other}", f"?x=1&access_token={other}", f"?access%5Ftoken={other}"):
            reply = wire.resource(server, good, path=f"/resource/a/x{query}")
            _one_too_many(server, reply, f"a good bearer in the header, and in the query {name}")
    reply = wire.resource(server, f"Bearer {UNKNOWN}", path=f"/resource/a/x?access_token={grant.bearer}")
    _one_too_many(server, reply, "an unknown bearer in the header, and a good one in the query")
    admitted(server, wire.resource(server, good, path="/resource/a/x?x=access_token"), "a query of something else")


@check("HTTP-9", needs=(HTTP,))
def test_header_and_body(mark: CheckId, trial: Trial) -> None:
    """A bearer in the header and one in the body, a form, are two; with one in the query they are three."""
    server = KeyServerDriver(trial)
    grant, second = server.issue(), server.issue()
    good = wire.bearer(grant)
    admitted(server, wire.resource(server, good), "an honest bearer")
    for name, other in {"the same": grant.bearer, "another good one": second.bearer, "an unknown one": UNKNOWN}.items():
        for media_type in (FORM, f"{FORM}; charset=UTF-8", FORM.upper()):
            body = urlencode({"x": "1", "access_token": other}).encode()
            reply = wire.resource(server, good, body=body, fields=(("Content-Type", media_type),))
            _one_too_many(server, reply, f"a good bearer in the header, and in the body {name}")
        path = f"/resource/a/x?access_token={other}"
        reply = wire.resource(server, good, path=path, body=body, fields=(("Content-Type", FORM),))
        _one_too_many(server, reply, f"a good bearer in the header, and in query and body {name}")
    admitted(server, wire.resource(server, good), "an honest bearer, after all that")


@check("HTTP-9", needs=(HTTP,))
def test_joined_by_commas(mark: CheckId, trial: Trial) -> None:
    """Two credentials in one field, joined as proxies join fields, are not taken: neither the first nor the last."""
    server = KeyServerDriver(trial)
    grant, second = server.issue(), server.issue()
    good = wire.bearer(grant)
    admitted(server, wire.resource(server, good), "an honest bearer")
    for name, other in {
        "the same": good,
        "another good one": wire.bearer(second),
        "an unknown bearer": f"Bearer {UNKNOWN}",
        "another scheme": "Basic YTpi",
        "nothing": "",
    }.items():
        for joint in (", ", ",", " , ", ";", "; "):
            for value in (f"{good}{joint}{other}", f"{other}{joint}{good}"):
                reply = wire.resource(server, value)
                refused(server, reply, f"a good bearer and, behind {joint!r} or before it, {name}", (400, 401))
    value = f"Bearer {grant.bearer},{second.bearer}"
    refused(server, wire.resource(server, value), "two good bearers behind one scheme", (400, 401))


@check("HTTP-9", needs=(HTTP,))
def test_two_credentials_of_an_administrator(mark: CheckId, trial: Trial) -> None:
    """Two credentials revoke nothing, though one of them is the admin secret."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    places = peers()
    for name, other in {"the same": ADMINISTRATOR, "a bearer": wire.bearer(grant), "a wrong one": "Bearer x"}.items():
        for both in ((ADMINISTRATOR, other), (other, ADMINISTRATOR)):
            reply = wire.delete(server, grant.jti, *both, peer=next(places))
            _one_too_many(server, reply, f"the admin secret and {name}")
            in_bulk = wire.delete_all(server, wire.identity_query(), *both, peer=next(places))
            _one_too_many(server, in_bulk, f"the admin secret and {name}")
    server.good(server.authenticate(grant.bearer), "its revocation came with two credentials")


# --- spellings


_SCHEMES = ("Bearer ", "bearer ", "BEARER ", "bEaReR ", "beareR ", "Bearer  ", "bearer     ")


@check("HTTP-13", needs=(HTTP,))
def test_scheme_in_any_case(mark: CheckId, trial: Trial) -> None:
    """A bearer is taken behind its scheme in any case, with one blank or more between them."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    for scheme in _SCHEMES:
        admitted(server, wire.resource(server, f"{scheme}{grant.bearer}"), f"a good bearer behind {scheme!r}")
        unknown = wire.resource(server, f"{scheme}{grant.jti}")
        server.require(unknown.status == 401, f"what is no bearer behind {scheme!r}", "401", unknown.describe())


@check("HTTP-13", needs=(HTTP,))
def test_scheme_of_administrators_in_any_case(mark: CheckId, trial: Trial) -> None:
    """The admin secret is taken behind its scheme in any case as well."""
    server = KeyServerDriver(trial)
    for scheme in _SCHEMES:
        grant = server.issue()
        reply = wire.delete(server, grant.jti, f"{scheme}{ADMIN}")
        if reply.status != 204:
            server.fail(f"the admin secret behind {scheme!r}", "204", reply.describe())


@check("HTTP-13", needs=(HTTP,))
def test_other_schemes(mark: CheckId, trial: Trial) -> None:
    """A good bearer behind another scheme, or behind none, is not taken."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    admitted(server, wire.resource(server, wire.bearer(grant)), "an honest bearer")
    for name, value in _other_schemes(grant).items():
        refused(server, wire.resource(server, value), f"a good bearer, and {name}", (400, 401))


def _other_schemes(grant: Grant) -> dict[str, str]:
    bearer = grant.bearer
    return {
        "no scheme": bearer,
        "another scheme": f"Basic {bearer}",
        "a longer scheme": f"Bearers {bearer}",
        "a shorter scheme": f"Beare {bearer}",
        "a scheme before the scheme": f"Token Bearer {bearer}",
        "the scheme twice": f"Bearer Bearer {bearer}",
        "the scheme behind it": f"{bearer} Bearer",
        "the scheme of proofs": f"DPoP {bearer}",
        "the scheme of a password": _basic(bearer),
        "a look-alike of the scheme": f"B\xe9arer {bearer}",
    }


def _basic(bearer: str) -> str:
    return f"Basic {b64encode(f'{bearer}:'.encode()).decode()}"


@check("HTTP-13", needs=(HTTP,))
def test_bearer_in_other_spellings(mark: CheckId, trial: Trial) -> None:
    """A good bearer is not taken behind other white space, in quotes, with a word more or with signs around it."""
    strict_alone(trial, "what a server makes of a field that is not in form is its own affair")
    server = KeyServerDriver(trial)
    grant = server.issue()
    admitted(server, wire.resource(server, wire.bearer(grant)), "an honest bearer")
    for name, value in _spellings(grant).items():
        refused(server, wire.resource(server, value), f"a good bearer, and {name}", (400, 401))


def _spellings(grant: Grant) -> dict[str, str]:
    bearer = grant.bearer
    return {
        "a tab for the blank": f"Bearer\t{bearer}",
        "a blank and a tab": f"Bearer \t{bearer}",
        "no blank": f"Bearer{bearer}",
        "a colon": f"Bearer: {bearer}",
        "an equals sign": f"Bearer={bearer}",
        "a no-break space": f"Bearer\xa0{bearer}",
        "a word behind it": f"Bearer {bearer} x",
        "a word before it": f"Bearer x {bearer}",
        "itself again": f"Bearer {bearer} {bearer}",
        "a tab and a word": f"Bearer {bearer}\tx",
        "a comma behind it": f"Bearer {bearer},",
        "a semicolon behind it": f"Bearer {bearer};",
        "quotes": f'Bearer "{bearer}"',
        "single quotes": f"Bearer '{bearer}'",
        "angle brackets": f"Bearer <{bearer}>",
        "a parameter's name": f'Bearer token="{bearer}"',
        "another parameter's name": f"Bearer access_token={bearer}",
        "padding": f"Bearer {bearer}=",
        "a letter in percent-encoding": f"Bearer %{ord(bearer[0]):02X}{bearer[1:]}",
        "octets beyond ASCII": f"Bearer {bearer}\xff",
        "a zero-width space": f"Bearer {bearer}\xe2\x80\x8b",
    }


@check("HTTP-13", needs=(HTTP,))
def test_bearer_with_control_characters(mark: CheckId, trial: Trial) -> None:
    """Credentials with NUL, CR or LF in them do not get through, if they can be sent at all."""
    strict_alone(trial, "what a server makes of a field that is not in form is its own affair")
    server = KeyServerDriver(trial)
    grant = server.issue()
    admitted(server, wire.resource(server, wire.bearer(grant)), "an honest bearer")
    for name, sign in {
        "NUL": "\0",
        "CR": "\r",
        "LF": "\n",
        "CR LF": "\r\n",
        "a folded line": "\r\n ",
        "DEL": "\x7f",
        "a vertical tab": "\v",
        "ESC": "\x1b",
    }.items():
        for value in (f"Bearer{sign}{grant.bearer}", f"Bearer {sign}{grant.bearer}", f"Bearer {grant.bearer}{sign}x"):
            message = wire.request("GET", "/resource/a/x", [("Authorization", value)])
            refused(server, wire.try_to_send(server, message), f"a good bearer with {name}", (400, 401))
    admitted(server, wire.resource(server, wire.bearer(grant)), "an honest bearer, after all that")


# --- elsewhere


@check("HTTP-17", needs=(HTTP,))
def test_bearer_in_the_query(mark: CheckId, trial: Trial) -> None:
    """A good bearer in the query alone is not taken, under whichever name."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    admitted(server, wire.resource(server, wire.bearer(grant)), "an honest bearer in the header")
    for name in ("access_token", "access%5Ftoken", "token", "bearer", "authorization", "Authorization", "api_key"):
        for value in (grant.bearer, f"Bearer%20{grant.bearer}"):
            reply = wire.resource(server, path=f"/resource/a/x?{name}={value}")
            refused(server, reply, f"a good bearer in the query, as {name}", (400, 401))


@check("HTTP-17", needs=(HTTP,))
def test_bearer_in_the_body(mark: CheckId, trial: Trial) -> None:
    """A good bearer in the body alone is not taken, be it a form or JSON."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    admitted(server, wire.resource(server, wire.bearer(grant)), "an honest bearer in the header")
    for media_type, body in {
        FORM: f"access_token={grant.bearer}",
        "application/json": f'{{"access_token":"{grant.bearer}"}}',
        "text/plain": grant.bearer,
    }.items():
        reply = wire.resource(server, body=body.encode(), fields=(("Content-Type", media_type),))
        refused(server, reply, f"a good bearer in a body of {media_type}", (400, 401))


@check("HTTP-17", needs=(HTTP,))
def test_admin_secret_elsewhere(mark: CheckId, trial: Trial) -> None:
    """The admin secret in query or body revokes nothing."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    places = peers()
    for name in ("access_token", "admin", "admin_secret"):
        path, body = f"/auth/token/{grant.jti}", f"{name}={ADMIN}"
        reply = wire.send(server, "DELETE", f"{path}?{body}", peer=next(places))
        refused(server, reply, f"the admin secret as {name} in the query", (400, 401))
        reply = wire.send(server, "DELETE", path, [("Content-Type", FORM)], body.encode(), peer=next(places))
        refused(server, reply, f"the admin secret as {name} in the body", (400, 401))
    server.good(server.authenticate(grant.bearer), "its revocation came with the admin secret in query or body")


@check("HTTP-17", needs=(HTTP,))
def test_bearer_in_other_fields(mark: CheckId, trial: Trial) -> None:
    """A good bearer in a cookie, or in a field that is not Authorization, is not taken."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    admitted(server, wire.resource(server, wire.bearer(grant)), "an honest bearer in the header")
    for field in (
        "Proxy-Authorization",
        "X-Authorization",
        "X-Access-Token",
        "Authorization2",
        "X-Forwarded-Authorization",
    ):
        for value in (grant.bearer, wire.bearer(grant)):
            reply = wire.resource(server, fields=((field, value),))
            refused(server, reply, f"a good bearer in the field {field}", (400, 401))
    reply = wire.resource(server, fields=(("Cookie", f"access_token={grant.bearer}; bearer={grant.bearer}"),))
    refused(server, reply, "a good bearer in a cookie", (400, 401))
