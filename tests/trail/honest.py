"""Trails of honest systems: replicas with threads, restarts and clocks that differ, and what collectors make of them.

python -m tests.trail.honest 10000
"""

import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from bearerproof.members import Json
from bearerproof.trail import Options, TrailReport, Verdict, prove

from .trails import ALICE, BOB, START, failure, jti

EVE: Json = {"subject": "eve", "email": "", "name": "é🔑", "groups": ["g" * 200], "issuer": "https://other.example"}
DELAY = 0.9
"""Seconds by which a thread may write later than it decided: within the tolerance, which is 1."""


@dataclass
class Replica:
    """One server: its clock's error, its name if it has one, its numbers, how it writes a time."""

    number: int
    clock: float
    named: str
    digits: int | None
    numbered: bool
    starts: int = 0
    written: list[tuple[float, int, Json]] = field(default_factory=list)

    def stamp(self, at: float) -> str:
        """The time by this server's clock, with so many decimals; None: none at the end that are nought."""
        moment = START + timedelta(seconds=at + self.clock)
        nanoseconds = f"{moment.microsecond:06d}{int(at * 1e9) % 1000:03d}"
        shown = nanoseconds.rstrip("0") if self.digits is None else nanoseconds[: self.digits]
        return f"{moment:%Y-%m-%dT%H:%M:%S}{'.' if shown else ''}{shown}Z"

    def leave(self, decided: float, written: float, event: Json) -> None:
        """Leave the event of a decision: numbered when its line is written."""
        self.written.append((written, self.starts, {**event, "occurred_at": self.stamp(decided)}))

    def lines(self) -> list[tuple[float, Json]]:
        """The events in the order in which they were written, each run of the server numbered from 0."""
        lines, numbers = list[tuple[float, Json]](), dict[int, int]()
        for written, start, event in sorted(self.written, key=lambda line: (line[1], line[0])):
            numbers[start] = numbers.get(start, -1) + 1
            name = {"": {}, "constant": {"origin": f"gw-{self.number}"}, "run": {"origin": f"gw-{self.number}-{start}"}}
            number = {"seq": numbers[start]} if self.numbered else {}
            lines.append((written, {**event, **number, **name[self.named]}))
        return lines


