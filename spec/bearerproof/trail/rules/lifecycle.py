"""The rules over lifecycle events: what may happen to a token, in which order, and by whose account."""

from collections.abc import Hashable
from datetime import UTC, datetime
from typing import cast

from bearerproof.trail.events import (
    KINDS,
    Denied,
    Expired,
    Identity,
    Issued,
    LifecycleEvent,
    Revoked,
    Used,
    digest_of,
    name_of,
)
from bearerproof.trail.findings import Findings
from bearerproof.trail.options import Options
from bearerproof.trail.rules import Rule, Want
from bearerproof.trail.rules.memory import Memory, Token
from bearerproof.trail.rules.orphans import Orphan, Orphans
from bearerproof.trail.rules.streams import Streams
from bearerproof.trail.shapes import MINUTE, as_written, resolution, seconds_of
from bearerproof.trail.texts import SecretScanner, shown

_ABOUT_A_TOKEN = frozenset({"revoked", "insufficient-scope", "rate-limited"})
"""Reasons of denials that are about a token which was presented and found."""

_RACING = 1000
"""Lines by which threads, or what collects the lines of several writers, may turn round what bears no time."""

_MOST_RUNS = 100_000
"""Runs of servers whose first line is remembered."""

_FIRST_SECOND = -62_135_596_800
"""The first second of year 1."""

_RULES_OF_USE = (
    Rule.ISSUED_FIRST,
    Rule.NO_USE_AFTER_EXPIRY,
    Rule.NO_USE_AFTER_REVOCATION,
    Rule.IDENTITY_CONSTANT,
)


