"""The rules over lifecycle events: what may happen to a token, in which order, and by whose account.

Most lines are uses of a token that break no rule: ``passes`` recognises those without reading them as JSON. Of the
others nearly every event is usual, which a ``Recogniser`` sees at a glance; the rest is looked at carefully, by the
whole schema and text by text. Then the rules apply.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice

from bearerproof.trail import shapes
from bearerproof.trail.findings import Notebook
from bearerproof.trail.inspection import Inspector, repeated_member
from bearerproof.trail.options import Options
from bearerproof.trail.rules import Rule, Want
from bearerproof.trail.rules.course import Course
from bearerproof.trail.rules.memory import Memory, Token
from bearerproof.trail.rules.sequence import Sequence
from bearerproof.trail.shapes import seconds_of
from bearerproof.trail.usual import KNOWN, LONGEST_KNOWN, SECOND, Event, Recogniser

_ABOUT_A_TOKEN = frozenset({"revoked", "insufficient-scope", "rate-limited"})
"""Reasons of denials that are about a token which was presented and found."""

_MINUTE = len("2027-01-15T08:00")


_REST_OF_A_USE = re.compile(
    r' ?"([^"\\\x00-\x1f]+)"(?:, ?"client_ip": ?"([0-9A-Fa-f:.]+)")?'
    r'(?:, ?"occurred_at": ?"([0-9T:.-]{20}[0-9]{6}Z)", ?"seq": ?([1-9][0-9]{0,17}))?\}'
).fullmatch
"""What follows the name of the jti, as written by whoever keeps to the order of the members: none stands twice."""

_REST_IN_DOCKER = re.compile(
    r' ?\\"([^"\\\x00-\x1f]+)\\"(?:, ?\\"client_ip\\": ?\\"([0-9A-Fa-f:.]+)\\")?'
    r'(?:, ?\\"occurred_at\\": ?\\"([0-9T:.-]{20}[0-9]{6}Z)\\", ?\\"seq\\": ?([1-9][0-9]{0,17}))?\}'
    r'\\n"(?:, ?"stream": ?"std(?:out|err)")?(?:, ?"time": ?"[0-9T:.Z+-]+")?\}'
).fullmatch
"""The same in a line of Docker's log, whose end it is."""

_BEFORE_A_JTI = ("event", "identity", "token_jti")


