"""Token exchange: the form of a request, and what the answer says."""

from collections.abc import Sequence

from bearerproof.contract.decisions import Decision
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.http_asserts import codes_where_twice, is_issued_type
from bearerproof_fuzz.keyserver.setting import ACCESS_TOKEN, DEFAULT, HOME, ID_TOKEN, TOKEN_EXCHANGE, rule
from bearerproof_fuzz.needs import CONFIGURE

_REFUSED_TARGET = {
    Measure.STRICT: ("invalid_target",),
    Measure.BASE: ("invalid_target", "invalid_request"),
}


# --- the form

_GRANT_TYPES = {
    "the last segment": "token-exchange",
    "upper case": TOKEN_EXCHANGE.upper(),
    "a capital U": "U" + TOKEN_EXCHANGE[1:],
    "a prefix": TOKEN_EXCHANGE[:-1],
    "an extension": TOKEN_EXCHANGE + "2",
    "a trailing slash": TOKEN_EXCHANGE + "/",
}
_GRANT_TYPES_OF_OTHERS = {
    "the authorization code": "authorization_code",
    "client credentials": "client_credentials",
    "a refresh token": "refresh_token",
    "the JWT bearer grant": "urn:ietf:params:oauth:grant-type:jwt-bearer",
}
"""Grants that a server may have besides: then this request lacks what they require (RFC 6749 §5.2)."""

_NO_GRANT_TYPES = {
    "a leading blank": " " + TOKEN_EXCHANGE,
    "a trailing blank": TOKEN_EXCHANGE + " ",
    "a trailing newline": TOKEN_EXCHANGE + "\n",
    "a trailing NUL": TOKEN_EXCHANGE + "\0",
    "two of them": f"{TOKEN_EXCHANGE} refresh_token",
    "percent-encoding": TOKEN_EXCHANGE.replace(":", "%3A"),
    "a look-alike": TOKEN_EXCHANGE.replace("o", "о", 1),  # noqa: RUF001 - a Cyrillic o
    "a blank alone": " ",
}
"""Texts that no grant type can be, so that the request is malformed as well (RFC 6749 §4.5, §A.10)."""


@check("EXC-1")
def test_another_grant_type(mark: CheckId, trial: Trial) -> None:
    """Every other grant type, and every other spelling of this one, is unsupported."""
    server = KeyServerDriver(trial)
    server.issue()
    open_at_base = {**_GRANT_TYPES_OF_OTHERS, **_NO_GRANT_TYPES}
    for name, grant_type in {**_GRANT_TYPES, **open_at_base}.items():
        decision = server.exchange(server.subject_token(), grant_type=grant_type)
        if trial.measure is Measure.BASE and name in _GRANT_TYPES_OF_OTHERS and _is_no_exchange(decision):
            continue  # it has that grant too (RFC 6749 §4.4), and what stands besides is a parameter nobody knows
        codes = _or_at_base(trial, "unsupported_grant_type", *["invalid_request"] * (name in open_at_base))
        server.refused(decision, codes, f"the grant type is another one: {name}")
    server.issue()


def _is_no_exchange(decision: Decision) -> bool:
    """Say whether something was granted that does not say what it was exchanged for (RFC 8693 §2.2.1)."""
    return decision.good and "issued_token_type" not in decision.members


@check("EXC-1")
def test_grant_type_of_another_case_or_length(mark: CheckId, trial: Trial) -> None:
    """The grant type with any one character left out, doubled or in the other case is unsupported."""
    server = KeyServerDriver(trial)
    server.issue()
    token = server.subject_token()
    for at, letter in enumerate(TOKEN_EXCHANGE):
        for put in {"", letter * 2, letter.swapcase()} - {letter}:
            text = TOKEN_EXCHANGE[:at] + put + TOKEN_EXCHANGE[at + 1 :]
            decision = server.exchange(token, grant_type=text)
            server.refused(decision, "unsupported_grant_type", f"the grant type is {text}")


