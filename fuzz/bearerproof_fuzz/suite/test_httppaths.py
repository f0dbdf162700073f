"""Paths and methods over HTTP: revocation by DELETE, what is next to a path, and who a request comes from."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address
from urllib.parse import quote, urlencode

from bearerproof.harness import Mark
from bearerproof.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyservers import wire
from bearerproof_fuzz.keyservers.endings import NOBODYS_JTI, dead, live
from bearerproof_fuzz.keyservers.setting import DEFAULT, HOME, OTHER, PEER, PROXY
from bearerproof_fuzz.keyservers.wire import ADMINISTRATOR, FORM, Fields, Reply
from bearerproof_fuzz.keyservers.world import Grant, World

BOUND = ("key_server:http",)
CONFIGURED = (*BOUND, "key_server:configure")
TIMED = ("clock", *CONFIGURED)
FORWARDED = (*CONFIGURED, "key_server:forwarded")


def _answered(world: World, reply: Reply, status: int, summary: str) -> None:
    if reply.status != status:
        world.fail(summary, str(status), reply.describe())


# --- one token


@check("HTTP-11", needs=BOUND)
def test_token_is_deleted(mark: Mark, trial: Trial) -> None:
    """Revoking a live token is answered with 204, no body, and no field that speaks of one; the bearer is refused."""
    world = World(trial)
    grant, other = world.issue(), world.issue()
    reply = wire.delete(world, grant.jti, ADMINISTRATOR)
    _answered(world, reply, 204, "a live token is revoked")
    for field in ("Content-Type", "Content-Length", "Transfer-Encoding"):
        if reply.values(field):
            world.fail("a live token is revoked", f"204 without {field}", ", ".join(reply.values(field)))
    if reply.body:
        world.fail("a live token is revoked", "204 without a body", f"{len(reply.body)} bytes")
    dead(world, grant, summary="the token was revoked")
    live(world, other, summary="another token was revoked")


@check("HTTP-11", needs=BOUND)
def test_token_that_is_not_active(mark: Mark, trial: Trial) -> None:
    """Revoking a token that is unknown or revoked before is answered with 404."""
    world = World(trial)
    grant, other = world.issue(), world.issue()
    _answered(world, wire.delete(world, grant.jti, ADMINISTRATOR), 204, "a live token is revoked")
    _answered(world, wire.delete(world, grant.jti, ADMINISTRATOR), 404, "a token that was revoked before")
    for name, jti in _UNKNOWN.items():
        reply = wire.delete(world, jti, ADMINISTRATOR)
        if reply.status != 404 and (name == "an id of nobody" or reply.status != 400):
            world.fail(f"what is to be revoked is {name}", "404", reply.describe())
    live(world, other, summary="something unknown was revoked")


_UNKNOWN = {
    "an id of nobody": NOBODYS_JTI, "a word": "x", "an asterisk": "*", "encoded controls": "a%0D%0Ab%00",
    "an encoded slash": f"{NOBODYS_JTI}%2Fx", "octets that are no UTF-8": "%FF%FE", "broken encoding": "%zz",
    "a long id": "a" * 4000,
}  # fmt: skip


@check("HTTP-11", needs=TIMED)
def test_expired_token(mark: Mark, trial: Trial) -> None:
    """Revoking an expired token, or one that is forgotten, is answered with 404."""
    world = World(trial)
    grant = world.issue()
    for seconds in (600, 1000):
        world.wait(seconds)
        _answered(world, wire.delete(world, grant.jti, ADMINISTRATOR), 404, "a token that has expired")


@check("HTTP-11", needs=CONFIGURED)
def test_token_without_the_secret(mark: Mark, trial: Trial) -> None:
    """Without the admin secret there is one answer 401, whatever token is named, and nothing is revoked."""
    world = World(trial, DEFAULT.but(admin_failures=1000))
    grant, ended = world.issue(), world.issue()
    _answered(world, wire.delete(world, ended.jti, ADMINISTRATOR), 204, "a live token is revoked")
    named = {"a live token": grant.jti, "a revoked token": ended.jti, **_UNKNOWN}
    for credentials in _STRANGERS:
        _judge_uniform(
            world, {name: wire.delete(world, jti, *credentials) for name, jti in named.items()}
        )  # fmt: skip
    for one in (grant, ended):
        _answered(world, wire.delete(world, grant.jti, wire.bearer(one)), 401, "a bearer in place of the admin secret")
    live(world, grant, summary="its revocation was asked for without the admin secret")


_STRANGERS: tuple[tuple[str, ...], ...] = ((), ("Bearer wrong",), ("Bearer",), ("Basic YTpi",))
"""Credentials of people who do not know the secret."""


def _judge_uniform(world: World, replies: Mapping[str, Reply]) -> None:
    first = next(iter(replies.values()))
    for name, reply in replies.items():
        _answered(world, reply, 401, f"without the secret {name} is to be revoked")
        if reply.told != first.told:
            due = f"the same octets as for {next(iter(replies))}"
            world.fail(f"without the secret {name} is to be revoked", due, "others")


# --- all of an identity


@check("HTTP-12", needs=BOUND)
def test_identity_is_deleted(mark: Mark, trial: Trial) -> None:
    """Bulk revocation is answered with 200 and the number of tokens, 0 included."""
    world = World(trial)
    others = [world.issue("bob"), world.issue("alice", provider=OTHER)]
    for number in (0, 3):
        grants = [world.issue("carol") for _ in range(number)]
        _number(world, wire.delete_all(world, wire.identity_query("carol"), ADMINISTRATOR), number)
        dead(world, *grants, summary="all tokens of the identity were revoked")
        if not trial.declaration.injected_clock:
            break  # who was revoked signs in again a second later
        world.wait(1)
    live(world, *others, summary="the tokens of another identity were revoked")


def _number(world: World, reply: Reply, number: int) -> None:
    summary = f"an identity with {number} live tokens is revoked"
    found = None if reply.json is None else reply.json.get("revoked")
    if reply.status != 200 or reply.media_type != "application/json" or found != number or type(found) is not int:
        told = f"{reply.describe()}, revoked {found}"
        world.fail(summary, f'200 and {{"revoked": {number}}} as JSON', told)


_SPELLINGS = {
    "in the other order": "?subject={subject}&issuer={issuer}",
    "with a plus": "?issuer={issuer}&subject=al+ice",
    "encoded all over": "?issuer={issuer}&subject=%61%6c%20%69%63%65",
}


@check("HTTP-12", needs=BOUND)
def test_names_are_decoded(mark: Mark, trial: Trial) -> None:
    """Issuer and subject are read as a form is: in any order, encoded as one likes."""
    for query in _SPELLINGS.values():
        world = World(trial)
        world.issue("al ice")
        filled = query.format(subject=quote("al ice"), issuer=quote(HOME.issuer, safe=""))
        if trial.declaration.key_server.configure or "{subject}" in query:  # where subjects have no mark
            _number(world, wire.delete_all(world, filled, ADMINISTRATOR), 1)


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


@check("HTTP-12", needs=BOUND)
def test_incomplete_names(mark: Mark, trial: Trial) -> None:
    """Bulk revocation without issuer or subject is answered with 400 once the secret was judged, and ends nothing."""
    world = World(trial)
    grants = [world.issue(), world.issue("bob")]
    for name, query in _INCOMPLETE.items():
        reply = wire.delete_all(world, query, ADMINISTRATOR)
        _answered(world, reply, 400, f"a bulk revocation with {name}")
        if reply.error != "invalid_request":
            world.fail(f"a bulk revocation with {name}", "400 invalid_request", reply.describe())
    live(world, *grants, summary="a bulk revocation was asked for with a name missing")


@check("HTTP-12", needs=BOUND)
def test_names_in_the_body(mark: Mark, trial: Trial) -> None:
    """Names in the body do not complete those of the query."""
    world = World(trial)
    grants = [world.issue(), world.issue("bob")]
    fields = [("Authorization", ADMINISTRATOR), ("Content-Type", FORM)]
    body = urlencode({"issuer": HOME.issuer, "subject": "alice"}).encode()
    for query in ("", f"?issuer={quote(HOME.issuer, safe='')}", "?subject=alice"):
        reply = wire.send(world, "DELETE", f"/auth/tokens{query}", fields, body)
        _answered(world, reply, 400, "a bulk revocation with a name in the body")
    live(world, *grants, summary="a bulk revocation was asked for with a name in the body")


@check("HTTP-12", needs=CONFIGURED)
def test_identity_without_the_secret(mark: Mark, trial: Trial) -> None:
    """Without the admin secret there is one answer 401, whatever names there are, and nothing is revoked."""
    world = World(trial, DEFAULT.but(admin_failures=1000))
    grant = world.issue()
    named = {"a known identity": wire.identity_query(), "an unknown one": wire.identity_query("x"), **_INCOMPLETE}
    for credentials in _STRANGERS:
        _judge_uniform(
            world, {name: wire.delete_all(world, query, *credentials) for name, query in named.items()}
        )  # fmt: skip
    live(world, grant, summary="its revocation was asked for without the admin secret")
    _number(world, wire.delete_all(world, wire.identity_query(), ADMINISTRATOR), 1)


# --- paths


_TOKEN_PATHS = (
    "/auth/tokenx", "/auth/token/", "/auth/token//", "/auth//token", "//auth/token", "/auth/Token", "/AUTH/TOKEN",
    "/auth/token.json", "/auth/token;x=1", "/auth%2Ftoken", "/auth/token%2F", "/auth/token%00", "/auth/token%20",
    "/auth", "/auth/", "/", "/token", "/x/auth/token", "/auth/token/x/y", "/auth/./token", "/auth/x/../token",
    "/auth/%2e/token", "/auth/x/%2e%2e/token", "/auth\\token".replace("\\", "%5C"), "/health/../auth/token",
)  # fmt: skip
"""Paths that are not the token endpoint's, though each looks like it to somebody."""


