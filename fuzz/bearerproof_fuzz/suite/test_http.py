"""The token endpoint over HTTP: which bodies it takes, and the form of every answer."""

import json
import re
from collections.abc import Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote, quote_plus, urlencode

from bearerproof.catalogue import Measure
from bearerproof.harness import Mark
from bearerproof.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyservers import wire
from bearerproof_fuzz.keyservers.setting import ACCESS_TOKEN, DEFAULT, HOME, OTHER_PEER, TOKEN_EXCHANGE, rule
from bearerproof_fuzz.keyservers.wire import FORM, Fields, Form, Reply
from bearerproof_fuzz.keyservers.world import World

BOUND = ("key_server:http",)
CONFIGURED = (*BOUND, "key_server:configure")
TIMED = ("clock", *CONFIGURED)

KIB = 1024


def _granted(world: World, reply: Reply, summary: str) -> Mapping[str, Any]:
    """Require a success, and return what it grants."""
    if reply.status != 200 or reply.json is None:
        world.fail(summary, "200 with a JSON object", reply.describe())
    return reply.json


def _answered(world: World, reply: Reply, status: int, errors: tuple[str, ...], summary: str) -> None:
    """Require a status and, in a JSON object, one of these errors; none of them means any."""
    due = f"{status} {' or '.join(errors)}"
    if reply.status != status or reply.media_type != "application/json" or reply.error is None:
        told = f"{reply.describe()}, {reply.media_type or 'of no one type'}"
        world.fail(summary, f"{due} as JSON", told)
    if errors and reply.error not in errors:
        world.fail(summary, due, reply.describe())


# --- what is taken


_FORM_TYPES = {
    "as registered": FORM,
    "in upper case": FORM.upper(),
    "in mixed case": "Application/X-WWW-Form-Urlencoded",
    "with a character set": f"{FORM};charset=UTF-8",
    "with a quoted character set": f'{FORM}; charset="utf-8"',
}

_OTHER_TYPES: Mapping[str, Fields] = {
    "none": (),
    "an empty one": (("Content-Type", ""),),
    "JSON": (("Content-Type", "application/json"),),
    "plain text": (("Content-Type", "text/plain"),),
    "HTML": (("Content-Type", "text/html"),),
    "octets": (("Content-Type", "application/octet-stream"),),
    "XML": (("Content-Type", "application/xml"),),
    "several parts": (("Content-Type", "multipart/form-data; boundary=x"),),
    "every type": (("Content-Type", "*/*"),),
    "a longer subtype": (("Content-Type", f"{FORM}-2"),),
    "a structured suffix": (("Content-Type", f"{FORM}+json"),),
    "a shorter subtype": (("Content-Type", FORM[:-1]),),
    "a longer type": (("Content-Type", f"x{FORM}"),),
    "the subtype alone": (("Content-Type", "x-www-form-urlencoded"),),
    "another type first": (("Content-Type", f"text/plain, {FORM}"),),
    "another type behind it": (("Content-Type", f"{FORM}, text/plain"),),
    "a parameter that looks like it": (("Content-Type", f"text/plain; type={FORM}"),),
    "two types": (("Content-Type", FORM), ("Content-Type", "application/json")),
    "two types the other way round": (("Content-Type", "application/json"), ("Content-Type", FORM)),
}


@check("HTTP-1", needs=BOUND)
def test_form_in_every_spelling(mark: Mark, trial: Trial) -> None:
    """A form is taken under every spelling of its media type."""
    world = World(trial)
    for name, media_type in _FORM_TYPES.items():
        form = wire.exchange_form(world, token=world.subject_token(f"user-{len(name)}"))
        reply = wire.exchange(world, form, [("content-type", media_type)])
        _granted(world, reply, f"the content type is that of a form, {name}")


@check("HTTP-1", needs=BOUND)
def test_other_content_types(mark: Mark, trial: Trial) -> None:
    """A form under every other content type is answered with 415 and a JSON error, and its token is not used."""
    world = World(trial)
    form = wire.exchange_form(world)
    for name, fields in _OTHER_TYPES.items():
        _answered(world, wire.exchange(world, form, fields), 415, (), f"a form whose content type is {name}")
    _granted(world, wire.exchange(world, form), "the same form under its own content type")