class System:
    """Replicas of a key server over one store. The store decides; each event bears the clock of its replica."""

    def __init__(self, draw: random.Random) -> None:
        self.skew = draw.choice((0.0, 0.0, 0.5, 20.0))
        named, digits = draw.choice(("", "", "constant", "run")), draw.choice((0, 3, 6, 6, 9, None))
        numbered = draw.random() < 0.8
        clocks = [(draw.random() - 0.5) * self.skew for _ in range(draw.choice((1, 2, 2, 3)))]
        self.replicas = [Replica(n, clock, named, digits, numbered) for n, clock in enumerate(clocks)]
        self.draw = draw
        self.now = 0.0
        self.tokens: dict[int, tuple[Json, float, float]] = {}
        self.revoked: set[int] = set()

    def step(self) -> None:
        """Let one thing happen."""
        self.now += self.draw.choice((0.0, 0.02, 0.3, 1.5, 30.0)) + self.draw.random() / 1000
        replica = self.draw.choice(self.replicas)
        happen = self.draw.choice((self.issue, self.use, self.use, self.revoke, self.revoke_all, self.refuse))
        happen(replica)
        if self.draw.random() < 0.03:
            self.now += DELAY  # a server ends when what it decided is written
            replica.starts += 1

    def issue(self, replica: Replica) -> None:
        """Grant a token; it can be used as soon as its line is written, and revoked in bulk at once."""
        number, who = len(self.tokens), self.draw.choice((ALICE, BOB, EVE))
        ttl, written = self.draw.choice((5.0, 600.0)), self._written()
        ends = self.now + ttl + replica.clock  # an instant by the clock of the replica, for every replica
        self.tokens[number] = who, ends, written
        granted = {"backends": ["*"], "tools": [], "rate_limit": 60}
        self._leave(replica, "token.issued", written, number, who, **granted, expires_at=_exactly(replica, ends))

    def use(self, replica: Replica) -> None:
        """Present a token that somebody has."""
        known = [n for n, (_, _, written) in self.tokens.items() if written <= self.now]
        if not known:
            return
        number = self.draw.choice(known)
        who, ends, _ = self.tokens[number]
        if self.now + replica.clock >= ends:
            self._leave(replica, "token.expired", self._written(), number, who)
        elif number in self.revoked:
            self._leave(replica, "token.denied", self._written(), number, who, reason="revoked")
        else:
            self._leave(replica, "token.used", self._written(), number, who)

    def revoke(self, replica: Replica) -> None:
        """Revoke one live token."""
        live = [
            n for n, (_, ends, _) in self.tokens.items() if n not in self.revoked and self.now + replica.clock < ends
        ]
        for number in self.draw.sample(live, min(1, len(live))):
            self.revoked.add(number)
            self._leave(replica, "token.revoked", self._written(), number, self.tokens[number][0])

    def revoke_all(self, replica: Replica) -> None:
        """Revoke the live tokens of an identity, be their issues written or not."""
        if self.draw.random() < 0.7:
            return
        who = self.draw.choice((ALICE, BOB, EVE))
        for number, (owner, ends, _) in self.tokens.items():
            if owner is who and number not in self.revoked and self.now + replica.clock < ends:
                self.revoked.add(number)
                self._leave(replica, "token.revoked", self._written(), number, who)

    def refuse(self, replica: Replica) -> None:
        """Refuse what is no token."""
        replica.leave(self.now, self._written(), {"event": "token.invalid", "reason": "unknown-bearer"})

    def _leave(self, replica: Replica, name: str, written: float, number: int, who: Json, **more: Any) -> None:
        event = {"event": name, "identity": who, "token_jti": jti(number), **more}
        replica.leave(self.now, written, event)

    def _written(self) -> float:
        return self.now + self.draw.choice((0.0, 0.0, 0.0001, DELAY * self.draw.random()))


def _exactly(replica: Replica, ends: float) -> str:
    return replica.stamp(ends - replica.clock)


def files(draw: random.Random, system: System) -> list[list[str]]:
    """The lines as they come to be files: one for each server, rotated; or of all together, merged or joined."""
    parts = [[(written, json.dumps(event)) for written, event in replica.lines()] for replica in system.replicas]
    how = draw.choice(("each", "each", "merged", "joined", "rotated"))
    if how == "merged":
        late = [draw.random() for _ in parts]
        merged = sorted(
            (
                (written + late[n], n, place, line)
                for n, part in enumerate(parts)
                for place, (written, line) in enumerate(part)
            ),
            key=lambda line: line[0],
        )
        return [[line for *_, line in merged]]
    lines = [[line for _, line in part] for part in parts]
    if how == "joined":
        return [[line for part in lines for line in part]]
    if how == "rotated":
        lines = [part[start : start + 7] for part in lines for start in range(0, len(part), 7)]
    draw.shuffle(lines)
    return lines


def as_shuffled_files(draw: random.Random, system: System) -> list[list[str]]:
    """The files of a system with lines of others between, as one collector takes them all."""
    return [list(_among_others(draw, lines)) for lines in files(draw, system)]


def as_text(draw: random.Random, lines: Sequence[str]) -> str:
    """A file as a collector leaves it: wrapped, coloured, cut into pieces, with lines of others between."""
    wrap = draw.choice(WRAPS)
    return "".join(piece + "\n" for line in _among_others(draw, lines) for piece in wrap(draw, line))


def _among_others(draw: random.Random, lines: Sequence[str]) -> Iterator[str]:
    for line in lines:
        if draw.random() < 0.1:
            yield draw.choice(OTHERS)
        yield line


OTHERS = (
    "GET /health 200",
    "",
    '{"level":"info","message":"token.used is a word"}',
    '{"event":"login","tier":"web"}',
    "Bearer token expired for user alice",
    '{"event":"token exchanged","token_jti":"x","level":"info"}',
)


