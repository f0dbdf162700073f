"""A campaign on many machines: its workers are tasks of a Dask cluster, a slice at a time.

The scheduler and its workers can die at any time. A slice that is lost is asked for again; when the scheduler is gone
its return is waited for. What was found is in the campaign's folder in any case.
"""

import logging
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bearerproof.exceptions import BadInput
from bearerproof_fuzz.campaign import slices
from bearerproof_fuzz.campaign.campaign import MOST_RESTARTS, Ended, Row
from bearerproof_fuzz.campaign.slices import PATIENCE, Done, Slice
from bearerproof_fuzz.campaign.working import AGAIN, UNWRITTEN, Plan

SLICE = 300
"""Seconds of a slice: for so long it may go on where nobody can tell it any more that the campaign is over."""

CONNECT = 10
"""Seconds for a scheduler to answer when a campaign begins."""

GONE = 120
"""Seconds for a scheduler that is gone to come back, before the campaign ends without it."""

LATE = 5
"""Seconds after the end of the time until slices that have begun late are told to end."""

EVERY = 2.0
"""Seconds between two attempts to reach a scheduler that is gone."""


@dataclass
class Cluster:
    """The workers of a campaign on a cluster, by their numbers: each does slice after slice."""

    plan: Plan
    ended: Ended
    address: str
    client: Any
    tasks: dict[int, Any] = field(default_factory=dict)
    turns: dict[int, int] = field(default_factory=dict)
    in_vain: int = 0
    asked: int = 0
    lost_at: float | None = None
    tried_at: float = 0.0
    ending: bool = False

    @property
    def at_work(self) -> bool:
        """Whether any slice has not ended."""
        return bool(self.tasks)

    def start(self, number: int, seconds: float) -> None:
        """Ask for the next slice of a worker; while the scheduler is gone it waits."""
        self.tasks[number] = None
        if self.client is None or self.client.status != "running":
            return
        turn = self.turns[number] = self.turns.get(number, -1) + 1
        elapsed = time.monotonic() - self.plan.began
        work = Slice(self.plan.as_text(), number, turn, min(SLICE, seconds), elapsed)
        with suppress(Exception):  # the scheduler has gone at this very moment: the next look finds nothing asked for
            self.tasks[number] = self.client.submit(slices.carried_out, work, key=work.key, pure=False)

    def look(self, left: float) -> None:
        """Take note of slices that have ended, and ask for the next; what was lost is asked for again."""
        if not self._is_there(left):
            return
        for number, task in list(self.tasks.items()):
            if left < -LATE and not self.ending:
                self._end()
            if left < -2 * PATIENCE:
                self.ended.troubles.append("a slice did not end with the time and was given up")
                del self.tasks[number]
            elif task is None or task.status in ("cancelled", "lost"):
                self._again(number, left, "with the scheduler" if task is None else "by the cluster")
            elif task.status == "error":
                self._failed(number, task, left)
            elif task.status == "finished":
                self._finished(number, task, left)

    def _is_there(self, left: float) -> bool:
        """Say whether the scheduler is there; one that is gone is looked for until it has been away for too long."""
        now = time.monotonic()
        if self.client is not None and self.client.status == "running":
            self.lost_at = None
            return True
        self.lost_at = self.lost_at or now
        if self.client is None or self.client.status == "closed":
            self._find(now)
        if now - self.lost_at > GONE or left < 0 or self.ended.interrupted:
            self.ended.troubles.append(
                f"the scheduler at {self.address} is gone since {now - self.lost_at:.0f} s; "
                f"what was found until then is in {self.plan.place}"
            )
            self.tasks.clear()
        return False

    def _find(self, now: float) -> None:
        if now - self.tried_at > EVERY:
            with suppress(BadInput):
                self.client = connected(self.address, EVERY)
            self.tried_at = time.monotonic()

    def _finished(self, number: int, task: Any, left: float) -> None:
        try:
            done = task.result(timeout=CONNECT)
        except Exception:  # noqa: BLE001 - the machine that held it has gone since: it was done, and is not done again
            done = Done(0, "")
        del self.tasks[number]
        code = done.code
        if code == UNWRITTEN:
            self.ended.troubles.append(
                f"{done.host} cannot write in {self.plan.place}: is the disk full? What could not be written there "
                f"lies in {self.plan.beside.place} on that machine"
            )
        elif code == 0 and self._goes_on(left):
            self.start(number, left)
        elif code not in (0, 3) and self._goes_on(left):
            how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
            self._again(number, left, how, in_order=code == AGAIN)

    def _failed(self, number: int, task: Any, left: float) -> None:
        """Tell a machine that cannot do it from one that died of it, or with it."""
        error = task.exception(timeout=CONNECT)
        if isinstance(error, BadInput):
            self._give_up(number, str(error))
        elif isinstance(error, ImportError):
            self._give_up(number, f"the machines of the cluster lack a package: {error}")
        else:
            self._again(number, left, type(error).__name__)

    def _give_up(self, number: int, why: str) -> None:
        del self.tasks[number]
        self.ended.troubles.append(why)

    def _goes_on(self, left: float) -> bool:
        return left > 1 and not self.ended.interrupted

    def _again(self, number: int, left: float, how: str, *, in_order: bool = False) -> None:
        """Ask once more for what was lost; those who do nothing but die are left."""
        self.tasks.pop(number, None)
        if not self._goes_on(left):
            return
        if in_order:
            self.ended.recycled += 1
        elif self._are_all_in_vain():
            self.ended.troubles.append(
                f"more than {MOST_RESTARTS} slices were lost and nothing was asked (last {how}): no more are asked for"
            )
            return
        else:
            self.ended.restarts += 1
        self.start(number, left)

    def _are_all_in_vain(self) -> bool:
        """Count a slice that was lost; say whether very many were since anything was asked of the implementation.

        On machines that come and go many are lost in the course of a week, and the campaign gets on none the less.
        """
        asked = self.ended.asked
        self.in_vain = self.in_vain + 1 if asked == self.asked else 1
        self.asked = asked
        return self.in_vain > MOST_RESTARTS

    def are_running(self, rows: Sequence[Row]) -> list[Row]:
        """Return what each worker's latest slice has noted last, unless it has ended."""
        latest = {row["number"]: row for row in sorted(rows, key=lambda row: float(row.get("since", 0)))}
        return [row for row in latest.values() if "done" not in row]

    def _end(self) -> None:
        self.ending = True
        with suppress(OSError):
            slices.end(self.plan)

    def stop(self) -> None:
        """Have all slices end in order, wherever they are."""
        self._end()
        for number, task in list(self.tasks.items()):
            if task is None:
                del self.tasks[number]

    def kill(self) -> None:
        """Wait for nobody any more; slices that still run end within seconds, as they see that it is over."""
        self._end()
        client, self.client, self.tasks = self.client, None, {}
        if client is not None:
            with suppress(Exception):
                client.close(timeout=2)


