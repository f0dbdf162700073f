"""Tokens that are issued, used, expired and revoked (LIFE-3, LIFE-4, LIFE-5, LIFE-6, LIFE-12)."""

from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.scenarios.registry import Outcome, about, nobody, occasion, who
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, rule
from bearerproof_fuzz.needs import CLOCK, RETENTION
from bearerproof_fuzz.oracles.lifecycle import DENIED, EXPIRED, ISSUED, REVOKED, USED, Due


@occasion("LIFE-3")
def _token_issued(world: KeyServerDriver) -> Outcome:
    grant = world.issue(scope="backends:a tools:x")
    return grant.decision, about(ISSUED, grant)


@occasion("LIFE-4")
def _bearer_admitted(world: KeyServerDriver) -> Outcome:
    grant = world.issue()
    return world.authenticate(grant.bearer), about(USED, grant)


@occasion("LIFE-4")
def _bearer_admitted_for_a_tool(world: KeyServerDriver) -> Outcome:
    grant = world.issue(scope="backends:a tools:x")
    return world.authenticate(grant.bearer, "a", "x"), about(USED, grant)


@occasion("LIFE-4")
def _wrong_backend(world: KeyServerDriver) -> Outcome:
    grant = world.issue(scope="backends:a tools:x")
    return world.authenticate(grant.bearer, "b", "x"), about(DENIED, grant, "insufficient-scope")


@occasion("LIFE-4")
def _wrong_tool(world: KeyServerDriver) -> Outcome:
    grant = world.issue(scope="backends:a tools:x")
    return world.authenticate(grant.bearer, "a", "y"), about(DENIED, grant, "insufficient-scope")


@occasion("LIFE-4", DEFAULT.but(policies=(rule(HOME, rate_limit=1),)))
def _over_the_rate(world: KeyServerDriver) -> Outcome:
    grant = world.issue()
    world.admitted(grant)
    return world.authenticate(grant.bearer), about(DENIED, grant, "rate-limited")


@occasion("LIFE-5", needs=(CLOCK, RETENTION))
def _expired_bearer(world: KeyServerDriver) -> Outcome:
    grant = world.issue()
    world.admitted(grant)
    world.wait(world.setting.ttl)
    return world.authenticate(grant.bearer), about(EXPIRED, grant)


@occasion("LIFE-5", needs=(CLOCK, RETENTION))
def _expired_bearer_again(world: KeyServerDriver) -> Outcome:
    grant = world.issue()
    world.wait(world.setting.ttl + 1)
    world.authenticate(grant.bearer)
    return world.authenticate(grant.bearer), about(EXPIRED, grant)


@occasion("LIFE-5", needs=(CLOCK, RETENTION))
def _expired_bearer_for_a_wrong_tool(world: KeyServerDriver) -> Outcome:
    grant = world.issue(scope="backends:a tools:x")
    world.wait(world.setting.ttl + 1)
    return world.authenticate(grant.bearer, "b", "y"), about(EXPIRED, grant)


@occasion("LIFE-5", needs=(CLOCK, RETENTION))
def _expired_bearer_at_the_end_of_the_retention(world: KeyServerDriver) -> Outcome:
    grant = world.issue()
    world.wait(world.setting.ttl + world.setting.retention - 1)
    return world.authenticate(grant.bearer), about(EXPIRED, grant)


@occasion("LIFE-6")
def _token_revoked(world: KeyServerDriver) -> Outcome:
    grant = world.issue()
    return world.revoke(grant.jti), about(REVOKED, grant)


@occasion("LIFE-6")
def _all_tokens_of_an_identity_revoked(world: KeyServerDriver) -> Outcome:
    world.issue("bob")
    world.issue(provider=OTHER)
    grants = [world.issue() for _ in range(3)]
    return world.revoke_all("alice"), tuple(due for grant in grants for due in about(REVOKED, grant))


@occasion("LIFE-6")
def _all_but_one_revoked_already(world: KeyServerDriver) -> Outcome:
    first, second = world.issue(), world.issue()
    world.revoke(first.jti)
    return world.revoke_all("alice"), about(REVOKED, second)


@occasion("LIFE-6")
def _nobody_to_revoke(world: KeyServerDriver) -> Outcome:
    world.issue("bob")
    return world.revoke_all("alice"), ()


@occasion("LIFE-6", needs=(CLOCK, RETENTION))
def _all_have_expired_before_they_are_revoked(world: KeyServerDriver) -> Outcome:
    world.issue()
    world.wait(world.setting.ttl)
    return world.revoke_all("alice"), ()


@occasion("LIFE-6")
def _unknown_token_revoked(world: KeyServerDriver) -> Outcome:
    world.issue()
    return world.revoke("6f1cbe7a-3f0b-4c55-8f53-3d2d5f2b8f10"), nobody(DENIED, "not-active")


@occasion("LIFE-6")
def _no_token_id_revoked(world: KeyServerDriver) -> Outcome:
    world.issue()
    return world.revoke("no such token"), nobody(DENIED, "not-active")


@occasion("LIFE-6")
def _token_revoked_again(world: KeyServerDriver) -> Outcome:
    grant = world.issue()
    world.good(world.revoke(grant.jti), "a live token is not revoked")
    return world.revoke(grant.jti), (Due(DENIED, frozenset({"not-active"}), who=who(grant), perhaps=True),)


@occasion("LIFE-6", needs=(CLOCK, RETENTION))
def _expired_token_revoked(world: KeyServerDriver) -> Outcome:
    grant = world.issue()
    world.wait(world.setting.ttl)
    return world.revoke(grant.jti), (Due(DENIED, frozenset({"not-active"}), who=who(grant), perhaps=True),)


@occasion("LIFE-12")
def _revoked_bearer(world: KeyServerDriver) -> Outcome:
    grant = world.issue()
    world.revoke(grant.jti)
    return world.authenticate(grant.bearer), about(DENIED, grant, "revoked")


@occasion("LIFE-12")
def _revoked_bearer_again(world: KeyServerDriver) -> Outcome:
    grant = world.issue()
    world.revoke(grant.jti)
    world.authenticate(grant.bearer)
    return world.authenticate(grant.bearer), about(DENIED, grant, "revoked")


@occasion("LIFE-12")
def _revoked_bearer_for_a_wrong_tool(world: KeyServerDriver) -> Outcome:
    grant = world.issue(scope="backends:a tools:x")
    world.revoke(grant.jti)
    return world.authenticate(grant.bearer, "b", "y"), about(DENIED, grant, "revoked")


@occasion("LIFE-12")
def _bearer_revoked_with_all_others(world: KeyServerDriver) -> Outcome:
    grant, _ = world.issue(), world.issue()
    world.revoke_all("alice")
    return world.authenticate(grant.bearer), about(DENIED, grant, "revoked")


@occasion("LIFE-12", needs=(CLOCK, RETENTION))
def _revoked_bearer_after_its_expiry(world: KeyServerDriver) -> Outcome:
    grant = world.issue()
    world.revoke(grant.jti)
    world.wait(world.setting.ttl + 1)
    return world.authenticate(grant.bearer), about(DENIED, grant, "revoked")
