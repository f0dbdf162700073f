"""By whose keys a subject token is judged: those of its issuer, as they are served, and never without any."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz import fetched, jwks_endpoint, keys
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.jwks_endpoint import Endpoint, Reply
from bearerproof_fuzz.keyserver import race_requests
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, OTHER_PEER, Provider, rule
from bearerproof_fuzz.needs import CONFIGURE, FETCHED, KEYS_URL, RACE, ROTATE, THROTTLE, TICK

# --- keys that cannot be had

_UNAVAILABLE = "temporarily_unavailable"


@contextmanager
def _fetching(trial: Trial, reply: Reply) -> Iterator[tuple[KeyServerDriver, Endpoint]]:
    """Serve this reply where the keys of the first provider are to be; those of the other are configured."""
    with jwks_endpoint.endpoint(reply) as endpoint:
        provider = {name: value for name, value in HOME.as_json().items() if name != "keys"}
        providers = [{**provider, "keys_url": endpoint.url}, OTHER.as_json()]
        setting = DEFAULT.but(extra={"providers": providers}, cap=50)
        yield KeyServerDriver(trial, setting, stand_ins={endpoint.url: fetched.SHOWN_URL}), endpoint


@check("EXC-11", needs=FETCHED)
def test_keys_that_cannot_be_had(mark: CheckId, trial: Trial) -> None:
    """While keys cannot be had no verdict is given, on good tokens or forged ones, and others' are not touched."""
    forger = replace(HOME, key=replace(keys.key("ES256", "attacker"), kid=HOME.key.kid))
    replies = {**jwks_endpoint.failures([HOME.key]), **jwks_endpoint.not_key_sets([HOME.key])}
    for name, reply in replies.items():
        with _fetching(trial, reply) as (server, endpoint):
            decision = server.exchange(server.subject_token())
            server.refused(decision, _UNAVAILABLE, f"where the keys are to be there is: {name}")
            decision = server.exchange(server.subject_token(provider=forger))
            server.refused(decision, _UNAVAILABLE, f"a forged token, where the keys are to be there is: {name}")
            server.good(server.exchange(server.subject_token(provider=OTHER)), "a token of the other provider")
            endpoint.reply = jwks_endpoint.key_set([HOME.key])
            server.wait(fetched.times(trial).ttl)
            server.good(server.exchange(server.subject_token("bob")), f"the keys can be had again, after {name}")


@check("EXC-11", needs=FETCHED)
def test_keys_behind_a_redirect_or_too_much_text(mark: CheckId, trial: Trial) -> None:
    """Keys behind a redirect, or behind more text than a server reads, cannot be had either."""
    with _fetching(trial, jwks_endpoint.key_set([HOME.key])) as (server, _):
        server.issue()
    with jwks_endpoint.endpoint(jwks_endpoint.key_set([HOME.key])) as target:
        replies = {**jwks_endpoint.redirects(target.url), "too much text": jwks_endpoint.too_large([HOME.key])}
        for name, reply in replies.items():
            with _fetching(trial, reply) as (server, _):
                decision = server.exchange(server.subject_token())
                server.refused(decision, _UNAVAILABLE, f"where the keys are to be there is: {name}")


@check("EXC-11", needs=FETCHED)
def test_keys_that_are_had_no_more(mark: CheckId, trial: Trial) -> None:
    """Keys at hand serve an outage as long as is declared, then no verdict is given; refused tokens stay refused."""
    times = fetched.times(trial)
    with _fetching(trial, jwks_endpoint.key_set([HOME.key])) as (server, endpoint):
        server.issue()
        endpoint.reply = Reply(status=500)
        server.wait(times.ttl - 1)
        decision = server.exchange(server.subject_token(aud="somebody-else"))
        server.refused(decision, "invalid_request", "a bad token while keys are at hand")
        server.wait(times.stale + 2)
        decision = server.exchange(server.subject_token())
        server.refused(decision, _UNAVAILABLE, "the keys at hand are older than may be")
        endpoint.reply = jwks_endpoint.key_set([HOME.key])
        server.wait(times.ttl)
        server.good(server.exchange(server.subject_token("bob")), "the keys can be had again")