@check("HTTP-14", needs=BOUND)
def test_paths_beside_the_token_endpoint(mark: Mark, trial: Trial) -> None:
    """Nothing is issued at a path that merely looks like the token endpoint's."""
    world = World(trial)
    form = urlencode(wire.exchange_form(world)).encode()
    for path in _TOKEN_PATHS:
        reply = wire.send(world, "POST", path, [("Content-Type", FORM)], form)
        _elsewhere(world, reply, f"an exchange at {path}")
    _answered(world, wire.exchange(world, form), 200, "the same exchange at the token endpoint")


def _elsewhere(world: World, reply: Reply, summary: str) -> None:
    if not 400 <= reply.status < 500:
        world.fail(summary, "404, or another refusal", reply.describe())


_RESOURCE_PATHS = (
    "/resource/a", "/resource/a/", "/resource//x", "/resource/a/x/", "/resource/a/x/y", "/resource/a//x",
    "//resource/a/x", "/Resource/a/x", "/resources/a/x", "/resource/a%2Fx", "/resource%2Fa/x", "/resource/",
    "/resource", "/x/resource/a/x", "/resource/./a/x", "/resource/b/../a/x", "/resource/a/x/..", "/resource/a/x/%2e",
    "/health/../resource/a/x", "/resource/a/x;y", "/resource/a/x%00", "/resource/a/x%2F", "/resource/..%2Fa/x",
)  # fmt: skip
"""Paths that are not backend a's tool x, though each looks like it to somebody."""