@check("EXC-1")
def test_no_grant_type(mark: CheckId, trial: Trial) -> None:
    """A missing or empty grant type makes the request invalid."""
    server = KeyServerDriver(trial)
    server.issue()
    for grant_type in (None, ""):
        decision = server.exchange(server.subject_token(), grant_type=grant_type)
        codes = _or_at_base(trial, "invalid_request", "unsupported_grant_type")  # the RFC demands neither in words
        server.refused(decision, codes, f"the grant type is {'missing' if grant_type is None else 'empty'}")
    server.issue()


@check("EXC-2")
def test_no_subject_token(mark: CheckId, trial: Trial) -> None:
    """A missing or empty subject token makes the request invalid."""
    server = KeyServerDriver(trial)
    server.issue()
    form = _form(server)[:1] + _form(server)[2:]
    for name, pairs in {"missing": form, "empty": [*form, ("subject_token", "")]}.items():
        server.refused(server.exchange_form(pairs), "invalid_request", f"the subject token is {name}")
    codes = _or_at_base(trial, "invalid_request", "unsupported_grant_type")  # as where the grant type alone is missing
    server.refused(server.exchange_form([]), codes, "the form is empty")
    server.issue()


@check("EXC-2")
def test_two_subject_tokens(mark: CheckId, trial: Trial) -> None:
    """Two subject tokens make the request invalid, whichever of them is good and wherever they stand."""
    server = KeyServerDriver(trial)
    server.issue()
    for name, other in {
        "another good one": server.subject_token("bob"),
        "a bad one": "e30.e30.",
        "a text": "x",
    }.items():
        form = _form(server)
        extra = ("subject_token", other)
        for place, pairs in {"first": [extra, *form], "last": [*form, extra]}.items():
            server.refused(server.exchange_form(pairs), "invalid_request", f"two subject tokens, {name} {place}")
    same = _form(server)
    server.refused(server.exchange_form([*same, same[1]]), "invalid_request", "the same subject token twice")
    server.issue()


@check("EXC-2")
def test_a_parameter_twice(mark: CheckId, trial: Trial) -> None:
    """A parameter given twice makes the request invalid, be the values equal or not."""
    server = KeyServerDriver(trial)
    server.issue()
    twice: dict[str, tuple[str, str]] = {
        "grant_type": (TOKEN_EXCHANGE, "refresh_token"),
        "subject_token_type": (ID_TOKEN, ACCESS_TOKEN),
        "scope": ("backends:a tools:x", "backends:b tools:y"),
        "requested_token_type": (ACCESS_TOKEN, ID_TOKEN),
    }
    if trial.measure is Measure.STRICT:
        twice["unheard_of"] = ("1", "2")
    for name, (good, other) in twice.items():
        rest = [pair for pair in _form(server) if pair[0] != name]
        for values in ((good, good), (good, other), (other, good)):
            pairs = [(name, values[0]), *rest, (name, values[1])]
            codes = codes_where_twice(name, trial.measure)
            server.refused(server.exchange_form(pairs), codes, f"{name} is given twice: {', '.join(values)}")
    server.issue()


@check("EXC-3")
def test_no_subject_token_type(mark: CheckId, trial: Trial) -> None:
    """A missing or empty type of the subject token makes the request invalid."""
    server = KeyServerDriver(trial)
    server.issue()
    for given in (None, ""):
        decision = server.exchange(server.subject_token(), subject_token_type=given)
        server.refused(decision, "invalid_request", f"the type is {'missing' if given is None else 'empty'}")
    server.issue()


_TYPE = "urn:ietf:params:oauth:token-type:"
_TYPES = {
    "an access token": ACCESS_TOKEN,
    "a refresh token": _TYPE + "refresh_token",
    "SAML 1.1": _TYPE + "saml1",
    "SAML 2.0": _TYPE + "saml2",
    "nobody's": "urn:example:token-type:unheard-of",
    "the last segment": "id_token",
    "upper case": ID_TOKEN.upper(),
    "a prefix": ID_TOKEN[:-1],
    "an extension": ID_TOKEN + "_hint",
    "a trailing blank": ID_TOKEN + " ",
    "a list": f"{ID_TOKEN} {ACCESS_TOKEN}",
}


