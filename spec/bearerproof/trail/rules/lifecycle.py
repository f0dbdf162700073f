"""The rules over lifecycle events: what may happen to a token, in which order, and by whose account."""

from collections.abc import Hashable
from datetime import UTC, datetime

from bearerproof.trail.events import (
    KINDS,
    Denied,
    Expired,
    Identity,
    Issued,
    LifecycleEvent,
    Revoked,
    Used,
    name_of,
)
from bearerproof.trail.findings import Findings
from bearerproof.trail.options import Options
from bearerproof.trail.rules import Rule, Want
from bearerproof.trail.rules.memory import Memory, Token
from bearerproof.trail.rules.sequence import Sequence
from bearerproof.trail.rules.time_order import TimeOrder
from bearerproof.trail.shapes import as_written, seconds_of
from bearerproof.trail.texts import SecretScanner, shown

_ABOUT_A_TOKEN = frozenset({"revoked", "insufficient-scope", "rate-limited"})
"""Reasons of denials that are about a token which was presented and found."""

_MINUTE = len("2027-01-15T08:00")

_FIRST_SECOND = -62_135_596_800
"""The first second of year 1."""

_RULES_OF_USE = (
    Rule.ISSUED_FIRST,
    Rule.NO_USE_AFTER_EXPIRY,
    Rule.NO_USE_AFTER_REVOCATION,
    Rule.IDENTITY_CONSTANT,
)