@check("HTTP-14", needs=BOUND)
def test_paths_beside_a_resource(mark: Mark, trial: Trial) -> None:
    """A bearer for one backend and tool opens no path that merely looks like theirs, and no path opens without."""
    world = World(trial)
    grant = world.issue(scope="backends:a tools:x")
    _answered(world, wire.resource(world, wire.bearer(grant)), 200, "an honest bearer at its resource")
    for path in _RESOURCE_PATHS:
        _elsewhere(world, wire.resource(world, wire.bearer(grant), path=path), f"a good bearer at {path}")
        _elsewhere(world, wire.resource(world, path=path), f"no bearer at {path}")


@check("HTTP-14", needs=BOUND)
def test_slash_in_a_segment(mark: Mark, trial: Trial) -> None:
    """An encoded slash is part of a segment: it makes no other backend or tool of it, nor a token of another path."""
    world = World(trial)
    grant = world.issue(scope="backends:a tools:x")
    _answered(world, wire.resource(world, wire.bearer(grant)), 200, "an honest bearer at its resource")
    for path in ("/resource/b%2F..%2Fa/x", "/resource/a/y%2F..%2Fx", "/resource/a%2Fb/x", "/resource/a/x%2Fy"):
        _answered(world, wire.resource(world, wire.bearer(grant), path=path), 403, f"a good bearer at {path}")
    for jti in (f"x%2F..%2F{grant.jti}", f"{grant.jti}%2F", f"%2F{grant.jti}", f"{grant.jti}/", f"x/{grant.jti}"):
        _elsewhere(world, wire.delete(world, jti, ADMINISTRATOR), "the id with a slash is to be revoked")
    live(world, grant, summary="its id with a slash was revoked")


_ENDPOINTS = {
    "/auth/token": "POST", "/auth/token/{}": "DELETE", "/auth/tokens": "DELETE", "/resource/a/x": "GET",
}  # fmt: skip

_METHODS = (
    "GET",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "TRACE",
    "PROPFIND",
    "X-UNKNOWN",
    "get",
    "post",
    "delete",
    "Delete",
)


