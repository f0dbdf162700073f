"""``python -m tests.soak ROUNDS LOOPS [arguments of check]``: the reference checked again and again beside busy loops.

A busy machine is nobody's fault, so every round has to end with exit code 0; one that ends with 3 could not tell, which
is no false alarm, but is counted. Outside the gate: a whole round takes minutes.
"""

import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

_LOOP = "while True: pass"


def main(rounds: int, loops: int, arguments: Sequence[str]) -> int:
    """Run the rounds and say how each ended; return 0 if all were green, 1 if one was red, 3 if one could not tell."""
    codes = []
    with busy(loops):
        for number in range(1, rounds + 1):
            started = time.monotonic()
            command = [sys.executable, "-m", "bearerproof_fuzz.commands.cli", "check", *arguments]
            ended = subprocess.run(command, capture_output=True, text=True, check=False)
            codes.append(ended.returncode)
            told = f"round {number}: exit {ended.returncode}, {time.monotonic() - started:.0f} s"
            sys.stdout.write(told + "\n" + (textwrap.indent(ended.stdout, "  ") if ended.returncode else ""))
    sys.stdout.write(f"{codes.count(0)} of {rounds} green beside {loops} busy loops\n")
    return next((code for code in (1, 2, 3) if code in codes), max(codes))


@contextmanager
def busy(loops: int) -> Iterator[None]:
    """Keep so many processors busy meanwhile."""
    running = [subprocess.Popen([sys.executable, "-c", _LOOP]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]))
