"""The token endpoint over HTTP: which bodies it takes, and that no parameter stands in them twice."""

import json
from collections.abc import Mapping
from urllib.parse import quote, quote_plus, urlencode

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check, strict_alone
from bearerproof_fuzz.keyserver import wire
from bearerproof_fuzz.keyserver.contenttypes import OTHER_TYPES
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.http_asserts import codes_where_twice, failed, succeeded
from bearerproof_fuzz.keyserver.setting import ACCESS_TOKEN, TOKEN_EXCHANGE
from bearerproof_fuzz.keyserver.wire import FORM, Fields
from bearerproof_fuzz.needs import HTTP

KIB = 1024


# --- what is taken


_FORM_TYPES = {
    "as registered": FORM,
    "in upper case": FORM.upper(),
    "in mixed case": "Application/X-WWW-Form-Urlencoded",
    "with a character set": f"{FORM};charset=UTF-8",
    "with a quoted character set": f'{FORM}; charset="utf-8"',
}


@check("HTTP-1", needs=(HTTP,))
def test_form_in_every_spelling(mark: CheckId, trial: Trial) -> None:
    """A form is taken under every spelling of its media type."""
    server = KeyServerDriver(trial)
    for name, media_type in _FORM_TYPES.items():
        form = wire.exchange_form(server, token=server.subject_token(f"user-{len(name)}"))
        reply = wire.exchange(server, form, [("content-type", media_type)])
        succeeded(server, reply, f"the content type is that of a form, {name}")


@check("HTTP-1", needs=(HTTP,))
def test_other_content_types(mark: CheckId, trial: Trial) -> None:
    """A form under every other content type is answered with 415 and a JSON error, and its token is not used."""
    server = KeyServerDriver(trial)
    form = wire.exchange_form(server)
    for name, fields in OTHER_TYPES.items():
        failed(server, wire.exchange(server, form, fields), 415, (), f"a form whose content type is {name}")
    succeeded(server, wire.exchange(server, form), "the same form under its own content type")


@check("HTTP-1", needs=(HTTP,))
def test_bodies_of_other_types(mark: CheckId, trial: Trial) -> None:
    """JSON, parts and an empty body are answered with 415 and a JSON error, under the types that they have."""
    server = KeyServerDriver(trial)
    succeeded(server, wire.exchange(server, wire.exchange_form(server)), "an honest form")
    form = wire.exchange_form(server)
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
        reply = wire.exchange(server, body, [("Content-Type", media_type)])
        failed(server, reply, 415, (), f"a body of {media_type.partition(';')[0]}")


@check("HTTP-2", needs=(HTTP,))
def test_body_up_to_the_bound(mark: CheckId, trial: Trial) -> None:
    """A form of 64 KiB, most of it parameters that nobody knows, is taken."""
    server = KeyServerDriver(trial)
    for size in (32 * KIB, 64 * KIB):
        form = urlencode([*wire.exchange_form(server), ("x", "")]).encode()
        reply = wire.exchange(server, form + b"a" * (size - len(form)))
        succeeded(server, reply, f"a form of {size // KIB} KiB")


@check("HTTP-2", needs=(HTTP,))
def test_body_over_the_bound(mark: CheckId, trial: Trial) -> None:
    """A longer body is answered with 413, whatever it says of its length, of its type and in front of its end."""
    server = KeyServerDriver(trial)
    succeeded(server, wire.exchange(server, wire.exchange_form(server)), "an honest form")
    for size in (64 * KIB + 1, 200 * KIB, 600 * KIB):
        for name, fields in _LENGTHS.items():
            form = urlencode([*wire.exchange_form(server), ("x", "")]).encode()
            body = form + b"a" * (size - len(form))
            sent = [(field, value.format(size)) for field, value in fields]
            reply = wire.exchange(server, body, [("Content-Type", FORM), *sent])
            if reply.status != 413:
                server.fail(f"a body of {size} bytes that announces {name}", "413", reply.describe())


_LENGTHS: Mapping[str, Fields] = {
    "no length": (),
    "its length": (("Content-Length", "{}"),),
    "less": (("Content-Length", "100"),),
    "pieces": (("Transfer-Encoding", "chunked"),),
}


