"""Trails under races, a slow key set and a clock that steps; for long by ``python -m tests.keyserver.trailsoak``."""

from contextlib import ExitStack
from pathlib import Path

import pytest

from bearerproof.trail import Verdict
from tests.keyserver.redisserver import RedisServer
from tests.keyserver.trailsoak import STEPS, Instance, in_memory, judge, on_redis, soak

SECONDS = 2.0


def check(folder: Path, instances: list[Instance]) -> None:
    soak(instances, SECONDS)
    reports = judge(folder, instances)
    assert [report.verdict for report in reports] == [Verdict.TRUTHFUL] * len(reports), reports[-1].as_text()
    events = reports[-1].lines.events
    assert min(events[f"token.{kind}"] for kind in ("issued", "used", "revoked", "denied")) > 10, events


@pytest.mark.parametrize("steps", [(0,), STEPS], ids=["steady", "stepping"])
def test_trail_of_threads_on_one_store_is_truthful(tmp_path: Path, steps: tuple[float, ...]) -> None:
    check(tmp_path, in_memory(steps))


def test_trails_of_servers_that_share_a_store_are_truthful_together(own_redis: RedisServer, tmp_path: Path) -> None:
    with ExitStack() as end:
        check(tmp_path, on_redis(own_redis.url, end, STEPS))