@check("HTTP-1", needs=BOUND)
def test_bodies_of_other_types(mark: Mark, trial: Trial) -> None:
    """JSON, parts and an empty body are answered with 415 and a JSON error, under the types that they have."""
    world = World(trial)
    _granted(world, wire.exchange(world, wire.exchange_form(world)), "an honest form")
    form = wire.exchange_form(world)
    parts = "".join(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in form)
    bodies = {
        "application/json": json.dumps(dict(form)).encode(),
        "application/json; charset=utf-8": json.dumps(dict(form)).encode(),
        "multipart/form-data; boundary=x": f"{parts}--x--\r\n".encode(),
        "text/plain": "\r\n".join(f"{name}={value}" for name, value in form).encode(),
        "application/jwt": form[1][1].encode(),
        "application/x-nothing": b"",
    }
    for media_type, body in bodies.items():
        reply = wire.exchange(world, body, [("Content-Type", media_type)])
        _answered(world, reply, 415, (), f"a body of {media_type.partition(';')[0]}")


@check("HTTP-2", needs=BOUND)
def test_body_up_to_the_bound(mark: Mark, trial: Trial) -> None:
    """A form of 64 KiB, most of it parameters that nobody knows, is taken."""
    world = World(trial)
    if not _fits(trial, 64 * KIB):
        return
    for size in (32 * KIB, 64 * KIB):
        form = urlencode([*wire.exchange_form(world), ("x", "")]).encode()
        reply = wire.exchange(world, form + b"a" * (size - len(form)))
        _granted(world, reply, f"a form of {size // KIB} KiB")


def _fits(trial: Trial, size: int) -> bool:
    return size * 4 // 3 + 8_000 <= trial.declaration.max_line


@check("HTTP-2", needs=BOUND)
def test_body_over_the_bound(mark: Mark, trial: Trial) -> None:
    """A longer body is answered with 413, whatever it says of its length, of its type and in front of its end."""
    world = World(trial)
    _granted(world, wire.exchange(world, wire.exchange_form(world)), "an honest form")
    for size in (64 * KIB + 1, 200 * KIB, 600 * KIB):
        for name, fields in _LENGTHS.items():
            if _fits(trial, size):
                form = urlencode([*wire.exchange_form(world), ("x", "")]).encode()
                body = form + b"a" * (size - len(form))
                sent = [(field, value.format(size)) for field, value in fields]
                reply = wire.exchange(world, body, [("Content-Type", FORM), *sent])
                if reply.status != 413:
                    world.fail(f"a body of {size} bytes that announces {name}", "413", reply.describe())


_LENGTHS: Mapping[str, Fields] = {
    "no length": (),
    "its length": (("Content-Length", "{}"),),
    "less": (("Content-Length", "100"),),
    "pieces": (("Transfer-Encoding", "chunked"),),
}


@check("HTTP-2", needs=BOUND)
def test_other_endpoints_have_a_bound(mark: Mark, trial: Trial) -> None:
    """A body over the bound is answered with 413 where nobody expects one, and nothing is done."""
    world = World(trial)
    grant = world.issue()
    if not _fits(trial, 80 * KIB):
        return
    body = b"a" * 80 * KIB
    asked = {
        "GET": ("/resource/a/x", wire.bearer(grant)),
        "DELETE": (f"/auth/token/{grant.jti}", wire.ADMINISTRATOR),
    }
    for method, (path, credentials) in asked.items():
        reply = wire.send(world, method, path, [("Authorization", credentials)], body)
        if reply.status != 413:
            world.fail(f"{method} with a body of 80 KiB", "413", reply.describe())
    world.good(world.authenticate(grant.bearer), "its revocation came with a body over the bound")


# --- errors


_CODES = ("invalid_request", "invalid_grant", "invalid_scope", "invalid_target", "unsupported_grant_type")
"""Codes of RFC 6749 §5.2 and RFC 8693 §2.2.2 that can say what is wrong with an exchange."""

Refused = Callable[[World], Form]


def _with(**changes: str | None) -> Refused:
    return lambda world: wire.exchange_form(world, **changes)


