"""The victims as a benchmark for other fuzzers: each is told from the verifier without a weakness by a token."""

import json
import threading
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from jsonschema import Draft202012Validator

from bearerproof import data
from bearerproof_fuzz.victims.benchmark import Contest, server

from ..conftest import CommandLine

NAMES = ("alg-none-taken", "hmac-over-pem-text", "replay-by-the-text")


@pytest.fixture
def folder(tmp_path: Path, bearerproof: CommandLine) -> Path:
    ended = bearerproof("prove", "--export-benchmark", tmp_path / "b", *NAMES)
    assert ended.code == 0, ended.err
    return tmp_path / "b"


def test_a_benchmark_is_what_its_manifest_says(folder: Path, bearerproof: CommandLine) -> None:
    manifest = json.loads((folder / "manifest.json").read_text("utf-8"))
    schema = json.loads((data.root() / "schemas" / "fuzz-benchmark.schema.json").read_text("utf-8"))
    assert list(Draft202012Validator(schema).iter_errors(manifest)) == []
    assert manifest["left_out"] == ["replay-by-the-text"], "one token does not show it"
    witnesses = json.loads((folder / "witnesses.json").read_text("utf-8"))
    for row in manifest["victims"]:
        contest, honest = Contest.read(folder / "manifest.json", row["name"]), row["honest_token"]
        assert (contest.accepts(honest), contest.found(honest)) == (True, False)
        assert contest.found(witnesses[row["name"]])
        assert not contest.found(honest[:-8] + "AAAAAAAA"), "what both refuse is no find"
    assert bearerproof("prove", "--export-benchmark", folder, "no-such-victim").code == 3


def test_a_victim_is_served(folder: Path) -> None:
    contest = Contest.read(folder / "manifest.json", NAMES[0])
    witness = json.loads((folder / "witnesses.json").read_text("utf-8"))[NAMES[0]]
    serving = server(contest, 0)
    threading.Thread(target=serving.serve_forever, daemon=True).start()

    def ask(path: str, token: str) -> object:
        url = f"http://127.0.0.1:{serving.server_port}{path}"
        with urlopen(Request(url, token.encode())) as answered:
            return json.load(answered)

    try:
        assert [ask(path, witness) for path in ("/verify", "/found")] == [{"accepted": True}, {"found": True}]
        assert ask("/verify", "a.b.c") == {"accepted": False}
    finally:
        serving.shutdown()
        serving.server_close()
