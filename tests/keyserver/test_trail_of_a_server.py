"""What a server that runs leaves in its audit file, by ``bearerproof trail``: truthful, and telling when it was not."""

import os
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bearerproof.trail import Options, Rule, TrailReport, Verdict, prove
from tests.keyserver.environment import ISSUER, form, id_token
from tests.keyserver.redisserver import RedisServer
from tests.keyserver.test_serving import SECRET, VARIABLE, Running, command, configured, running

__all__ = ["configured"]

THREADS, ROUNDS = 6, 4

DIES = """
import os, signal
from bearerproof_reference.keyserver.lifecycle import Trail
record = Trail.record
def die(self, events):
    if any(event.identity is not None and event.identity.subject == "victim" for event in events):
        os.kill(os.getpid(), signal.SIGKILL)
    record(self, events)
Trail.record = die
"""
"""A server that is killed when the token of one subject is stored and its event is not written yet."""

LOSES = """
from bearerproof_reference.deployment.trailfile import TrailFile
write = TrailFile.write
def lose(self, line):
    if '"subject":"victim"' in line:
        raise OSError(28, "No space left on device")
    write(self, line)
TrailFile.write = lose
"""
"""A server whose disk is full whenever an event names one subject."""


class Client:
    """Somebody who keeps a connection to a server."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=20)

    def exchange(self, subject: str, scope: str = "backends:a tools:search") -> dict[str, Any]:
        answer = self._http.post("/auth/token", data=dict(form(id_token(int(time.time()), sub=subject), scope=scope)))
        assert answer.status_code == 200, answer.text
        granted: dict[str, Any] = answer.json()
        return granted

    def use(self, bearer: str, tool: str = "search") -> int:
        return self._http.get(f"/resource/a/{tool}", headers={"Authorization": f"Bearer {bearer}"}).status_code

    def revoke(self, jti: str, secret: str = SECRET) -> int:
        return self._http.delete(f"/auth/token/{jti}", headers={"Authorization": f"Bearer {secret}"}).status_code

    def revoke_all(self, subject: str) -> int:
        asked = {"issuer": ISSUER, "subject": subject}
        answer = self._http.delete("/auth/tokens", params=asked, headers={"Authorization": f"Bearer {SECRET}"})
        return int(answer.json()["revoked"])


def live(url: str, name: str) -> None:
    """Do what people do, over and over: all that a key server decides."""
    client = Client(url)
    for number in range(ROUNDS):
        subject = f"{name}-{number}"
        tokens = [client.exchange(subject) for _ in range(3)]
        for token in tokens * 2:
            assert client.use(token["access_token"]) == 200
        assert client.use(tokens[0]["access_token"], "mail") == 403
        assert client.use("bprf_nothing") == 401
        assert client.revoke(tokens[0]["jti"]) == 204
        assert client.use(tokens[0]["access_token"]) == 401
        assert client.revoke(tokens[0]["jti"]) == 404
        assert client.revoke_all(subject) == 2
        assert client.use(tokens[1]["access_token"]) == 401


def load(url: str) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(lambda name: live(url, name), [f"user-{number}" for number in range(THREADS)]))


@contextmanager
def spoilt(prelude: str, *arguments: str | Path) -> Iterator[Running]:
    """Run a server whose process does something first."""
    process = subprocess.Popen(
        command(*arguments, "--port", "0", prelude=prelude),
        env={**os.environ, VARIABLE: SECRET},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert process.stderr is not None
        yield Running(process, process.stderr.readline().split()[-1])
    finally:
        process.kill()
        process.communicate()


def violated(report: TrailReport) -> set[Rule]:
    return {row.rule for row in report.rules if row.violated}


@pytest.mark.parametrize("fsync", ["always", "0.2"])
def test_trail_of_a_server_under_load_is_truthful(configured: Path, tmp_path: Path, fsync: str) -> None:
    trail = tmp_path / "events.jsonl"
    with running(configured, "--audit", trail, "--fsync", fsync) as server:
        load(server.url)
        assert server.stop()[0] == 0
    report = prove([str(trail)])
    assert (report.verdict, report.exit_code) == (Verdict.TRUTHFUL, 0), report.as_text()
    assert report.lines.events == {
        "token.issued": 3 * THREADS * ROUNDS,
        "token.used": 6 * THREADS * ROUNDS,
        "token.revoked": 3 * THREADS * ROUNDS,
        "token.denied": 4 * THREADS * ROUNDS,
        "token.invalid": THREADS * ROUNDS,
    }
    assert [row.rule for row in report.rules if row.unjudged and row.rule is not Rule.NO_USE_AFTER_REVOCATION] == []


def test_trail_of_a_server_that_is_killed_under_load_is_truthful_and_goes_on(configured: Path, tmp_path: Path) -> None:
    """What was answered stands in the file: no line is lost or torn by the end of the process alone."""
    trail = tmp_path / "events.jsonl"
    with running(configured, "--audit", trail) as server, ThreadPoolExecutor(THREADS) as pool:
        running_loads = [pool.submit(live, server.url, f"user-{number}") for number in range(THREADS)]
        wait_for_lines(trail, 100)
        server.process.kill()
        assert all(load.exception() is not None for load in running_loads)
    with running(configured, "--audit", trail) as server:
        load(server.url)
        server.stop()
    report = prove([str(trail)])
    assert (report.verdict, report.runs) == (Verdict.TRUTHFUL, 2), report.as_text()


def wait_for_lines(trail: Path, lines: int) -> None:
    until = time.monotonic() + 20
    while not trail.exists() or trail.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < until
        time.sleep(0.005)


def test_event_that_the_disk_refuses_is_missed(configured: Path, tmp_path: Path) -> None:
    trail = tmp_path / "events.jsonl"
    with spoilt(LOSES, configured, "--audit", trail) as server:
        client = Client(server.url)
        for subject in ("anna", "victim", "bob"):
            token = client.exchange(subject)
            assert client.use(token["access_token"]) == 200
    report = prove([str(trail)])
    assert violated(report) == {Rule.NOTHING_LOST}
    assert report.lost == {"gap": 2}


def test_token_stored_by_a_server_that_died_before_its_event_shows(
    configured: Path, own_redis: RedisServer, tmp_path: Path
) -> None:
    """Nobody has its bearer, but it is on record: what is done to it later has no issue."""
    trail = tmp_path / "events.jsonl"
    with spoilt(DIES, configured, "--audit", trail, "--redis", own_redis.url) as server:
        client = Client(server.url)
        client.exchange("anna")
        with pytest.raises(httpx.TransportError):
            client.exchange("victim")
        assert server.process.wait(20) != 0
    assert prove([str(trail)]).verdict is Verdict.TRUTHFUL
    with running(configured, "--audit", trail, "--redis", own_redis.url) as server:
        assert Client(server.url).revoke_all("victim") == 1
    report = prove([str(trail)])
    assert (report.exit_code, violated(report)) == (1, {Rule.REVOKED_WAS_LIVE})
    assert "was not issued before" in report.findings[0].summary


@pytest.mark.parametrize("torn", [False, True])
def test_issue_lost_with_the_power_shows_at_the_first_use(
    configured: Path, own_redis: RedisServer, tmp_path: Path, torn: bool
) -> None:
    """A line that was never synced goes with the machine, and the bearer was answered: its use has no issue."""
    trail = tmp_path / "events.jsonl"
    with running(configured, "--audit", trail, "--fsync", "never", "--redis", own_redis.url) as server:
        client = Client(server.url)
        client.use(client.exchange("anna")["access_token"])
        kept = trail.stat().st_size
        lost = client.exchange("victim")["access_token"]
        server.process.kill()
    os.truncate(trail, kept + 100 if torn else kept)
    with running(configured, "--audit", trail, "--fsync", "never", "--redis", own_redis.url) as server:
        assert Client(server.url).use(lost) == 200
    report = prove([str(trail)])
    assert report.exit_code == 1
    assert violated(report) == ({Rule.SCHEMA, Rule.ISSUED_FIRST} if torn else {Rule.ISSUED_FIRST})
    assert report.lines.broken == torn


def test_line_taken_out_shows(configured: Path, tmp_path: Path) -> None:
    trail = tmp_path / "events.jsonl"
    with running(configured, "--audit", trail, "--fsync", "0.2") as server:
        load(server.url)
        server.stop()
    lines = trail.read_text().splitlines(keepends=True)
    for number in (0, 7, len(lines) // 2, len(lines) - 2):
        trail.write_text("".join(lines[:number] + lines[number + 1 :]))
        report = prove([str(trail)], Options(findings=100_000))
        assert Rule.NOTHING_LOST in violated(report)
        assert report.lost == {"gap": 1}