_REFUSED: Mapping[str, tuple[Refused, str]] = {
    "no grant type": (_with(grant_type=None), "invalid_request"),
    "an empty grant type": (_with(grant_type=""), "invalid_request"),
    "another grant type": (_with(grant_type="password"), "unsupported_grant_type"),
    "no subject token": (_with(subject_token=None), "invalid_request"),
    "a subject token that is none": (_with(subject_token="x.y.z"), "invalid_request"),  # noqa: S106 - no secret
    "an expired subject token": (
        lambda world: wire.exchange_form(world, token=world.subject_token(exp=int(world.now) - 1)), "invalid_request",
    ),
    "a subject token for somebody else": (
        lambda world: wire.exchange_form(world, token=world.subject_token(aud="another")), "invalid_request",
    ),
    "no subject token type": (_with(subject_token_type=None), "invalid_request"),
    "another subject token type": (_with(subject_token_type=ACCESS_TOKEN), "invalid_request"),
    "a resource": (_with(resource="https://api.example"), "invalid_target"),
    "an audience": (_with(audience="api"), "invalid_target"),
    "another requested token type": (
        _with(requested_token_type="urn:ietf:params:oauth:token-type:refresh_token"), "invalid_request",  # noqa: S106
    ),
    "an actor token": (_with(actor_token="x.y.z"), "invalid_request"),  # noqa: S106 - no secret
    "an unknown scope": (_with(scope="everything"), "invalid_scope"),
    "a scope of nothing": (_with(scope="backends: tools:x"), "invalid_scope"),
    "nothing at all": (lambda _world: (), "invalid_request"),
}  # fmt: skip


def _allowed(trial: Trial, code: str) -> tuple[str, ...]:
    """Return the codes that say it; the RFCs leave some of them to the server."""
    return (code,) if trial.measure is Measure.STRICT else _CODES


@check("HTTP-3", needs=BOUND)
def test_status_and_code_of_a_refusal(mark: Mark, trial: Trial) -> None:
    """A refused exchange is answered with 400 and a JSON object whose `error` says why."""
    world = World(trial)
    _granted(world, wire.exchange(world, wire.exchange_form(world)), "an honest form")
    for name, (make, code) in _REFUSED.items():
        _answered(world, wire.exchange(world, make(world)), 400, _allowed(trial, code), f"an exchange with {name}")


_PRINTABLE = re.compile(r"[ !#-\[\]-~]*")
"""What `error` and `error_description` may consist of (RFC 6749 §5.2)."""


@check("HTTP-3", needs=BOUND)
def test_members_of_an_error(mark: Mark, trial: Trial) -> None:
    """The members of an error are texts of the characters that RFC 6749 permits, whatever was presented."""
    world = World(trial)
    _granted(world, wire.exchange(world, wire.exchange_form(world)), "an honest form")
    for name, text in _HOSTILE.items():
        for field in ("grant_type", "subject_token", "subject_token_type", "scope", "resource"):
            reply = wire.exchange(world, wire.exchange_form(world, **{field: text}))
            _answered(world, reply, 400, _CODES, f"{field} is {name}")
            for member in ("error", "error_description", "error_uri"):
                value = (reply.json or {}).get(member, "")
                if not isinstance(value, str) or not _PRINTABLE.fullmatch(value):
                    world.fail(f"{field} is {name}", f"{member} of permitted characters", "others")


_HOSTILE = {
    "a text with quotes": 'x","error":"none"}',
    "a text with a line feed": "x\r\nSet-Cookie: a=b",
    "a text with a backslash": "\\u0000",
    "a text with a NUL": "x\0y",
    "markup": "<script>alert(1)</script>",
    "a text beyond ASCII": "\u00e9\u4e2d\U0001f511",
    "a long text": "a" * 5000,
}


@check("HTTP-3", needs=BOUND)
def test_bodies_that_are_no_form(mark: Mark, trial: Trial) -> None:
    """Octets that are no form are answered with 400 and invalid_request."""
    world = World(trial)
    _granted(world, wire.exchange(world, wire.exchange_form(world)), "an honest form")
    honest = urlencode(wire.exchange_form(world)).encode()
    for name, body in {
        "nothing": b"", "ampersands": b"&&&", "an equals sign": b"=", "no names": b"=a&=b",
        "octets that are no UTF-8": b"subject_token=\xff\xfe", "such octets, encoded": b"subject_token=%ff%fe",
        "JSON": b'{"grant_type":"x"}', "NULs": b"\0" * 100, "semicolons for ampersands": honest.replace(b"&", b";"),
    }.items():  # fmt: skip
        due = ("invalid_request", "unsupported_grant_type")[: 2 if name.startswith("semicolons") else 1]
        _answered(world, wire.exchange(world, body), 400, due, f"a body of {name}")


# --- storing


def _not_stored(world: World, reply: Reply, summary: str) -> None:
    if "no-store" not in [item.partition("=")[0].lower() for item in reply.listed("Cache-Control")]:
        world.fail(summary, "Cache-Control with no-store", ", ".join(reply.values("Cache-Control")) or "none")


