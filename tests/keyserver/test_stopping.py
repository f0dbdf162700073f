"""How a server ends with work in flight: store, event and answer agree for each request."""

import json
import signal
import socket
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.keyserver.environment import id_token
from tests.keyserver.test_serving import configured, connect, exchange_of, rest
from tests.keyserver.test_trail_of_a_server import spoilt

__all__ = ["configured"]

SLOW = """
import sys, time
from bearerproof_reference.deployment.listening import ConnectionLimits
from bearerproof_reference.keyserver.memorystore import MemoryStore
issue = MemoryStore.issue
def issue_slowly(self, record, *words):
    time.sleep({seconds})
    outcome = issue(self, record, *words)
    sys.stderr.write("STORED " + record.jti + chr(10))
    return outcome
MemoryStore.issue = issue_slowly
ConnectionLimits.__init__.__defaults__ = (*ConnectionLimits.__init__.__defaults__[:-1], {stop})
"""
"""A server whose store takes so long to issue, and that has so many seconds to stop."""


def status(answer: bytes) -> int:
    return int(answer[9:12]) if answer else 0


@pytest.mark.parametrize(
    ("count", "seconds", "stop", "begun"),
    [(260, 0.7, 4, 32), (20, 0.2, 4, 20), (20, 4, 2, 0)],
    ids=["more than there is time for", "in time", "none in time"],
)
def test_requests_in_flight(
    configured: Path, tmp_path: Path, count: int, seconds: float, stop: int, begun: int
) -> None:
    """What is answered 200 is stored and has its event; what is answered otherwise, or not at all, is not stored."""
    trail = tmp_path / "events.jsonl"
    prelude = SLOW.format(seconds=seconds, stop=stop)
    with spoilt(prelude, configured, "--audit", trail) as server, ExitStack() as end:
        port = int(server.url.rpartition(":")[2])
        connections: list[socket.socket] = [end.enter_context(connect(port)) for _ in range(count)]
        for number, connection in enumerate(connections):
            connection.sendall(exchange_of(id_token(int(time.time()), sub=f"user-{number}")))
        time.sleep(1)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        answers = Counter(status(rest(connection)) for connection in connections)
        _, errors = server.process.communicate(timeout=600)
        took = time.monotonic() - began
    stored = {line.split()[1] for line in errors.splitlines() if line.startswith("STORED ")}
    issued = [json.loads(line) for line in trail.read_text("utf-8").splitlines()]
    assert {event["token_jti"] for event in issued if event["event"] == "token.issued"} == stored
    assert "Traceback" not in errors
    assert "lost" not in errors
    assert took < stop + 5
    assert answers[200] >= begun
    assert set(answers) <= ({200, 503} if seconds < stop else {0, 503}), answers
    assert (answers[200] == len(stored)) or seconds > stop
