"""What a token store is to do, told as plainly as can be: one list, looked through from end to end."""

from dataclasses import dataclass, field
from math import inf

from bearerproof_reference.keyserver.store import Issue, State, StoreLimits
from bearerproof_reference.keyserver.tokens import TokenRecord


@dataclass
class Model:
    """A store that cannot fail; ``None`` stands for what a store raises ``StoreUnavailable`` for."""

    limits: StoreLimits
    latest: float = -inf
    tokens: list[TokenRecord] = field(default_factory=list)
    revoked: set[str] = field(default_factory=set)
    revocations: dict[tuple[str, str], float] = field(default_factory=dict)
    revocations_forgotten: float = -inf
    claims: dict[str, tuple[float, int]] = field(default_factory=dict)
    claims_forgotten: float = -inf

    def issue(self, record: TokenRecord, cap: int, now: float, subject_issued_at: float) -> Issue | None:
        now = self.advance(now)
        if record.expires_at <= now:
            return None
        if subject_issued_at <= max(self.revocations.get(record.identity.key, -inf), self.revocations_forgotten):
            return Issue.REVOKED_BEFORE
        if self.count(record.identity.key, now) >= cap:
            return Issue.CAP_REACHED
        over = sorted((token for token in self.tokens if self.over(token)), key=lambda token: token.expires_at)
        if len(self.tokens) >= self.limits.capacity and over:
            self.tokens.remove(over[0])
        if len(self.tokens) >= self.limits.capacity:
            return Issue.FULL
        self.tokens.append(record)
        return Issue.STORED

    def state(self, record: TokenRecord, now: float) -> State | None:
        now = self.advance(now)
        if record not in self.tokens or self.over(record):
            return None
        if record.jti in self.revoked:
            return State.REVOKED
        return State.EXPIRED if now >= record.expires_at else State.LIVE

    def revoke(self, record: TokenRecord, now: float) -> bool:
        if self.state(record, now) is not State.LIVE:
            return False
        self.revoked.add(record.jti)
        return True

    def revoke_all(self, key: tuple[str, str], now: float) -> set[str]:
        now = self.advance(now)
        live = {token.jti for token in self.tokens if token.identity.key == key and self.revoke(token, now)}
        self.revocations.pop(key, None)
        self.revocations[key] = now
        if len(self.revocations) > self.limits.remembered:
            self.revocations_forgotten = self.revocations.pop(next(iter(self.revocations)))
        return live

    def count(self, key: tuple[str, str], now: float) -> int:
        now = self.advance(now)
        return sum(token.identity.key == key and self.state(token, now) is State.LIVE for token in self.tokens)

    def reap(self, now: float) -> int:
        now = self.advance(now)
        before = len(self.tokens)
        self.tokens = [token for token in self.tokens if not self.over(token)]
        for key, at in list(self.revocations.items()):
            if at + self.limits.subject_age < now:
                self.revocations_forgotten = self.revocations.pop(key)
        for name, (until, _) in sorted(self.claims.items(), key=lambda claim: claim[1]):
            if until < now:
                self.claims_forgotten = until
                del self.claims[name]
        return before - len(self.tokens)

    def claim(self, name: str, uses: int, until: float, now: float) -> bool | None:
        now = self.advance(now)
        if name in self.claims:
            until, used = self.claims[name]
            self.claims[name] = until, used + (used < uses)
            return used < uses
        if len(self.claims) >= self.limits.remembered:
            first = min(self.claims, key=lambda other: self.claims[other][0])
            if self.claims[first][0] >= now:
                return None
            self.claims_forgotten = self.claims.pop(first)[0]
        if until <= self.claims_forgotten:
            return False
        self.claims[name] = until, 1
        return True

    def advance(self, now: float) -> float:
        self.latest = max(self.latest, now)
        return self.latest

    def over(self, record: TokenRecord) -> bool:
        return self.latest >= record.expires_at + self.limits.retention
