"""An adapter that misbehaves on purpose, in one of the ways that a harness has to survive.

    python misbehaving.py MODE [WHEN] [MARKER]

WHEN says at which request the fault happens: ``3`` is the third after ``hello`` in each life of the
process, ``@TEXT`` every one whose token contains the text; left out it is the first. All other requests are
answered honestly. MARKER is a file that the first fault leaves behind and that forbids any further one, as if
the fault were a matter of luck.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

Json = dict[str, Any]

HELLO = {
    "protocol": 1,
    "level": 0,
    "profiles": ["jwt"],
    "measure": "base",
    "implementation": {"name": "misbehaving", "version": "1", "language": "python"},
    "capabilities": {"algorithms": ["HS256", "RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"]},
}

ACCEPT: Json = {"verdict": "accepted", "claims": {}}
REJECT: Json = {"verdict": "rejected"}
FOREVER = 3600


def main(mode: str, when: str = "1", marker: str = "") -> None:
    """Answer until the input ends, misbehaving as ``mode`` says."""
    START.get(mode, lambda: None)()
    honest = HONEST.get(mode) or as_the_reference
    for count, line in enumerate(sys.stdin.buffer):
        request = json.loads(line)
        if request["op"] == "hello":
            emit({"id": request["id"], **(HELLO | HELLO_CHANGES.get(mode, {}))})
        elif mode in FAULTS and is_chosen(request, count, when) and first_time(marker):
            FAULTS[mode](request, honest)
        else:
            emit(honest(request))


def is_chosen(request: Json, count: int, when: str) -> bool:
    """Say whether the fault is to happen at this request, the ``count``-th of this life."""
    if when.startswith("@"):
        return when[1:] in request.get("token", "")
    return count == int(when)


def first_time(marker: str) -> bool:
    """Leave the marker behind, if there is one; False when it was there already."""
    if not marker:
        return True
    try:
        Path(marker).touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def emit(answer: Json) -> None:
    """Write one answer line."""
    write(json.dumps(answer).encode() + b"\n")


def write(raw: bytes) -> None:
    """Write bytes to stdout at once."""
    sys.stdout.buffer.write(raw)
    sys.stdout.buffer.flush()


def as_the_reference(request: Json) -> Json:
    """Answer as the reference does: a fault should be all that is wrong with this adapter."""
    return reference()(request)


@cache
def reference() -> Callable[[Json], Json]:
    """Load the reference when it is first needed, which it is not by those that fail before."""
    from bearerproof_reference.adapter.adapter import create  # noqa: PLC0415 - most modes have no need of it

    return create().handle


def always(answer: Json) -> Callable[[Json], Json]:
    """Return a verifier with one answer to everything."""
    return lambda request: {"id": request["id"], **answer}


def hang(*_: object) -> None:
    """Answer nothing."""
    time.sleep(FOREVER)


def ignore_sigterm_and_hang(*_: object) -> None:
    """Answer nothing, and do not go when asked to."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        time.sleep(FOREVER)


def swap(request: Json, honest: Callable[[Json], Json]) -> None:
    """Wait for one more request and answer it first."""
    later = json.loads(sys.stdin.buffer.readline())
    emit(honest(later))
    emit(honest(request))


def twice(request: Json, honest: Callable[[Json], Json]) -> None:
    """Answer the same request twice."""
    emit(honest(request))
    emit(honest(request))


def changed(**members: Any) -> Callable[[Json, Callable[[Json], Json]], None]:
    """Return a fault that answers honestly but for some members."""
    return lambda request, honest: emit(honest(request) | members)


def raw(text: bytes) -> Callable[[Json, Callable[[Json], Json]], None]:
    """Return a fault that writes these bytes, with ``ID`` for the id of the request."""
    return lambda request, _: write(text.replace(b"ID", str(request["id"]).encode()) + b"\n")


def shout(request: Json, honest: Callable[[Json], Json]) -> None:
    """Write 1 MB to stderr before the answer: more than a pipe holds."""
    sys.stderr.write(("x" * 99 + "\n") * 10_000)
    sys.stderr.flush()
    emit(honest(request))


def killed(*_: object) -> None:
    """Die as by a fault of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def half_a_line(request: Json, _: object) -> None:
    """End in the middle of an answer."""
    write(b'{"id": %d, "verd' % request["id"])
    os._exit(0)


def leave_child_and_hang(*_: object) -> None:
    """Hang with a child that holds the pipes, and would outlive its parent."""
    if os.fork() == 0:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(FOREVER)


START: dict[str, Callable[[], object]] = {
    "banner": lambda: write(b"misbehaving verifier 1.0, ready\n"),
    "exits-before-hello": lambda: sys.exit("cannot find my configuration"),
    "never-says-hello": hang,
}

HELLO_CHANGES: dict[str, Json] = {
    "wrong-protocol": {"protocol": 2},
}

HONEST: dict[str, Callable[[Json], Json]] = {
    "accept-all": always(ACCEPT),
    "reject-all": always(REJECT),
    "skip-all": always({"skipped": "not today"}),
    "error-all": always({"errored": {"message": "KeyError: 'kid'"}}),
}

FAULTS: dict[str, Callable[[Json, Callable[[Json], Json]], None]] = {
    "out-of-order": swap,
    "twice": twice,
    "hangs": hang,
    "hangs-and-ignores-sigterm": ignore_sigterm_and_hang,
    "hangs-with-child": leave_child_and_hang,
    "huge-line": lambda request, _: write(b'{"id": %d, "verdict": "%s"}\n' % (request["id"], b"x" * 100_000_000)),
    "wrong-id": changed(id=999_999),
    "dies": lambda *_: os._exit(7),
    "flaky": lambda *_: os._exit(9),
    "dies-by-signal": killed,
    "not-utf-8": raw(b'{"id": ID, "verdict": "rejected\xff"}'),
    "half-a-line": half_a_line,
    "shouts-on-stderr": shout,
}

MODES = sorted({*START, *HELLO_CHANGES, *HONEST, *FAULTS, "well-behaved"})
"""Every mode; ``well-behaved`` answers as the reference does."""


if __name__ == "__main__":
    if len(sys.argv) < 2 or sys.argv[1] not in MODES:
        sys.exit(f"{__doc__}\nMODE is one of: {', '.join(MODES)}")
    main(*sys.argv[1:])