@check("EXC-17", needs=(THROTTLE, TICK, KEYS_URL, CONFIGURE))
def test_throttled_before_any_fetch(mark: CheckId, trial: Trial) -> None:
    """Beyond its number a peer causes no fetch."""
    with jwks_endpoint.endpoint(Reply(status=500)) as endpoint:
        provider = {name: value for name, value in HOME.as_json().items() if name != "keys"}
        extra = {
            "providers": [{**provider, "keys_url": endpoint.url}, OTHER.as_json()],
            "throttle": {"admin_failures": 5, "exchanges_per_minute": 2},
        }
        server = KeyServerDriver(trial, DEFAULT.but(extra=extra), stand_ins={endpoint.url: fetched.SHOWN_URL})
        server.issue(provider=OTHER, peer=OTHER_PEER)
        for _ in range(2):
            server.exchange("x")
        server.refused(server.exchange(server.subject_token()), "rate_limited", "an exchange beyond the number")
        if endpoint.requests:
            server.fail("an exchange beyond the number caused a fetch", "none", f"{endpoint.requests}")


# --- issuer and keys

_ISSUERS = {
    "another": "https://evil.example",
    "a trailing slash": HOME.issuer + "/",
    "a path": HOME.issuer + "/tenant",
    "a prefix": HOME.issuer[:-1],
    "an extended host": HOME.issuer + ".evil.example",
    "an upper-case host": "https://IDP.example",
    "an upper-case scheme": "HTTPS://idp.example",
    "plain http": "http://idp.example",
    "no scheme": "idp.example",
    "userinfo": "https://idp.example@evil.example",
    "a port": HOME.issuer + ":443",
    "a fragment": HOME.issuer + "#",
    "a query": HOME.issuer + "?",
    "a trailing dot": HOME.issuer + ".",
    "percent-encoding": "https://idp%2eexample",
    "a leading blank": " " + HOME.issuer,
    "a trailing newline": HOME.issuer + "\n",
    "a trailing NUL": HOME.issuer + "\0",
    "a full-width letter": "https://\uff49dp.example",
    "a Cyrillic letter": "https://\u0456dp.example",
    "the other provider's name in it": f"{HOME.issuer} {OTHER.issuer}",
    "the empty text": "",
    "a list": [HOME.issuer],
    "a number": 1,
}


@check("EXC-12")
def test_issuer_that_is_not_configured(mark: CheckId, trial: Trial) -> None:
    """A subject token whose issuer is not, to the letter, a configured one is refused though its key is."""
    server = KeyServerDriver(trial)
    server.issue()
    for name, issuer in _ISSUERS.items():
        decision = server.exchange(server.subject_token(iss=issuer))
        server.refused(decision, "invalid_request", f"iss is not the provider's: {name}")
    server.refused(server.exchange(server.subject_token(iss=None)), "invalid_request", "there is no iss")
    server.issue()


@check("EXC-12")
def test_keys_of_another_provider(mark: CheckId, trial: Trial) -> None:
    """The keys of one provider verify no token in the name of another, before and after each was used."""
    server = KeyServerDriver(trial)
    for _ in range(2):
        for named, signer in ((HOME, OTHER), (OTHER, HOME)):
            for kid in (signer.key.kid, named.key.kid):
                impostor = replace(named, key=replace(signer.key, kid=kid))
                decision = server.exchange(server.subject_token(provider=impostor))
                summary = f"{signer.issuer} signs in the name of {named.issuer}, under the kid {kid}"
                server.refused(decision, "invalid_request", summary)
        server.issue(provider=HOME)
        server.issue(provider=OTHER)


@check("EXC-12", needs=(CONFIGURE,))
def test_one_kid_of_two_providers(mark: CheckId, trial: Trial) -> None:
    """Where two providers call their keys by the same kid, each is still verified with its own."""
    for names in (("https://idp.example", "https://idp.example/b"), ("https://a.example", "https://a.example/b/c")):
        first, second = (
            Provider(name, replace(keys.key("ES256", role), kid="1")) for name, role in zip(names, "ab", strict=True)
        )
        server = KeyServerDriver(
            trial, DEFAULT.but(providers=(first, second), policies=(rule(first), rule(second)), cap=50)
        )
        for _ in range(2):
            for used, other in ((first, second), (second, first)):
                server.issue(provider=used)
                for named, signer in ((other, used), (used, other)):
                    decision = server.exchange(server.subject_token(provider=replace(named, key=signer.key)))
                    server.refused(decision, "invalid_request", f"{signer.issuer} signs in the name of {named.issuer}")


# --- rotation