def connected(address: str, seconds: float | None = None) -> Any:
    """Connect to a scheduler, by its address or the file that it wrote.

    Raises:
        BadInput: the extra is not installed, or nobody answers there.
    """
    try:
        import distributed  # noqa: PLC0415 - of an extra, and slow to load
    except ImportError:
        raise BadInput("--cluster needs packages: python -m pip install 'bearerproof[cluster]'") from None
    make: Any = distributed.Client
    for name in ("distributed", "distributed.client", "distributed.core"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # what concerns anybody is told by this module
    where = {"scheduler_file": address} if Path(address).is_file() else {"address": address}
    try:
        return make(**where, timeout=CONNECT if seconds is None else seconds, set_as_default=False, name="bearerproof")
    except (OSError, ValueError, TimeoutError, RuntimeError) as error:
        raise BadInput(f"no scheduler answers at {address} ({type(error).__name__})") from None


def opened(plan: Plan, ended: Ended, address: str) -> Cluster:
    """Connect to a cluster for a campaign.

    Raises:
        BadInput: nobody answers there, or the extra is not installed.
    """
    client = connected(address)
    slices.begin(plan)
    return Cluster(plan, ended, address, client)


def width(client: Any) -> int:
    """Return how many tasks the cluster does at a time now; it may have no machine yet."""
    return sum(client.nthreads().values())
