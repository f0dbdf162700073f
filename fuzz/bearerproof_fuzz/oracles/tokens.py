"""What a store of tokens owes, by a model of its own: a list of what was issued, and times that are compared.

Nothing is assumed about how a store keeps its tokens. Where the specification leaves a choice (what survives a restart,
whether a server whose clock is behind issues anything) either outcome is right.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Aspect(StrEnum):
    """What a deviation is about; each belongs to a requirement of its own."""

    OWN = "a bearer answers for its own issue"
    LIVE = "a live token is good"
    DEAD = "an expired token is dead"
    CAP = "the cap counts live tokens"
    KEPT = "a tombstone is kept for its retention"
    RESTART = "a restart revives nothing"


@dataclass(frozen=True)
class Wrong:
    """One deviation from what is due."""

    aspect: Aspect
    summary: str
    expected: str


@dataclass
class Issued:
    """A token as it was issued; ``survived`` counts the restarts since, after which it may be forgotten."""

    jti: str
    issuer: str
    subject: str
    scopes: Mapping[str, Any]
    expires_at: float
    revoked: bool = False
    ended: bool = False
    survived: int = 0

    @property
    def certain(self) -> bool:
        """Whether the server must still know it."""
        return self.survived == 0


@dataclass
class Store:
    """All that was issued, and the latest time that the server has seen; times are wall-clock seconds."""

    ttl: float
    retention: float
    cap: int
    latest: float = float("-inf")
    tokens: list[Issued] = field(default_factory=list)
    withdrawn: dict[tuple[str, str], float] = field(default_factory=dict)

    def see(self, now: float) -> None:
        """Take note of the time of a request: what has expired by then is dead for ever."""
        self.latest = max(self.latest, now)
        for token in self.tokens:
            token.ended = token.ended or token.expires_at <= self.latest

    def live(self, issuer: str, subject: str) -> tuple[int, int]:
        """Return how many live tokens an identity has: certainly, and at most."""
        own = [
            token
            for token in self.tokens
            if (token.issuer, token.subject) == (issuer, subject) and self._is_live(token)
        ]
        return sum(token.certain for token in own), len(own)

    def judge_issue(self, now: float, issuer: str, subject: str, code: str | None) -> Iterator[Wrong]:
        """Judge an honest exchange: ``code`` says why it was refused, None that it was not."""
        least, most = self.live(issuer, subject)
        if code is None and least >= self.cap:
            yield Wrong(Aspect.CAP, f"{least} live tokens, and one more is issued", "too_many_tokens")
        behind = now < self.latest  # a server may refuse what would be expired, or used up, by its own clock
        covered = int(now) <= self.withdrawn.get((issuer, subject), float("-inf"))
        if code is not None and most < self.cap and not behind and not covered:
            yield Wrong(Aspect.CAP, f"at most {most} live tokens, and no more is issued ({code})", "granted")
        if code == "too_many_tokens" and most < self.cap:
            yield Wrong(Aspect.CAP, f"at most {most} live tokens count as too many", "another answer")

    def judge_presented(
        self, token: Issued, answer: Mapping[str, Any] | None, events: Sequence[str]
    ) -> Iterator[Wrong]:
        """Judge what came of a bearer: ``answer`` is None when it was not admitted."""
        if answer is not None:
            yield from _not_its_own(token, answer)
        state = "revoked" if token.revoked else "expired" if token.ended else "live"
        if answer is not None and state != "live":
            aspect = Aspect.DEAD if token.certain and state == "expired" else Aspect.RESTART
            if aspect is Aspect.DEAD or token.survived:
                yield Wrong(aspect, f"a bearer that {_past(state)} is good", "invalid-token")
        if answer is None and state == "live" and token.certain:
            yield Wrong(Aspect.LIVE, "a live token is refused", "accepted")
        yield from self._misremembered(token, state, events)

    def judge_number(self, issuer: str, subject: str, number: int) -> Iterator[Wrong]:
        """Judge how many live tokens of an identity were counted, or revoked at once."""
        least, most = self.live(issuer, subject)
        if not least <= number <= most:
            yield Wrong(Aspect.CAP, f"{number} tokens are told as live", f"{least} to {most}")

    def revoke_all(self, issuer: str, subject: str) -> None:
        """Take note of a bulk revocation."""
        self.withdrawn[issuer, subject] = self.latest
        for token in self.tokens:
            token.revoked = token.revoked or (
                (token.issuer, token.subject) == (issuer, subject) and self._is_live(token)
            )

    def restart(self) -> None:
        """Take note of a restart: all of it may be forgotten, the latest time included."""
        for token in self.tokens:
            token.survived += 1
        self.latest = float("-inf")

    def _is_live(self, token: Issued) -> bool:
        return not token.revoked and not token.ended

    def _misremembered(self, token: Issued, state: str, events: Sequence[str]) -> Iterator[Wrong]:
        if not token.certain or state == "live":
            return
        forgotten = token.expires_at + self.retention <= self.latest
        expected = "token.invalid" if forgotten else {"expired": "token.expired", "revoked": "token.denied"}[state]
        if list(events) != [expected]:
            when = "after" if forgotten else "within"
            yield Wrong(Aspect.KEPT, f"a bearer that {_past(state)}, {when} its retention, leaves {events}", expected)


def _past(state: str) -> str:
    return "has expired" if state == "expired" else "was revoked"


def _not_its_own(token: Issued, answer: Mapping[str, Any]) -> Iterator[Wrong]:
    expected = {
        "jti": token.jti,
        "identity": {"issuer": token.issuer, "subject": token.subject},
        "scopes": token.scopes,
    }
    for name, value in expected.items():
        if answer.get(name) != value:
            yield Wrong(Aspect.OWN, f"a bearer is answered with another {name}", str(value))
