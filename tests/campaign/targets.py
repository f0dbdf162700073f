"""Implementations that wear a campaign out, in this process or as adapters: ``python -m tests.campaign.targets MODE``.

Each is the plain verifier of the victims, with one algorithm and one profile so that little is to be learned of it.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import count
from random import Random
from typing import Any
from zlib import crc32

from bearerproof_fuzz.victims import create

Json = dict[str, Any]
Handle = Callable[[Json], Json]
Fault = Callable[[int, Json, Json], Json]

HELD: list[bytes] = []
CHANCE = Random(1)
TURNED: list[bool] = []


def leaking(number: int, request: Json, answer: Json) -> Json:
    """Keep half a mebibyte of every token."""
    HELD.append(bytes([number % 256]) * (1 << 19))
    return answer


def slowing(number: int, request: Json, answer: Json) -> Json:
    """Take a little longer each time."""
    time.sleep(number * 1e-5)
    return answer


def dying(number: int, request: Json, answer: Json) -> Json:
    """Die of every 1,000th token, whichever it is."""
    if number % 1000 == 0:
        os._exit(3)
    return answer


def changing(number: int, request: Json, answer: Json) -> Json:
    """Accept one in a hundred of those that are refused."""
    refused = answer.get("verdict") == "rejected"
    return {"id": request["id"], "verdict": "accepted"} if refused and CHANCE.random() < 0.01 else answer


def hanging(number: int, request: Json, answer: Json) -> Json:
    """Give no answer to tokens without a signature."""
    if str(request.get("token", "")).endswith("."):
        time.sleep(3600)
    return answer


def unsigned(number: int, request: Json, answer: Json) -> Json:
    """Accept tokens without a signature."""
    wrong = str(request.get("token", "")).endswith(".")
    return {"id": request["id"], "verdict": "accepted"} if wrong else answer


def some(number: int, request: Json, answer: Json) -> Json:
    """Accept one in fifty of those that are refused, always the same ones: new findings come up for a long time."""
    chosen = crc32(str(request.get("token", "")).encode()) % 50 == 0
    wrong = answer.get("verdict") == "rejected" and chosen
    return {"id": request["id"], "verdict": "accepted"} if wrong else answer


def turning(number: int, request: Json, answer: Json) -> Json:
    """Accept whatever is refused, from when it is told to."""
    turned = TURNED and answer.get("verdict") == "rejected"
    return {"id": request["id"], "verdict": "accepted"} if turned else answer


def babbling(number: int, request: Json, answer: Json) -> Json:
    """Break the contract at every 2,000th token."""
    return {"id": request["id"], "verdict": "perhaps"} if number % 2000 == 0 else answer


def mended(number: int, request: Json, answer: Json) -> Json:
    """Do nothing wrong."""
    return answer


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (leaking, slowing, dying, changing, hanging, unsigned, some, turning, babbling, mended)
}


def handler(mode: str) -> Handle:
    """Return the plain verifier with one fault."""
    plain, fault, numbers = create(), FAULTS[mode], count(1)

    def handle(request: Json) -> Json:
        answer = plain(request)
        if request["op"] != "hello":
            return fault(next(numbers), request, answer)
        capabilities = {**answer["capabilities"], "algorithms": ["HS256"]}
        return {**answer, "level": 0, "profiles": ["jwt"], "measure": "base", "capabilities": capabilities}

    return handle


leaks, changes, accepts_unsigned, accepts_some, turns, is_mended = (
    partial(handler, name) for name in ("leaking", "changing", "unsigned", "some", "turning", "mended")
)

if __name__ == "__main__":
    answer = handler(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)  # noqa: T201 - it is what an adapter does
