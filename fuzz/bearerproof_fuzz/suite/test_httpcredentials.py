"""Credentials over HTTP: how a bearer is presented, what is no credential or one too many, and how each is answered."""

import re
from base64 import b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from bearerproof.catalogue import Measure
from bearerproof.harness import Mark
from bearerproof.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyservers import wire
from bearerproof_fuzz.keyservers.endings import peers
from bearerproof_fuzz.keyservers.setting import ADMIN
from bearerproof_fuzz.keyservers.wire import ADMINISTRATOR, FORM, Challenge, Fields, Reply
from bearerproof_fuzz.keyservers.world import Grant, World

BOUND = ("key_server:http",)
TIMED = ("clock", *BOUND, "key_server:configure")

UNKNOWN = "bprf_" + "A" * 43
"""A bearer in the form of the reference's, which nobody issued."""


def _admitted(world: World, reply: Reply, summary: str) -> None:
    if reply.status != 200:
        world.fail(summary, "200", reply.describe())


def _refused(world: World, reply: Reply | None, summary: str, statuses: tuple[int, ...] = (401,)) -> None:
    """Require a refusal with one of these statuses; a request that was never sent is refused enough."""
    if reply is not None and reply.status not in statuses:
        world.fail(summary, " or ".join(map(str, statuses)), reply.describe())


def _challenge(world: World, reply: Reply, summary: str) -> Challenge:
    """Return the one Bearer challenge of an answer."""
    try:
        found = wire.challenges(reply.values("WWW-Authenticate"))
    except ValueError as flaw:
        world.fail(summary, "a well-formed WWW-Authenticate", f"{reply.describe()}, {flaw}")
    bearers = [one for one in found if one.scheme.lower() == "bearer"]
    if len(bearers) != 1:
        world.fail(summary, "one challenge of scheme Bearer", f"{reply.describe()}, {len(bearers)} of them")
    return bearers[0]


# --- challenges

_NO_CREDENTIAL: Mapping[str, Fields] = {
    "no Authorization": (),
    "another scheme": (("Authorization", "Basic YTpi"),),
    "a scheme that begins alike": (("Authorization", "Bear x"),),
    "a scheme that nobody knows": (("Authorization", "X-Unknown abc"),),
    "a cookie": (("Cookie", "access_token=abc"),),
}

_BAD = {
    "an unknown bearer": f"Bearer {UNKNOWN}",
    "a text": "Bearer nothing",
    "a short text": "Bearer a",
    "a long text": "Bearer " + "a" * 5000,
    "a JWT": "Bearer e30.e30.e30",
    "the admin secret": ADMINISTRATOR,
    "signs": "Bearer -._~+/===",
}


@check("HTTP-6", needs=BOUND)
def test_challenge_without_a_credential(mark: Mark, trial: Trial) -> None:
    """Where no bearer was presented, the challenge is well-formed and holds no error code."""
    world = World(trial)
    _admitted(world, wire.resource(world, wire.bearer(world.issue())), "an honest bearer")
    for name, fields in _NO_CREDENTIAL.items():
        reply = wire.resource(world, fields=fields)
        summary = f"a request with {name}"
        _refused(world, reply, summary)
        challenge = _challenge(world, reply, summary)
        _judge_parameters(world, challenge, summary)
        if "error" in challenge.parameters and trial.measure is Measure.STRICT:
            world.fail(summary, "a challenge without error code", challenge.parameters["error"])


def _judge_parameters(world: World, challenge: Challenge, summary: str) -> None:
    """Judge what RFC 6750 §3 says of the parameters: at least one, and these of certain characters."""
    if not challenge.parameters:
        world.fail(summary, "a challenge with at least one parameter", "none")
    for name, form in _FORMS.items():
        value = challenge.parameters.get(name)
        if value is not None and form.fullmatch(value) is None:
            world.fail(summary, f"{name} of permitted characters", value)


