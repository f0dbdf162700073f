"""Accumulated vectors: the digests are those that others come to, and what is due is what other verifiers say."""

import base64
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from bearerproof import data
from bearerproof.judging import vectors
from bearerproof.specification import accumulated
from bearerproof_fuzz import victims

from ..conftest import CommandLine

GIVEN = accumulated.accumulated()
BY_HAND = Path(__file__).with_name("accumulated.mjs")
NUMBER = 10_000


def test_the_digests_are_published_for_a_hundred_ten_thousand_and_a_million() -> None:
    assert sorted(GIVEN.digests) == [100, NUMBER, 1_000_000]
    assert accumulated.digest(100) == GIVEN.digests[100]


def test_node_comes_to_the_same_digest_from_the_document_alone() -> None:
    if shutil.which("node") is None:
        pytest.skip("node is not installed here")
    command = ["node", str(BY_HAND), str(data.root() / "accumulated.json"), str(NUMBER)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == GIVEN.digests[NUMBER] == accumulated.digest(NUMBER)


def verdict_by_the_plain_victim(token: str) -> bool:
    key = {"kty": "oct", "kid": "k1", "use": "sig", "alg": "HS256", "k": _encoded(GIVEN.secret)}
    request = {"id": 1, "op": "verify", "now": GIVEN.now, "tick": 0, "profile": "jwt", "token": token}
    policy = {**GIVEN.policy, "typ": None, "keys": {"keys": [key]}}
    answer = victims.create()({**request, "policy_id": "p1", "policy": policy})
    return bool(answer["verdict"] == "accepted")


def test_a_verifier_made_apart_gives_every_verdict_that_is_due() -> None:
    seen = list(accumulated.cases(2_000))
    assert [verdict_by_the_plain_victim(case.token) for case in seen] == [case.accepted for case in seen]
    assert 900 < sum(case.accepted for case in seen) < 1_100


def test_each_bad_spelling_of_each_part_comes_alone_among_the_first_ten_thousand() -> None:
    """A verifier that misses one of them alone comes to another digest: nothing else refuses the token for it."""
    wanted = {(part.name, spelling) for part in GIVEN.parts for spelling in part.bad}
    assert {bad[0] for bad in map(accumulated.bad_spellings, range(NUMBER)) if len(bad) == 1} == wanted


def test_export_is_all_that_somebody_needs_who_cannot_run_the_suite(bearerproof: CommandLine, tmp_path: Path) -> None:
    ended = bearerproof("vectors", "--export", tmp_path)
    assert (ended.code, ended.err) == (0, "")
    lines = [json.loads(line) for line in (tmp_path / "accumulated.jsonl").read_text("ascii").splitlines()]
    assert [(row["token"], row["verdict"] == "accepted") for row in lines] == [
        (case.token, case.accepted) for case in accumulated.cases(NUMBER)
    ]
    assert vectors.vectors(tmp_path / "vectors") == vectors.vectors()
    assert {"accumulated.md", "accumulated.json", "errata", "schemas"} < {path.name for path in tmp_path.iterdir()}


def test_a_folder_that_cannot_be_written_is_a_clear_message(bearerproof: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    ended = bearerproof("vectors", "--export", tmp_path / "file")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith(f"bearerproof: cannot write to {tmp_path / 'file'}: ")


def test_the_digest_of_any_number_is_printed(bearerproof: CommandLine) -> None:
    assert bearerproof("vectors", "--digest", "100").out == GIVEN.digests[100] + "\n"


def _encoded(octets: bytes) -> str:
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()