_AFTER = replace(HOME, key=replace(keys.key("ES256", "attacker"), kid="es256-c"))
"""The first provider after a rotation, with a key that no other provider has."""


@check("EXC-14", needs=(ROTATE,))
def test_withdrawn_key(mark: CheckId, trial: Trial) -> None:
    """After a rotation the withdrawn key mints nothing, the new one does, and issued bearers live on."""
    server = KeyServerDriver(trial)
    before = server.issue()
    unused = server.subject_token()
    after = _AFTER
    server.refused(server.exchange(server.subject_token(provider=after)), "invalid_request", "a key that is not served")
    server.rotate(HOME, after)
    for name, token in {"of before": unused, "of after": server.subject_token()}.items():
        server.refused(server.exchange(token), "invalid_request", f"a token {name} the rotation, of the withdrawn key")
    server.good(server.exchange(server.subject_token(provider=after)), "a token of the new key")
    server.good(server.authenticate(before.bearer), "a bearer issued under the withdrawn key")
    other = server.exchange(server.subject_token(provider=OTHER))
    server.good(other, "a token of the provider that did not rotate")


@check("EXC-14", needs=(ROTATE,))
def test_withdrawn_key_whose_kid_is_used_again(mark: CheckId, trial: Trial) -> None:
    """A new key under the kid of the withdrawn one replaces it."""
    server = KeyServerDriver(trial)
    server.issue()
    after = replace(_AFTER, key=replace(_AFTER.key, kid=HOME.key.kid))
    server.rotate(HOME, after)
    server.refused(server.exchange(server.subject_token()), "invalid_request", "a token of the withdrawn key")
    server.good(server.exchange(server.subject_token(provider=after)), "a token of the new key under the same kid")


@check("EXC-14", needs=(ROTATE,))
def test_rotation_step_by_step(mark: CheckId, trial: Trial) -> None:
    """While both keys are served both are good; then one is withdrawn, and may come back."""
    server = KeyServerDriver(trial)
    after = _AFTER
    for served in ((HOME, after), (after,), (HOME,), (after, HOME)):
        server.rotate(HOME, *served)
        for number, provider in enumerate((HOME, after)):
            decision = server.exchange(server.subject_token(f"user-{len(server.steps)}-{number}", provider))
            shown = f"{provider.key.kid} while {', '.join(other.key.kid for other in served)} served"
            if provider in served:
                server.good(decision, f"a token of {shown}")
            else:
                server.refused(decision, "invalid_request", f"a token of {shown}")


@check("EXC-14", needs=FETCHED)
def test_withdrawn_from_the_url(mark: CheckId, trial: Trial) -> None:
    """A key that is no longer served at the URL is refused once the set held is no longer fresh."""
    after = _AFTER
    with _fetching(trial, jwks_endpoint.key_set([HOME.key])) as (server, endpoint):
        before = server.issue()
        endpoint.reply = jwks_endpoint.key_set([after.key])
        server.wait(fetched.times(trial).ttl + 1)
        server.good(server.exchange(server.subject_token("bob", after)), "a token of the new key")
        server.refused(server.exchange(server.subject_token()), "invalid_request", "a token of the withdrawn key")
        if fetched.times(trial).ttl + 1 < server.setting.ttl:
            server.good(server.authenticate(before.bearer), "a bearer issued under the withdrawn key")


@check("EXC-11", needs=(CONFIGURE, RACE, KEYS_URL))
def test_keys_wanted_at_once(mark: CheckId, trial: Trial) -> None:
    """Exchanges that wait for the keys of a provider at the same time all get them."""
    with jwks_endpoint.endpoint(jwks_endpoint.in_halves([HOME.key])) as endpoint:
        provider = {name: value for name, value in HOME.as_json().items() if name != "keys"}
        setting = DEFAULT.but(extra={"providers": [{**provider, "keys_url": endpoint.url}, OTHER.as_json()]})
        server = KeyServerDriver(trial, setting, stand_ins={endpoint.url: fetched.SHOWN_URL})
        tokens = [server.subject_token(f"user-{number}") for number in range(6)]
        for decision in server.race([race_requests.exchange(token) for token in tokens]):
            server.good(decision, "one of several exchanges that wait for the same keys")
        misdirected = server.exchange(server.subject_token(aud="somebody-else"))
        server.refused(misdirected, "invalid_request", "a subject token for somebody else, once the keys are there")