_FORMS = {
    "scope": re.compile(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*"),
    "error": re.compile(r"[ !#-\[\]-~]+"),
    "error_description": re.compile(r"[ !#-\[\]-~]+"),
    "error_uri": re.compile(r"[!#-\[\]-~]+"),
}


@check("HTTP-6", needs=BOUND)
def test_challenge_for_a_bad_bearer(mark: Mark, trial: Trial) -> None:
    """Where a bearer was presented that is not good, the challenge is well-formed and says invalid_token."""
    world = World(trial)
    revoked = world.issue()
    _admitted(world, wire.resource(world, wire.bearer(revoked)), "an honest bearer")
    world.good(world.revoke(revoked.jti), "one live token is revoked")
    for name, credentials in {**_BAD, "a revoked bearer": wire.bearer(revoked)}.items():
        reply = wire.resource(world, credentials)
        summary = f"a request with {name} as bearer"
        _refused(world, reply, summary)
        challenge = _challenge(world, reply, summary)
        _judge_parameters(world, challenge, summary)
        if challenge.parameters.get("error") not in _ERRORS[trial.measure]:
            world.fail(summary, 'error="invalid_token"', f"{challenge.parameters.get('error')}")


_ERRORS: Mapping[Measure, tuple[str | None, ...]] = {
    Measure.STRICT: ("invalid_token",),
    Measure.BASE: ("invalid_token", None),
}


@check("HTTP-6", needs=BOUND)
def test_challenge_to_administrators(mark: Mark, trial: Trial) -> None:
    """A revocation without the admin secret is answered with a well-formed challenge as well."""
    world = World(trial)
    grant = world.issue()
    for name, credentials in {"no credential": (), "a wrong secret": ("Bearer wrong",)}.items():
        for reply in (
            wire.delete(world, grant.jti, *credentials),
            wire.delete_all(world, wire.identity_query(), *credentials),
        ):
            _refused(world, reply, f"a revocation with {name}")
            _judge_parameters(world, _challenge(world, reply, f"a revocation with {name}"), f"a revocation with {name}")


# --- one answer


@check("HTTP-7", needs=BOUND)
def test_bad_bearers_get_one_answer(mark: Mark, trial: Trial) -> None:
    """Every bearer that is malformed, unknown or revoked gets the same answer, byte for byte."""
    world = World(trial)
    grant, live = world.issue(), world.issue()
    _admitted(world, wire.resource(world, wire.bearer(grant)), "an honest bearer")
    world.good(world.revoke(grant.jti), "one live token is revoked")
    presented = {
        "a revoked bearer": wire.bearer(grant),
        **_BAD,
        "the id of a token": f"Bearer {live.jti}",
        "a live bearer and more": f"{wire.bearer(live)}A",
        "two words": "Bearer a b",
        "nothing behind the scheme": "Bearer",
    }
    _judge_alike(world, presented)


def _judge_alike(world: World, presented: Mapping[str, str]) -> None:
    first: Reply | None = None
    for name, credentials in presented.items():
        for path in ("/resource/a/x", "/resource/b/y"):
            reply = wire.resource(world, credentials, path=path)
            _refused(world, reply, f"a request with {name} as bearer")
            first = first or reply
            if reply.told != first.told:
                shown = "other octets" if reply.describe() == first.describe() else reply.describe()
                world.fail(
                    f"a request with {name} as bearer", f"the same answer as with {next(iter(presented))}", shown
                )


@check("HTTP-7", needs=TIMED)
def test_old_bearers_get_the_same_answer(mark: Mark, trial: Trial) -> None:
    """A bearer that has expired, or is forgotten by now, gets the same answer as one that nobody issued."""
    world = World(trial)
    grant, revoked = world.issue(), world.issue()
    _admitted(world, wire.resource(world, wire.bearer(grant)), "an honest bearer")
    world.good(world.revoke(revoked.jti), "one live token is revoked")
    presented = {
        "an unknown bearer": f"Bearer {UNKNOWN}",
        "a bearer that was live": wire.bearer(grant),
        "a revoked bearer": wire.bearer(revoked),
    }
    for seconds in (600, 200, 200):
        world.wait(seconds)
        _judge_alike(world, presented)


# --- scope


@check("HTTP-8", needs=BOUND)
def test_insufficient_scope(mark: Mark, trial: Trial) -> None:
    """A good bearer for another backend or tool is answered with 403 and insufficient_scope, and stays good."""
    world = World(trial)
    grant = world.issue(scope="backends:a tools:x,search_*")
    _admitted(world, wire.resource(world, wire.bearer(grant)), "an honest bearer for its scope")
    for path in _OUT_OF_SCOPE:
        reply = wire.resource(world, wire.bearer(grant), path=path)
        summary = f"a bearer for backend a, tools x and search_*, at {path}"
        _refused(world, reply, summary, (403,))
        challenge = _challenge(world, reply, summary)
        _judge_parameters(world, challenge, summary)
        if challenge.parameters.get("error") != "insufficient_scope":
            world.fail(summary, 'error="insufficient_scope"', f"{challenge.parameters.get('error')}")
    _admitted(world, wire.resource(world, wire.bearer(grant), path="/resource/a/search_web"), "within its scope")


_OUT_OF_SCOPE = (
    "/resource/b/x", "/resource/a/y", "/resource/b/y", "/resource/A/x", "/resource/a/searching", "/resource/a/X",
    "/resource/aa/x", "/resource/a/x.y", "/resource/a%20/x", "/resource/%2A/x",
)  # fmt: skip


@check("HTTP-8", needs=BOUND)
def test_bad_bearer_has_no_scope(mark: Mark, trial: Trial) -> None:
    """A bearer that is not good is answered with 401 at every path, so nobody learns which there are."""
    world = World(trial)
    grant = world.issue(scope="backends:a tools:x")
    world.admitted(grant)
    world.good(world.revoke(grant.jti), "one live token is revoked")
    for path in ("/resource/a/x", "/resource/b/y"):
        for credentials in (wire.bearer(grant), f"Bearer {UNKNOWN}"):
            reply = wire.resource(world, credentials, path=path)
            _refused(world, reply, f"a bearer that is not good, at {path}")


# --- too many


def _one_too_many(world: World, reply: Reply, summary: str) -> None:
    if reply.status != 400 or "invalid_request" not in _errors(reply):
        world.fail(summary, "400 invalid_request", reply.describe())


def _errors(reply: Reply) -> list[Any]:
    """Return the codes that the answer gives, in its body or in its challenge."""
    try:
        challenges = wire.challenges(reply.values("WWW-Authenticate"))
    except ValueError:
        challenges = []
    return [reply.error, *(one.parameters.get("error") for one in challenges)]


@check("HTTP-9", needs=BOUND)
def test_two_headers(mark: Mark, trial: Trial) -> None:
    """Two Authorization fields are refused, whatever is in them and whichever comes first."""
    world = World(trial)
    grant, second = world.issue(), world.issue()
    good = wire.bearer(grant)
    _admitted(world, wire.resource(world, good), "an honest bearer")
    others = {
        "the same": good, "another good one": wire.bearer(second), "an unknown bearer": f"Bearer {UNKNOWN}",
        "a text": "Bearer x", "nothing": "Bearer", "an empty value": "", "another scheme": "Basic YTpi",
        "the admin secret": ADMINISTRATOR,
    }  # fmt: skip
    for name, other in others.items():
        for credentials in ((good, other), (other, good)):
            reply = wire.resource(world, *credentials)
            _one_too_many(world, reply, f"a good bearer and, in a field of its own, {name}")
    _one_too_many(world, wire.resource(world, good, good, good), "a good bearer in three fields")
    fields = (("authorization", good), ("AUTHORIZATION", f"Bearer {UNKNOWN}"))
    _one_too_many(world, wire.resource(world, fields=fields), "two fields whose names differ in case")
    _admitted(world, wire.resource(world, good), "an honest bearer, after all that")


@check("HTTP-9", needs=BOUND)
def test_header_and_query(mark: Mark, trial: Trial) -> None:
    """A bearer in the header and one in the query are two, be they the same or not."""
    world = World(trial)
    grant, second = world.issue(), world.issue()
    good = wire.bearer(grant)
    _admitted(world, wire.resource(world, good), "an honest bearer")
    for name, other in {"the same": grant.bearer, "another good one": second.bearer, "an unknown one": UNKNOWN}.items():
        for query in (f"?access_token={other}", f"?x=1&access_token={other}", f"?access%5Ftoken={other}"):
            reply = wire.resource(world, good, path=f"/resource/a/x{query}")
            _one_too_many(world, reply, f"a good bearer in the header, and in the query {name}")
    reply = wire.resource(world, f"Bearer {UNKNOWN}", path=f"/resource/a/x?access_token={grant.bearer}")
    _one_too_many(world, reply, "an unknown bearer in the header, and a good one in the query")
    _admitted(world, wire.resource(world, good, path="/resource/a/x?x=access_token"), "a query of something else")


@check("HTTP-9", needs=BOUND)
def test_header_and_body(mark: Mark, trial: Trial) -> None:
    """A bearer in the header and one in the body, a form, are two; with one in the query they are three."""
    world = World(trial)
    grant, second = world.issue(), world.issue()
    good = wire.bearer(grant)
    _admitted(world, wire.resource(world, good), "an honest bearer")
    for name, other in {"the same": grant.bearer, "another good one": second.bearer, "an unknown one": UNKNOWN}.items():
        for media_type in (FORM, f"{FORM}; charset=UTF-8", FORM.upper()):
            body = urlencode({"x": "1", "access_token": other}).encode()
            reply = wire.resource(world, good, body=body, fields=(("Content-Type", media_type),))
            _one_too_many(world, reply, f"a good bearer in the header, and in the body {name}")
        path = f"/resource/a/x?access_token={other}"
        reply = wire.resource(world, good, path=path, body=body, fields=(("Content-Type", FORM),))
        _one_too_many(world, reply, f"a good bearer in the header, and in query and body {name}")
    _admitted(world, wire.resource(world, good), "an honest bearer, after all that")


@check("HTTP-9", needs=BOUND)
def test_joined_by_commas(mark: Mark, trial: Trial) -> None:
    """Two credentials in one field, joined as proxies join fields, are not taken: neither the first nor the last."""
    world = World(trial)
    grant, second = world.issue(), world.issue()
    good = wire.bearer(grant)
    _admitted(world, wire.resource(world, good), "an honest bearer")
    for name, other in {
        "the same": good, "another good one": wire.bearer(second), "an unknown bearer": f"Bearer {UNKNOWN}",
        "another scheme": "Basic YTpi", "nothing": "",
    }.items():  # fmt: skip
        for joint in (", ", ",", " , ", ";", "; "):
            for value in (f"{good}{joint}{other}", f"{other}{joint}{good}"):
                reply = wire.resource(world, value)
                _refused(world, reply, f"a good bearer and, behind {joint!r} or before it, {name}", (400, 401))
    value = f"Bearer {grant.bearer},{second.bearer}"
    _refused(world, wire.resource(world, value), "two good bearers behind one scheme", (400, 401))


@check("HTTP-9", needs=BOUND)
def test_two_credentials_of_an_administrator(mark: Mark, trial: Trial) -> None:
    """Two credentials revoke nothing, though one of them is the admin secret."""
    world = World(trial)
    grant = world.issue()
    places = peers()
    for name, other in {"the same": ADMINISTRATOR, "a bearer": wire.bearer(grant), "a wrong one": "Bearer x"}.items():
        for both in ((ADMINISTRATOR, other), (other, ADMINISTRATOR)):
            one = wire.delete(world, grant.jti, *both, peer=next(places))
            _one_too_many(world, one, f"the admin secret and {name}")
            in_bulk = wire.delete_all(world, wire.identity_query(), *both, peer=next(places))
            _one_too_many(world, in_bulk, f"the admin secret and {name}")
    world.good(world.authenticate(grant.bearer), "its revocation came with two credentials")


# --- spellings


_SCHEMES = ("Bearer ", "bearer ", "BEARER ", "bEaReR ", "beareR ", "Bearer  ", "bearer     ")


@check("HTTP-13", needs=BOUND)
def test_scheme_in_any_case(mark: Mark, trial: Trial) -> None:
    """A bearer is taken behind its scheme in any case, with one blank or more between them."""
    world = World(trial)
    grant = world.issue()
    for scheme in _SCHEMES:
        _admitted(world, wire.resource(world, f"{scheme}{grant.bearer}"), f"a good bearer behind {scheme!r}")
        unknown = wire.resource(world, f"{scheme}{grant.jti}")
        world.require(unknown.status == 401, f"what is no bearer behind {scheme!r}", "401", unknown.describe())


@check("HTTP-13", needs=BOUND)
def test_scheme_of_administrators_in_any_case(mark: Mark, trial: Trial) -> None:
    """The admin secret is taken behind its scheme in any case as well."""
    world = World(trial)
    for scheme in _SCHEMES:
        grant = world.issue()
        reply = wire.delete(world, grant.jti, f"{scheme}{ADMIN}")
        if reply.status != 204:
            world.fail(f"the admin secret behind {scheme!r}", "204", reply.describe())


@check("HTTP-13", needs=BOUND)
def test_other_schemes(mark: Mark, trial: Trial) -> None:
    """A good bearer behind another scheme, or behind none, is not taken."""
    world = World(trial)
    grant = world.issue()
    _admitted(world, wire.resource(world, wire.bearer(grant)), "an honest bearer")
    for name, value in _other_schemes(grant).items():
        _refused(world, wire.resource(world, value), f"a good bearer, and {name}", (400, 401))


def _other_schemes(grant: Grant) -> dict[str, str]:
    bearer = grant.bearer
    return {
        "no scheme": bearer, "another scheme": f"Basic {bearer}", "a longer scheme": f"Bearers {bearer}",
        "a shorter scheme": f"Beare {bearer}", "a scheme before the scheme": f"Token Bearer {bearer}",
        "the scheme twice": f"Bearer Bearer {bearer}", "the scheme behind it": f"{bearer} Bearer",
        "the scheme of proofs": f"DPoP {bearer}", "the scheme of a password": _basic(bearer),
        "a look-alike of the scheme": f"B\xe9arer {bearer}",
    }  # fmt: skip


def _basic(bearer: str) -> str:
    return f"Basic {b64encode(f'{bearer}:'.encode()).decode()}"


@check("HTTP-13", needs=BOUND)
def test_bearer_in_other_spellings(mark: Mark, trial: Trial) -> None:
    """A good bearer is not taken behind other white space, in quotes, with a word more or with signs around it."""
    if trial.measure is Measure.BASE:  # what a server makes of a field that is not in form is its own affair
        return
    world = World(trial)
    grant = world.issue()
    _admitted(world, wire.resource(world, wire.bearer(grant)), "an honest bearer")
    for name, value in _spellings(grant).items():
        _refused(world, wire.resource(world, value), f"a good bearer, and {name}", (400, 401))


def _spellings(grant: Grant) -> dict[str, str]:
    bearer = grant.bearer
    return {
        "a tab for the blank": f"Bearer\t{bearer}", "a blank and a tab": f"Bearer \t{bearer}",
        "no blank": f"Bearer{bearer}", "a colon": f"Bearer: {bearer}", "an equals sign": f"Bearer={bearer}",
        "a no-break space": f"Bearer\xa0{bearer}",
        "a word behind it": f"Bearer {bearer} x", "a word before it": f"Bearer x {bearer}",
        "itself again": f"Bearer {bearer} {bearer}", "a tab and a word": f"Bearer {bearer}\tx",
        "a comma behind it": f"Bearer {bearer},", "a semicolon behind it": f"Bearer {bearer};",
        "quotes": f'Bearer "{bearer}"', "single quotes": f"Bearer '{bearer}'", "angle brackets": f"Bearer <{bearer}>",
        "a parameter's name": f'Bearer token="{bearer}"', "another parameter's name": f"Bearer access_token={bearer}",
        "padding": f"Bearer {bearer}=", "a letter in percent-encoding": f"Bearer %{ord(bearer[0]):02X}{bearer[1:]}",
        "octets beyond ASCII": f"Bearer {bearer}\xff", "a zero-width space": f"Bearer {bearer}\xe2\x80\x8b",
    }  # fmt: skip


@check("HTTP-13", needs=BOUND)
def test_bearer_with_control_characters(mark: Mark, trial: Trial) -> None:
    """Credentials with NUL, CR or LF in them do not get through, if they can be sent at all."""
    if trial.measure is Measure.BASE:
        return
    world = World(trial)
    grant = world.issue()
    _admitted(world, wire.resource(world, wire.bearer(grant)), "an honest bearer")
    for name, sign in {"NUL": "\0", "CR": "\r", "LF": "\n", "CR LF": "\r\n", "a folded line": "\r\n ", "DEL": "\x7f",
                       "a vertical tab": "\v", "ESC": "\x1b"}.items():  # fmt: skip
        for value in (f"Bearer{sign}{grant.bearer}", f"Bearer {sign}{grant.bearer}", f"Bearer {grant.bearer}{sign}x"):
            message = wire.request("GET", "/resource/a/x", [("Authorization", value)])
            _refused(world, wire.try_to_send(world, message), f"a good bearer with {name}", (400, 401))
    _admitted(world, wire.resource(world, wire.bearer(grant)), "an honest bearer, after all that")


# --- elsewhere


@check("HTTP-17", needs=BOUND)
def test_bearer_in_the_query(mark: Mark, trial: Trial) -> None:
    """A good bearer in the query alone is not taken, under whichever name."""
    world = World(trial)
    grant = world.issue()
    _admitted(world, wire.resource(world, wire.bearer(grant)), "an honest bearer in the header")
    for name in ("access_token", "access%5Ftoken", "token", "bearer", "authorization", "Authorization", "api_key"):
        for value in (grant.bearer, f"Bearer%20{grant.bearer}"):
            reply = wire.resource(world, path=f"/resource/a/x?{name}={value}")
            _refused(world, reply, f"a good bearer in the query, as {name}", (400, 401))


@check("HTTP-17", needs=BOUND)
def test_bearer_in_the_body(mark: Mark, trial: Trial) -> None:
    """A good bearer in the body alone is not taken, be it a form or JSON."""
    world = World(trial)
    grant = world.issue()
    _admitted(world, wire.resource(world, wire.bearer(grant)), "an honest bearer in the header")
    for media_type, body in {
        FORM: f"access_token={grant.bearer}", "application/json": f'{{"access_token":"{grant.bearer}"}}',
        "text/plain": grant.bearer,
    }.items():  # fmt: skip
        reply = wire.resource(world, body=body.encode(), fields=(("Content-Type", media_type),))
        _refused(world, reply, f"a good bearer in a body of {media_type}", (400, 401))


@check("HTTP-17", needs=BOUND)
def test_admin_secret_elsewhere(mark: Mark, trial: Trial) -> None:
    """The admin secret in query or body revokes nothing."""
    world = World(trial)
    grant = world.issue()
    places = peers()
    for name in ("access_token", "admin", "admin_secret"):
        path, body = f"/auth/token/{grant.jti}", f"{name}={ADMIN}"
        reply = wire.send(world, "DELETE", f"{path}?{body}", peer=next(places))
        _refused(world, reply, f"the admin secret as {name} in the query", (400, 401))
        reply = wire.send(world, "DELETE", path, [("Content-Type", FORM)], body.encode(), peer=next(places))
        _refused(world, reply, f"the admin secret as {name} in the body", (400, 401))
    world.good(world.authenticate(grant.bearer), "its revocation came with the admin secret in query or body")


@check("HTTP-17", needs=BOUND)
def test_bearer_in_other_fields(mark: Mark, trial: Trial) -> None:
    """A good bearer in a cookie, or in a field that is not Authorization, is not taken."""
    world = World(trial)
    grant = world.issue()
    _admitted(world, wire.resource(world, wire.bearer(grant)), "an honest bearer in the header")
    for field in (
        "Proxy-Authorization",
        "X-Authorization",
        "X-Access-Token",
        "Authorization2",
        "X-Forwarded-Authorization",
    ):
        for value in (grant.bearer, wire.bearer(grant)):
            reply = wire.resource(world, fields=((field, value),))
            _refused(world, reply, f"a good bearer in the field {field}", (400, 401))
    reply = wire.resource(world, fields=(("Cookie", f"access_token={grant.bearer}; bearer={grant.bearer}"),))
    _refused(world, reply, "a good bearer in a cookie", (400, 401))
