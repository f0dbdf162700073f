"""Lies: each rule broken on purpose, and each way to hide it. Every one is found, or the run says it is undecided.

python -m tests.trail.lies 20000
"""

import gzip
import json
import random
import sys
import tempfile
from collections.abc import Callable
from functools import reduce
from pathlib import Path

from bearerproof.members import Json
from bearerproof.trail import Options, Rule, TrailReport, Verdict, prove

from .trails import BOB, Server, failure

SECRETS = (
    "bprf_" + "b" * 43,
    "Authorization: Basic dXNlcjpwYXNzd29yZA==",
    "authz=Bearer%20eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9",
    "Authorization: Bearer gho_16C7e42F292c6912E7710c838347Ae178B4a",
    "bearer%3A+abc123def456ghi789jkl0",
    '{"iss":"https://idp.example","sub":"alice","exp":1800000000}',
    "eyJpc3MiOiJodHRwczovL2lkcC5leGFtcGxlIn0",
    "-----BEGIN EC PRIVATE KEY-----",
    '{"kty":"oct","k":"c2VjcmV0c2VjcmV0c2VjcmV0"}',
    "%62prf_" + "c" * 43,
)

Lie = Callable[[random.Random], tuple[list[Json], int]]
"""Makes a trail and says which of its lines is the lie."""


def _last(server: Server) -> tuple[list[Json], int]:
    return server.events, len(server.events) - 1


def _some(draw: random.Random) -> Server:
    """A server with a life before it lies."""
    server = Server().issue(1, ttl=draw.choice((400.0, 600.0)))
    for number in range(draw.choice((0, 2, 8))):
        server.use(1).issue(100 + number, BOB)
    return server


def _is_lost(draw: random.Random) -> tuple[list[Json], int]:
    events = _some(draw).use(1).use(1).events
    del events[draw.randrange(len(events) - 1)]
    return events, len(events) - 1


def _comes_twice(draw: random.Random) -> tuple[list[Json], int]:
    events = _some(draw).use(1).use(1).events
    place = draw.randrange(1, len(events) - 1)
    return [*events[: place + 1], events[place], *events[place + 1 :]], place + 1


LATER = (0.0, 1.5, 30.0)
LIES: dict[Rule, Lie] = {
    Rule.SCHEMA: lambda draw: _last(_some(draw).use(1).leave("token.used")),
    Rule.ONE_ISSUE: lambda draw: _last(_some(draw).issue(1, BOB)),
    Rule.ISSUED_FIRST: lambda draw: _last(_some(draw).use(7)),
    Rule.NO_USE_AFTER_EXPIRY: lambda draw: _last(_some(draw).use(1, seconds=700)),
    Rule.EXPIRED_IN_TRUTH: lambda draw: _last(_some(draw).expire(1)),
    Rule.NO_USE_AFTER_REVOCATION: lambda draw: _last(
        _some(draw).revoke(1).use(1, seconds=draw.choice((0.0, 1.5, 30.0)))
    ),
    Rule.REVOKED_WAS_LIVE: lambda draw: _last(_some(draw).revoke(1).revoke(1, seconds=draw.choice((0.0, 30.0)))),
    Rule.EXACTLY_ONCE: _comes_twice,
    Rule.NOTHING_LOST: _is_lost,
    Rule.TIME_MONOTONE: lambda draw: _last(_some(draw).invalid(seconds=-draw.choice((1.5, 300.0)))),
    Rule.IDENTITY_CONSTANT: lambda draw: _last(_some(draw).use(1, BOB)),
    Rule.NO_SECRET: lambda draw: _last(_some(draw).invalid(draw.choice(SECRETS))),
    Rule.NO_CONTROLS: lambda draw: _last(_some(draw).invalid(draw.choice(("\x1b[2J", "a\u202eb", "\x85")))),
    Rule.SOURCE_OF_HINTS: lambda draw: ([*_some(draw).events, failure(client="a", source_id="b::k1")], -1),
    Rule.SOURCES_BOUNDED: lambda _: ([failure(n, client=f"app-{n}") for n in range(5)], -1),
    Rule.SUMMARY_ADDS_UP: lambda _: ([failure(), {"tier": "strangers", "dropped": 9, "kinds": {"Other": 2}}], -1),
}

OF_NUMBERS = {Rule.NOTHING_LOST, Rule.EXACTLY_ONCE, Rule.TIME_MONOTONE}
"""Rules that a trail from the middle cannot be held to: before its first line anything may have stood."""

Hide = Callable[[random.Random, str], list[str]]
"""Writes the lie's line in another way."""


def _respelled(old: str, *new: str) -> Hide:
    return lambda draw, line: [line.replace(old, draw.choice(new))]


def _in(around: Callable[[str], object]) -> Hide:
    return lambda _, line: [json.dumps(around(line))]


def _cut(draw: random.Random, line: str) -> list[str]:
    place = draw.randrange(1, len(line))
    pieces = (line[:place], line[place:] + "\n")
    return [json.dumps({"log": piece, "stream": "stdout", "time": "2027-01-15T08:00:00Z"}) for piece in pieces]


