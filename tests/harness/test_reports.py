"""Texts for people: whatever token is shown, the text is made, fits a line, and cannot disturb a terminal."""

import re
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof.contract.messages import Policy, Presentation
from bearerproof.judging import reports, results, tokens
from bearerproof.judging.judgement import Finding
from bearerproof.judging.results import Record, State
from bearerproof.judging.settings import RunConfig
from bearerproof.specification.catalogue import Measure, Profile, requirement
from bearerproof_fuzz.keys import b64

from ..conftest import CommandLine
from . import degenerate

POLICY = Policy({"issuer": "https://as.example", "algorithms": ["ES256"], "keys": {"keys": [{"kid": "k1"}]}})
HONEST = f"{b64(b'{}')}.{b64(b'{}')}.{b64(b'sig')}"

SEGMENTS = st.one_of(
    st.text(),
    st.binary().map(b64),
    st.sampled_from(
        [
            b64(b"[" * 5_000),
            b64(b'{"exp":1e400}'),
            b64(b'{"a":1,"a":2}'),
            b64(b"NaN"),
            b64(b'"\\ud800"'),
            b64(b"9" * 5_000),
        ]
    ),
)
TOKENS = st.one_of(st.binary(), st.text(), st.lists(SEGMENTS, max_size=6).map(".".join))


def shown(token: str | bytes, summary: str = "it is accepted") -> str:
    """The text of a failure about this token, beside an honest base."""
    presented, base = (Presentation(each, POLICY, Profile.JWT, 5) for each in (token, HONEST))
    finding = Finding(summary, "rejected", "accepted", presented, base)
    record = Record("VER-12.x.jwt", "VER-12", "MUST", "jwt", State.FAILED, None, (results.finding_as_dict(finding),))
    return reports.failure_text(record, RunConfig())


@given(TOKENS)
def test_any_token_is_taken_apart(token: str | bytes) -> None:
    lines = [*tokens.token_apart(token), *tokens.token_apart(token, HONEST), *tokens.token_apart(HONEST, token)]
    assert lines[0] == "header"
    assert all(line.isprintable() for line in lines)
    assert max(map(len, lines)) < 600


@given(TOKENS)
def test_any_token_is_told_in_text_that_a_terminal_can_show(token: str | bytes) -> None:
    text = shown(token)
    assert text.encode("utf-8")
    assert all(line.isprintable() for line in text.split("\n"))


def test_a_change_is_marked_and_what_is_equal_is_not_repeated() -> None:
    edited = b64(b'{"alg":"none"}') + ".e30."
    honest = b64(b'{"alg":"ES256"}') + ".e30.AA"
    lines = tokens.token_apart(edited, honest)
    assert [line.split() for line in lines if "≠" in line] == [
        ["≠", '"alg":', '"ES256"', "→", '"none"'],
        ["≠", "1", "octets", "00", "→", "0", "octets"],
    ]
    assert lines[lines.index("payload") + 1].strip() == "the same"


def test_a_segment_that_is_spelled_otherwise_is_not_called_the_same() -> None:
    honest = b64(b'{"alg":"ES256"}') + ".e30.AA"
    lines = tokens.token_apart(honest.replace("e30", "e30="), honest)
    assert [line.strip() for line in lines] == [
        *("header", "the same"),
        *("payload", "the same, spelled otherwise"),
        *("signature", "the same"),
    ]


def test_a_value_that_says_otherwise_is_no_change() -> None:
    honest = b'{"jti":"the same, spelled otherwise","sub":"a"}'
    other = honest.replace(b'"a"', b'"b"')
    apart = tokens.token_apart(*(f"e30.{b64(payload)}.AA" for payload in (other, honest)))
    assert tokens.changed_lines(apart) == ['≠ "sub": "a"  →  "b"']


def test_a_signature_is_told_where_nothing_else_is_another() -> None:
    assert tokens.changed_lines(tokens.token_apart("e30=.e30.AQ", "e30.e30.AA")) == ["the same, spelled otherwise"]
    alone = tokens.changed_lines(tokens.token_apart("e30.e30.AQ", "e30.e30.AA"))
    assert [line.split() for line in alone] == [["signature"], ["≠", "1", "octets", "00", "→", "1", "octets", "01"]]


def test_what_a_reader_has_to_see_is_spelled_as_it_stands() -> None:
    payload = b'{"exp":1e400,"sub":"a","sub":"b","n":NaN,"deep":{"x":[1.50]}}'
    lines = [line.strip() for line in tokens.token_apart(f"e30.{b64(payload)}.AA")]
    assert lines[2:-2] == ['"exp": 1e400', '"sub": "a"', '"sub": "b"', '"n": NaN', '"deep": {"x": [1.50]}']


def test_a_long_token_is_cut_and_says_so() -> None:
    text = shown("a" * 5_000_000)
    assert len(text) < 10_000
    assert "(5,000,000 long; the result stream has it whole)" in text


def test_a_failure_says_what_by_which_sentence_and_how_to_run_it_again() -> None:
    text = shown(HONEST, "`alg` is `none`.")
    assert text.startswith("VER-12.x.jwt: failed\n\n`alg` is `none`.\n")
    assert f"requirement  VER-12 (MUST, {requirement('VER-12').clause}) A verifier MUST" in text
    assert "expected     rejected" in text
    assert "got          accepted" in text
    assert "run again    bearerproof check -k VER-12.x.jwt reference" in text
    assert "read more    bearerproof explain VER-12" in text


@pytest.mark.parametrize(
    ("settings", "command"),
    [
        (RunConfig(), "bearerproof check -k VER-12.x.jwt reference"),
        (RunConfig("pyjwt", measure=Measure.STRICT), "bearerproof check -k VER-12.x.jwt --measure strict pyjwt"),
        (RunConfig(seed=7), "bearerproof check -k VER-12.x.jwt --seed 7 reference"),
        (RunConfig("", ("./my adapter", "-v")), "bearerproof check -k VER-12.x.jwt -- './my adapter' -v"),
    ],
)
def test_the_command_that_runs_it_again_is_one_that_can_be_pasted(settings: RunConfig, command: str) -> None:
    assert reports.rerun_command("VER-12.x.jwt", settings) == command
    assert shlex.split(command)[:2] == ["bearerproof", "check"]


@pytest.mark.parametrize(
    "command", [("check", "-k", "alg-none-without-kid"), ("smoke",), ("replay", "alg-none-without-kid")]
)
def test_what_an_adapter_says_cannot_disturb_a_terminal(bearerproof: CommandLine, command: tuple[str, ...]) -> None:
    ended = bearerproof(*command, f"python:{degenerate.__name__}:with_hostile_texts")
    assert ended.code == (3 if command[0] == "check" else 1)  # what is skipped is never red
    assert "mine" in ended.out
    assert all(line.isprintable() for line in (ended.out + ended.err).split("\n"))
    assert "\nall passed" not in ended.out


def test_the_command_under_a_failure_runs_just_that_check(bearerproof: CommandLine) -> None:
    first = bearerproof("check", f"python:{degenerate.__name__}:accept_all", "-v", "-k", "alg-none-without-kid,VER-1")
    commands = re.findall(r"run again +bearerproof (.+)", first.out)
    assert len(commands) > 3
    again = bearerproof(*shlex.split(commands[0]))
    assert again.code == 1
    assert "checks        1 failed" in again.out
