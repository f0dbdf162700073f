"""What several tests of campaigns need: a finding, and how to wait."""

import time
from collections.abc import Callable
from typing import Any

SHOWN = {"token": "a.b.", "profile": "jwt", "now": 1, "tick": 0, "policy": {}}
ROW: dict[str, Any] = {
    "type": "check",
    "id": "VER-12.found-by-fuzzing.jwt",
    "requirement": "VER-12",
    "level": "MUST",
    "profile": "jwt",
    "outcome": "failed",
    "kind": "alg-none-unsigned-exact: accepted",
    "choices": [],
    "recurs": True,
    "findings": [{"summary": "s", "expected": "rejected", "got": "accepted", "presented": SHOWN, "base": SHOWN}],
    "candidate": {
        "requirement": "VER-12",
        "kind": "alg-none-unsigned-exact",
        "how": "h",
        "allowed": ["rejected"],
        "claims": None,
    },
}
KEY = (str(ROW["requirement"]), str(ROW["kind"]))


def until(happens: Callable[[], object], seconds: float = 300) -> None:
    """Wait for it; the limit is for a machine that is busy, and a test that would never end."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.05)