@check("EXC-3")
def test_another_subject_token_type(mark: CheckId, trial: Trial) -> None:
    """A type that is not supported makes the request invalid though the token is good."""
    server = KeyServerDriver(trial)
    server.issue()
    any_jwt = {"any JWT": _TYPE + "jwt"} if trial.measure is Measure.STRICT else {}
    for name, given in {**_TYPES, **any_jwt}.items():
        decision = server.exchange(server.subject_token(), subject_token_type=given)
        server.refused(decision, "invalid_request", f"the subject token is said to be {name}")
    server.issue()


@check("EXC-4")
def test_target_of_another_kind(mark: CheckId, trial: Trial) -> None:
    """A target that is not supported is refused, once or several times, and not ignored.

    A server that grants says that it can serve the target, or that any will do: RFC 8693 §2.2.2 has one that can't
    refuse, and the code is a SHOULD. So base warns of a grant.
    """
    server = KeyServerDriver(trial)
    server.issue()
    targets: Sequence[Sequence[tuple[str, str]]] = [
        [("resource", "https://backend.example/api")],
        [("resource", "urn:example:backend")],
        [("audience", "another-service")],
        [("audience", "https://backend.example")],
        [("audience", "another-service"), ("resource", "https://backend.example/api")],
        [("resource", "https://backend.example/api"), ("resource", "https://backend.example/other")],
        [("audience", "another-service"), ("audience", "a-third-one")],
    ]
    for number, target in enumerate(targets):
        decision = server.exchange_form([*_form(server, f"user-{number}"), *target])
        named = " and ".join(f"{name}={value}" for name, value in target)
        twice = len({name for name, _ in target}) < len(target)  # which is a fault of its own, with a code of its own
        codes = _REFUSED_TARGET[Measure.BASE if twice else trial.measure]
        server.refused(decision, codes, f"the target is {named}", warns_at_base=True)
    server.issue()


@check("EXC-4")
def test_requested_token_type_that_is_not_issued(mark: CheckId, trial: Trial) -> None:
    """A requested type that is not supported is refused, and the one that is issued may be asked for."""
    server = KeyServerDriver(trial)
    asked = server.exchange(server.subject_token(), requested_token_type=ACCESS_TOKEN)
    server.good(asked, "the type that is issued is asked for by name")
    for name in ("jwt", "id_token", "refresh_token", "saml1", "saml2", "unheard-of", "ACCESS_TOKEN", "access_token2"):
        decision = server.exchange(server.subject_token(f"user-{name}"), requested_token_type=_TYPE + name)
        if trial.measure is Measure.BASE and decision.members.get("issued_token_type") == _TYPE + name:
            continue  # it is a type that this server issues
        server.refused(decision, "invalid_request", f"the requested type is {name}")
    server.issue()


@check("EXC-4")
def test_actor_token(mark: CheckId, trial: Trial) -> None:
    """An actor token is refused, good or bad, with its type or without; base lets a server delegate to a good one."""
    server = KeyServerDriver(trial)
    server.issue()
    typed = [("actor_token_type", ID_TOKEN)]
    for name, actor in {"a good one": server.subject_token("bob"), "a bad one": "e30.e30."}.items():
        for how, more in {"with its type": typed, "without a type": []}.items():
            form = _form(server, f"user-{len(server.steps)}")
            decision = server.exchange_form([*form, ("actor_token", actor), *more])
            may_delegate = trial.measure is Measure.BASE and name == "a good one" and more == typed
            if not (may_delegate and decision.good):
                server.refused(decision, "invalid_request", f"there is an actor token, {name}, {how}")
    server.refused(
        server.exchange_form([*_form(server), *typed]), "invalid_request", "the type of an actor token alone"
    )
    server.issue()


@check("EXC-4")
def test_parameter_that_nobody_knows(mark: CheckId, trial: Trial) -> None:
    """Parameters that no specification defines change nothing."""
    server = KeyServerDriver(trial)
    for name in ("unheard_of", "x-trace", "Audience", "SCOPE", "subject_token_"):
        decision = server.exchange_form([*_form(server, f"user-{name}"), (name, "1")])
        server.good(decision, f"there is a parameter that nobody knows: {name}")
    known = server.exchange_form([*_form(server), ("audience", "1")])
    summary = "one of those parameters under the name that is known"
    server.refused(known, _REFUSED_TARGET[trial.measure], summary, warns_at_base=True)