class Lifecycle:
    """Judges the lifecycle events of one trail, in the order of its lines.

    Two events of one writer that names itself come in the order of its lines; its threads may have written them the
    wrong way round by ``tolerance`` seconds. Two of writers who may not be the same come in the order of their times,
    where those are further apart than ``tolerance`` and ``skew`` together. Whatever lies between is left open.
    """

    def __init__(self, options: Options, findings: Findings, scanner: SecretScanner) -> None:
        self._options = options
        self._slack = options.tolerance + options.skew
        self._findings = findings
        self._absences = Findings(findings.most)
        self._scanner = scanner
        self.memory = Memory(options.max_tokens)
        self._orphans = Orphans(max(1, options.max_tokens // 4))
        self.streams = Streams(options, findings, self._absences)
        self._first_lines: set[int] = set()
        self.file = 0
        self.minute = ""
        self.previous: str | None = None
        self.kinds = dict.fromkeys(KINDS, 0)
        self.timeless = self.timeless_uses = self.numberless = 0
        self._about_tokens = 0

    @property
    def runs(self) -> int:
        """How many times the numbers began: once for each start of the server."""
        return sum(stream.sequence.runs for stream in self.streams.all())

    @property
    def late(self) -> int:
        """How many numbers stand behind later ones."""
        return sum(stream.sequence.late for stream in self.streams.all())

    @property
    def span(self) -> tuple[str | None, str | None]:
        """The first and the latest instant of all streams."""
        courses = [stream.course for stream in self.streams.all()]
        firsts = [course.first for course in courses if course.first is not None]
        return min(firsts, default=None), max((course.latest for course in courses), default="") or None

    @property
    def forgotten(self) -> int:
        """How many tokens were forgotten before their time."""
        return self.memory.forgotten

    @property
    def counts(self) -> dict[str, int]:
        """How many events of each kind there were, by its name."""
        return {name_of(kind): self.kinds[kind] for kind in KINDS}

    def judge(self, event: LifecycleEvent, source: Hashable, line: int) -> None:
        """Judge one event. ``source`` is what it was read from: that of a run's first event begins no other run."""
        is_late = self._follow(event, source, line)
        self.decide(event, line, is_late=is_late)

    def decide(self, event: LifecycleEvent, line: int, *, is_late: bool = False) -> None:
        """Judge what happened to a token by an event whose time and number have been followed.

        ``is_late``: it stands behind an event of its writer that has a greater number.
        """
        kind = event.kind
        self.kinds[kind] += 1
        if kind is Used:
            self._used(event, line)
        elif kind is Issued:
            self._issued(cast("Issued", event), line)
        elif kind is Expired:
            self._expired(event, line)
        elif kind is Revoked:
            self._revoked(event, line, is_late=is_late)
        elif kind is Denied:
            self._denied(event, line)

    def issue(self, digest: int, token: Token) -> None:
        """Judge the issue of a token that is not remembered; its time and number have been followed."""
        self.kinds[Issued] += 1
        self._remember(digest, token)

    def reach(self, when: str, previous: str | None) -> None:
        """Let go, once a minute, of what expired long ago, by the time of the event before: one alone may be wrong."""
        if when[:MINUTE] == self.minute:
            return
        self.minute = when[:MINUTE]
        since = seconds_of(min(when, previous or when)) - self._options.horizon
        if since > _FIRST_SECOND:
            self.memory.forget(datetime.fromtimestamp(since, UTC).isoformat())

    def close(self, *, is_whole: bool) -> None:
        """End the trail. Not ``is_whole``, what was not found may stand where nobody could read."""
        self.streams.close()
        for rule, orphan in self._orphans.all():
            self._tell_orphan(self._absences, rule, orphan, "was not issued before")
        self._findings.absorb(self._absences, list(Rule) if is_whole else (), Want.UNREAD)
        self._findings.skip(Want.TIME, Rule.TIME_MONOTONE, times=self.timeless)
        self._findings.skip(Want.TIME, Rule.NO_USE_AFTER_EXPIRY, times=self.timeless_uses)
        self._findings.skip(Want.SEQUENCE, Rule.EXACTLY_ONCE, Rule.NOTHING_LOST, times=self.numberless)

    def applied(self) -> dict[Rule, int]:
        """Return how many events each rule had before it, whether it could judge them or not."""
        counts, total = self.kinds, sum(self.kinds.values())
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

    def _follow(self, event: LifecycleEvent, source: Hashable, line: int) -> bool:
        """Follow time and numbers, whatever the event says; say whether it stands behind a greater number."""
        when, seq, origin = event.occurred_at, event.seq, event.origin
        streams = self.streams
        stream = streams.unnamed if origin is None else streams.of(origin)
        if when is None:
            self.timeless += 1
        else:
            if stream.course.take(when, line, self.file):
                self.reach(when, self.previous)
            self.previous = when
        if seq is None:
            self.numberless += 1
        elif seq or not self._is_repeated(event, source, line):
            stream.sequence.take(seq, when, line)
            if origin is None:
                streams.count(seq, line)
        return seq is not None and seq + 1 < stream.sequence.next

    def _is_repeated(self, event: LifecycleEvent, source: Hashable, line: int) -> bool:
        """Whether the first event of a run stands here once more; two writers may begin with the same rejection."""
        digest = hash(source)
        if digest not in self._first_lines:
            if len(self._first_lines) < _MOST_RUNS:
                self._first_lines.add(digest)
            return False
        happens_once = event.kind in (Issued, Revoked) and event.token_jti is not None
        if happens_once or (event.occurred_at is not None and not resolution(event.occurred_at)):
            self._findings.report(Rule.EXACTLY_ONCE, line, "seq 0 stands a second time", event.occurred_at)
            return True
        self._findings.skip(Want.WRITERS, Rule.EXACTLY_ONCE)
        return False

    def _is_same_writer(self, stream: Hashable, other: Hashable) -> bool:
        """Whether one writer left two events, so that the order of its lines counts."""
        return self._options.single_writer or (stream == other and type(stream) is str)

    def _follows_in_lines(self, stream: Hashable, line: int, other: Hashable, other_line: int) -> bool:
        """Whether an event without time comes after another for sure: far behind it in one file, or of one writer."""
        return self._options.single_writer or (stream == other and line - other_line > _RACING)

    def _close(self, same_writer: bool, when: str, other: str) -> float:
        """Return the seconds within which either of two events may have come first."""
        slack = self._options.tolerance if same_writer else self._slack
        return slack + resolution(when) + resolution(other)

    # -- what happens to tokens ----------------------------------------------------------------------------------

    def _issued(self, event: Issued, line: int) -> None:
        if event.token_jti is None:
            self._findings.skip(Want.UNREADABLE, Rule.ONE_ISSUE)
            return
        digest, identity = hash(event.token_jti), _digest(event.identity) or b""
        token = self.memory.find(digest)
        stream = event.origin or self.file
        if token is None:
            self._remember(digest, Token(identity, event.expires_at, line, event.occurred_at, stream))
        elif token.issued:
            self._find(Rule.ONE_ISSUE, event, line, f"was issued already (line {token.line:,} of the trail)")
        else:
            self._issued_late(token, event, line)

    def _remember(self, digest: int, token: Token) -> None:
        had_left = self.memory.add(digest, token.settle())
        if self._orphans:
            self._orphans.pop(digest)
        if had_left:
            self._findings.skip(Want.FORGOTTEN, Rule.ONE_ISSUE)

    def _issued_late(self, token: Token, event: Issued, line: int) -> None:
        """Judge what stands before the issue of a token: it may have been written first and have happened later."""
        digest = hash(event.token_jti)
        for rule, orphan in self._orphans.pop(digest):
            order = self._order_of_late_issue(orphan, event, line)
            if order is None:
                self._tell_orphan(self._findings, rule, orphan, f"is issued after it (line {line:,})")
            elif order is not Want.TIME:
                self._findings.skip(order, rule)
        if self._options.from_middle and self._order_of_late_issue(Orphan.of(token), event, line) is None:
            self._find(Rule.ISSUED_FIRST, event, line, f"is issued after an event about it (line {token.line:,})")
        self._compare_identity(token, event, line)
        token.issued, token.expires_at = True, event.expires_at
        token.identity = _digest(event.identity) or token.identity
        token.line, token.at, token.stream = line, event.occurred_at, event.origin or self.file
        token.settle()
        if token.used_at and token.expires_at is not None and token.used_at >= token.expires_at:
            self._at_expiry(Rule.NO_USE_AFTER_EXPIRY, token.used_at, token.expires_at, event, token.used_line)
        if token.revoked_at and token.expires_at is not None and token.revoked_at >= token.expires_at:
            self._at_expiry(Rule.REVOKED_WAS_LIVE, token.revoked_at, token.expires_at, event, line)

    def _order_of_late_issue(self, orphan: "Orphan", event: Issued, line: int) -> Want | None:
        """Return why an event before the issue is none (TIME: it happened later), or nobody can tell; None: it is."""
        stream = event.origin or self.file
        same = self._is_same_writer(stream, orphan.stream)
        if orphan.when is None or event.occurred_at is None:
            return None if self._follows_in_lines(stream, line, orphan.stream, orphan.line) else Want.ORDER
        if same and not self._options.tolerance:
            return None
        early = _gap(event.occurred_at, orphan.when)
        if early < 0 and not same:
            return Want.TIME
        return Want.RACE if early <= self._close(same, event.occurred_at, orphan.when) else None

    def _used(self, event: LifecycleEvent, line: int) -> None:
        token = self._token(event, line, _RULES_OF_USE)
        if token is None:
            return
        when, expires_at = event.occurred_at, token.expires_at
        self._compare_identity(token, event, line)
        if expires_at is not None and when is not None:
            if when >= expires_at:
                self._at_expiry(Rule.NO_USE_AFTER_EXPIRY, when, expires_at, event, line)
        elif token.expired is not None:
            self._after_expired(token, event, line, Rule.NO_USE_AFTER_EXPIRY, "is used after it was called expired")
        elif when is None:
            self.timeless_uses += 1
        else:
            self._findings.skip(Want.EXPIRY if token.issued else Want.UNKNOWN, Rule.NO_USE_AFTER_EXPIRY)
        if token.revoked_at is not None:
            self._used_after_revocation(token, event, line)
        if when is not None and when > token.used_at:
            token.used_at, token.used_in, token.used_line = when, event.origin or self.file, line

    def _used_after_revocation(self, token: Token, event: LifecycleEvent, line: int) -> None:
        """Judge a use that stands after the revocation: threads may have written the two the wrong way round."""
        when, revoked_at, stream = event.occurred_at, token.revoked_at, event.origin or self.file
        same = self._is_same_writer(stream, token.revoked_in)
        if not revoked_at or when is None:
            if self._follows_in_lines(stream, line, token.revoked_in, token.revoked_line):
                self._find(Rule.NO_USE_AFTER_REVOCATION, event, line, "is used after its revocation")
            else:
                self._findings.skip(Want.ORDER, Rule.NO_USE_AFTER_REVOCATION)
            return
        after, slack = _gap(when, revoked_at), self._close(same, when, revoked_at)
        if after > slack:
            what = f"is used after its revocation at {as_written(revoked_at)}"
            self._find(Rule.NO_USE_AFTER_REVOCATION, event, line, what)
        elif after >= -slack:
            self._findings.skip(Want.RACE, Rule.NO_USE_AFTER_REVOCATION)
        elif stream == token.revoked_in:
            self._findings.skip(Want.ORDER, Rule.NO_USE_AFTER_REVOCATION)

    def _expired(self, event: LifecycleEvent, line: int) -> None:
        token = self._token(event, line, (Rule.ISSUED_FIRST, Rule.EXPIRED_IN_TRUTH, Rule.IDENTITY_CONSTANT))
        if token is None:
            return
        self._compare_identity(token, event, line)
        when = event.occurred_at
        token.expired = event.origin or self.file, line
        token.settle()
        if when is None or token.expires_at is None:
            want = Want.TIME if when is None else Want.EXPIRY if token.issued else Want.UNKNOWN
            self._findings.skip(want, Rule.EXPIRED_IN_TRUTH)
        elif when < token.expires_at:
            if self._slack and _gap(token.expires_at, when) <= self._close(False, when, token.expires_at):
                self._findings.skip(Want.CLOSE, Rule.EXPIRED_IN_TRUTH)
                return
            what = f"is called expired before its expiry at {as_written(token.expires_at)}"
            self._find(Rule.EXPIRED_IN_TRUTH, event, line, what)

    def _revoked(self, event: LifecycleEvent, line: int, *, is_late: bool) -> None:
        token = self._token(event, line, (Rule.REVOKED_WAS_LIVE, Rule.IDENTITY_CONSTANT))
        if token is None:
            return
        self._compare_identity(token, event, line)
        when, stream = event.occurred_at, event.origin or self.file
        if token.revoked_at is not None:
            self._find(Rule.REVOKED_WAS_LIVE, event, line, "is revoked a second time")
            return
        if when is not None and token.expires_at is not None:
            if when >= token.expires_at:
                self._at_expiry(Rule.REVOKED_WAS_LIVE, when, token.expires_at, event, line)
        elif token.expired is not None:
            self._after_expired(token, event, line, Rule.REVOKED_WAS_LIVE, "is revoked after it was called expired")
        token.revoked_at, token.revoked_in, token.revoked_line = when or "", stream, line
        token.settle()
        if when is not None and token.used_at and token.used_at >= when:
            self._revoked_before_use(token, event, is_late=is_late)

    def _revoked_before_use(self, token: Token, event: LifecycleEvent, *, is_late: bool) -> None:
        """Judge a use that stands before the revocation and is dated after it: one writer's line or time is wrong.

        Where they are dated closely his lines tell which came first, unless his numbers say that they are out of order.
        """
        revoked_at, used_at = token.revoked_at or "", token.used_at
        if self._is_same_writer(event.origin or self.file, token.used_in):
            if is_late or _gap(used_at, revoked_at) > self._close(True, used_at, revoked_at):
                self._findings.skip(Want.ORDER, Rule.NO_USE_AFTER_REVOCATION)
            return
        if _gap(used_at, revoked_at) > self._close(False, used_at, revoked_at):
            what = f"is used at {as_written(used_at)}, after this"
            self._find(Rule.NO_USE_AFTER_REVOCATION, event, token.used_line, what)
        else:
            self._findings.skip(Want.RACE, Rule.NO_USE_AFTER_REVOCATION)

    def _denied(self, event: LifecycleEvent, line: int) -> None:
        if event.token_jti is None or event.reason not in _ABOUT_A_TOKEN:
            return
        self._about_tokens += 1
        token = self._token(event, line, (Rule.ISSUED_FIRST, Rule.IDENTITY_CONSTANT))
        if token is not None:
            self._compare_identity(token, event, line)

    def _at_expiry(self, rule: Rule, when: str, expires_at: str, event: LifecycleEvent, line: int) -> None:
        """Tell what happened at or after the expiry of a token, unless clocks that differ explain it."""
        after, coarse = _gap(when, expires_at), max(resolution(when), resolution(expires_at))
        if after < coarse or (self._options.skew and after <= self._options.skew + coarse):
            self._findings.skip(Want.CLOSE, rule)
            return
        what = "used" if rule is Rule.NO_USE_AFTER_EXPIRY else "revoked"
        self._find(rule, event, line, f"is {what} after its expiry at {as_written(expires_at)}")

    def _after_expired(self, token: Token, event: LifecycleEvent, line: int, rule: Rule, what: str) -> None:
        """Tell what stands after an event that called the token expired; in lines of another writer it may not be."""
        stream, (expired_in, expired_line) = event.origin or self.file, token.expired or (None, 0)
        if self._follows_in_lines(stream, line, expired_in, expired_line):
            self._find(rule, event, line, what)
        else:
            self._findings.skip(Want.ORDER, rule)

    def _token(self, event: LifecycleEvent, line: int, rules: tuple[Rule, ...]) -> Token | None:
        """Return the token that an event is about; of one that is not known, say what that means for the rules."""
        jti = event.token_jti
        if jti is None:
            self._findings.skip(Want.UNREADABLE, *rules)
            return None
        digest = hash(jti)
        token = self.memory.find(digest)
        if token is not None and token.issued:
            if token.at is not None and event.occurred_at is not None and event.occurred_at < token.at:
                self._before_issue(token, event, line, rules[0])
            return token
        if token is None:
            if self.memory.has_left(digest):
                self._is_forgotten(event, line, rules)
                return None
            stream = event.origin or self.file
            token = Token(_digest(event.identity) or b"", None, line, event.occurred_at, stream, issued=False)
            self.memory.add(digest, token)
        if self._options.from_middle:
            self._findings.skip(Want.BEFORE, rules[0])
        else:
            self._suspect(digest, event, line, rules[0])
        return token

    def _suspect(self, digest: int, event: LifecycleEvent, line: int, rule: Rule) -> None:
        """Keep in mind that an event is about a token that was not issued yet; its issue may stand in another file."""
        orphan = Orphan(line, event.occurred_at, event.origin or self.file, event.kind, event.token_jti or "")
        if not self._orphans.add(digest, rule, orphan):
            self._findings.skip(Want.UNKNOWN, rule)

    def _before_issue(self, token: Token, event: LifecycleEvent, line: int, rule: Rule) -> None:
        """Judge an event that stands after the issue of its token and is dated before it."""
        issued_at, when = token.at or "", event.occurred_at or ""
        if self._is_same_writer(event.origin or self.file, token.stream):
            if _gap(issued_at, when) > self._close(True, issued_at, when):
                self._findings.skip(Want.ORDER, rule)
            return
        if _gap(issued_at, when) > self._close(False, issued_at, when):
            self._find(rule, event, line, f"was not issued before {as_written(issued_at)}")
        else:
            self._findings.skip(Want.RACE, rule)

    def _is_forgotten(self, event: LifecycleEvent, line: int, rules: tuple[Rule, ...]) -> None:
        """Judge an event about a token that was let go: after its expiry nothing but an expiry can be told of it."""
        when, is_surely_over = event.occurred_at, not self.memory.forgotten
        if is_surely_over and when is not None and when >= self.memory.left_until and event.kind in (Used, Revoked):
            rule = Rule.NO_USE_AFTER_EXPIRY if event.kind is Used else Rule.REVOKED_WAS_LIVE
            self._find(rule, event, line, "expired before, longer ago than is remembered")
            rules = tuple(other for other in rules if other is not rule)
        self._findings.skip(Want.FORGOTTEN, *rules)

    def _compare_identity(self, token: Token, event: LifecycleEvent, line: int) -> None:
        identity = _digest(event.identity)
        if token.identity == identity:
            return
        if identity is None or not token.identity:
            if identity is not None and not token.issued:
                token.identity = identity
                return
            want = Want.IDENTITY if identity is None and token.identity else Want.UNREADABLE
            self._findings.skip(want, Rule.IDENTITY_CONSTANT)
        else:
            self._find(Rule.IDENTITY_CONSTANT, event, line, "belongs to another identity than when it was issued")

    def _find(self, rule: Rule, event: LifecycleEvent, line: int, what: str) -> None:
        told = self._about(event.kind, event.token_jti or "", what) if self._findings.keeps(rule, line) else ""
        self._findings.report(rule, line, told, event.occurred_at)

    def _tell_orphan(self, findings: Findings, rule: Rule, orphan: Orphan, what: str) -> None:
        told = self._about(orphan.kind, orphan.jti, what) if findings.keeps(rule, orphan.line) else ""
        findings.report(rule, orphan.line, told, orphan.when)

    def _about(self, kind: type[LifecycleEvent], jti: str, what: str) -> str:
        return f"{name_of(kind)}: the token {shown(jti, self._scanner)} {what}"


def _gap(when: str, other: str) -> float:
    """Return the seconds from another instant to one; above 0, it is the later one."""
    return seconds_of(when) - seconds_of(other)


def _digest(identity: Identity | bytes | None) -> bytes | None:
    """Return the digest of an identity; where it was read before it is at hand."""
    return digest_of(identity) if type(identity) is Identity else cast("bytes | None", identity)