@check("HTTP-14", needs=BOUND)
def test_other_methods(mark: Mark, trial: Trial) -> None:
    """Every other method of a known path is answered with 405 and Allow, which names those that there are."""
    world = World(trial)
    grant = world.issue()
    for path, known in _ENDPOINTS.items():
        for method in _METHODS:
            if method != known:
                reply = _ask(world, method, path.format(grant.jti), grant, known)
                summary = f"{method} at {path.format('…')}"
                _answered(world, reply, 405, summary)
                allowed = reply.listed("Allow")
                if known not in allowed or method in allowed:
                    world.fail(summary, f"Allow with {known}", ", ".join(allowed) or "none")
    live(world, grant, summary="requests came with methods that nobody knows")


def _ask(world: World, method: str, path: str, grant: Grant, known: str) -> Reply:
    """Ask with everything that the known method would need."""
    if known == "POST":
        return wire.send(world, method, path, [("Content-Type", FORM)], urlencode(wire.exchange_form(world)).encode())
    credentials = ADMINISTRATOR if known == "DELETE" else wire.bearer(grant)
    query = wire.identity_query() if path == "/auth/tokens" else ""
    return wire.send(world, method, f"{path}{query}", [("Authorization", credentials)])


@check("HTTP-14", needs=BOUND)
def test_methods_in_disguise(mark: Mark, trial: Trial) -> None:
    """A method is what stands on the request line: no field, parameter or body makes another of it."""
    world = World(trial)
    grant = world.issue()
    path = f"/auth/token/{grant.jti}"
    for field in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        for method in ("POST", "GET"):
            reply = wire.send(world, method, path, [("Authorization", ADMINISTRATOR), (field, "DELETE")])
            _answered(world, reply, 405, f"{method} with {field}: DELETE")
    fields = [("Authorization", ADMINISTRATOR), ("Content-Type", FORM)]
    _answered(world, wire.send(world, "POST", f"{path}?_method=DELETE", fields), 405, "POST with _method in the query")
    _answered(world, wire.send(world, "POST", path, fields, b"_method=DELETE"), 405, "POST with _method in the body")
    live(world, grant, summary="a request came whose method was overridden")


@check("HTTP-14", needs=BOUND)
def test_head_and_options_open_nothing(mark: Mark, trial: Trial) -> None:
    """HEAD and OPTIONS need what the method itself needs, and do nothing."""
    world = World(trial)
    grant = world.issue()
    head = wire.send(world, "HEAD", "/resource/a/x")
    if head.status not in (401, 405):
        world.fail("HEAD at a resource, without a bearer", "401 or 405", head.describe())
    for path, known in _ENDPOINTS.items():
        for method in ("HEAD", "OPTIONS"):
            reply = _ask(world, method, path.format(grant.jti), grant, known)
            if reply.decision.events and known != "GET":
                world.fail(f"{method} at {path.format('…')}", "no decision, and no event", reply.describe())
    live(world, grant, summary="HEAD and OPTIONS came with the admin secret")


# --- where from


_FORWARDING = (
    "X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Client-IP", "True-Client-IP", "CF-Connecting-IP", "Client-IP",
    "X-Cluster-Client-IP", "X-Originating-IP", "Fastly-Client-IP", "X-Forwarded", "Forwarded-For", "X-Remote-Addr",
)  # fmt: skip

_SPOOFED = "203.0.113.77"

Asking = Callable[[World, Fields, str], Reply]


def _exchanging(world: World, fields: Fields, peer: str) -> Reply:
    return wire.exchange(world, wire.exchange_form(world), [("Content-Type", FORM), *fields], peer=peer)


def _failing_to_exchange(world: World, fields: Fields, peer: str) -> Reply:
    return wire.exchange(world, (), [("Content-Type", FORM), *fields], peer=peer)


def _presenting(world: World, fields: Fields, peer: str) -> Reply:
    return wire.resource(world, "Bearer x", fields=fields, peer=peer)


def _deleting(world: World, fields: Fields, peer: str) -> Reply:
    return wire.delete(world, NOBODYS_JTI, ADMINISTRATOR, fields=fields, peer=peer)


_ASKED: Mapping[str, tuple[Asking, int]] = {
    "an exchange that is refused": (_failing_to_exchange, 400),
    "a bad bearer": (_presenting, 401),
    "a revocation of nothing": (_deleting, 404),
    "an exchange": (_exchanging, 200),
}
"""What leaves an event, each with its status; the last one takes a token."""


