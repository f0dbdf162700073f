"""What is no subject token, though it comes close, and that no refusal tells what is wrong with one."""

import json
from base64 import b64encode
from urllib.parse import urlencode

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.setting import ACCESS_TOKEN, HOME, ID_TOKEN, OTHER, TOKEN_EXCHANGE
from bearerproof_fuzz.needs import HTTP, SINGLE_USE

# --- what is no subject token


@check("EXC-15")
def test_bearer_as_subject_token(mark: CheckId, trial: Trial) -> None:
    """An issued bearer buys no other bearer, whatever type it is given out to be."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    server.admitted(grant)
    for kind in (None, ACCESS_TOKEN, "urn:ietf:params:oauth:token-type:jwt"):
        changes = {} if kind is None else {"subject_token_type": kind}
        decision = server.exchange(grant.bearer, **changes)
        server.refused(
            decision, "invalid_request", f"a bearer as subject token, given out to be {kind or 'an ID token'}"
        )
    for text in (grant.jti, f"Bearer {grant.bearer}"):
        server.refused(server.exchange(text), "invalid_request", "something of a bearer as subject token")
    server.admitted(grant)


@check("EXC-15")
def test_access_token_as_subject_token(mark: CheckId, trial: Trial) -> None:
    """An access token of the same issuer, for our very name, is no ID token."""
    server = KeyServerDriver(trial)
    server.issue()
    draft = HOME.draft("alice", server.now, jti="at-1").with_claims(client_id=HOME.audience, scope="openid")
    for typ in ("at+jwt", "application/at+jwt", "AT+JWT", "Application/AT+jwt"):
        token = draft.with_header(typ=typ).token()
        server.refused(server.exchange(token), "invalid_request", f"an access token as subject token, typ {typ}")
        decision = server.exchange(token, subject_token_type=ACCESS_TOKEN)
        server.refused(decision, "invalid_request", f"an access token by its own name, typ {typ}")
    server.issue()


@check("EXC-15")
def test_claims_without_a_signature(mark: CheckId, trial: Trial) -> None:
    """Claims that nobody signed say nothing, in any form."""
    server = KeyServerDriver(trial)
    server.issue()
    draft = HOME.draft("alice", server.now, jti="claims-1")
    header, payload, signature = draft.token().split(".")
    bare = {
        "JSON": draft.payload_bytes().decode(),
        "base64url": payload,
        "header and payload": f"{header}.{payload}",
        "a payload alone": f".{payload}.",
        "an empty signature": f"{header}.{payload}.",
        "payload and signature": f"{payload}.{signature}",
        "another's signature": f"{header}.{payload}.{OTHER.draft('alice', server.now).token().split('.')[2]}",
        "the header twice": f"{header}.{header}.{signature}",
    }
    for name, text in bare.items():
        server.refused(server.exchange(text), "invalid_request", f"claims without a signature, as {name}")
    server.issue()


_ANOTHER_KIND = (
    "at+jwt",
    "logout+jwt",
    "secevent+jwt",
    "dpop+jwt",
    "oauth-authz-req+jwt",
    "token-introspection+jwt",
    "entity-statement+jwt",
)
"""Media types of registered kinds of JWT that are no ID token."""

_LOGOUT = {"http://schemas.openid.net/event/backchannel-logout": Json()}


@check("EXC-18")
def test_token_that_says_it_is_of_another_kind(mark: CheckId, trial: Trial) -> None:
    """A token of the provider that says it is of another kind is no ID token, whatever else is right about it."""
    server = KeyServerDriver(trial)
    server.issue()
    draft = HOME.draft("alice", server.now)
    spelt = [form for kind in _ANOTHER_KIND for form in (kind, f"application/{kind}", kind.upper())]
    for number, typ in enumerate(spelt):
        token = draft.with_header(typ=typ).with_claims(jti=f"kind-{number}").token()
        server.refused(server.exchange(token), "invalid_request", f"a subject token that says it is {typ}")
    logout = draft.with_header(typ="logout+jwt").with_claims(jti="logout-1", sid="s-1", events=_LOGOUT)
    server.refused(server.exchange(logout.token()), "invalid_request", "a logout token as subject token")
    if trial.measure is Measure.STRICT:
        for number, events in enumerate((_LOGOUT, {"https://schemas.openid.net/secevent/caep/event-type/x": Json()})):
            token = draft.with_claims(jti=f"events-{number}", events=events).token()
            server.refused(
                server.exchange(token), "invalid_request", "a token with events, which only other kinds have"
            )
    for number, plain in enumerate((draft, draft.without_header("typ"))):
        decision = server.exchange(plain.with_claims(sub=f"user-{number}", jti=f"plain-{number}").token())
        server.good(decision, "an ID token that says that it is a JWT, or nothing")


_NO_SUBJECTS: dict[str, object] = {
    "missing": None,
    "empty": "",
    "a number": 1,
    "a fraction": 1.5,
    "zero": 0,
    "true": True,
    "false": False,
    "a list": ["alice"],
    "an empty list": [],
    "an object": {"id": "alice"},
    "an empty object": Json(),
}

_ODD_SUBJECTS = {
    "longer than 255 characters": "a" * 256,
    "much longer": "a" * 4000,
    "beyond ASCII": "alic\u00e9",
    "of another script": "\u7528\u6237",
    "a surrogate": "\ud800",
    "with a NUL": "alice\0",
    "with a line feed": "alice\n",
    "with an escape": "\x1b[2Jalice",
    "with a right-to-left override": "alice\u202e",
}


@check("EXC-19")
def test_subject_that_is_nobody(mark: CheckId, trial: Trial) -> None:
    """A subject token whose subject OpenID Connect does not allow speaks of nobody, and of nobody that is shared."""
    server = KeyServerDriver(trial)
    server.issue()
    null = HOME.draft("alice", server.now, jti="null-1").with_claims(sub=None).token()
    server.refused(server.exchange(null), "invalid_request", "the subject is null")
    odd = _ODD_SUBJECTS if trial.measure is Measure.STRICT else {}
    for name, subject in {**_NO_SUBJECTS, **odd}.items():
        decision = server.exchange(server.subject_token(sub=subject))
        server.refused(decision, "invalid_request", f"the subject is {name}")
    server.issue("bob")


# --- refusals that do not tell


@check("EXC-13", needs=(SINGLE_USE,))
def test_refusals_are_alike(mark: CheckId, trial: Trial) -> None:
    """Whatever is wrong with a subject token, the answer is the same."""
    server = KeyServerDriver(trial)
    used = server.subject_token()
    server.use_up(used)
    answers = {name: server.exchange(token) for name, token in {**_wrong(server), "used before": used}.items()}
    for name, answer in answers.items():
        server.require(not answer.good, f"a subject token with a fault is exchanged: {name}", "refused", answer)
    alike = {(answer.outcome, answer.code, answer.retry_after) for answer in answers.values()}
    if len(alike) > 1:
        actual = ", ".join(
            f"{name}: {answer.code} {answer.retry_after or ''}".rstrip() for name, answer in answers.items()
        )
        server.fail("the answers tell what is wrong with a subject token", "one answer to all", actual)


@check("EXC-13", needs=(HTTP, SINGLE_USE))
def test_refusals_are_alike_over_http(mark: CheckId, trial: Trial) -> None:
    """Whatever is wrong with a subject token, status, headers and body of the answer are the same."""
    server = KeyServerDriver(trial)
    used = server.subject_token()
    server.use_up(used)
    answers = {name: _posted(server, token) for name, token in {**_wrong(server), "used before": used}.items()}
    for name, answer in answers.items():
        refused = isinstance(answer[0], int) and answer[0] >= 400
        server.require(refused, f"a subject token with a fault is exchanged: {name}", "refused", str(answer[0]))
    first, *others = answers
    for name in others:
        if answers[name] != answers[first]:
            what = f"the answer tells {name} from {first}"
            server.fail(what, json.dumps(answers[first]), json.dumps(answers[name]))


def _wrong(server: KeyServerDriver) -> dict[str, str]:
    """Return subject tokens with one thing wrong, each something else."""
    draft = HOME.draft("alice", server.now, jti="wrong")
    now = int(server.now)
    return {
        "no token": "x",
        "no signature": draft.unsigned().token(),
        "a wrong signature": draft.signed_by(keys.key("ES256", "attacker").sign).token(),
        "an unknown kid": draft.with_header(kid="unknown").token(),
        "no algorithm": draft.with_header(alg="none").unsigned().token(),
        "a wrong type": draft.with_header(typ="at+jwt").token(),
        "an unknown issuer": draft.with_claims(iss="https://evil.example").token(),
        "another audience": draft.with_claims(aud="somebody-else").token(),
        "expired": draft.with_claims(exp=now - 1).token(),
        "not yet valid": draft.with_claims(nbf=now + 60).token(),
        "issued in the future": draft.with_claims(iat=now + 60).token(),
        "too old": draft.with_claims(iat=now - 301).token(),
        "no subject": draft.without_claim("sub").token(),
    }


def _posted(server: KeyServerDriver, token: str) -> list[object]:
    form = {"grant_type": TOKEN_EXCHANGE, "subject_token": token, "subject_token_type": ID_TOKEN}
    body = b64encode(urlencode(form).encode()).decode()
    content_type = ("Content-Type", "application/x-www-form-urlencoded")
    members = server.http("POST", "/auth/token", [content_type], body).members
    headers = [[str(name).lower(), value] for name, value in members["headers"]]  # type: ignore[attr-defined]
    return [members["status"], sorted(pair for pair in headers if pair[0] != "date"), members["body_b64"]]