@check("HTTP-4", needs=BOUND)
def test_tokens_are_not_stored(mark: Mark, trial: Trial) -> None:
    """An answer with a token forbids to store it, whatever was asked for."""
    world = World(trial)
    for changes in ({}, {"scope": "backends:a tools:x"}, {"unknown": "x"}):
        reply = wire.exchange(world, wire.exchange_form(world, **changes))
        _granted(world, reply, "an honest form")
        _not_stored(world, reply, "an answer holds a token")


@check("HTTP-4", needs=BOUND)
def test_errors_are_not_stored(mark: Mark, trial: Trial) -> None:
    """An answer of the token endpoint without a token forbids to store it as well."""
    if trial.measure is Measure.BASE:  # the RFC asks for it where a token is answered
        return
    world = World(trial)
    _granted(world, wire.exchange(world, wire.exchange_form(world)), "an honest form")
    for name, (make, _) in _REFUSED.items():
        _not_stored(world, wire.exchange(world, make(world)), f"an exchange with {name}")
    for name in ("JSON", "none"):
        reply = wire.exchange(world, wire.exchange_form(world), _OTHER_TYPES[name])
        _not_stored(world, reply, f"a form whose content type is {name}")
    for method in ("GET", "PUT"):
        _not_stored(world, wire.send(world, method, "/auth/token"), f"{method} at the token endpoint")


@check("HTTP-4", needs=CONFIGURED)
def test_refusals_for_load_are_not_stored(mark: Mark, trial: Trial) -> None:
    """That there are too many tokens is not to be stored either."""
    if trial.measure is Measure.BASE:
        return
    world = World(trial, DEFAULT.but(cap=1, capacity=1))
    _granted(world, wire.exchange(world, wire.exchange_form(world)), "an honest form")
    for subject in ("alice", "bob"):
        reply = wire.exchange(world, wire.exchange_form(world, token=world.subject_token(subject)))
        if reply.status == 200:
            world.fail("the cap and the store are full", "a refusal", reply.describe())
        _not_stored(world, reply, "the cap and the store are full")


# --- success


@check("HTTP-5", needs=BOUND)
def test_status_and_type_of_a_success(mark: Mark, trial: Trial) -> None:
    """A successful exchange is answered with 200 and one JSON object, in which no name stands twice."""
    world = World(trial)
    for changes in ({}, {"scope": "backends:a,b tools:x"}, {"requested_token_type": ACCESS_TOKEN}):
        reply = wire.exchange(world, wire.exchange_form(world, **changes))
        if reply.media_type != "application/json":
            world.fail("an honest exchange", "application/json", f"{reply.describe()}, {reply.media_type}")
        _granted(world, reply, "an honest exchange")


@check("HTTP-5", needs=BOUND)
def test_members_of_a_success(mark: Mark, trial: Trial) -> None:
    """The members of a success have the names, types and values that RFC 8693 gives them."""
    world = World(trial)
    for scope in (None, "backends:a,b tools:x", "tools:x"):
        granted = _granted(world, wire.exchange(world, wire.exchange_form(world, scope=scope)), "an honest exchange")
        for name, holds in _MEMBERS.items():
            value = granted.get(name)
            optional = name in _RECOMMENDED and trial.measure is Measure.BASE
            if not (holds(value) or (optional and value is None)):
                shown = "a text" if isinstance(value, str) and name == "access_token" else json.dumps(value)
                world.fail(f"the member {name} of a success", "as RFC 8693 §2.2.1 has it", shown)


_RECOMMENDED = ("expires_in", "scope")

_MEMBERS: Mapping[str, Callable[[Any], bool]] = {
    "access_token": lambda value: isinstance(value, str) and re.fullmatch(r"[!-~]+", value) is not None,
    "issued_token_type": lambda value: value == ACCESS_TOKEN,
    "token_type": lambda value: isinstance(value, str) and value.lower() == "bearer",
    "expires_in": lambda value: type(value) is int and value > 0,
    "scope": lambda value: isinstance(value, str) and re.fullmatch(r"[!#-\[\]-~]+( [!#-\[\]-~]+)*", value) is not None,
}


@check("HTTP-5", needs=BOUND)
def test_answered_token_is_good(mark: Mark, trial: Trial) -> None:
    """The token that is answered is admitted at once, as a bearer, for what its scope says."""
    world = World(trial)
    granted = _granted(world, wire.exchange(world, wire.exchange_form(world, scope="backends:a tools:x")), "honest")
    for path, status in (("/resource/a/x", 200), ("/resource/b/x", 403)):
        reply = wire.resource(world, f"Bearer {granted['access_token']}", path=path)
        if reply.status != status:
            world.fail(f"a token for backend a and tool x, just issued, at {path}", str(status), reply.describe())


