"""Where a resource server takes a token from, and what leads to the resource besides."""

from dataclasses import replace

from bearerproof.contract.http.wire import Sent
from bearerproof.contract.resource.answers import Kind, json_object
from bearerproof.contract.resource.presenting import written
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.edits.signature import with_a_bit_flipped
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.needs import RESOURCE_AUTHORIZATION, RESOURCE_PROBES, RESOURCE_SESSION
from bearerproof_fuzz.resource.driver import BELIEVED, Reply, ResourceDriver


@check("RS-5", needs=RESOURCE_AUTHORIZATION)
def test_scheme_in_any_case(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The scheme is taken in lower, upper and mixed case; with a changed signature it is refused."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for scheme in ("bearer", "BEARER", "bEARER"):
        reply = server.with_field(f"{scheme} {server.draft().token()}")
        if reply.kind is not Kind.ACCEPTED:
            server.find(f"an honest token is refused under the scheme {scheme}", "200", reply)
        bad = server.with_field(f"{scheme} {with_a_bit_flipped(server.draft()).token()}")
        server.refuses(
            bad, f"a token with a changed signature is accepted under the scheme {scheme}", believed=BELIEVED
        )


@check("RS-5", needs=RESOURCE_AUTHORIZATION)
def test_blanks_before_the_token(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """One or more blanks part scheme and token."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for number in (2, 5):
        reply = server.with_field(f"Bearer{' ' * number}{server.draft().token()}")
        if reply.kind is not Kind.ACCEPTED:
            server.find(f"an honest token is refused behind {number} blanks", "200", reply)
    bad = server.with_field(f"Bearer  {with_a_bit_flipped(server.draft()).token()}")
    server.refuses(bad, "a token with a changed signature is accepted behind two blanks", believed=BELIEVED)


@check("RS-6", needs=RESOURCE_AUTHORIZATION)
def test_something_behind_the_token(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """What stands behind a good token in the field makes the credential malformed."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name, rest in {"a word": " junk", "another token": " a.b.c", "a parameter": ', realm="x"'}.items():
        reply = server.with_field(f"Bearer {server.draft().token()}{rest}")
        server.refuses(reply, f"a good token is accepted with {name} behind it", believed=BELIEVED)


@check("RS-6", needs=RESOURCE_AUTHORIZATION)
def test_two_fields(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Of two Authorization fields neither counts, whichever is the good one."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name, order in {"first": (0, 1), "last": (1, 0)}.items():
        values = (f"Bearer {server.draft().token()}", f"Bearer {with_a_bit_flipped(server.draft()).token()}")
        reply = server.with_field(*(values[at] for at in order))
        server.refuses(reply, f"of two credentials that disagree the good one is believed, which stands {name}")


@check("RS-7", needs=RESOURCE_AUTHORIZATION)
def test_token_in_the_query(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token in the query is not looked at."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name in ("access_token", "token"):
        sent = written(server.server, None)
        mark_of_query = "&" if "?" in sent.path else "?"
        reply = server.send(replace(sent, path=f"{sent.path}{mark_of_query}{name}={server.draft().token()}"))
        server.refuses(reply, f"a token is taken from the query, as {name}", believed=BELIEVED)


@check("RS-7", needs=RESOURCE_AUTHORIZATION)
def test_token_in_a_form(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token in a form is not looked at."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    sent = written(server.server, None)
    form = (*sent.headers, ("Content-Type", "application/x-www-form-urlencoded"))
    for method in dict.fromkeys((sent.method, "POST")):
        body = f"access_token={server.draft().token()}".encode()
        reply = server.send(replace(sent, method=method, headers=form, body=body))
        server.refuses(reply, f"a token is taken from a form under {method}", believed=BELIEVED)


@check("RS-7", needs=RESOURCE_AUTHORIZATION)
def test_token_in_a_cookie(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token in a cookie is not looked at."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    for name in ("access_token", "token", "jwt", "session", "Authorization"):
        reply = server.with_field(f"{name}={server.draft().token()}", name="Cookie")
        server.refuses(reply, f"a token is taken from a cookie, called {name}", believed=BELIEVED)


@check("RS-11", needs=RESOURCE_PROBES)
def test_other_spellings_of_the_path(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """No spelling of the path leads to the resource without a token."""
    server = ResourceDriver(trial, forge, mark.profile)
    honest = server.control()
    sent = written(server.server, None)
    for name, path in _spellings(sent.path).items():
        _require_protected(server, honest, replace(sent, path=path), f"the path with {name}")


@check("RS-11", needs=RESOURCE_PROBES)
def test_other_methods(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """No method, and no field that names one, leads to the resource without a token."""
    server = ResourceDriver(trial, forge, mark.profile)
    honest = server.control()
    sent = written(server.server, None)
    other = "POST" if sent.method == "GET" else "GET"
    for name in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        asked = replace(sent, method=other, headers=(*sent.headers, (name, sent.method)))
        _require_protected(server, honest, asked, f"the field {name}")
    for field in ("X-Original-URL", "X-Rewrite-URL"):
        asked = replace(sent, path="/", headers=(*sent.headers, (field, sent.path)))
        _require_protected(server, honest, asked, f"the field {field}")
    for method in ("HEAD", "OPTIONS", "get"):
        _require_protected(server, honest, replace(sent, method=method), f"the method {method}")


def _spellings(target: str) -> dict[str, str]:
    path, question, query = target.partition("?")
    last = path.rstrip("/")[-1:] or "x"
    changed = {
        "two slashes": f"/{path}",
        "a slash at its end": f"{path}/",
        "a dot at its end": f"{path}/.",
        "a letter percent-encoded": f"{path.rstrip('/')[:-1]}%{ord(last):02X}",
        "dots": f"/x/..{path}",
        "a parameter": f"{path};x=1",
        "upper case": path.upper(),
        "an extension": f"{path}.json",
        "a backslash": path.replace("/", "/%5C", 1),
        "a blank": f"{path}%20",
        "an encoded slash": f"/%2F{path[1:]}",
    }
    return {name: f"{spelt}{question}{query}" for name, spelt in changed.items() if spelt != path}


def _require_protected(server: ResourceDriver, honest: Reply, sent: Sent, what: str) -> None:
    """Require that without a token what is asked for is not what a token leads to.

    Raises:
        Nonconforming: it is: the same form of content as an honest token gets, under a status that accepts.
    """
    reply = server.send(sent)
    same = json_object(reply.body).keys() == json_object(honest.body).keys() and bool(json_object(honest.body))
    if reply.kind is Kind.ACCEPTED and (reply.body == honest.body or same) and reply.body:
        server.find(f"{what} leads to the resource without a token", "a refusal", reply)
    server.count(reply)


@check("RS-14", needs=RESOURCE_SESSION)
def test_session_without_a_token(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The name of a session does not stand in for its token."""
    server = ResourceDriver(trial, forge, mark.profile)
    name = _session(server, "sub-a")
    reply = _within(server, name, None)
    server.refuses(reply, "a session is let in without a token", believed=BELIEVED)


@check("RS-14", needs=RESOURCE_SESSION)
def test_session_of_somebody_else(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A session that one has begun is not another's, whose token is as good."""
    server = ResourceDriver(trial, forge, mark.profile)
    name = _session(server, "bearerproof-a")
    server.require(_within(server, name, _token_of(server, "bearerproof-a")), "the session with its own token")
    reply = _within(server, name, _token_of(server, "bearerproof-b"))
    server.refuses(reply, "the session of one subject is open to another one")


def _session(server: ResourceDriver, subject: str) -> str:
    reply = server.require(server.present(_token_of(server, subject)), "an honest token")
    names = reply.values(server.server.session)
    if not names:
        server.find("no session is named in the answer", f"a field {server.server.session}", reply)
    return names[0]


def _token_of(server: ResourceDriver, subject: str) -> str:
    return server.draft(sub=subject).token()


def _within(server: ResourceDriver, session: str, token: str | None) -> Reply:
    sent = written(server.server, token)
    body = server.server.session_body.encode() or sent.body
    return server.send(replace(sent, headers=(*sent.headers, (server.server.session, session)), body=body))
