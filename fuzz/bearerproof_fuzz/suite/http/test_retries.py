"""When to come back over HTTP: Retry-After, wherever there was too much of something or something was out of order."""

import re
from email.utils import parsedate_to_datetime

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import wire
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.http_asserts import failed, succeeded
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER_PEER, rule
from bearerproof_fuzz.keyserver.wire import FORM, Reply
from bearerproof_fuzz.needs import CONFIGURE, HTTP, THROTTLE, TICK


def _retry_after(server: KeyServerDriver, reply: Reply, status: int, summary: str) -> int | None:
    """Require a status and a sound Retry-After; return its seconds, or None for a date."""
    if reply.status != status:
        server.fail(summary, str(status), reply.describe())
    values = reply.values("Retry-After")
    if len(values) != 1:
        server.fail(summary, "Retry-After, once", f"{len(values)} of them")
    if re.fullmatch(r"[0-9]{1,9}", values[0]):
        return int(values[0])
    try:
        parsedate_to_datetime(values[0])
    except ValueError:
        server.fail(summary, "Retry-After in seconds or as a date", values[0])
    return None


@check("HTTP-10", needs=(HTTP, CONFIGURE))
def test_too_many_requests(mark: CheckId, trial: Trial) -> None:
    """A bearer over its rate is answered with 429 and Retry-After."""
    server = KeyServerDriver(trial, DEFAULT.but(policies=(rule(HOME, rate_limit=1),)))
    grant = server.issue()
    if wire.resource(server, wire.bearer(grant)).status != 200:
        server.fail("the first request of a rate of 1", "200", "another status")
    _retry_after(server, wire.resource(server, wire.bearer(grant)), 429, "the second request of a rate of 1")


@check("HTTP-10", needs=(TICK, HTTP, CONFIGURE))
def test_retry_after_is_true(mark: CheckId, trial: Trial) -> None:
    """After the seconds of Retry-After a bearer that was over its rate is admitted, and not a second earlier."""
    for rate in (1, 7, 100):
        server = KeyServerDriver(trial, DEFAULT.but(policies=(rule(HOME, rate_limit=rate),)))
        grant = server.issue()
        for _ in range(rate):
            server.admitted(grant)
        seconds = _retry_after(server, wire.resource(server, wire.bearer(grant)), 429, f"over a rate of {rate}")
        if seconds is None:
            continue
        server.wait(max(0, seconds - 1))
        _retry_after(server, wire.resource(server, wire.bearer(grant)), 429, "a second before the time told")
        server.wait(1)
        reply = wire.resource(server, wire.bearer(grant))
        if reply.status != 200:
            server.fail(f"over a rate of {rate}, and the {seconds} s told have passed", "200", reply.describe())


@check("HTTP-10", needs=(HTTP, CONFIGURE))
def test_too_many_tokens(mark: CheckId, trial: Trial) -> None:
    """An identity at its cap is answered with 429, too_many_tokens and Retry-After."""
    server = KeyServerDriver(trial, DEFAULT.but(cap=1))
    server.issue()
    reply = wire.exchange(server, wire.exchange_form(server))
    _retry_after(server, reply, 429, "the second token of a cap of 1")
    failed(server, reply, 429, ("too_many_tokens",), "the second token of a cap of 1")


@check("HTTP-10", needs=(HTTP, CONFIGURE))
def test_too_many_exchanges(mark: CheckId, trial: Trial) -> None:
    """A peer that exchanges too often is answered with 429, rate_limited and Retry-After; another one is not."""
    limits = {"throttle": {"admin_failures": 5, "exchanges_per_minute": 1}}
    server = KeyServerDriver(trial, DEFAULT.but(extra=limits))
    succeeded(server, wire.exchange(server, wire.exchange_form(server)), "the first exchange of one a minute")
    for fields in ([("Content-Type", FORM)], [("Content-Type", "text/plain")]):
        reply = wire.exchange(server, wire.exchange_form(server), fields)
        if fields[0][1] == FORM or reply.status == 429:
            _retry_after(server, reply, 429, "the second exchange of one a minute")
            failed(server, reply, 429, ("rate_limited",), "the second exchange of one a minute")
    reply = wire.exchange(server, wire.exchange_form(server), peer=OTHER_PEER)
    succeeded(server, reply, "the first exchange of another peer")


@check("HTTP-10", needs=(HTTP, CONFIGURE, THROTTLE))
def test_too_many_guesses(mark: CheckId, trial: Trial) -> None:
    """A peer that guesses at the admin secret too often is answered with 429 and Retry-After."""
    server = KeyServerDriver(trial, DEFAULT.but(admin_failures=1))
    grant = server.issue()
    wire.delete(server, grant.jti, "Bearer wrong")
    for query in (None, wire.identity_query()):
        if query is None:
            reply = wire.delete(server, grant.jti, "Bearer wrong")
        else:
            reply = wire.delete_all(server, query, "Bearer wrong")
        _retry_after(server, reply, 429, "the second wrong secret of one a minute")


@check("HTTP-10", needs=(HTTP, CONFIGURE))
def test_out_of_order(mark: CheckId, trial: Trial) -> None:
    """A full store, and a provider whose keys cannot be had, are answered with 503 and Retry-After."""
    server = KeyServerDriver(trial, DEFAULT.but(capacity=1))
    server.issue("bob")
    _later(server, "the store is full")
    provider = {**HOME.as_json(), "keys_url": "http://127.0.0.1:1/keys"}
    del provider["keys"]
    server = KeyServerDriver(trial, DEFAULT.but(extra={"providers": [provider], "policies": [rule(HOME)]}))
    _later(server, "the keys of the provider cannot be had")


def _later(server: KeyServerDriver, summary: str) -> None:
    reply = wire.exchange(server, wire.exchange_form(server))
    _retry_after(server, reply, 503, summary)
    failed(server, reply, 503, ("temporarily_unavailable",), summary)
