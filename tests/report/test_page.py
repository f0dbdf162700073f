"""The page: whole by itself, small, and nothing in a stream is more than text in it."""

import re
from pathlib import Path

import pytest

from bearerproof.visible import pieces, visible
from bearerproof_fuzz.commands.report import page, streams
from bearerproof_fuzz.commands.report.rendering import report_of

from ..conftest import CommandLine
from ..elements import Elements
from . import samples
from .samples import HOSTILE, check, stream


def hostile_stream() -> streams.Stream:
    """A stream whose every text is hostile, but for the few that have to name something."""
    poison = samples.presented(
        HOSTILE, profile=HOSTILE, policy={HOSTILE: HOSTILE, "keys": {"keys": [{HOSTILE: HOSTILE}]}}
    )
    found = samples.finding(HOSTILE, HOSTILE, presented=poison, edit=HOSTILE, steps=[{"op": HOSTILE, HOSTILE: HOSTILE}])
    found["events"] = [{HOSTILE: HOSTILE}]
    rows = [
        check("VER-17.crit-unknown.jwt", "failed", found, reason=HOSTILE),
        check("VER-12.a.jwt", "not-applicable", reason=HOSTILE),
        check("VER-9.a.jwt", HOSTILE),
        check("VER-8.a.jwt", "expected", found, reason=HOSTILE, profile=HOSTILE),
        {**check("VER-7.a.jwt", "failed", found), "id": HOSTILE, "requirement": HOSTILE, "level": HOSTILE},
        {**check("VER-7.b.jwt", "passed"), "id": f"VER-7.{HOSTILE}.jwt"},
    ]
    who = {"name": HOSTILE, "version": HOSTILE, "language": HOSTILE}
    head = samples.header(
        implementation=who,
        measure=HOSTILE,
        profiles=[HOSTILE],
        depth=HOSTILE,
        revision=HOSTILE,
        bearerproof=HOSTILE,
        command=[HOSTILE],
        specification={"digest": HOSTILE, "requirements": 1},
    )
    foot = samples.footer(
        1,
        baselines=[{"name": HOSTILE, "passed": 1, "applicable": 2}],
        untried=[HOSTILE],
        troubles=[HOSTILE],
        verdict=HOSTILE,
        stopped={"why": HOSTILE, "not_run": 1},
        left_out=[{"part": HOSTILE, "why": HOSTILE}],
        stale=[HOSTILE],
    )
    return streams.parse(samples.octets([head, *rows, foot]), f"{HOSTILE}.jsonl")


def test_whatever_a_stream_holds_is_text_and_is_seen() -> None:
    plain, attacked = (Elements(page.render(report_of([each]))) for each in (stream(samples.RED, 1), hostile_stream()))
    assert {tag for tag, _ in attacked.found} <= {tag for tag, _ in plain.found} | {
        "ol",
        "li",
        "ul",
        "small",
        "span",
        "del",
    }
    assert sum(tag == "script" for tag, _ in attacked.found) == 1
    assert not [name for _, attributes in attacked.found for name in attributes if name.startswith("on")]
    texts = "".join(attacked.texts)
    assert "\\x1b[2J\\u202egnp.exe\\ud800</script><script>alert(1)</script><!--{{7*7}}" in texts
    assert [char for char in texts if not char.isprintable() and char != "\n"] == []


def test_ids_are_unique_and_every_link_leads_somewhere() -> None:
    twins = [stream(samples.RED, 1), stream(samples.RED, 1), hostile_stream()]
    elements = Elements(page.render(report_of(twins)))
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    links = [str(attributes["href"]) for tag, attributes in elements.found if tag == "a"]
    assert len(set(ids)) == len(ids)
    assert {link for link in links if not link.startswith("#") or link[1:] not in ids} == set()
    assert len(links) > 50


def test_nothing_is_asked_of_anybody() -> None:
    text = page.render(report_of([stream(samples.RED, 1)]))
    policies = [attributes["content"] for _, attributes in Elements(text).found if "http-equiv" in attributes]
    assert [str(policy).partition(";")[0] for policy in policies] == ["default-src 'none'"]
    assert re.findall(r"(?:src|action|srcset|data|poster)=", text.partition("<body>")[2].partition("<script>")[0]) == []
    assert re.findall(r"url\(|@import|fetch\(|XMLHttp|import\(", text) == []


def test_the_page_says_what_it_rests_on() -> None:
    foot = samples.footer(
        1, baselines=[{"name": "reject-all", "passed": 12, "applicable": 80}], untried=["algorithm ES512"]
    )
    rows = [samples.header(seed=7), *samples.RED, foot]
    texts = " ".join(
        "".join(Elements(page.render(report_of([streams.parse(samples.octets(rows), "run.jsonl")]))).texts).split()
    )
    for said in (
        "reject-all would pass 12 of 80",
        samples.REVISION,
        "bearerproof check acme",
        "algorithm ES512",
        "no keys_url is declared",
        "does NOT conform to base in jwt: 2 requirements fail",
        '"crit": ["exp-2"]',
        "numbers in quotes are read as numbers",
    ):
        assert said in texts, said


def test_fifteen_implementations_stay_under_three_megabytes() -> None:
    big = samples.finding(presented=samples.presented(samples.token({"alg": "ES256"}, {"a": "x" * 20_000})), base=None)
    big.pop("base")
    rows = [check(f"VER-{number}.fault-{each}.jwt", "failed", big) for number in range(1, 48) for each in range(4)]
    text = page.render(report_of([stream(rows, 1) for _ in range(15)]))
    assert 500_000 < len(text.encode()) < 3_000_000
    assert text.count('<article class="issue"') >= 15 * 47, "of each requirement one finding is told"


def test_the_page_is_the_same_each_time() -> None:
    assert len({page.render(report_of([stream(samples.RED, 1)])) for _ in range(2)}) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31m", "\\x1b[31m"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("a\u200bb", "a\\u200bb"),
        ("\u2028", "\\u2028"),
        ("\ufe0f", "\\ufe0f"),
        ("\u3164", "\\u3164"),
        ("\u2800", "\\u2800"),
        ("e\u0301", "e\u0301"),
        ("e\u0301\u0301\u0301", "e\u0301\u0301\\u0301"),
        ("\U000e0041", "\\U000e0041"),
        ("नमस्ते", "नमस्ते"),
        ("\u00a0", "\\xa0"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_an_escape(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert "".join(part for _, part in pieces(text)) == shown
    assert any(escaped for escaped, _ in pieces(text)) is (text != shown)


def test_the_command_writes_the_page(bearerproof: CommandLine, tmp_path: Path) -> None:
    run = samples.written(tmp_path / "run.jsonl", samples.RED, 1)
    assert bearerproof("report", run, "--html", tmp_path / "out.html") == (0, "", "")
    assert "acme-jwt 2.1.0" in (tmp_path / "out.html").read_text()


def test_a_command_without_anything_to_write_says_so(bearerproof: CommandLine, tmp_path: Path) -> None:
    run = samples.written(tmp_path / "run.jsonl", samples.RED, 1)
    ended = bearerproof("report", run)
    assert (ended.code, "--html FILE" in ended.err) == (3, True)
