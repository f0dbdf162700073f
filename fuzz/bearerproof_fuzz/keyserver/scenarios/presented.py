"""Bearers that nobody issued, wrong admin secrets, and revocations that name nothing (LIFE-8, LIFE-15)."""

from collections.abc import Callable, Mapping

from bearerproof.contract.decisions import Decision
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.scenarios.registry import Outcome, Run, add, nobody, scenario, who
from bearerproof_fuzz.keyserver.setting import ADMIN, DEFAULT, OTHER_PEER
from bearerproof_fuzz.needs import THROTTLE
from bearerproof_fuzz.oracles.lifecycle import DENIED, INVALID, ExpectedEvent

MALFORMED: Mapping[str, str] = {
    "empty": "",
    "blank": " ",
    "a word": "letmein-letmein-letmein",
    "a prefix alone": "bprf_",
    "a short one": "bprf_c2hvcnQgYnV0IHNlY3JldA",
    "one with a line feed": "bprf_line\nfeed-and-what-follows-it",
    "a JWT": "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
    "a very long one": "bprf_" + "A" * 9000,
    "one in another alphabet": "bprf_ёлка-ёлка-ёлка-ёлка-ёлка",
}
"""Texts that are no bearer of anybody's."""


def _malformed(bearer: str) -> Run:
    return lambda server: (server.authenticate(bearer), nobody(INVALID, "malformed-bearer", "unknown-bearer"))


for _name, _bearer in MALFORMED.items():
    add("LIFE-8", f"malformed bearer, {_name}", _malformed(_bearer))


@scenario("LIFE-8")
def _unknown_bearer(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    return server.authenticate(another_bearer(server, grant)), nobody(INVALID, "unknown-bearer")


def another_bearer(server: KeyServerDriver, grant: Grant) -> str:
    """Return a text of a bearer's form that nobody issued: two of its characters changed, far from its ends."""
    bearer = grant.bearer
    middle = len(bearer) // 2
    changed = "".join("B" if char == "A" else "A" for char in bearer[middle : middle + 2])
    other = bearer[:middle] + changed + bearer[middle + 2 :]
    server.hide(other, f"<nearly the bearer of {grant.subject}>")
    return other


WRONG_SECRETS: Mapping[str, str | None] = {
    "none": None,
    "empty": "",
    "wrong": "guess-of-a-stranger-who-hopes",
    "cut": ADMIN[:-1],
    "with a space": f"{ADMIN} ",
    "in capitals": ADMIN.upper(),
}


def _wrongly(admin: str | None, *, bulk: bool) -> Run:
    def run(server: KeyServerDriver) -> Outcome:
        grant = server.issue()
        decision = server.revoke_all("alice", admin=admin) if bulk else server.revoke(grant.jti, admin=admin)
        return decision, (ExpectedEvent(DENIED, frozenset({"admin-credentials"}), who=who(grant), perhaps=True),)

    return run


for _name, _admin in WRONG_SECRETS.items():
    add("LIFE-15", f"admin secret {_name}", _wrongly(_admin, bulk=False))
    add("LIFE-15", f"admin secret {_name}, for a bulk revocation", _wrongly(_admin, bulk=True))


@scenario("LIFE-15")
def _wrong_admin_secret_for_nothing(server: KeyServerDriver) -> Outcome:
    return server.revoke("", admin="guess-of-a-stranger-who-hopes"), nobody(DENIED, "admin-credentials")


@scenario("LIFE-15", DEFAULT.but(admin_secret=None))
def _revocation_that_is_disabled(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    return server.revoke(grant.jti), (
        ExpectedEvent(DENIED, frozenset({"admin-credentials"}), who=who(grant), perhaps=True),
    )


@scenario("LIFE-15", needs=(THROTTLE,))
def _too_many_guesses(server: KeyServerDriver) -> Outcome:
    grant = server.issue()
    for _ in range(server.setting.admin_failures):
        server.revoke(grant.jti, admin="guess-of-a-stranger-who-hopes", peer=OTHER_PEER)
    decision = server.revoke(grant.jti, admin="guess-of-a-stranger-who-hopes", peer=OTHER_PEER)
    return decision, (ExpectedEvent(DENIED, frozenset({"throttled"}), who=who(grant), perhaps=True),)


_NO_NAME: Mapping[str, Callable[[KeyServerDriver], Decision]] = {
    "revocation of no token": lambda server: server.revoke(""),
    "bulk revocation without a subject": lambda server: server.revoke_all(None),
    "bulk revocation without an issuer": lambda server: server.revoke_all("alice", None),
    "bulk revocation of an empty subject": lambda server: server.revoke_all(""),
    "bulk revocation of an empty issuer": lambda server: server.revoke_all("alice", ""),
}


def _nameless(ask: Callable[[KeyServerDriver], Decision]) -> Run:
    def run(server: KeyServerDriver) -> Outcome:
        server.issue()
        return ask(server), nobody(INVALID, "malformed-request")

    return run


for _name, _ask in _NO_NAME.items():
    add("LIFE-8", _name, _nameless(_ask))
