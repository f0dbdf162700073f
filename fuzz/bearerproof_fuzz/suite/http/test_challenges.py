"""Challenges over HTTP: how credentials are answered that are missing, not good, or good for something else."""

import re
from collections.abc import Mapping

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import wire
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.http_asserts import UNKNOWN, admitted, refused
from bearerproof_fuzz.keyserver.wire import ADMINISTRATOR, Challenge, Fields, Reply
from bearerproof_fuzz.needs import CLOCK, CONFIGURE, HTTP


def _challenge(server: KeyServerDriver, reply: Reply, summary: str) -> Challenge:
    """Return the one Bearer challenge of an answer."""
    try:
        found = wire.challenges(reply.values("WWW-Authenticate"))
    except ValueError as flaw:
        server.fail(summary, "a well-formed WWW-Authenticate", f"{reply.describe()}, {flaw}")
    bearers = [challenge for challenge in found if challenge.scheme.lower() == "bearer"]
    if len(bearers) != 1:
        server.fail(summary, "one challenge of scheme Bearer", f"{reply.describe()}, {len(bearers)} of them")
    return bearers[0]


# --- challenges

_NO_CREDENTIAL: Mapping[str, Fields] = {
    "no Authorization": (),
    "another scheme": (("Authorization", "Basic YTpi"),),
    "a scheme that begins alike": (("Authorization", "Bear x"),),
    "a scheme that nobody knows": (("Authorization", "X-Unknown abc"),),
    "a cookie": (("Cookie", "access_token=abc"),),
}

_STATUSES: Mapping[Measure, tuple[int, ...]] = {Measure.STRICT: (401,), Measure.BASE: (400, 401)}
"""The statuses of a refusal: RFC 6750 §3.1 has 400 for what is malformed, as a SHOULD, and §3 a challenge with both."""

_BAD = {
    "an unknown bearer": f"Bearer {UNKNOWN}",
    "a text": "Bearer nothing",
    "a short text": "Bearer a",
    "a long text": "Bearer " + "a" * 5000,
    "a JWT": "Bearer e30.e30.e30",
    "the admin secret": ADMINISTRATOR,
    "signs": "Bearer -._~+/===",
}


@check("HTTP-6", needs=(HTTP,))
def test_challenge_without_a_credential(mark: CheckId, trial: Trial) -> None:
    """Where no bearer was presented, the challenge is well-formed and holds no error code."""
    server = KeyServerDriver(trial)
    admitted(server, wire.resource(server, wire.bearer(server.issue())), "an honest bearer")
    for name, fields in _NO_CREDENTIAL.items():
        reply = wire.resource(server, fields=fields)
        summary = f"a request with {name}"
        refused(server, reply, summary, _STATUSES[trial.measure])
        challenge = _challenge(server, reply, summary)
        _judge_parameters(server, challenge, summary)
        if "error" in challenge.parameters and trial.measure is Measure.STRICT:
            server.fail(summary, "a challenge without error code", challenge.parameters["error"])


def _judge_parameters(server: KeyServerDriver, challenge: Challenge, summary: str) -> None:
    """Judge what RFC 6750 §3 says of the parameters: at least one, and these of certain characters."""
    if not challenge.parameters:
        server.fail(summary, "a challenge with at least one parameter", "none")
    for name, form in _FORMS.items():
        value = challenge.parameters.get(name)
        if value is not None and form.fullmatch(value) is None:
            server.fail(summary, f"{name} of permitted characters", value)


