"""The fast path changes nothing but the time it takes: a report with it is the report without it, to the byte."""

import json
import random
import re
from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, example, find, given, settings
from hypothesis import strategies as st

from bearerproof.members import Json
from bearerproof.trail import Options, Preset, fastpath, glance, presets, prove_lines, shapes
from bearerproof.trail.events import Used
from bearerproof.trail.facts import Batch
from bearerproof.trail.fastpath import FastPath
from bearerproof.trail.glance import Glance
from bearerproof.trail.inspection import Inspector
from bearerproof.trail.judge import Judge, Judgement
from bearerproof.trail.reader import LineReader
from bearerproof.trail.reading import Begin, End, Part

from . import collectors
from .test_generated import trails
from .test_presets import WRAPPINGS
from .trails import ALICE, Server, at, failure, jti, lived

SECRET = "bprf_" + "A" * 43

HOSTILE: list[Any] = [
    *(None, True, 0, -1, 1.0, 2**64, 2**70, "", *("a" * length for length in (129, 257, 513)), SECRET, jti(1)),
    *("a", "null", "\x1b[2J", "\x9b", "\u202e", "\ud800", "é", "192.0.2.1", "192.0.2.01", "::1"),
    *("a::b", "app-1::noaud::k1", "Expired"),
    *("token.used", "token.issued", "token.other", "2027-02-30T08:00:00.000000Z", "2016-12-31T23:59:60.500000Z"),
    *('q"q', "b\\s", at(3), at(3).replace("000Z", "00٣Z")),
    *([], ["a"], ["a" * 257], [None], {}, {"a": None}, {"MissingClaim": "aud"}, {"MissingClaim": SECRET}),
    *({"IdToken": "NonceMissing"}, {"IdToken": {"CatMismatch": ""}}),
    *({"aud_hint": "api"}, {"aud_hint": None}, {"engine_msg": "m\n"}, {"engine_msg": None}),
    *(ALICE, *({**ALICE, **more} for more in ({"name": "\n"}, {"groups": [SECRET]}, {"more": 1}, {"name": None}))),
]
NAMES = [*failure(), *Server().issue().events[0], "reason", "more", "tier", "log", "\ud800", SECRET]

Damage = Callable[[st.DrawFn, str], str]


def _set(draw: st.DrawFn, line: str) -> str:
    record = json.loads(line)
    place = draw(st.sampled_from([record, *(inner for inner in record.values() if isinstance(inner, dict))]))
    place[draw(st.sampled_from([*place, *NAMES]))] = draw(st.sampled_from(HOSTILE))
    return _dumped(record)


def _take_away(draw: st.DrawFn, line: str) -> str:
    record = json.loads(line)
    record.pop(draw(st.sampled_from(list(record))))
    return _dumped(record)


def _double(draw: st.DrawFn, line: str) -> str:
    """A member stands twice, in the record or in an object of it, with the same value or another."""
    name, value = draw(st.sampled_from([*json.loads(line).items(), ("subject", "bob"), ("aud_hint", "api")]))
    other = draw(st.sampled_from([value, *HOSTILE]))
    member = f"{json.dumps(name)}:{json.dumps(other)}"
    opening = draw(st.sampled_from([found.end() for found in re.finditer(r"\{(?=\")", line)]))
    return f"{line[:opening]}{member},{line[opening:]}"


def _respell(draw: st.DrawFn, line: str) -> str:
    record = json.loads(line)
    if draw(st.booleans()):
        record = dict(draw(st.permutations(list(record.items()))))
    separators = draw(st.sampled_from([(",", ":"), (", ", ": "), (" , ", " :\t")]))
    return json.dumps(record, separators=separators, ensure_ascii=draw(st.booleans()))


def _replace(draw: st.DrawFn, line: str) -> str:
    """A piece of the text becomes another, be it JSON or not."""
    pieces = ['"', "{", "}", ":", ",", "000", at(3)[:20], "token.", '"occurred_at":"', "seq", "u", "k1", "null"]
    old, new = (
        draw(st.sampled_from(pieces)),
        draw(st.sampled_from([*pieces, '\\"', "\\u0041", "\x01", " ", "", "1.0", "٣"])),
    )
    return line.replace(old, new, draw(st.sampled_from([1, 2, -1])))