@check("HTTP-2", needs=(HTTP,))
def test_other_endpoints_have_a_bound(mark: CheckId, trial: Trial) -> None:
    """A body over the bound is answered with 413 where nobody expects one, and nothing is done."""
    server = KeyServerDriver(trial)
    grant = server.issue()
    body = b"a" * 80 * KIB
    asked = {
        "GET": ("/resource/a/x", wire.bearer(grant)),
        "DELETE": (f"/auth/token/{grant.jti}", wire.ADMINISTRATOR),
    }
    for method, (path, credentials) in asked.items():
        reply = wire.send(server, method, path, [("Authorization", credentials)], body)
        if reply.status != 413:
            server.fail(f"{method} with a body of 80 KiB", "413", reply.describe())
    server.good(server.authenticate(grant.bearer), "its revocation came with a body over the bound")


# --- twice


@check("HTTP-16", needs=(HTTP,))
def test_parameter_given_twice(mark: CheckId, trial: Trial) -> None:
    """A parameter that stands twice makes the request invalid, with the same value or another, first or last."""
    server = KeyServerDriver(trial)
    succeeded(server, wire.exchange(server, wire.exchange_form(server)), "an honest form")
    for field, other in _OTHERS.items():
        form = wire.exchange_form(server, scope="backends:a tools:x")
        honest = dict(form)[field]
        for value in (honest, other):
            for name, twice in {"first": [(field, value), *form], "last": [*form, (field, value)]}.items():
                what = f"{field} stands twice, {'the same' if value == honest else 'another'} {name}"
                failed(server, wire.exchange(server, twice), 400, codes_where_twice(field, trial.measure), what)


_OTHERS = {
    "grant_type": "password",
    "subject_token": "x.y.z",
    "subject_token_type": ACCESS_TOKEN,
    "scope": "backends:b tools:x",
}


@check("HTTP-16", needs=(HTTP,))
def test_twice_in_another_spelling(mark: CheckId, trial: Trial) -> None:
    """A parameter whose name is encoded in another way the second time stands twice as well."""
    server = KeyServerDriver(trial)
    succeeded(server, wire.exchange(server, wire.exchange_form(server)), "an honest form")
    for field, other in _OTHERS.items():
        spelled = "".join(f"%{ord(letter):02x}" for letter in field)
        for name, second in {
            "in hexadecimal": spelled,
            "its underscore alone": quote_plus(field).replace("_", "%5F"),
        }.items():
            if second == field:
                continue
            honest = urlencode(wire.exchange_form(server, scope="backends:a tools:x"))
            for body in (f"{honest}&{second}={quote(other)}", f"{second}={quote(other)}&{honest}"):
                what = f"{field} stands twice, once encoded: {name}"
                failed(server, wire.exchange(server, body.encode()), 400, codes_where_twice(field, trial.measure), what)


@check("HTTP-16", needs=(HTTP,))
def test_twice_whatever_it_is(mark: CheckId, trial: Trial) -> None:
    """A parameter that nobody knows, or that has no value the second time, may not stand twice either."""
    strict_alone(trial, "one can read RFC 6749 §3.2 so that such a parameter is as good as absent")
    server = KeyServerDriver(trial)
    succeeded(server, wire.exchange(server, wire.exchange_form(server, unknown="x")), "an unknown parameter")
    form = wire.exchange_form(server, scope="backends:a tools:x", unknown="x")
    for name, _ in form:
        for twice in ([*form, (name, "")], [(name, ""), *form]):
            failed(server, wire.exchange(server, twice), 400, ("invalid_request",), f"{name} stands twice, once empty")
    failed(
        server,
        wire.exchange(server, [*form, ("unknown", "x")]),
        400,
        ("invalid_request",),
        "an unknown one stands twice",
    )
    succeeded(server, wire.exchange(server, form), "the same form with each parameter once")


@check("HTTP-16", needs=(HTTP,))
def test_many_of_one(mark: CheckId, trial: Trial) -> None:
    """A parameter that stands a thousand times makes the request invalid, and harms nothing."""
    server = KeyServerDriver(trial)
    form = wire.exchange_form(server)
    many = [*form, *[("grant_type", TOKEN_EXCHANGE)] * 400]
    failed(server, wire.exchange(server, many), 400, ("invalid_request",), "grant_type stands 401 times")
    succeeded(server, wire.exchange(server, form), "the same form with each parameter once")