# --- when to come back


def _retry_after(world: World, reply: Reply, status: int, summary: str) -> int | None:
    """Require a status and a sound Retry-After; return its seconds, or None for a date."""
    if reply.status != status:
        world.fail(summary, str(status), reply.describe())
    values = reply.values("Retry-After")
    if len(values) != 1:
        world.fail(summary, "Retry-After, once", f"{len(values)} of them")
    if re.fullmatch(r"[0-9]{1,9}", values[0]):
        return int(values[0])
    try:
        parsedate_to_datetime(values[0])
    except ValueError:
        world.fail(summary, "Retry-After in seconds or as a date", values[0])
    return None


@check("HTTP-10", needs=CONFIGURED)
def test_too_many_requests(mark: Mark, trial: Trial) -> None:
    """A bearer over its rate is answered with 429 and Retry-After."""
    world = World(trial, DEFAULT.but(policies=(rule(HOME, rate_limit=1),)))
    grant = world.issue()
    if wire.resource(world, wire.bearer(grant)).status != 200:
        world.fail("the first request of a rate of 1", "200", "another status")
    _retry_after(world, wire.resource(world, wire.bearer(grant)), 429, "the second request of a rate of 1")


@check("HTTP-10", needs=TIMED)
def test_retry_after_is_true(mark: Mark, trial: Trial) -> None:
    """After the seconds of Retry-After a bearer that was over its rate is admitted, and not a second earlier."""
    for rate in (1, 7, 100):
        world = World(trial, DEFAULT.but(policies=(rule(HOME, rate_limit=rate),)))
        grant = world.issue()
        for _ in range(rate):
            world.admitted(grant)
        seconds = _retry_after(world, wire.resource(world, wire.bearer(grant)), 429, f"over a rate of {rate}")
        if seconds is None:
            continue
        world.wait(max(0, seconds - 1))
        _retry_after(world, wire.resource(world, wire.bearer(grant)), 429, "a second before the time told")
        world.wait(1)
        reply = wire.resource(world, wire.bearer(grant))
        if reply.status != 200:
            world.fail(f"over a rate of {rate}, and the {seconds} s told have passed", "200", reply.describe())


@check("HTTP-10", needs=CONFIGURED)
def test_too_many_tokens(mark: Mark, trial: Trial) -> None:
    """An identity at its cap is answered with 429, too_many_tokens and Retry-After."""
    world = World(trial, DEFAULT.but(cap=1))
    world.issue()
    reply = wire.exchange(world, wire.exchange_form(world))
    _retry_after(world, reply, 429, "the second token of a cap of 1")
    _answered(world, reply, 429, ("too_many_tokens",), "the second token of a cap of 1")


@check("HTTP-10", needs=CONFIGURED)
def test_too_many_exchanges(mark: Mark, trial: Trial) -> None:
    """A peer that exchanges too often is answered with 429, rate_limited and Retry-After; another one is not."""
    limits = {"throttle": {"admin_failures": 5, "exchanges_per_minute": 1}}
    world = World(trial, DEFAULT.but(extra=limits))
    _granted(world, wire.exchange(world, wire.exchange_form(world)), "the first exchange of one a minute")
    for fields in ([("Content-Type", FORM)], [("Content-Type", "text/plain")]):
        reply = wire.exchange(world, wire.exchange_form(world), fields)
        if fields[0][1] == FORM or reply.status == 429:
            _retry_after(world, reply, 429, "the second exchange of one a minute")
            _answered(world, reply, 429, ("rate_limited",), "the second exchange of one a minute")
    reply = wire.exchange(world, wire.exchange_form(world), peer=OTHER_PEER)
    _granted(world, reply, "the first exchange of another peer")


@check("HTTP-10", needs=(*CONFIGURED, "key_server:throttle"))
def test_too_many_guesses(mark: Mark, trial: Trial) -> None:
    """A peer that guesses at the admin secret too often is answered with 429 and Retry-After."""
    world = World(trial, DEFAULT.but(admin_failures=1))
    grant = world.issue()
    wire.delete(world, grant.jti, "Bearer wrong")
    for query in (None, wire.identity_query()):
        if query is None:
            reply = wire.delete(world, grant.jti, "Bearer wrong")
        else:
            reply = wire.delete_all(world, query, "Bearer wrong")
        _retry_after(world, reply, 429, "the second wrong secret of one a minute")