def _cut(draw: st.DrawFn, line: str) -> str:
    start = draw(st.sampled_from([0, 0, 1, 14, len(line) // 2]))
    stop = draw(st.integers(start, len(line)))
    return line[:start] + line[stop:] if draw(st.booleans()) else line[start:stop]


def _surround(draw: st.DrawFn, line: str) -> str:
    before, after = (
        draw(st.sampled_from(["", " ", "\ufeff", "audit=", "x"])),
        draw(st.sampled_from(["", " ", "\r", "\t\r", "x", "\0"])),
    )
    return before + line + after


AROUND_A_LOG: list[Json] = [{}, {"stream": "stdout", "time": at(0)}, {"attrs": {}}, {"stream": None}, {"event": "x"}]


def _docker(draw: st.DrawFn, line: str) -> str:
    record = {"log": line + draw(st.sampled_from(["\n", "", "\r\n", " "])), **draw(st.sampled_from(AROUND_A_LOG))}
    return json.dumps(record, separators=draw(st.sampled_from([(",", ":"), (", ", ": ")])))


def _collector(draw: st.DrawFn, line: str) -> str:
    return json.dumps(draw(st.sampled_from([{"fields": {"audit": line}}, {"message": line}, {"audit": line}])))


LINE_FORMS = (
    *("cri", "journal-json", "journal-short", "cloudwatch-tail", "gcp-text", "gcp-json", "vector-kubernetes"),
    *("vector-docker", "filebeat", "loki-jsonl", "loki-default", "syslog-5424", "syslog-traditional"),
)
"""Forms in which what a line wraps is a line."""


def _in_form(name: str) -> Damage:
    return lambda draw, line: _surrogates_kept(collectors.FORMS[name], line, draw(st.integers(0, 9)))


def _surrogates_kept(form: collectors.Form, line: str, seed: int) -> str:
    if not _is_sendable(line) or not line.isprintable() or "\\ud800" in line:
        return line
    return form(random.Random(seed), [line]).decode().removesuffix("\n")


def _is_sendable(line: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in line)


def _in_preset(name: str) -> Damage:
    return lambda _, line: WRAPPINGS[name][1](line)


WRAPS: list[Damage] = [*map(_in_form, LINE_FORMS), *map(_in_preset, WRAPPINGS)]


def _leak(draw: st.DrawFn, line: str) -> str:
    record = json.loads(line)
    texts = [name for name, value in record.items() if isinstance(value, str)]
    record[draw(st.sampled_from(texts))] = draw(st.sampled_from([SECRET, "here"]))
    return _dumped(record)


JSON_DAMAGES: list[Damage] = [_set, _set, _leak, _take_away, _double, _respell]
TEXT_DAMAGES: list[Damage] = [_replace, _cut, _surround, _docker, _docker, _collector]


def _dumped(record: Json) -> str:
    return json.dumps(record, separators=(",", ":"))


@st.composite
def failures(draw: st.DrawFn) -> list[Json]:
    events = []
    for n in range(draw(st.integers(0, 6))):
        client, kid = draw(st.sampled_from(["app-1", None, "a:b", "anon"])), draw(st.sampled_from(["k1", None]))
        event = failure(n, client, kid, kind=draw(st.sampled_from(["Expired", "Other", {"MissingClaim": "aud"}])))
        events.append({name: value for name, value in event.items() if value is not None or draw(st.booleans())})
    return events


@st.composite
def damaged(draw: st.DrawFn) -> list[str]:
    """A trail in which lines are lost, doubled, moved, spelled otherwise, wrapped, or hold what they must not."""
    events = draw(trails(minimal=draw(st.booleans()))) + draw(failures()) * draw(st.sampled_from([1, 2]))
    if draw(st.booleans()):
        events.append({"tier": "strangers", "dropped": 3, "kinds": {"Expired": 2, "Other": 1}})
    events = events + draw(st.lists(st.sampled_from(events), max_size=3)) if events else events
    if draw(st.booleans()):
        events = draw(st.permutations(events))
    wrap = draw(st.sampled_from([*[None] * 10, *[_docker] * 5, _collector, _respell, _respell, *WRAPS]))
    precise = draw(st.sampled_from([*[_as_is] * 8, *PRECISIONS]))
    lines = [precise(_line(draw, event, wrap)) for event in events]
    if lines and draw(st.integers(0, 3)) == 0:
        return _seamed(draw, lines)
    for other in draw(st.lists(st.sampled_from(OTHERS), max_size=4)):
        lines.insert(draw(st.integers(0, len(lines))), other)
    return lines


OTHERS = (
    *("", " ", "\0", "GET / 200", "    at src/audit.rs:12", '{"level":"info","msg":"hello"}', "{", "é", "\r"),
    *('event="TOKEN.used" jti=1', "TO\u212aEN.used", "source_id", "tier", f"{at(1)} stdout P ", f"{at(1)} stdout F x"),
    *("POST /oauth/token 200", '{"msg":"token issued","path":"/token"}', '{"event":"tok en.used"}', '"token.js"'),
    *('{"event":"TOKEN.USED"}', '{"kind":"token","occurred_at":"x","metadata":{}}', "source-token", "a\nb"),
    *('{"MESSAGE":"token"}', '{"MESSAGE":"x","MESSAGE":[116,111]}', '{"_PID":"1","MESSAGE": [34]}'),
    *('{"log":"x"}', '{"log":"x\\n"}', '{"MESSAGE":null}', '{"partial_message":"x"}', "token", '{"event":"token.used"'),
)
"""Lines between events, most of them not ours."""


def _as_is(line: str) -> str:
    return line


def _precise(decimals: str) -> Callable[[str], str]:
    """Instants have other decimals: so many as these, or without the noughts at their end."""
    more = f".{decimals}" if decimals else ""
    return lambda line: re.sub(r"(?<=:\d\d)\.\d{6}(?=Z)", more, line)


def _trimmed(line: str) -> str:
    return re.sub(r"(\.\d*?)0+Z", lambda found: f"{found[1].rstrip('.')}Z", line)


PRECISIONS = [*map(_precise, ("", "1", "120", "000", "123456789", "120000000", "1234567890")), _trimmed]


def _seamed(draw: st.DrawFn, lines: list[str]) -> list[str]:
    """Two lines are one, and perhaps one is two, so that there are as many."""
    glued = draw(st.integers(0, len(lines) - 1))
    lines = [*lines[:glued], draw(st.sampled_from(["", " "])).join(lines[glued : glued + 2]), *lines[glued + 2 :]]
    place = draw(st.integers(0, len(lines) - 1))
    before, comma, after = lines[place].partition(",")
    return [*lines[:place], before + comma, after, *lines[place + 1 :]] if draw(st.booleans()) else lines


def _line(draw: st.DrawFn, event: Json, wrap: Damage | None) -> str:
    line = _dumped(event)
    if draw(st.integers(0, 3)) == 0:
        line = draw(st.sampled_from(JSON_DAMAGES))(draw, line)
    if wrap is not None:
        line = wrap(draw, line) if wrap is not _respell or _is_json(line) else line
    if draw(st.integers(0, 7)) == 0:
        line = draw(st.sampled_from(TEXT_DAMAGES))(draw, line)
    return line.replace("\n", " ")


def _is_json(line: str) -> bool:
    return '"log"' not in line and "\\ud800" not in line


OPTIONS = st.builds(
    Options,
    preset=st.sampled_from([Preset.AUTO, Preset.AUTO, *Preset]),
    max_tokens=st.sampled_from([250_000, 3]),
    max_sources=st.sampled_from([10_000, 1]),
    secret_patterns=st.sampled_from(
        [(), (), (re.compile(r"k1|:59|-000000000001|192\.0|^Exp"),), (re.compile("^seq$"),)]
    ),
    findings=st.sampled_from([5, 1000]),
    from_middle=st.booleans(),
)


def reported(lines: list[str], options: Options, *, fast: bool) -> list[tuple[str, str]]:
    """The report of lines at hand, and of the same as a file that is read in two parts, or one, if UTF-8 has them."""
    reports = [prove_lines(lines, options, fast=fast)]
    with suppress(UnicodeEncodeError):
        octets = ["\n".join(some).encode() for some in (lines, lines[: len(lines) // 2], lines[len(lines) // 2 :])]
        for parts in (octets[:1], octets[1:]):
            judgement = Judgement(options, fast=fast)
            judgement.feed(Begin("a.jsonl"))
            for part in parts:
                judgement.feed(Part(part + b"\n", len(part) + 1))
            judgement.feed(End())
            reports.append(judgement.report())
    return [(report.as_text(), json.dumps(report.as_json())) for report in reports]


def differs(trail: "Trail") -> bool:
    try:
        return reported(*trail, fast=True) != reported(*trail, fast=False)
    except ValueError:  # what is no time has come to a rule
        return True


SEAM = _dumped(failure(0))
"""A failure whose time, cut out of the text, leaves what another text leaves that is no JSON."""

Trail = tuple[list[str], Options]


def told(server: Server, was: str = "", now: str = "") -> Trail:
    return [_dumped(event).replace(was, now) if was else _dumped(event) for event in server.events], Options()


def _seams(lines: list[str]) -> list[str]:
    """As many lines, of which one holds two events, and two hold one."""
    before, comma, after = lines[-1].partition(",")
    return [lines[0], lines[1] + lines[2], before + comma, after]


DOUBLED = told(Server().issue().invalid("a"), '"reason":"a"', '"reason":"b","reason":"a"')
SEAMS: Trail = _seams(told(Server().issue().use().use().use().use())[0][1:]), Options()

SHOWING: dict[str, Trail] = {
    "size-not-looked-at": DOUBLED,
    "marks-not-counted": DOUBLED,
    "texts-not-looked-into": told(Server().issue().invalid(SECRET)),
    "jti-not-looked-into": told(Server().issue().use(), jti(1), SECRET),
    "time-not-looked-at": told(Server().invalid().invalid(), at(2)[:10], "2027-02-30"),
    "address-not-looked-at": told(Server().issue().invalid(), "192.0.2.7", "192.0.2.07"),
    "use-not-judged": told(Server().invalid().use().issue()),
    "minutes-not-reached": told(Server().issue(ttl=60).invalid(seconds=8000).invalid(seconds=100).use()),
    "foreign-not-looked-at": ([*told(lived())[0], 'event="TOKEN.used" jti=1'], Options()),
}
"""For each way in which the fast path might admit what it must not, a trail whose report it would change."""

EXAMPLES: list[Trail] = [
    *SHOWING.values(),
    SEAMS,
    told(lived()),
    told(Server().issue().invalid().invalid(), f'"{at(2)}"', '""'),
    ([json.dumps({"timestamp": 1, "message": text}) for text in (f"{SEAM}\n{SEAM}", SEAM, SEAM)], Options()),
    ([SEAM, SEAM, SEAM.replace('"occurred_at":"' + at(0), '"occurred_at"' + at(0) + ':"')], Options()),
    (told(Server().issue().use(1))[0], Options(secret_patterns=(re.compile("192"),))),
]


def with_examples(prop: Callable[..., None]) -> Callable[..., None]:
    return reduce(lambda made, trail: example(trail)(made), EXAMPLES, prop)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.tuples(damaged(), OPTIONS))
@with_examples
def test_a_report_is_the_same_without_the_fast_path(trail: Trail) -> None:
    assert reported(*trail, fast=True) == reported(*trail, fast=False)


def _used(server: Server) -> list[Json]:
    """A token is used often, in several minutes."""
    number = int(server.events[0]["token_jti"][-1])
    for _ in range(200):
        server.use(number)
    return server.events


def _in_docker(line: str) -> str:
    return json.dumps({"log": f"{line}\n", "stream": "stdout", "time": at(0)})


def _in_cri(line: str) -> str:
    return f"{at(0)} stdout F {line}"


def _in_journal(line: str) -> str:
    return json.dumps({"__CURSOR": "s=1", "_PID": "812", "MESSAGE": line})


@pytest.mark.parametrize("form", [_as_is, _in_docker, _in_cri, _in_journal, _precise("120"), _trimmed])
def test_the_fast_path_and_the_glance_are_taken(form: Callable[[str], str]) -> None:
    """Were they not, there would be nothing to compare."""
    alone: list[int] = []
    judged: list[object] = []

    def counted(self: LineReader, line: str, number: int) -> None:
        alone.append(number)
        reads(self, line, number)

    def judge(self: Judge, event: Any, text: str, line: int) -> None:
        judged.append(event.kind)
        judges(self, event, text, line)

    reads, judges = LineReader._read_alone, Judge._judge
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LineReader, "_read_alone", counted)
        patch.setattr(Judge, "_judge", judge)
        used = [event for server in (Server().issue(), Server(minimal=True).issue(2)) for event in _used(server)]
        lines = [_dumped(event) for event in used]
        for number in range(40):
            lines[number * 9 : number * 9] = [_dumped(failure(700 + number)), "POST /oauth/token 200"]
        prove_lines(map(form, lines))
    assert len(alone) < 12
    assert judged.count(Used) < 12


def _judges_no_use(self: Glance, batch: Batch, *_: object) -> None:
    for place, kind in enumerate(batch.kinds):
        if kind is not Used:
            self._decide(batch.event(place), batch.lines[place])


class _Any:
    """Any number."""

    __hash__ = None  # type: ignore[assignment]

    def __add__(self, _: int) -> "_Any":
        return self

    def __eq__(self, _: object) -> bool:
        return True


BROKEN: dict[str, tuple[object, str, object]] = {
    "size-not-looked-at": (fastpath._Read, "_least", lambda _: _Any()),
    "marks-not-counted": (fastpath._Read, "_marks", lambda _: _Any()),
    "texts-not-looked-into": (Inspector, "is_clean", lambda *_: True),
    "jti-not-looked-into": (Inspector, "are_clean_jtis", lambda *_: True),
    "time-not-looked-at": (shapes, "is_instant", lambda _: True),
    "address-not-looked-at": (FastPath, "_learn_address", lambda *_: None),
    "use-not-judged": (Glance, "_look_at", _judges_no_use),
    "minutes-not-reached": (glance, "minutes_of", lambda *_: []),
    "foreign-not-looked-at": (presets, "are_foreign", lambda _: True),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_fast_path_changes_a_report(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(*BROKEN[name])
    assert differs(SHOWING[name])


def test_a_broken_fast_path_changes_a_report_of_a_generated_trail(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control of the generator: what it damages is looked at by both paths."""
    monkeypatch.setattr(*BROKEN["texts-not-looked-into"])
    many = settings(max_examples=1000, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
    assert find(st.tuples(damaged(), OPTIONS), differs, settings=many)
