"""Trails as an attacker would write them into a log, and what has to come of each: a report, in time, in every form.

python -m tests.trail.hostile 100000
"""

import copy
import gzip
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bearerproof.members import Json
from bearerproof.trail import Options, TrailReport, prove, prove_lines
from bearerproof.trail.exporting import Exporter, Form
from bearerproof.trail.picture import as_svg
from bearerproof.visible import visible

from .trails import ALICE, failure, jti, lived

SUMMARY: Json = {"tier": "registered", "dropped": 3, "kinds": {"Expired": 3}, "sources": {"a::b": 3}}
BASES: list[Json] = [
    *lived().events,
    failure(),
    failure(kind={"MissingClaim": "aud"}),
    failure(kind={"IdToken": {"CatMismatch": ""}}, metadata={"aud_hint": "api", "engine_msg": "m", "x": [1, {}]}),
    SUMMARY,
]
NINES = 10**4299 * 9
HUGE = "9" * 5000

VALUES: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 2**53, 2**64, 1e308, -1e308, 5e-324, NINES, -NINES),
    *("", "x", "\0", "\x7f", "\x1b[2J", "\u202e", "\ud800", "é" * 300, "\\" * 3000, "'" * 300, '"' * 300, "{" * 300),
    *("bprf_" + "A" * 43, "%25" * 500 + "41", "Bearer " * 100, "eyJ" * 200, "-----BEGIN " * 90, "ey" + "A" * 3000),
    *(
        [],
        {},
        [[]],
        [None],
        ["a"] * 1025,
        {"a": None},
        {"": ""},
        {str(n): n for n in range(40)},
        {"event": "token.used"},
    ),
    *("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:60.999999999Z", "0000-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59.5Z", "2016-12-31T23:59:60Z", "2027-02-30T00:00:00Z", "2027-01-15T08:00:00.000000Z"),
    *("token.used", "token.issued", "TOKEN.USED", " token.used", "token.", "\u0442oken.used", "token.used\0"),
    *(jti(1), ALICE, {**ALICE, "groups": ["a" * 256] * 90}, {"alg": "none", "kty": "oct", "k": "A" * 40}, HUGE),
]
NAMES = sorted(
    {name for base in BASES for name in base} | {"log", "message", "audit", "fields", "origin", "\ud800", ""}
)


def lines(draw: random.Random) -> list[str]:
    """A trail of a few lines, each with some harm done to it."""
    return [_line(draw) for _ in range(draw.choice((1, 2, 3, 8)))]


def _line(draw: random.Random) -> str:
    record = json.loads(json.dumps(draw.choice(BASES)))
    for _ in range(draw.choice((0, 1, 1, 2))):
        places = [record, *(value for value in record.values() if isinstance(value, dict))]
        place = draw.choice(places)
        if place and draw.random() < 0.2:
            place.pop(draw.choice(list(place)))
        else:
            place[draw.choice([*place, *NAMES])] = copy.deepcopy(draw.choice(VALUES))
    text = _dumped(record, ascii_only=draw.random() < 0.7)
    for _ in range(draw.choice((0, 0, 1, 2))):
        text = draw.choice(HARMS)(draw, text)
    return text.replace("\n", " ")


def _dumped(value: object, *, ascii_only: bool = True) -> str:
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(value, ensure_ascii=ascii_only)
    finally:
        sys.set_int_max_str_digits(4300)


def _nested(draw: random.Random, text: str) -> str:
    depth = draw.choice((10, 300, 900, 3000))
    opening, closing = draw.choice((("[", "]"), ('{"a":', "}"), ('{"log":"', ""), ('{"event":', "}")))
    deep = opening * depth + ("1" if closing == "}" else "") + closing * depth
    return text[:-1] + f',"more":{deep}}}' if draw.random() < 0.7 else deep + text


def _cut(draw: random.Random, text: str) -> str:
    start = draw.randrange(len(text) + 1)
    stop = draw.randrange(start, len(text) + 1)
    return text[:start] + text[stop:] if draw.random() < 0.5 else text[start:stop]


def _replace(draw: random.Random, text: str) -> str:
    old, new = draw.choice(PIECES), draw.choice((*PIECES, "\\" * 2000, "\0", "\x1b[31m", "\ud800", HUGE, "\\u0074"))
    return text.replace(old, new, draw.choice((1, 2, -1)))


def _wrap(draw: random.Random, text: str) -> str:
    return draw.choice(WRAPS)(text)


PIECES = ('"', "{", "}", ":", ",", "0", "token.", "event", "seq", "a", "\\", " ")
WRAPS: list[Callable[[str], str]] = [
    lambda text: _dumped({"log": text + "\n", "stream": "stdout"}),
    lambda text: _dumped({"log": text[: len(text) // 2], "stream": "stdout"}),
    lambda text: _dumped({"message": text}),
    lambda text: _dumped({"fields": {"audit": text}, "level": "INFO"}),
    lambda text: f"2027-01-15T08:00:00Z stdout P {text}",
    lambda text: f"2027-01-15T08:00:00Z stderr F {text}",
    lambda text: f"<13>1 2027-01-15T08:00:00Z h a 1 - {'[' * 200} {text}",
    lambda text: f"\x1b[2m2027-01-15T08:00:00Z\x1b[0m INFO a: {' audit={' * 50} audit={text} x=1",
    lambda text: f"[{text}]",
    lambda text: _dumped({"data": {"event": text}}),
]
HARMS = (_nested, _cut, _cut, _replace, _replace, _wrap, _wrap)

SECONDS = 5.0
"""What a trail of a few lines may take, on a busy machine."""


def judged(trail: Sequence[str], options: Options | None = None) -> TrailReport:
    """Judge a trail and tell it in every form; each is a text that can be printed and sent."""
    started = time.process_time()
    report = prove_lines(trail, options)
    text = report.as_text()
    assert visible(text, "\n") == text
    assert "bprf_AAAA" not in text
    json.dumps(report.as_json()).encode()
    as_svg(report.timeline).encode()
    assert time.process_time() - started < SECONDS, f"{trail!r:.2000}"
    return report


def exported(trail: Sequence[str], form: Form, folder: Path) -> None:
    """Hand a trail on in a form, from a file as it would be given."""
    file = folder / "hostile.jsonl"
    octets = "\n".join(trail).encode("utf-8", "surrogatepass")
    file.write_bytes(gzip.compress(octets, 1) if len(octets) % 2 else octets)
    written: list[str] = []
    exporter = Exporter(form, written.append)
    report = prove([str(file)], take=exporter.take)
    exporter.as_text(report).encode()
    json.dumps([json.loads(line) for line in written] + [exporter.as_json(report)]).encode()


def run(number: int, seed: int = 0) -> int:
    """Judge so many hostile trails; return how many findings there were."""
    found = 0
    with tempfile.TemporaryDirectory() as folder:
        for count in range(number):
            draw = random.Random(f"hostile {seed} {count}")
            trail = lines(draw)
            options = Options(from_middle=draw.random() < 0.3, findings=draw.choice((0, 5, 1000)))
            try:
                report = judged(trail, options)
                if count % 5 == 0:
                    exported(trail, list(Form)[count % 3], Path(folder))
            except Exception as error:
                error.add_note(f"trail {count} of seed {seed}: {trail!r:.3000}")
                raise
            assert not any("could not be judged" in finding.summary for finding in report.findings), trail
            found += report.violations
    return found


if __name__ == "__main__":
    sys.stdout.write(f"{run(int(sys.argv[1])):,} findings\n")