@check("HTTP-10", needs=CONFIGURED)
def test_out_of_order(mark: Mark, trial: Trial) -> None:
    """A full store, and a provider whose keys cannot be had, are answered with 503 and Retry-After."""
    world = World(trial, DEFAULT.but(capacity=1))
    world.issue("bob")
    _later(world, "the store is full")
    provider = {**HOME.as_json(), "keys_url": "http://127.0.0.1:1/keys"}
    del provider["keys"]
    world = World(trial, DEFAULT.but(extra={"providers": [provider], "policies": [rule(HOME)]}))
    _later(world, "the keys of the provider cannot be had")


def _later(world: World, summary: str) -> None:
    reply = wire.exchange(world, wire.exchange_form(world))
    _retry_after(world, reply, 503, summary)
    _answered(world, reply, 503, ("temporarily_unavailable",), summary)


# --- twice


@check("HTTP-16", needs=BOUND)
def test_parameter_given_twice(mark: Mark, trial: Trial) -> None:
    """A parameter that stands twice makes the request invalid, with the same value or another, first or last."""
    world = World(trial)
    _granted(world, wire.exchange(world, wire.exchange_form(world)), "an honest form")
    for field, other in _OTHERS.items():
        form = wire.exchange_form(world, scope="backends:a tools:x")
        honest = dict(form)[field]
        for value in (honest, other):
            for name, twice in {"first": [(field, value), *form], "last": [*form, (field, value)]}.items():
                what = f"{field} stands twice, {'the same' if value == honest else 'another'} {name}"
                _answered(world, wire.exchange(world, twice), 400, ("invalid_request",), what)


_OTHERS = {
    "grant_type": "password",
    "subject_token": "x.y.z",
    "subject_token_type": ACCESS_TOKEN,
    "scope": "backends:b tools:x",
}


@check("HTTP-16", needs=BOUND)
def test_twice_in_another_spelling(mark: Mark, trial: Trial) -> None:
    """A parameter whose name is encoded in another way the second time stands twice as well."""
    world = World(trial)
    _granted(world, wire.exchange(world, wire.exchange_form(world)), "an honest form")
    for field, other in _OTHERS.items():
        spelled = "".join(f"%{ord(letter):02x}" for letter in field)
        for name, second in {
            "in hexadecimal": spelled,
            "its underscore alone": quote_plus(field).replace("_", "%5F"),
        }.items():
            if second == field:
                continue
            honest = urlencode(wire.exchange_form(world, scope="backends:a tools:x"))
            for body in (f"{honest}&{second}={quote(other)}", f"{second}={quote(other)}&{honest}"):
                what = f"{field} stands twice, once encoded: {name}"
                _answered(world, wire.exchange(world, body.encode()), 400, ("invalid_request",), what)


@check("HTTP-16", needs=BOUND)
def test_twice_whatever_it_is(mark: Mark, trial: Trial) -> None:
    """A parameter that nobody knows, or that has no value the second time, may not stand twice either."""
    if trial.measure is Measure.BASE:  # one could read the RFC so that such a parameter is as good as absent
        return
    world = World(trial)
    _granted(world, wire.exchange(world, wire.exchange_form(world, unknown="x")), "an unknown parameter")
    form = wire.exchange_form(world, scope="backends:a tools:x", unknown="x")
    for name, _ in form:
        for twice in ([*form, (name, "")], [(name, ""), *form]):
            _answered(world, wire.exchange(world, twice), 400, ("invalid_request",), f"{name} stands twice, once empty")
    _answered(
        world, wire.exchange(world, [*form, ("unknown", "x")]), 400, ("invalid_request",), "an unknown one stands twice"
    )  # fmt: skip
    _granted(world, wire.exchange(world, form), "the same form with each parameter once")


@check("HTTP-16", needs=BOUND)
def test_many_of_one(mark: Mark, trial: Trial) -> None:
    """A parameter that stands a thousand times makes the request invalid, and harms nothing."""
    world = World(trial)
    form = wire.exchange_form(world)
    many = [*form, *[("grant_type", TOKEN_EXCHANGE)] * 400]
    _answered(world, wire.exchange(world, many), 400, ("invalid_request",), "grant_type stands 401 times")
    _granted(world, wire.exchange(world, form), "the same form with each parameter once")