class Lifecycle:
    """Judges the lifecycle events of one trail, in the order of its lines."""

    def __init__(self, options: Options, findings: Findings, scanner: SecretScanner) -> None:
        self._options = options
        self._findings = findings
        self._scanner = scanner
        self._memory = Memory(options.max_tokens)
        self._sequence = Sequence(findings, from_middle=options.from_middle)
        self.course = TimeOrder(findings, options.tolerance)
        self._minute = ""
        self._previous: str | None = None
        self._counts = dict.fromkeys(KINDS, 0)
        self._timeless = self._timeless_uses = self._numberless = 0
        self._about_tokens = 0

    @property
    def runs(self) -> int:
        """How many times the numbers began: once for each start of the server."""
        return self._sequence.runs

    @property
    def late(self) -> int:
        """How many numbers stand behind later ones."""
        return self._sequence.late

    @property
    def forgotten(self) -> int:
        """How many tokens were forgotten before their time."""
        return self._memory.forgotten

    @property
    def counts(self) -> dict[str, int]:
        """How many events of each kind there were, by its name."""
        return {name_of(kind): self._counts[kind] for kind in KINDS}

    def judge(self, event: LifecycleEvent, source: Hashable, line: int) -> None:
        """Judge one event. ``source`` is what it was read from: that of a run's first event begins no other run."""
        self._counts[type(event)] += 1
        self._follow(event, source, line)
        match event:
            case Used():
                self._used(event, line)
            case Issued():
                self._issued(event, line)
            case Expired():
                self._expired(event, line)
            case Revoked():
                self._revoked(event, line)
            case Denied():
                self._denied(event, line)

    def close(self) -> None:
        """End the trail."""
        self._sequence.close()
        self._findings.skip(Want.TIME, Rule.TIME_MONOTONE, times=self._timeless)
        self._findings.skip(Want.TIME, Rule.NO_USE_AFTER_EXPIRY, times=self._timeless_uses)
        self._findings.skip(Want.SEQUENCE, Rule.EXACTLY_ONCE, Rule.NOTHING_LOST, times=self._numberless)

    def applied(self) -> dict[Rule, int]:
        """Return how many events each rule had before it, whether it could judge them or not."""
        counts, total = self._counts, sum(self._counts.values())
        return {
            Rule.ONE_ISSUE: counts[Issued],
            Rule.ISSUED_FIRST: counts[Used] + counts[Expired] + self._about_tokens,
            Rule.NO_USE_AFTER_EXPIRY: counts[Used],
            Rule.EXPIRED_IN_TRUTH: counts[Expired],
            Rule.NO_USE_AFTER_REVOCATION: counts[Used],
            Rule.REVOKED_WAS_LIVE: counts[Revoked],
            Rule.EXACTLY_ONCE: total,
            Rule.NOTHING_LOST: total,
            Rule.TIME_MONOTONE: total,
            Rule.IDENTITY_CONSTANT: counts[Used] + counts[Expired] + counts[Revoked] + self._about_tokens,
        }

    # -- order ---------------------------------------------------------------------------------------------------

    def _follow(self, event: LifecycleEvent, source: Hashable, line: int) -> None:
        """Follow time and numbers, whatever the event says."""
        when, seq = event.occurred_at, event.seq
        if when is None:
            self._timeless += 1
        else:
            if self.course.take(when, line) and when[:_MINUTE] != self._minute:
                self._forget(when)
            self._previous = when
        if seq is None:
            self._numberless += 1
        else:
            self._sequence.take(seq, when, line, source)

    def _forget(self, when: str) -> None:
        """Let go, once a minute, of what expired long ago, by the time of the event before: one alone may be wrong."""
        self._minute = when[:_MINUTE]
        since = seconds_of(min(when, self._previous or when)) - self._options.horizon
        if since > _FIRST_SECOND:
            self._memory.forget(datetime.fromtimestamp(since, UTC).isoformat())

    # -- what happens to tokens ----------------------------------------------------------------------------------

    def _issued(self, event: Issued, line: int) -> None:
        if event.token_jti is None:
            self._findings.skip(Want.UNREADABLE, Rule.ONE_ISSUE)
            return
        digest, identity = hash(event.token_jti), _digest(event.identity) or 0
        token = self._memory.find(digest)
        if token is None:
            self._memory.add(digest, Token(identity, event.expires_at, line))
            if self._memory.forgotten:
                self._findings.skip(Want.FORGOTTEN, Rule.ONE_ISSUE)
        elif token.issued:
            self._find(Rule.ONE_ISSUE, event, line, f"was issued already (line {token.line:,} of the trail)")
        else:
            self._find(Rule.ISSUED_FIRST, event, line, f"is issued after an event about it (line {token.line:,})")
            token.issued, token.identity, token.expires_at = True, identity, event.expires_at

    def _used(self, event: Used, line: int) -> None:
        token = self._token(event, line, _RULES_OF_USE)
        if token is None:
            return
        when, expires_at = event.occurred_at, token.expires_at
        self._compare_identity(token, event, line)
        if expires_at is not None and when is not None:
            if when >= expires_at:
                self._find(
                    Rule.NO_USE_AFTER_EXPIRY, event, line, f"is used after its expiry at {as_written(expires_at)}"
                )
        elif token.expired:
            self._find(Rule.NO_USE_AFTER_EXPIRY, event, line, "is used after it was called expired")
        elif when is None:
            self._timeless_uses += 1
        else:
            self._findings.skip(Want.EXPIRY, Rule.NO_USE_AFTER_EXPIRY)
        if token.revoked_at is not None:
            self._used_after_revocation(token.revoked_at, event, line)

    def _used_after_revocation(self, revoked_at: str, event: Used, line: int) -> None:
        """Judge a use that stands after the revocation: threads may have written the two the wrong way round."""
        when = event.occurred_at
        if revoked_at and when is not None:
            if when <= revoked_at:
                return
            if seconds_of(when) - seconds_of(revoked_at) <= self._options.tolerance:
                self._findings.skip(Want.RACE, Rule.NO_USE_AFTER_REVOCATION)
                return
        suffix = f" at {as_written(revoked_at)}" if revoked_at else ""
        self._find(Rule.NO_USE_AFTER_REVOCATION, event, line, f"is used after its revocation{suffix}")

    def _expired(self, event: Expired, line: int) -> None:
        token = self._token(event, line, (Rule.ISSUED_FIRST, Rule.EXPIRED_IN_TRUTH, Rule.IDENTITY_CONSTANT))
        if token is None:
            return
        self._compare_identity(token, event, line)
        when = event.occurred_at
        token.expired = True
        if when is None or token.expires_at is None:
            self._findings.skip(Want.TIME if when is None else Want.EXPIRY, Rule.EXPIRED_IN_TRUTH)
        elif when < token.expires_at:
            self._find(Rule.EXPIRED_IN_TRUTH, event, line, f"is called expired before its expiry at {token.expires_at}")

    def _revoked(self, event: Revoked, line: int) -> None:
        token = self._token(event, line, (Rule.REVOKED_WAS_LIVE, Rule.IDENTITY_CONSTANT))
        if token is None:
            return
        self._compare_identity(token, event, line)
        when = event.occurred_at
        if token.revoked_at is not None:
            self._find(Rule.REVOKED_WAS_LIVE, event, line, "is revoked a second time")
        elif when is not None and token.expires_at is not None and when >= token.expires_at:
            self._find(Rule.REVOKED_WAS_LIVE, event, line, f"is revoked after its expiry at {token.expires_at}")
        elif token.expired:
            self._find(Rule.REVOKED_WAS_LIVE, event, line, "is revoked after it was called expired")
        token.revoked_at = token.revoked_at or when or ""

    def _denied(self, event: Denied, line: int) -> None:
        if event.token_jti is None or event.reason not in _ABOUT_A_TOKEN:
            return
        self._about_tokens += 1
        token = self._token(event, line, (Rule.ISSUED_FIRST, Rule.IDENTITY_CONSTANT))
        if token is not None:
            self._compare_identity(token, event, line)

    def _token(self, event: LifecycleEvent, line: int, rules: tuple[Rule, ...]) -> Token | None:
        """Return the token that an event is about; of one that is not known, say what that means for the rules."""
        jti = event.token_jti
        if jti is None:
            self._findings.skip(Want.UNREADABLE, *rules)
            return None
        token = self._memory.find(hash(jti))
        if token is not None and token.issued:
            return token
        if self._options.from_middle:
            self._findings.skip(Want.BEFORE, *rules)
            if token is None:
                self._memory.add(hash(jti), Token(_digest(event.identity) or 0, None, line, issued=False))
        elif self._memory.forgotten:
            self._findings.skip(Want.FORGOTTEN, *rules)
        else:
            self._find(rules[0], event, line, "was not issued before, or expired longer ago than is remembered")
            self._findings.skip(Want.UNKNOWN, *rules[1:])
        return None

    def _compare_identity(self, token: Token, event: LifecycleEvent, line: int) -> None:
        identity = _digest(event.identity)
        if token.identity == identity:
            return
        if identity is None or not token.identity:
            want = Want.IDENTITY if identity is None and token.identity else Want.UNREADABLE
            self._findings.skip(want, Rule.IDENTITY_CONSTANT)
        else:
            self._find(Rule.IDENTITY_CONSTANT, event, line, "belongs to another identity than when it was issued")

    def _find(self, rule: Rule, event: LifecycleEvent, line: int, what: str) -> None:
        jti = shown(event.token_jti or "", self._scanner)
        self._findings.report(rule, line, f"{name_of(type(event))}: the token {jti} {what}", event.occurred_at)


def _digest(identity: Identity | None) -> int | None:
    """Return what tells identities apart in little memory: a keyed hash, whose key no writer of a trail knows."""
    return None if identity is None else hash((identity.issuer, identity.subject))
