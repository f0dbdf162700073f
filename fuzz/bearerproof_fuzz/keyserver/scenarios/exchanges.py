"""Exchanges that are refused: before anybody is known, and to somebody who is (LIFE-7, LIFE-8)."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from bearerproof_fuzz import keys
from bearerproof_fuzz.forge import Draft
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.scenarios.registry import ALICE, Outcome, Run, add, nobody, scenario
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, ID_TOKEN, OTHER, TOKEN_EXCHANGE, rule
from bearerproof_fuzz.needs import SINGLE_USE, THROTTLE
from bearerproof_fuzz.oracles.lifecycle import DENIED, INVALID, ExpectedEvent


def _denied(*reasons: str) -> tuple[ExpectedEvent, ...]:
    """Return what is due where a server may refuse before or after it has verified who asks."""
    return (ExpectedEvent(DENIED, frozenset(reasons), who=ALICE, perhaps=True),)


_PARAMETERS: Mapping[str, tuple[dict[str, str | None], str, str]] = {
    "exchange without a grant type": ({"grant_type": None}, INVALID, "malformed-request"),
    "exchange with an empty grant type": ({"grant_type": ""}, INVALID, "malformed-request"),
    "exchange under another grant": ({"grant_type": "client_credentials"}, INVALID, "unsupported-grant-type"),
    "exchange under a grant of no name": ({"grant_type": "<script>"}, INVALID, "unsupported-grant-type"),
    "exchange without a subject token": ({"subject_token": None}, INVALID, "malformed-request"),
    "exchange of an empty subject token": ({"subject_token": ""}, INVALID, "malformed-request"),
    "exchange without a subject token type": ({"subject_token_type": None}, INVALID, "malformed-request"),
    "exchange of another type of token": (
        {"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"},
        INVALID,
        "unsupported-token-type",
    ),
    "exchange for a resource": ({"resource": "https://api.example"}, DENIED, "invalid-target"),
    "exchange for an audience": ({"audience": "api"}, DENIED, "invalid-target"),
    "exchange with an actor": ({"actor_token": "a.b.c", "actor_token_type": ID_TOKEN}, DENIED, "malformed-request"),
    "exchange into another type of token": (
        {"requested_token_type": "urn:ietf:params:oauth:token-type:jwt"},
        DENIED,
        "malformed-request",
    ),
}


def _changed(changes: Mapping[str, str | None], event: str, reason: str) -> Run:
    def run(server: KeyServerDriver) -> Outcome:
        server.issue()
        expected = _denied(reason) if event == DENIED else nobody(INVALID, reason)
        return server.exchange(**{"subject_token": server.subject_token(), **changes}), expected  # type: ignore[arg-type]

    return run


for _name, (_changes, _event, _reason) in _PARAMETERS.items():
    add("LIFE-8" if _event == INVALID else "LIFE-7", _name, _changed(_changes, _event, _reason))


@scenario("LIFE-8")
def _exchange_of_nothing(server: KeyServerDriver) -> Outcome:
    return server.exchange_form([]), nobody(INVALID, "malformed-request")


@scenario("LIFE-8")
def _exchange_with_a_parameter_given_twice(server: KeyServerDriver) -> Outcome:
    token = server.subject_token()
    form = [("grant_type", TOKEN_EXCHANGE), ("subject_token", token), ("subject_token_type", ID_TOKEN)]
    return server.exchange_form([*form, form[0]]), nobody(INVALID, "malformed-request")


FORGERIES: Mapping[str, Callable[[Draft], Draft]] = {
    "signed by a stranger": lambda draft: draft.signed_by(keys.key("ES256", "attacker").sign),
    "of an unknown issuer": lambda draft: draft.with_claims(iss="https://evil.example"),
    "signed by another provider": lambda draft: draft.signed_by(OTHER.key.sign),
    "meant for somebody else": lambda draft: draft.with_claims(aud="another-server"),
    "that has expired": lambda draft: draft.with_claims(exp=int(draft.now) - 1),
    "of the future": lambda draft: draft.with_claims(iat=int(draft.now) + 3600),
    "without a signature": lambda draft: draft.with_header(alg="none").unsigned(),
    "under an unknown key": lambda draft: draft.with_header(kid="rogue").signed_by(keys.key("ES256", "attacker").sign),
    "that is no JSON": lambda draft: replace(draft, payload_json=b'{"sub":"alice"'),
}
"""Subject tokens that establish nothing, though each of them names alice."""


def _forged(change: Callable[[Draft], Draft]) -> Run:
    def run(server: KeyServerDriver) -> Outcome:
        server.issue()
        token = change(HOME.draft("alice", server.now, jti="forged")).token()
        return server.exchange(token), nobody(DENIED, "subject-token")

    return run


for _name, _change in FORGERIES.items():
    add("LIFE-7", f"subject token {_name}", _forged(_change))


@scenario("LIFE-7")
def _subject_token_that_is_no_token(server: KeyServerDriver) -> Outcome:
    return server.exchange("alice"), nobody(DENIED, "subject-token")


_UNREACHABLE = "http://127.0.0.1:9/jwks.json"
"""Nothing listens at the port of the discard protocol."""

_WITHOUT_KEYS = {
    "issuer": "https://dark-idp.example",
    "audiences": [HOME.audience],
    "algorithms": ["ES256"],
    "keys_url": _UNREACHABLE,
}


@scenario("LIFE-7", DEFAULT.but(extra={"providers": [HOME.as_json(), OTHER.as_json(), _WITHOUT_KEYS]}))
def _keys_cannot_be_had(server: KeyServerDriver) -> Outcome:
    token = replace(HOME, issuer="https://dark-idp.example").draft("alice", server.now, jti="dark").token()
    return server.exchange(token), nobody(DENIED, "keys-unavailable")


_ONE_EXCHANGE = {"throttle": {"admin_failures": 5, "exchanges_per_minute": 1}}


@scenario("LIFE-7", DEFAULT.but(extra=_ONE_EXCHANGE), needs=(THROTTLE,))
def _too_many_exchanges(server: KeyServerDriver) -> Outcome:
    server.issue()
    return server.exchange(server.subject_token()), _denied("throttled")


# --- exchanges refused to somebody who is known


def _verified(*reasons: str) -> tuple[ExpectedEvent, ...]:
    return (ExpectedEvent(DENIED, frozenset(reasons), who=ALICE),)


@scenario("LIFE-7", needs=(SINGLE_USE,))
def _subject_token_used_before(server: KeyServerDriver) -> Outcome:
    token = server.subject_token()
    server.use_up(token)
    return server.exchange(token), _verified("subject-token-used")


@scenario("LIFE-7")
def _subject_token_too_old(server: KeyServerDriver) -> Outcome:
    issued = int(server.now) - server.setting.max_age - 1
    return server.exchange(server.subject_token(iat=issued)), _verified("subject-token-age")


@scenario("LIFE-7")
def _subject_token_from_before_a_bulk_revocation(server: KeyServerDriver) -> Outcome:
    server.issue()
    server.revoke_all("alice")
    return server.exchange(server.subject_token()), _verified("subject-token-revoked")


@scenario("LIFE-7", DEFAULT.but(policies=(rule(OTHER), rule(HOME, subject="bob"))))
def _no_rule_matches(server: KeyServerDriver) -> Outcome:
    server.issue("bob")
    return server.exchange(server.subject_token()), _verified("no-policy")


@scenario("LIFE-7")
def _scope_of_no_form(server: KeyServerDriver) -> Outcome:
    return server.exchange(server.subject_token(), "everything"), _verified("invalid-scope")


@scenario("LIFE-7", DEFAULT.but(policies=(rule(HOME, backends=("a",)),)))
def _scope_that_is_not_allowed(server: KeyServerDriver) -> Outcome:
    return server.exchange(server.subject_token(), "backends:b"), _verified("invalid-scope")


@scenario("LIFE-7", DEFAULT.but(cap=1))
def _cap_reached(server: KeyServerDriver) -> Outcome:
    server.issue()
    return server.exchange(server.subject_token()), _verified("cap-reached")


@scenario("LIFE-7", DEFAULT.but(capacity=1))
def _store_full(server: KeyServerDriver) -> Outcome:
    server.issue("bob")
    return server.exchange(server.subject_token()), _verified("store-full")