class Lifecycle:
    """Judges the lifecycle events of one trail, in the order of its lines."""

    def __init__(self, options: Options, notebook: Notebook, inspector: Inspector) -> None:
        self._options = options
        self._notebook = notebook
        self._inspector = inspector
        self._memory = Memory(options.max_tokens)
        self._sequence = Sequence(notebook, from_middle=options.from_middle)
        self._recogniser = Recogniser(self._memory, inspector)
        self.course = Course(notebook, options.tolerance)
        self._beginnings: dict[str, int] = {}
        self._docker_beginnings: dict[str, int] = {}
        self._minute = self._second = ""
        self._timed_uses = self._bare_uses = 0
        self._previous: str | None = None
        self._identity: int | None = None
        self._judges: dict[str, Callable[[Event, int], None]] = {
            "token.issued": self._issued,
            "token.used": self._used,
            "token.expired": self._expired,
            "token.revoked": self._revoked,
            "token.denied": self._denied,
        }
        self.counts = dict.fromkeys([*shapes.REQUIRED, "(other)"], 0)
        self.about_tokens = 0

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

    def passes(self, text: str) -> bool:
        """Whether a line is the use of a token that surely breaks no rule; if so, it has been taken into account.

        It is when its beginning, with the identity, was judged before and the rest is plain. False says nothing: then
        the event has to be read and judged.
        """
        beginning, _, rest = text.partition('"token_jti":')
        identity = self._beginnings.get(beginning)
        match = _REST_OF_A_USE(rest) if identity is not None else None
        return match is not None and self._is_good_use(identity, *match.groups())

    def passes_in_docker(self, line: str) -> bool:
        """Do what ``passes`` does, for a line of Docker's log and without taking the wrapping off."""
        beginning, _, rest = line.partition(r"\"token_jti\":")
        identity = self._docker_beginnings.get(beginning)
        match = _REST_IN_DOCKER(rest) if identity is not None else None
        return match is not None and self._is_good_use(identity, *match.groups())

    def learn_docker(self, line: str, text: str) -> None:
        """Remember how a line of Docker's log begins whose ``text`` begins like a use that was judged before."""
        identity = self._beginnings.get(text.partition('"token_jti":')[0])
        if identity is not None:
            _keep(self._docker_beginnings, line.partition(r"\"token_jti\":")[0], identity)

    def _is_good_use(
        self, identity: int | None, jti: str, address: str | None, when: str | None, seq: str | None
    ) -> bool:
        """Whether the use of a token breaks no rule; if so, take it into account. ``seq`` comes with ``when``."""
        token = self._memory.find(hash(jti))
        if (
            token is None
            or token.identity != identity
            or token.revoked_at is not None
            or (address is not None and address not in self._recogniser.addresses)
        ):
            return False
        if when is None or seq is None:
            if token.expired:
                return False
            self._bare_uses += 1
            return True
        course, sequence = self.course, self._sequence
        if (
            token.expires_at is None
            or not course.latest <= when < token.expires_at
            or int(seq) != sequence.next
            or (when[:SECOND] != self._second and not self._is_next_second(when))
        ):
            return False
        self._timed_uses += 1
        course.latest = self._previous = sequence.last = when
        sequence.next += 1
        return True

    def _is_next_second(self, when: str) -> bool:
        """Whether an instant is one, and of the minute that is under way."""
        if when[:_MINUTE] != self._minute or not shapes.is_instant(when):
            return False
        self._second = when[:SECOND]
        return True

    def judge(self, event: Event, text: str, line: int) -> None:
        """Judge one record whose ``event`` begins with ``token.``, with the JSON text it was read from."""
        if self._recogniser.is_usual(event, text):
            self._identity = self._recogniser.identity
            if event["event"] == "token.used":
                self._learn_beginning(event, text)
        else:
            event = self._look_carefully(event, text, line)
        name = event["event"]
        self.counts[name] += 1
        self._follow(event, text, line)
        if name in self._judges:
            self._judges[name](event, line)

    def close(self) -> None:
        """End the trail."""
        self._sequence.close()
        self.counts["token.used"] += self._timed_uses + self._bare_uses
        timeless = (Rule.TIME_MONOTONE, Rule.NO_USE_AFTER_EXPIRY)
        self._notebook.leave(Want.TIME, *timeless, times=self._bare_uses)
        self._notebook.leave(Want.SEQUENCE, Rule.EXACTLY_ONCE, Rule.NOTHING_LOST, times=self._bare_uses)

    def applied(self) -> dict[Rule, int]:
        """Return how many events each rule had before it, whether it could judge them or not."""
        counts, total = self.counts, sum(self.counts.values())
        return {
            Rule.ONE_ISSUE: counts["token.issued"],
            Rule.ISSUED_FIRST: counts["token.used"] + counts["token.expired"] + self.about_tokens,
            Rule.NO_USE_AFTER_EXPIRY: counts["token.used"],
            Rule.EXPIRED_IN_TRUTH: counts["token.expired"],
            Rule.NO_USE_AFTER_REVOCATION: counts["token.used"],
            Rule.REVOKED_WAS_LIVE: counts["token.revoked"],
            Rule.EXACTLY_ONCE: total,
            Rule.NOTHING_LOST: total,
            Rule.TIME_MONOTONE: total,
            Rule.IDENTITY_CONSTANT: self.about_tokens + sum(
                counts[name] for name in ("token.used", "token.expired", "token.revoked")
            ),
        }  # fmt: skip

    def _learn_beginning(self, event: Event, text: str) -> None:
        """Remember how a use begins, when event and identity stand there and nothing else."""
        if self._identity is None or (*islice(event, 3),) != _BEFORE_A_JTI:
            return
        beginning = text.partition('"token_jti":')[0]
        _keep(self._beginnings, beginning, self._identity)

    def _look_carefully(self, event: Event, text: str, line: int) -> Event:
        """Judge form and texts of an event; return it with those members alone that are what they should be."""
        fit = {
            name: event[name] for name, check in shapes.LIFECYCLE_CHECKS.items() if name in event and check(event[name])
        }
        when = fit.get("occurred_at")
        self._inspector.inspect(event, line, when, frozenset())
        if repeated_member(text):
            self._notebook.find(Rule.SCHEMA, line, "a member stands twice in one object", when)
        if not shapes.conforms_lifecycle(event):
            told = (
                self._inspector.told(shapes.complaint(shapes.LIFECYCLE, event))
                if self._notebook.wants(Rule.SCHEMA)
                else ""
            )
            self._notebook.find(Rule.SCHEMA, line, told, when)
        identity = fit.get("identity")
        self._identity = None if identity is None else hash((identity["issuer"], identity["subject"]))
        return {**fit, "event": fit.get("event", "(other)")}

    # -- order ---------------------------------------------------------------------------------------------------

    def _follow(self, event: Event, text: str, line: int) -> None:
        """Follow time and numbers, whatever the event says."""
        when, seq = event.get("occurred_at"), event.get("seq")
        if when is None:
            self._notebook.leave(Want.TIME, Rule.TIME_MONOTONE)
        else:
            if self.course.take(when, line) and when[:_MINUTE] != self._minute:
                self._forget(when)
            self._previous = when
        if seq is None:
            self._notebook.leave(Want.SEQUENCE, Rule.EXACTLY_ONCE, Rule.NOTHING_LOST)
        else:
            self._sequence.take(int(seq), when, line, text)

    def _forget(self, when: str) -> None:
        """Let go, once a minute, of what expired long ago, by the time of the event before: one alone may be wrong."""
        self._minute = when[:_MINUTE]
        since = seconds_of(min(when, self._previous or when)) - self._options.horizon
        if since > _FIRST_SECOND:
            self._memory.forget(datetime.fromtimestamp(since, UTC).isoformat())

    # -- what happens to tokens ----------------------------------------------------------------------------------

    def _issued(self, event: Event, line: int) -> None:
        jti, expires_at = event.get("token_jti"), event.get("expires_at")
        if jti is None:
            self._notebook.leave(Want.UNREADABLE, Rule.ONE_ISSUE)
            return
        digest = hash(jti)
        token = self._memory.find(digest)
        if token is None:
            self._memory.add(digest, Token(self._identity or 0, expires_at, line))
            if self._memory.forgotten:
                self._notebook.leave(Want.FORGOTTEN, Rule.ONE_ISSUE)
        elif token.issued:
            self._find(Rule.ONE_ISSUE, event, line, f"was issued already (line {token.line:,} of the trail)")
        else:
            self._find(Rule.ISSUED_FIRST, event, line, f"is issued after an event about it (line {token.line:,})")
            token.issued, token.identity, token.expires_at = True, self._identity or 0, expires_at

    def _used(self, event: Event, line: int) -> None:
        token = self._token(event, line, *_RULES_OF_USE)
        if token is None:
            return
        when = event.get("occurred_at")
        if token.identity != self._identity:
            self._compare_identity(token, event, line)
        if token.expires_at is not None and when is not None:
            if when >= token.expires_at:
                self._find(Rule.NO_USE_AFTER_EXPIRY, event, line, f"is used after its expiry at {token.expires_at}")
        elif token.expired:
            self._find(Rule.NO_USE_AFTER_EXPIRY, event, line, "is used after it was called expired")
        else:
            self._notebook.leave(Want.TIME if when is None else Want.EXPIRY, Rule.NO_USE_AFTER_EXPIRY)
        if token.revoked_at is not None:
            self._used_after_revocation(token.revoked_at, event, line)

    def _used_after_revocation(self, revoked_at: str, event: Event, line: int) -> None:
        """Judge a use that stands after the revocation: threads may have written the two the wrong way round."""
        when = event.get("occurred_at")
        if revoked_at and when is not None:
            if when <= revoked_at:
                return
            if seconds_of(when) - seconds_of(revoked_at) <= self._options.tolerance:
                self._notebook.leave(Want.RACE, Rule.NO_USE_AFTER_REVOCATION)
                return
        told = f" at {revoked_at}" if revoked_at else ""
        self._find(Rule.NO_USE_AFTER_REVOCATION, event, line, f"is used after its revocation{told}")

    def _expired(self, event: Event, line: int) -> None:
        token = self._token(event, line, Rule.ISSUED_FIRST, Rule.EXPIRED_IN_TRUTH, Rule.IDENTITY_CONSTANT)
        if token is None:
            return
        self._compare_identity(token, event, line)
        when = event.get("occurred_at")
        token.expired = True
        if when is None or token.expires_at is None:
            self._notebook.leave(Want.TIME if when is None else Want.EXPIRY, Rule.EXPIRED_IN_TRUTH)
        elif when < token.expires_at:
            self._find(Rule.EXPIRED_IN_TRUTH, event, line, f"is called expired before its expiry at {token.expires_at}")

    def _revoked(self, event: Event, line: int) -> None:
        token = self._token(event, line, Rule.REVOKED_WAS_LIVE, Rule.IDENTITY_CONSTANT)
        if token is None:
            return
        self._compare_identity(token, event, line)
        when = event.get("occurred_at")
        if token.revoked_at is not None:
            self._find(Rule.REVOKED_WAS_LIVE, event, line, "is revoked a second time")
        elif when is not None and token.expires_at is not None and when >= token.expires_at:
            self._find(Rule.REVOKED_WAS_LIVE, event, line, f"is revoked after its expiry at {token.expires_at}")
        elif token.expired:
            self._find(Rule.REVOKED_WAS_LIVE, event, line, "is revoked after it was called expired")
        token.revoked_at = token.revoked_at or when or ""

    def _denied(self, event: Event, line: int) -> None:
        if "token_jti" not in event or event.get("reason") not in _ABOUT_A_TOKEN:
            return
        self.about_tokens += 1
        token = self._token(event, line, Rule.ISSUED_FIRST, Rule.IDENTITY_CONSTANT)
        if token is not None:
            self._compare_identity(token, event, line)

    def _token(self, event: Event, line: int, first: Rule, *others: Rule) -> Token | None:
        """Return the token that an event is about; of one that is not known, say what that means for the rules."""
        jti = event.get("token_jti")
        if jti is None:
            self._notebook.leave(Want.UNREADABLE, first, *others)
            return None
        token = self._memory.find(hash(jti))
        if token is not None and token.issued:
            return token
        if self._options.from_middle:
            self._notebook.leave(Want.BEFORE, first, *others)
            if token is None:
                self._memory.add(hash(jti), Token(self._identity or 0, None, line, issued=False))
        elif self._memory.forgotten:
            self._notebook.leave(Want.FORGOTTEN, first, *others)
        else:
            self._find(first, event, line, "was not issued before, or expired longer ago than is remembered")
            self._notebook.leave(Want.UNKNOWN, *others)
        return None

    def _compare_identity(self, token: Token, event: Event, line: int) -> None:
        if self._identity is None or not token.identity:
            want = Want.IDENTITY if "identity" not in event and token.identity else Want.UNREADABLE
            self._notebook.leave(want, Rule.IDENTITY_CONSTANT)
        elif token.identity != self._identity:
            self._find(Rule.IDENTITY_CONSTANT, event, line, "belongs to another identity than when it was issued")

    def _find(self, rule: Rule, event: Event, line: int, what: str) -> None:
        told = f"{event['event']}: the token {self._inspector.shown(event['token_jti'])} {what}"
        self._notebook.find(rule, line, told, event.get("occurred_at"))


def _keep(beginnings: dict[str, int], beginning: str, identity: int) -> None:
    """Remember how a line begins, if that is not too long, and not too many are remembered."""
    if len(beginning) <= LONGEST_KNOWN:
        if len(beginnings) >= KNOWN:
            beginnings.clear()
        beginnings[beginning] = identity


_RULES_OF_USE = (
    Rule.ISSUED_FIRST,
    Rule.NO_USE_AFTER_EXPIRY,
    Rule.NO_USE_AFTER_REVOCATION,
    Rule.IDENTITY_CONSTANT,
)
_FIRST_SECOND = -62_135_596_800
"""The first second of year 1."""
