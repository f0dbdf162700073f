"""The loop of a Python adapter, driven through streams in memory and once through a real pipe."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bearerproof.adapter import MESSAGE_LIMIT, serve
from bearerproof.members import Json

from .conftest import SPEC, Refusals


def test_answers_come_one_a_line_in_order_with_their_ids() -> None:
    lines = b'{"id": 1, "op": "a"}\n{"id": 2, "op": "b"}\n'
    answers = _serve(lines, lambda request: {"skipped": request["op"]})
    assert answers == [{"id": 1, "skipped": "a"}, {"id": 2, "skipped": "b"}]


def test_the_last_line_may_lack_its_line_feed() -> None:
    assert _serve(b'{"id": 1}', lambda _: {"reset": True}) == [{"id": 1, "reset": True}]


def test_an_answer_may_carry_its_own_id() -> None:
    assert _serve(b'{"id": 1}\n', lambda _: {"id": 7, "reset": True}) == [{"id": 7, "reset": True}]


def test_the_end_of_the_input_ends_the_loop_quietly() -> None:
    assert _serve(b"", _unreachable) == []


@pytest.mark.parametrize("line", [b"not json", b"[1]", b"null", b"", b"\xff", b'{"id": 1', b"[" * 100_000])
def test_a_line_that_is_no_object_is_an_error_without_id(refusals: Refusals, line: bytes) -> None:
    bad, good = _serve(line + b'\n{"id": 2}\n', lambda _: {"reset": True})
    assert bad["id"] is None
    assert refusals("answer#/$defs/errored", bad) == []
    assert good == {"id": 2, "reset": True}


def test_an_escaping_exception_is_an_error_with_id_and_bounded_text(refusals: Refusals) -> None:
    def handle(request: Json) -> Json:
        raise KeyError(request["op"] * 10_000)

    first, second = _serve(b'{"id": 1, "op": "x"}\n{"id": 2, "op": "y"}\n', handle)
    assert first["id"] == 1
    assert first["errored"]["message"].startswith("KeyError: 'xxx")
    assert len(first["errored"]["message"]) == MESSAGE_LIMIT
    assert refusals("answer", first) == []
    assert second["id"] == 2


def test_a_lost_connection_of_the_library_is_its_error_not_ours() -> None:
    def handle(_: Json) -> Json:
        raise ConnectionResetError("no keys")

    assert _serve(b'{"id": 1}\n', handle) == [{"id": 1, "errored": {"message": "ConnectionResetError: no keys"}}]


@pytest.mark.parametrize("answer", [None, [], {"stats": float("nan")}, {"skipped": b"bytes"}])
def test_an_answer_that_is_none_is_an_error(answer: Any) -> None:
    (reply,) = _serve(b'{"id": 1}\n', lambda _: answer)
    assert set(reply) == {"id", "errored"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"bytes", {1, 2}])
def test_claims_beyond_json_do_not_lose_the_verdict(value: object) -> None:
    (reply,) = _serve(b'{"id": 1}\n', lambda _: {"verdict": "accepted", "claims": {"x": value}})
    assert reply == {"id": 1, "verdict": "accepted", "claims": None}


@pytest.mark.parametrize(("levels", "kept"), [(60, True), (61, False), (5_000, False)])
def test_claims_nested_beyond_reading_do_not_lose_the_verdict(levels: int, kept: bool) -> None:
    claims: object = 1
    for _ in range(levels):
        claims = [claims]
    (reply,) = _serve(b'{"id": 1}\n', lambda _: {"verdict": "accepted", "claims": claims})
    assert reply["verdict"] == "accepted"
    assert (reply["claims"] is not None) is kept


def test_answers_are_ascii_and_single_lines() -> None:
    output = io.BytesIO()
    text = "é\n\u2028\x00\U0001f511\ud800"
    serve(lambda _: {"verdict": "accepted", "claims": {"sub": text}}, io.BytesIO(b'{"id": 1}\n'), output)
    line = output.getvalue()
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert json.loads(line)["claims"]["sub"] == text


def test_printing_does_not_disturb_the_answers(
    capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def handle(_: Json) -> Json:
        print("chatter")  # noqa: T201 - what a library may do
        return {"reset": True}

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"id": 1}\n')))
    serve(handle)
    captured = capsysbinary.readouterr()
    assert captured.out == b'{"id": 1, "reset": true}\n'
    assert captured.err == b"chatter\n"


def test_a_closed_output_ends_the_loop_quietly() -> None:
    class Closed(io.BytesIO):
        def flush(self) -> None:
            raise BrokenPipeError

    asked: list[Json] = []

    def handle(request: Json) -> Json:
        asked.append(request)
        return {"reset": True}

    serve(handle, io.BytesIO(b'{"id": 1}\n{"id": 2}\n'), Closed())
    assert asked == [{"id": 1}]


def test_a_process_whose_reader_left_ends_without_complaint(tmp_path: Path) -> None:
    script = tmp_path / "adapter.py"
    script.write_text("from bearerproof.adapter import serve\nserve(lambda _: {'skipped': 'no'})\n", "utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"PYTHONPATH": str(SPEC)},
    )
    assert process.stdout
    process.stdout.close()
    process.stdout = None
    _, complaints = process.communicate(b'{"id": 1}\n' * 100, timeout=600)
    assert complaints == b""
    assert process.returncode == 0


def _serve(lines: bytes, handle: Any) -> list[Json]:
    output = io.BytesIO()
    serve(handle, io.BytesIO(lines), output)
    return [json.loads(line) for line in output.getvalue().splitlines()]


def _unreachable(_: Json) -> Json:
    raise AssertionError