def _pieces(draw: random.Random, line: str) -> list[str]:
    """A line cut as a container's runtime cuts it, at a length that these lines reach."""
    size = draw.choice((120, 10_000, 10_000))
    return [line[start : start + size] for start in range(0, len(line), size)] or [""]


def _docker(draw: random.Random, line: str) -> list[str]:
    pieces = _pieces(draw, line)
    logs = [*pieces[:-1], pieces[-1] + "\n"]
    return [json.dumps({"log": log, "stream": "stdout", "time": "2027-01-15T08:00:00.1Z"}) for log in logs]


def _cri(draw: random.Random, line: str) -> list[str]:
    pieces = _pieces(draw, line)
    noise = ["2027-01-15T08:00:00.123456789Z stderr F another stream"]
    tags = ["P"] * (len(pieces) - 1) + ["F"]
    cut = [f"2027-01-15T08:00:00.1Z stdout {tag} {piece}" for tag, piece in zip(tags, pieces, strict=True)]
    return [cut[0], *(noise if draw.random() < 0.2 else []), *cut[1:]]


def _coloured(_: random.Random, line: str) -> list[str]:
    if not line.startswith("{"):
        return [line]
    head = "\x1b[2m2027-01-15T08:00:00.1Z\x1b[0m \x1b[32m INFO\x1b[0m \x1b[2mgw::audit\x1b[0m\x1b[2m:\x1b[0m decided"
    return [f"{head} \x1b[3maudit\x1b[0m\x1b[2m=\x1b[0m{line} \x1b[3mmore\x1b[0m\x1b[2m=\x1b[0m1"]


def _pretty(_: random.Random, line: str) -> list[str]:
    if not line.startswith("{"):
        return [line]
    return [
        f"  2027-01-15T08:00:00.1Z  INFO gw::audit: decided, audit: {line}",
        "    at src/audit.rs:12",
        "    in x",
        "",
    ]


WRAPS: list[Callable[[random.Random, str], list[str]]] = [
    *(lambda _, line: [line],) * 3,
    _docker,
    _cri,
    _coloured,
    _pretty,
    lambda _, line: [f'2027-01-15T08:00:00Z  INFO gw::audit: "x" audit={json.dumps(line)} n=1'],
    lambda _, line: [json.dumps({"level": "INFO", "fields": {"audit": line, "message": "m"}})],
]


def verifiers(draw: random.Random) -> list[str]:
    """What two verifiers leave, one after the other."""
    times = sorted(draw.random() * 100 for _ in range(draw.choice((0, 3, 6))))
    return [json.dumps(failure(seconds)) for seconds in (*times[::2], *times[1::2])]


def judged(draw: random.Random, folder: Path) -> TrailReport:
    """Let a system live, and judge what it leaves."""
    system = System(draw)
    for _ in range(draw.choice((3, 10, 40))):
        system.step()
    names = []
    for number, lines in enumerate([*files(draw, system), verifiers(draw)]):
        names.append(str(folder / f"{number}.log"))
        Path(names[-1]).write_text(as_text(draw, lines), encoding="utf-8")
    return prove(names, Options(skew=system.skew + 1.0 if len(system.replicas) > 1 else 0.0))


def run(number: int, seed: int = 0) -> tuple[int, int]:
    """Judge so many honest trails; return how many events there were, and how often a rule could not tell."""
    events = undecided = 0
    with tempfile.TemporaryDirectory() as folder:
        for count in range(number):
            draw = random.Random(f"honest {seed} {count}")
            report = judged(draw, Path(folder))
            assert report.verdict is (Verdict.TRUTHFUL if report.lines.events else Verdict.NOT_JUDGED), (
                f"honest trail {count} of seed {seed} is accused\n{report.as_text()}"
            )
            events += sum(report.lines.events.values())
            undecided += sum(sum(row.unjudged.values()) for row in report.rules)
    return events, undecided


if __name__ == "__main__":
    sys.stdout.write("{:,} events, {:,} times a rule could not tell, no accusation\n".format(*run(int(sys.argv[1]))))
