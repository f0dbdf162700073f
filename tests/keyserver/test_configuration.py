"""The configuration: what would not do what it seems to say is refused, with its place and without secrets.

Of what the suite has refused as well, a key server being configured by it, one of each kind stands here for the place.
"""

from ipaddress import ip_network
from typing import Any

import pytest

from bearerproof_reference.keyserver.configuration import ConfigurationError, read, secret_digest
from bearerproof_reference.keyserver.policy import Match
from bearerproof_reference.keyserver.tokens import Scopes
from tests.keyserver.environment import ADMIN, ISSUER, configuration, provider, rule
from tests.reference.minting import Json


def grant(**changes: Any) -> Json:
    return {"backends": ["*"], "tools": ["*"], **changes}


def test_what_is_told() -> None:
    config = read(configuration(ttl=60, cap=2, throttle={"admin_failures": 3, "exchanges_per_minute": 10}))
    assert [provider.issuer for provider in config.providers] == [ISSUER, "https://other.example"]
    assert config.policy.rules[0].name == "staff"
    assert config.policy.rules[0].match == Match(ISSUER)
    assert config.policy.rules[0].grant == Scopes(("*",), ("search", "brave_*"), 60)
    assert (config.ttl, config.cap, config.admin_failures, config.exchanges_per_minute) == (60, 2, 3, 10)
    assert config.trusted_proxies == (ip_network("10.0.0.0/8"),)
    assert config.admin_digest == secret_digest(ADMIN)


def test_what_is_not_told() -> None:
    config = read({"providers": [provider()], "policies": []})
    assert (config.ttl, config.retention, config.cap, config.capacity) == (600, 300, 5, 100_000)
    assert (config.max_age, config.leeway, config.subject_token_uses) == (300, 0, 1)
    assert (config.trusted_proxies, config.admin_failures, config.exchanges_per_minute) == ((), 5, 0)
    assert config.admin_digest is None
    assert config.policy.rules == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"ttl": 1, "retention": 0, "cap": 1, "capacity": 1, "max_age": 1, "leeway": 600},
        {"providers": [provider(keys=None, keys_url="http://127.0.0.1:8080/keys")], "policies": []},
        {"providers": [provider(keys=None, keys_url="https://idp.example/keys?v=1")], "policies": []},
        {"providers": [provider("http://localhost:8080/realm")], "policies": []},
        {"providers": [provider("http://[::1]:1")], "policies": []},
        {"providers": [provider(keys={"keys": []})], "policies": []},
        {"trusted_proxies": ["::1", "192.0.2.1", "fd00::/8"]},
        {"policies": [rule(domain="example.com", email="a@b", group="g", subject="s")]},
    ],
)
def test_what_is_allowed(changes: Json) -> None:
    read(configuration(**changes))


OUT_OF_RANGE: list[tuple[str, object]] = [
    *[("ttl", value) for value in (0, 86_401, 600.0, True, float("nan"))],
    *[("retention", value) for value in (-1, 2**40)],
    ("cap", 10**9),
    ("capacity", 10**12),
    ("max_age", 0),
    ("max_age", [300]),
    ("leeway", -1),
    ("leeway", 601),
    ("subject_token_uses", 0),
    ("subject_token_uses", 10**9),
]

