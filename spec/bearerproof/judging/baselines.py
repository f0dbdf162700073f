"""What implementations that decide nothing would score: without it, a score means little.

A verifier that rejects everything passes nine tenths of the usual negative vectors. Each stand-in declares what the
judged implementation declares and goes through the same checks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from multiprocessing import get_context
from multiprocessing.pool import AsyncResult, Pool

from bearerproof.contract.connections import Handle, InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.judging.results import State, tally
from bearerproof.judging.runner import RunOptions, Suite, run
from bearerproof.judging.settings import RunConfig
from bearerproof.members import Json

_DONE: Mapping[str, Json] = {
    "reset": {"reset": True},
    "configure": {"configured": True},
    "rotate": {"rotated": True},
    "restart": {"restarted": True},
    "reap": {"reaped": 0},
    "count": {"count": 0},
    "stats": dict.fromkeys(("buckets", "submitted", "admitted", "dropped", "lost"), 0),
}

_MADE_UP = "x" * 43

STAND_INS: Mapping[str, Mapping[str, Json]] = {
    "reject-all": {
        **{key: {"verdict": "rejected"} for key in ("verify", "verify-jws")},
        "exchange": {"refused": "invalid_request"},
        "authenticate": {"verdict": "rejected", "reason": "invalid-token"},
        "revoke": {"refused": "not-active"},
        "http": {"status": 401, "headers": [], "body_b64": ""},
        "verify-chain": {"verdict": "altered"},
        "write-chain": {"refused": "no chain is written"},
    },
    "accept-all": {
        **{key: {"verdict": "accepted"} for key in ("verify", "verify-jws")},
        "exchange": {"granted": {"access_token": _MADE_UP, "jti": _MADE_UP, "token_type": "Bearer"}},
        "authenticate": {
            "verdict": "accepted",
            "jti": _MADE_UP,
            "identity": {"issuer": "", "subject": ""},
            "scopes": {"backends": ["*"], "tools": ["*"], "rate_limit": 0},
        },
        "revoke": {"revoked": 1},
        "http": {"status": 200, "headers": [], "body_b64": ""},
        "verify-chain": {"verdict": "intact", "proven": 0, "unproven": 0},
        "write-chain": {"written": [""]},
    },
}
"""By name and operation: the one answer that is given."""


@dataclass(frozen=True)
class Score:
    """How many of the checks that apply are passed."""

    name: str
    passed: int
    applicable: int

    def describe(self) -> str:
        """Say it in a few words."""
        return f"{self.name} {self.passed} of {self.applicable}"


class Baselines:
    """Scores the stand-ins in processes of their own, from the moment the real run begins."""

    def __init__(self, suite: Suite, settings: RunConfig, hello: Json) -> None:
        self._arguments = (suite, settings, hello)
        self._pool: Pool | None = None
        self._scores: list[AsyncResult[Score]] = []

    def pytest_sessionstart(self) -> None:
        """Start them only now: a run that its settings rule out does not wait for processes that nobody needs."""
        self._pool = get_context("spawn").Pool(1)
        self._scores = [self._pool.apply_async(score, (name, *self._arguments)) for name in STAND_INS]

    def scores(self) -> list[Score]:
        """Wait for the scores and return them."""
        try:
            return [pending.get() for pending in self._scores]
        finally:
            self.close()

    def close(self) -> None:
        """Give up what is not finished."""
        if self._pool is not None:
            self._pool.terminate()
            self._pool.join()


def score(name: str, suite: Suite, settings: RunConfig, hello: Json) -> Score:
    """Run a suite on a stand-in that declares what ``hello`` says."""
    implementation = Implementation(InProcess(lambda: stand_in(hello, STAND_INS[name])))
    own_settings = replace(settings, target=name, command=(), url=None, known=())
    finished = run(suite, own_settings, RunOptions(report_findings=False), started=implementation)
    counts = tally(finished.records)
    applicable = sum(number for state, number in counts.items() if state is not State.NOT_APPLICABLE)
    return Score(name, counts.get(State.PASSED, 0), applicable)


def stand_in(hello: Json, answers: Mapping[str, Json]) -> Handle:
    """Return an implementation with one answer to every request of a kind."""

    def handle(request: Json) -> Json:
        op = request["op"]
        if op == "hello":
            return {name: value for name, value in hello.items() if name != "id"}
        if op == "race":
            return {"answers": [handle(inner) for inner in request["requests"]]}
        return dict({**_DONE, **answers}[op])

    return handle
