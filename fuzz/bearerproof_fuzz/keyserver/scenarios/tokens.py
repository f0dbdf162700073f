"""Tokens that are issued, used, expired and revoked (LIFE-3, LIFE-4, LIFE-5, LIFE-6, LIFE-12)."""

from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.scenarios.registry import Outcome, about, nobody, scenario, who
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, rule
from bearerproof_fuzz.needs import CLOCK, RETENTION
from bearerproof_fuzz.oracles.lifecycle import DENIED, EXPIRED, ISSUED, REVOKED, USED, ExpectedEvent


@scenario("LIFE-3")
def _token_issued(server: KeyServerDriver) -> Outcome:
    grant = server.issue(scope="backends:a tools:x")
    return grant.decision, about(ISSUED, grant)


@scenario("LIFE-4")
def _bearer_admitted(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    return server.authenticate(grant.bearer), about(USED, grant)


@scenario("LIFE-4")
def _bearer_admitted_for_a_tool(server: KeyServerDriver) -> Outcome:
    grant = server.issue(scope="backends:a tools:x")
    return server.authenticate(grant.bearer, "a", "x"), about(USED, grant)


@scenario("LIFE-4")
def _wrong_backend(server: KeyServerDriver) -> Outcome:
    grant = server.issue(scope="backends:a tools:x")
    return server.authenticate(grant.bearer, "b", "x"), about(DENIED, grant, "insufficient-scope")


@scenario("LIFE-4")
def _wrong_tool(server: KeyServerDriver) -> Outcome:
    grant = server.issue(scope="backends:a tools:x")
    return server.authenticate(grant.bearer, "a", "y"), about(DENIED, grant, "insufficient-scope")


@scenario("LIFE-4", DEFAULT.but(policies=(rule(HOME, rate_limit=1),)))
def _over_the_rate(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    server.admitted(grant)
    return server.authenticate(grant.bearer), about(DENIED, grant, "rate-limited")


@scenario("LIFE-5", needs=(CLOCK, RETENTION))
def _expired_bearer(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    server.admitted(grant)
    server.wait(server.setting.ttl)
    return server.authenticate(grant.bearer), about(EXPIRED, grant)


@scenario("LIFE-5", needs=(CLOCK, RETENTION))
def _expired_bearer_again(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    server.wait(server.setting.ttl + 1)
    server.authenticate(grant.bearer)
    return server.authenticate(grant.bearer), about(EXPIRED, grant)


@scenario("LIFE-5", needs=(CLOCK, RETENTION))
def _expired_bearer_for_a_wrong_tool(server: KeyServerDriver) -> Outcome:
    grant = server.issue(scope="backends:a tools:x")
    server.wait(server.setting.ttl + 1)
    return server.authenticate(grant.bearer, "b", "y"), about(EXPIRED, grant)


@scenario("LIFE-5", needs=(CLOCK, RETENTION))
def _expired_bearer_at_the_end_of_the_retention(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    server.wait(server.setting.ttl + server.setting.retention - 1)
    return server.authenticate(grant.bearer), about(EXPIRED, grant)


@scenario("LIFE-6")
def _token_revoked(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    return server.revoke(grant.jti), about(REVOKED, grant)


@scenario("LIFE-6")
def _all_tokens_of_an_identity_revoked(server: KeyServerDriver) -> Outcome:
    server.issue("bob")
    server.issue(provider=OTHER)
    grants = [server.issue() for _ in range(3)]
    return server.revoke_all("alice"), tuple(event for grant in grants for event in about(REVOKED, grant))


@scenario("LIFE-6")
def _all_but_one_revoked_already(server: KeyServerDriver) -> Outcome:
    first, second = server.issue(), server.issue()
    server.revoke(first.jti)
    return server.revoke_all("alice"), about(REVOKED, second)


@scenario("LIFE-6")
def _nobody_to_revoke(server: KeyServerDriver) -> Outcome:
    server.issue("bob")
    return server.revoke_all("alice"), ()


@scenario("LIFE-6", needs=(CLOCK, RETENTION))
def _all_have_expired_before_they_are_revoked(server: KeyServerDriver) -> Outcome:
    server.issue()
    server.wait(server.setting.ttl)
    return server.revoke_all("alice"), ()


@scenario("LIFE-6")
def _unknown_token_revoked(server: KeyServerDriver) -> Outcome:
    server.issue()
    return server.revoke("6f1cbe7a-3f0b-4c55-8f53-3d2d5f2b8f10"), nobody(DENIED, "not-active")


@scenario("LIFE-6")
def _no_token_id_revoked(server: KeyServerDriver) -> Outcome:
    server.issue()
    return server.revoke("no such token"), nobody(DENIED, "not-active")


@scenario("LIFE-6")
def _token_revoked_again(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    server.good(server.revoke(grant.jti), "a live token is not revoked")
    return server.revoke(grant.jti), (ExpectedEvent(DENIED, frozenset({"not-active"}), who=who(grant), perhaps=True),)


@scenario("LIFE-6", needs=(CLOCK, RETENTION))
def _expired_token_revoked(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    server.wait(server.setting.ttl)
    return server.revoke(grant.jti), (ExpectedEvent(DENIED, frozenset({"not-active"}), who=who(grant), perhaps=True),)


@scenario("LIFE-12")
def _revoked_bearer(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    server.revoke(grant.jti)
    return server.authenticate(grant.bearer), about(DENIED, grant, "revoked")


@scenario("LIFE-12")
def _revoked_bearer_again(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    server.revoke(grant.jti)
    server.authenticate(grant.bearer)
    return server.authenticate(grant.bearer), about(DENIED, grant, "revoked")


@scenario("LIFE-12")
def _revoked_bearer_for_a_wrong_tool(server: KeyServerDriver) -> Outcome:
    grant = server.issue(scope="backends:a tools:x")
    server.revoke(grant.jti)
    return server.authenticate(grant.bearer, "b", "y"), about(DENIED, grant, "revoked")


@scenario("LIFE-12")
def _bearer_revoked_with_all_others(server: KeyServerDriver) -> Outcome:
    grant, _ = server.issue(), server.issue()
    server.revoke_all("alice")
    return server.authenticate(grant.bearer), about(DENIED, grant, "revoked")


@scenario("LIFE-12", needs=(CLOCK, RETENTION))
def _revoked_bearer_after_its_expiry(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    server.revoke(grant.jti)
    server.wait(server.setting.ttl + 1)
    return server.authenticate(grant.bearer), about(DENIED, grant, "revoked")