@check("HTTP-15", needs=FORWARDED)
def test_forwarded_by_strangers(mark: Mark, trial: Trial) -> None:
    """Whatever forwarding fields a stranger sends, the address in the trail is the peer's."""
    world = World(trial, DEFAULT.but(cap=100))
    for field in _FORWARDING:
        value = f"for={_SPOOFED};by={PROXY}" if field == "Forwarded" else _SPOOFED
        for name, (ask, status) in _ASKED.items():
            reply = ask(world, [(field, value)], PEER)
            _answered(world, reply, status, f"{name}, with {field} of a stranger")
            _judge_address(world, reply, {PEER}, f"{name}, with {field} of a stranger")


def _judge_address(world: World, reply: Reply, due: set[str], summary: str) -> None:
    found = [event.get("client_ip") for event in reply.decision.events]
    if len(found) != 1 or found[0] not in due:
        told = ", ".join(map(str, found)) or "no event"
        world.fail(summary, f"client_ip {' or '.join(sorted(due))}", told, reply.decision.events)


_MALFORMED = {
    "nothing": "", "a blank": " ", "commas": ",,,,", "a word": "unknown", "a name": "client.example",
    "a port": "203.0.113.5:8080", "a bracket too few": "[2001:db8::1", "brackets": "[2001:db8::1]",
    "brackets and a port": "[2001:db8::1]:443", "a number too large": "203.0.113.500", "a number too few": "203.0.113",
    "octal numbers": "0203.0.0113.05", "one number": "3405803781", "hexadecimal": "0xcb007105",
    "a zone": "fe80::1%25eth0", "a network": "203.0.113.0/24", "the other field's form": "for=203.0.113.5",
    "quotes": '"203.0.113.5"', "markup": "<script>", "SQL": "' OR 1=1 --", "JSON": '{"client_ip":"1.1.1.1"}',
    "octets beyond ASCII": "203.0.113.5\xe9", "an address of many": ", ".join(["203.0.113.5"] * 2000),
    "a long word": "a" * 20_000, "an empty item at the end": "203.0.113.5, ",
    "an empty item before it": ", 203.0.113.5",
}  # fmt: skip


@check("HTTP-15", needs=FORWARDED)
def test_malformed_field_of_a_proxy(mark: Mark, trial: Trial) -> None:
    """A malformed field of a trusted proxy changes no answer, and an address stands in the trail."""
    for what in ("a bad bearer", "a revocation of nothing", "an exchange that is refused"):
        world = World(trial)
        world.begun()
        ask, status = _ASKED[what]
        _judge_address(world, ask(world, [], PROXY), {PROXY}, f"{what} of a trusted proxy itself")
        for name, value in _MALFORMED.items():
            reply = ask(world, [("X-Forwarded-For", value)], PROXY)
            summary = f"{what} of a trusted proxy, whose X-Forwarded-For is {name}"
            _answered(world, reply, status, summary)
            _judge_some_address(world, reply, summary)


def _judge_some_address(world: World, reply: Reply, summary: str) -> None:
    for event in reply.decision.events:
        try:
            ip_address(str(event.get("client_ip", PROXY)))
        except ValueError:
            world.fail(summary, "an address as client_ip", str(event.get("client_ip"))[:80], reply.decision.events)


_CHAINS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "one address": (("203.0.113.5",), "203.0.113.5"),
    "an address of IPv6": (("2001:db8::1",), "2001:db8::1"),
    "a made-up one before it": (("198.51.100.1, 203.0.113.5",), "203.0.113.5"),
    "a trusted one before it": ((f"{PROXY}, 203.0.113.5",), "203.0.113.5"),
    "a word before it": (("unknown, 203.0.113.5",), "203.0.113.5"),
    "a trusted one behind it": ((f"203.0.113.5, {PROXY}",), "203.0.113.5"),
    "made-up ones on a line before": (("198.51.100.1, 198.51.100.2", "203.0.113.5"), "203.0.113.5"),
}


@check("HTTP-15", needs=FORWARDED)
def test_address_that_a_proxy_saw(mark: Mark, trial: Trial) -> None:
    """Behind a trusted proxy the last address that one of ours has seen counts, and none that the client adds."""
    world = World(trial)
    world.begun()
    for name, (values, due) in _CHAINS.items():
        fields = [("X-Forwarded-For", value) for value in values]
        for what in ("a bad bearer", "a revocation of nothing"):
            ask, status = _ASKED[what]
            reply = ask(world, fields, PROXY)
            _answered(world, reply, status, f"{what} of a trusted proxy, with {name}")
            _judge_address(world, reply, {due}, f"{what} of a trusted proxy, with {name}")