REFUSED: list[tuple[Json, str]] = [
    ({"providers": None}, "the configuration: providers must be a list"),
    ({"providers": []}, "providers: at least one"),
    ({"providers": ["idp"]}, r"providers\[0\]: not an object"),
    ({"policies": None}, "policies must be a list"),
    ({"extra": 1}, "unknown member 'extra'"),
    ({"throttle": {"admin": 1}}, "throttle: unknown member 'admin'"),
    ({"throttle": []}, "throttle: not an object"),
    ({"throttle": {"admin_failures": -1}}, "throttle: admin_failures must be"),
    ({"throttle": {"exchanges_per_minute": 1.5}}, "exchanges_per_minute must be"),
    *[({name: value}, f"{name} must be a whole number from") for name, value in OUT_OF_RANGE],
    ({"admin_secret": ""}, "admin_secret must be"),
    ({"admin_secret": 7}, "admin_secret must be"),
    ({"clients": {}}, "clients must be an object with"),
    ({"clients": "app"}, "clients must be an object with"),
    ({"clients": {"app": " "}}, "clients: app must be a text"),
    ({"clients": {"": "secret"}}, "clients must not be without an id"),
    ({"trusted_proxies": "10.0.0.0/8"}, "trusted_proxies must be a list"),
    ({"trusted_proxies": ["10.0.0.1/8"]}, r"trusted_proxies\[0\]: not a network"),
    ({"trusted_proxies": ["proxy"]}, r"trusted_proxies\[0\]: not a network"),
    ({"providers": [provider(), provider()]}, "the same issuer"),
    *[
        ({"providers": [provider(issuer)]}, r"providers\[0\]: issuer must be")
        for issuer in (
            "https://idp.example?tenant=1",
            "https://idp.example#a",
            "https://user:secret@idp.example",
            "https://idp.example:port",
            "https://idp.exam ple",
            "https://idp.example\n",
        )
    ],
    ({"providers": [provider(audiences=None)]}, "audiences must be a list"),
    ({"providers": [provider(audiences=["key-server", " "])]}, "audiences must hold texts"),
    ({"providers": [provider(algorithms=[])]}, "algorithms must be a list"),
    ({"providers": [provider(algorithms=["none"])]}, "algorithms must be signature algorithms"),
    ({"providers": [provider(algorithms=["ES256", "HS256"])]}, "none of them HMAC"),
    ({"providers": [provider(keys=None)]}, "keys or keys_url must be given"),
    ({"providers": [provider(keys_url="https://idp.example/keys")]}, "and not both"),
    ({"providers": [provider(keys={})]}, "keys must be a JWK set"),
    ({"providers": [provider(keys=[])]}, "keys must be a JWK set"),
    ({"providers": [provider(keys=None, keys_url="http://idp.example/keys")]}, "keys_url must be an https URL"),
    ({"providers": [provider(keys=None, keys_url="file:///etc/keys")]}, "keys_url must be an https URL"),
    ({"providers": [provider(discovery=True)]}, "unknown member 'discovery'"),
    ({"policies": [{"match": {"issuer": ISSUER}, "grant": grant()}]}, r"policies\[0\]: name must be"),
    ({"policies": [rule(), rule(" ")]}, r"policies\[1\] \(' '\): name must be"),
    (
        {"policies": [{"name": "all", "match": {}, "grant": grant()}]},
        r"policies\[0\] \('all'\).match: issuer is missing",
    ),
    ({"policies": [{"name": "all", "grant": grant()}]}, "match: not an object"),
    ({"policies": [rule(issuer="https://idp.example/")]}, "issuer is none of the providers'"),
    ({"policies": [rule(issuer="")]}, "issuer must be"),
    ({"policies": [rule(domain="")]}, "domain must be"),
    ({"policies": [rule(domain="@example.com")]}, "domain must be a domain"),
    ({"policies": [rule(domain="*.example com")]}, "domain must be a domain"),
    ({"policies": [rule(domain=".example.com")]}, "domain must be a domain"),
    ({"policies": [rule(email="anna")]}, "email must be"),
    ({"policies": [rule(email="a@b@c")]}, "email must be"),
    ({"policies": [rule(role="x")]}, "unknown member 'role'"),
    *[
        ({"policies": [rule("the-third", grant=bad)]}, rf"policies\[0\] \('the-third'\).grant: {cause}")
        for bad, cause in (
            (grant(backends=[]), "backends must be a list that is not empty"),
            ({"tools": ["*"]}, "backends must be a list"),
            (grant(tools=["a b"]), "tools must hold names"),
            (grant(tools=["x"] * 257), "tools must hold names"),
            (grant(rate_limit=-1), "rate_limit must be"),
            (grant(rate_limit=True), "rate_limit must be"),
            (grant(rate_limit=2_000_000), "rate_limit must be"),
        )
    ],
]


@pytest.mark.parametrize(("changes", "cause"), REFUSED)
def test_what_is_refused_and_where(changes: Json, cause: str) -> None:
    with pytest.raises(ConfigurationError, match=cause):
        read(configuration(**changes))


@pytest.mark.parametrize("value", [None, [], "config", 7])
def test_not_even_an_object(value: object) -> None:
    with pytest.raises(ConfigurationError, match="not an object"):
        read(value)


def test_no_secret_is_repeated() -> None:
    secret = "canary-7f3a"
    config = read(configuration(admin_secret=secret))
    assert secret not in repr(config)
    assert secret_digest(secret).hex() not in repr(config)
    assert repr(secret_digest(secret)) not in repr(config)
    for bad in ({"admin_secret": [secret]}, {"admin_secret": secret * 1000}, {"admin_secret": {secret: 1}}):
        with pytest.raises(ConfigurationError) as caught:
            read(configuration(**bad))
        assert secret not in str(caught.value)