HIDINGS: dict[str, Hide] = {
    "as-it-is": lambda _, line: [line],
    "case": _respelled('"token.', '"TOKEN.', '"Token.'),
    "blank": _respelled('"token.', '" token.', '"token .', '"\\ttoken.', '"token\u200b.'),
    "name-in-capitals": _respelled('"event"', '"EVENT"', '"Event"', '"event "', "'event'"),
    "escaped": _respelled('"token.', '"\\u0074oken.', '"tok\\u0065n\\u002e'),
    "escaped-name": _respelled('"event"', '"\\u0065vent"', '"even\\u0074"'),
    "look-alike": _respelled('"token.', '"t\u043eken.', '"\uff54oken.', '"t\\u043eken.'),
    "inside-an-object": _in(lambda line: {"data": json.loads(line), "level": "info"}),
    "inside-an-array": _in(lambda line: [json.loads(line)]),
    "inside-another-event": _in(lambda line: {"event": "token.invalid", "reason": "r", "more": json.loads(line)}),
    "as-text-of-a-message": _in(lambda line: {"level": "info", "message": line}),
    "as-text-in-text": _in(lambda line: {"message": json.dumps({"message": line, "level": "x"}), "level": "y"}),
    "beside-another-field": _in(lambda line: {"fields": {"audit": json.dumps({"a": 1}), "message": line}}),
    "quoted": lambda _, line: [f"2027-01-15T08:00:00Z INFO gw: said={json.dumps('x audit=' + line)}"],
    "behind-an-event": lambda _, line: [f'2027 INFO audit={{"event":"token.invalid","reason":"r"}} audit={line}'],
    "url-encoded": lambda _, line: [line.replace('"', "%22").replace(":", "%3A")],
    "in-pieces": _cut,
    "docker": lambda _, line: [json.dumps({"log": line + "\n", "stream": "stdout"})],
    "docker-with-more": lambda _, line: [json.dumps({"log": line + "\n", "level": "x"})],
    "deep": lambda _, line: [reduce(lambda inner, _: json.dumps({"log": inner}), range(6), line)],
    "behind-something": lambda _, line: ["x " + line],
    "long": lambda _, line: ['{"pad":"' + "x" * 1_100_000 + '",' + line[1:]],
    "not-utf-8": lambda _, line: [line[:-1] + ',"x":"\udc80"}'],
    "coloured": lambda _, line: ["\x1b[31m" + line + "\x1b[0m"],
    "printed": lambda _, line: json.dumps(json.loads(line), indent=1).splitlines(),
    "nul": lambda _, line: ["\0".join(line)],
    "twice-in-one-line": lambda _, line: [line + line],
}


def _utf16(text: str) -> bytes:
    return text.encode("utf-16", "surrogatepass")


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def written(draw: random.Random, lines: list[str], place: int, folder: Path) -> list[str]:
    """Write the lines into one file or two, the lie perhaps alone, in another encoding, and given first."""
    shape = draw.choice(("one", "one", "two", "utf-16", "utf-16-without-mark", "gzip", "alone", "reversed"))
    parts = [lines] if shape == "one" else [lines[:place], lines[place:]]
    if shape == "alone":
        parts = [lines[:place] + lines[place + 1 :], lines[place : place + 1]]
    if shape == "reversed":
        parts.reverse()
    names = []
    for number, part in enumerate(parts):
        octets = _utf8("\n".join(part) + "\n")
        if shape.startswith("utf-16") and number and b"\xed" not in octets and b"\x80" not in octets:
            octets = _utf16(octets.decode())[2 if "without" in shape else 0 :]
        names.append(str(folder / f"{number}.log"))
        Path(names[-1]).write_bytes(gzip.compress(octets) if shape == "gzip" else octets)
    return names


def judged(draw: random.Random, rule: Rule, hiding: str, folder: Path) -> TrailReport:
    """Tell a lie, hide it, and judge what is left."""
    events, place = LIES[rule](draw)
    if draw.random() < 0.3:
        events = [{**event, "origin": "gw-1"} if "event" in event else event for event in events]
    place %= len(events)
    lines = [json.dumps(event, separators=(",", ":"), ensure_ascii=draw.random() < 0.8) for event in events]
    hidden = HIDINGS[hiding](draw, lines[place])
    lines[place : place + 1] = hidden
    names = written(draw, lines, place, folder)
    from_middle = rule not in OF_NUMBERS and draw.random() < 0.2
    options = Options(max_sources=4, from_middle=from_middle, skew=draw.choice((0.0, 2.0)))
    return prove(names, options)


def is_told(report: TrailReport, rule: Rule) -> bool:
    """Whether a lie was found, or the run says that it, or this rule or the order in time, is undecided."""
    undecided = [row.rule for row in report.rules if row.unjudged]
    return report.verdict is not Verdict.TRUTHFUL or rule in undecided or Rule.TIME_MONOTONE in undecided


def run(number: int, seed: int = 0) -> tuple[int, int]:
    """Tell so many lies; return how many were found and how many left undecided."""
    found = undecided = 0
    pairs = [(rule, hiding) for rule in LIES for hiding in HIDINGS]
    with tempfile.TemporaryDirectory() as folder:
        for count in range(number):
            draw = random.Random(f"lies {seed} {count}")
            rule, hiding = pairs[count % len(pairs)]
            report = judged(draw, rule, hiding, Path(folder))
            told = f"lie {count} of seed {seed}, {rule} {hiding}, is believed\n{report.as_text()}"
            assert is_told(report, rule), told
            found += bool(report.violations)
            undecided += not report.violations
    return found, undecided


if __name__ == "__main__":
    sys.stdout.write("{:,} lies found, {:,} undecided, none believed\n".format(*run(int(sys.argv[1]))))
