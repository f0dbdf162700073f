"""What is due of tokens that were, or were not, revoked; and peers without a history."""

from collections.abc import Iterator
from itertools import count

from bearerproof.contract.decisions import Decision
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver

NOBODYS_JTI = "0b5f4c1e-7a7b-4a53-9d2e-3f0c8a6f1d24"
"""An id that has the form of many, and that no token has."""

WRONG = "not-the-admin-secret"


def peers() -> Iterator[str]:
    """Yield one peer after another, so that no failure counts against the next."""
    return (f"203.0.{number >> 8}.{number & 255}" for number in count(1))


def crowd(number: int) -> list[str]:
    """Return so many peers, of both kinds of addresses, each a client of its own."""
    return [f"2001:db8:{at:x}::1" if at % 2 else f"198.18.{at >> 8}.{at & 255}" for at in range(number)]


A_CROWD = 1_100
"""Peers that are more than a limiter of a thousand has room for."""


def dead(server: KeyServerDriver, *grants: Grant, summary: str) -> None:
    """Require that each bearer is refused as one that is not good.

    Raises:
        Nonconforming: one is not.
    """
    for grant in grants:
        server.refused(server.authenticate(grant.bearer), "invalid-token", summary)


def live(server: KeyServerDriver, *grants: Grant, summary: str) -> None:
    """Require that each bearer is admitted.

    Raises:
        Nonconforming: one is not.
    """
    for grant in grants:
        server.good(server.authenticate(grant.bearer), summary)


def revoked(server: KeyServerDriver, decision: Decision, number: int, summary: str) -> None:
    """Require that a revocation was done, and ended so many tokens.

    Raises:
        Nonconforming: it was refused, or tells another number.
    """
    if not decision.good:
        server.fail(summary, f"{number} revoked", decision)
    if decision.revoked != number:
        server.fail(summary, f"{number} revoked", f"{decision.revoked} revoked")


def none_revoked(server: KeyServerDriver, decision: Decision) -> None:
    """Require that no event says that a token was revoked.

    Raises:
        Nonconforming: one does.
    """
    if any(event.get("event") == "token.revoked" for event in decision.events):
        server.fail("nothing was revoked", "no event token.revoked", "one", decision.events)