_FORMS = {
    "scope": re.compile(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*"),
    "error": re.compile(r"[ !#-\[\]-~]*"),  # RFC 6750 §3 says what must not stand there, and not that something must
    "error_description": re.compile(r"[ !#-\[\]-~]*"),
    "error_uri": re.compile(r"[!#-\[\]-~]*"),
}


@check("HTTP-6", needs=(HTTP,))
def test_challenge_for_a_bad_bearer(mark: CheckId, trial: Trial) -> None:
    """Where a bearer was presented that is not good, the challenge is well-formed and says invalid_token."""
    server = KeyServerDriver(trial)
    revoked = server.issue()
    admitted(server, wire.resource(server, wire.bearer(revoked)), "an honest bearer")
    server.good(server.revoke(revoked.jti), "one live token is revoked")
    for name, credentials in {**_BAD, "a revoked bearer": wire.bearer(revoked)}.items():
        reply = wire.resource(server, credentials)
        summary = f"a request with {name} as bearer"
        refused(server, reply, summary, _STATUSES[trial.measure])
        challenge = _challenge(server, reply, summary)
        _judge_parameters(server, challenge, summary)
        malformed = ("invalid_request",) if reply.status == 400 else ()
        if challenge.parameters.get("error") not in (*_ERRORS[trial.measure], *malformed):
            server.fail(summary, 'error="invalid_token"', f"{challenge.parameters.get('error')}")


_ERRORS: Mapping[Measure, tuple[str | None, ...]] = {
    Measure.STRICT: ("invalid_token",),
    Measure.BASE: ("invalid_token", None),
}


@check("HTTP-6", needs=(HTTP,))
def test_challenge_to_administrators(mark: CheckId, trial: Trial) -> None:
    """A revocation without the admin secret is answered with a well-formed challenge as well."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    for name, credentials in {"no credential": (), "a wrong secret": ("Bearer wrong",)}.items():
        for reply in (
            wire.delete(server, grant.jti, *credentials),
            wire.delete_all(server, wire.identity_query(), *credentials),
        ):
            refused(server, reply, f"a revocation with {name}")
            _judge_parameters(
                server, _challenge(server, reply, f"a revocation with {name}"), f"a revocation with {name}"
            )


# --- one answer


@check("HTTP-7", needs=(HTTP,))
def test_bad_bearers_get_one_answer(mark: CheckId, trial: Trial) -> None:
    """Every bearer that is malformed, unknown or revoked gets the same answer, byte for byte."""
    server = KeyServerDriver(trial)
    grant, live = server.issue(), server.issue()
    admitted(server, wire.resource(server, wire.bearer(grant)), "an honest bearer")
    server.good(server.revoke(grant.jti), "one live token is revoked")
    presented = {
        "a revoked bearer": wire.bearer(grant),
        **_BAD,
        "the id of a token": f"Bearer {live.jti}",
        "a live bearer and more": f"{wire.bearer(live)}A",
        "two words": "Bearer a b",
        "nothing behind the scheme": "Bearer",
    }
    _judge_alike(server, presented)


def _judge_alike(server: KeyServerDriver, presented: Mapping[str, str]) -> None:
    first: Reply | None = None
    for name, credentials in presented.items():
        for path in ("/resource/a/x", "/resource/b/y"):
            reply = wire.resource(server, credentials, path=path)
            refused(server, reply, f"a request with {name} as bearer")
            first = first or reply
            if reply.fingerprint != first.fingerprint:
                shown = "other octets" if reply.describe() == first.describe() else reply.describe()
                server.fail(
                    f"a request with {name} as bearer", f"the same answer as with {next(iter(presented))}", shown
                )


@check("HTTP-7", needs=(CLOCK, HTTP, CONFIGURE))
def test_old_bearers_get_the_same_answer(mark: CheckId, trial: Trial) -> None:
    """A bearer that has expired, or is forgotten by now, gets the same answer as one that nobody issued."""
    server = KeyServerDriver(trial)
    grant, revoked = server.issue(), server.issue()
    admitted(server, wire.resource(server, wire.bearer(grant)), "an honest bearer")
    server.good(server.revoke(revoked.jti), "one live token is revoked")
    presented = {
        "an unknown bearer": f"Bearer {UNKNOWN}",
        "a bearer that was live": wire.bearer(grant),
        "a revoked bearer": wire.bearer(revoked),
    }
    for seconds in (600, 200, 200):
        server.wait(seconds)
        _judge_alike(server, presented)


# --- scope


@check("HTTP-8", needs=(HTTP,))
def test_insufficient_scope(mark: CheckId, trial: Trial) -> None:
    """A good bearer for another backend or tool is answered with 403 and insufficient_scope, and stays good."""
    server = KeyServerDriver(trial)
    grant = server.issue(scope="backends:a tools:x,sought*")
    admitted(server, wire.resource(server, wire.bearer(grant)), "an honest bearer for its scope")
    for path in _OUT_OF_SCOPE:
        reply = wire.resource(server, wire.bearer(grant), path=path)
        summary = f"a bearer for backend a, tools x and sought*, at {path}"
        refused(server, reply, summary, (403,))
        challenge = _challenge(server, reply, summary)
        _judge_parameters(server, challenge, summary)
        if challenge.parameters.get("error") != "insufficient_scope":
            server.fail(summary, 'error="insufficient_scope"', f"{challenge.parameters.get('error')}")
    admitted(server, wire.resource(server, wire.bearer(grant), path="/resource/a/soughtweb"), "within its scope")


_OUT_OF_SCOPE = (
    "/resource/b/x",
    "/resource/a/y",
    "/resource/b/y",
    "/resource/A/x",
    "/resource/a/searching",
    "/resource/a/X",
    "/resource/aa/x",
    "/resource/a/x.y",
    "/resource/a%20/x",
    "/resource/%2A/x",
)


@check("HTTP-8", needs=(HTTP,))
def test_bad_bearer_has_no_scope(mark: CheckId, trial: Trial) -> None:
    """A bearer that is not good is answered with 401 at every path, so nobody learns which there are."""
    server = KeyServerDriver(trial)
    grant = server.issue(scope="backends:a tools:x")
    server.admitted(grant)
    server.good(server.revoke(grant.jti), "one live token is revoked")
    for path in ("/resource/a/x", "/resource/b/y"):
        for credentials in (wire.bearer(grant), f"Bearer {UNKNOWN}"):
            reply = wire.resource(server, credentials, path=path)
            refused(server, reply, f"a bearer that is not good, at {path}")