_OPTIONAL = ("scope", "resource", "audience", "requested_token_type", "actor_token", "actor_token_type", "unheard_of")


@check("EXC-4")
def test_parameter_without_a_value(mark: CheckId, trial: Trial) -> None:
    """A parameter without a value is as good as left out, alone or with all others (RFC 6749 §3.2)."""
    server = KeyServerDriver(trial)
    plain = server.issue()
    for names in (*((name,) for name in _OPTIONAL), _OPTIONAL):
        for before in (True, False):
            form, empty = _form(server, f"user-{names[0]}-{before}-{len(names)}"), [(name, "") for name in names]
            decision = server.exchange_form([*empty, *form] if before else [*form, *empty])
            server.good(decision, f"without a value: {', '.join(names)}")
            if decision.members.get("scope") != plain.decision.members.get("scope"):
                server.fail(f"without a value: {', '.join(names)}", f"scope {plain.scope!r}", decision)
    valued = server.exchange_form([*_form(server), ("audience", "1")])
    summary = "one of those parameters with a value"
    server.refused(valued, _REFUSED_TARGET[trial.measure], summary, warns_at_base=True)


def _form(server: KeyServerDriver, subject: str = "alice") -> list[tuple[str, str]]:
    """Return an honest form with a new subject token in second place."""
    return [
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", server.subject_token(subject)),
        ("subject_token_type", ID_TOKEN),
    ]


def _or_at_base(trial: Trial, code: str, *others: str) -> Sequence[str]:
    """Return the code that is right, and at base those that are as true of the same request."""
    return (code, *others) if trial.measure is Measure.BASE else (code,)


# --- the answer


@check("EXC-5")
def test_members_of_the_answer(mark: CheckId, trial: Trial) -> None:
    """The answer names what was issued, of which type, how to present it, and for how long it is good."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    members = grant.decision.members
    issued, presented = str(members.get("issued_token_type")), str(members.get("token_type"))
    if not is_issued_type(issued, grant.bearer, trial.measure):
        server.fail("issued_token_type is not that of a bearer access token", ACCESS_TOKEN, issued)
    if presented.lower() != "bearer":
        server.fail("token_type is not that of a bearer access token", "bearer", presented)
    server.lifetime(grant)


@check("EXC-5", needs=(CONFIGURE,))
def test_lifetime_of_the_answer(mark: CheckId, trial: Trial) -> None:
    """The answer tells a lifetime in seconds, and none longer than is configured."""
    for ttl in (1, 60, 599, 3600):
        server = KeyServerDriver(trial, DEFAULT.but(ttl=ttl))
        for left in (30, 2 * ttl):
            server.lifetime(server.issue(exp=int(server.now) + left))


@check("EXC-5", needs=(CONFIGURE,))
def test_scope_where_it_differs(mark: CheckId, trial: Trial) -> None:
    """The answer tells the scope where it is not the one that was asked for."""
    server = KeyServerDriver(trial, DEFAULT.but(policies=(rule(HOME, backends=("a", "b*"), tools=("x",)),), cap=20))
    asked = ["backends:a,c tools:x", "backends:* tools:x", "backends:a tools:*", "backends:a", "tools:x,y"]
    if trial.measure is Measure.STRICT:
        asked.append("")  # RFC 8693 compares with what was requested, and here nothing was
    for scope in asked:
        grant = server.issue(scope=scope or None)
        if not grant.scope or grant.scope == scope:
            server.fail(f"the scope is not told, though it is not what was asked: {scope!r}", "scope", grant.decision)
    exact = server.issue(scope="backends:a tools:x")
    if exact.scope and _words(exact.scope) != _words("backends:a tools:x"):
        server.fail("all that was asked is granted, and the scope says something else", "as asked", exact.scope)


def _words(scope: str) -> set[str]:
    return set(scope.split(" "))
