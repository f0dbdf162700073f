"""How long a whole `bearerproof check` takes on the reference, against its limits: python bench_check.py [--runs N]

Whole processes are timed, start included, in turn; the median is printed. Stdio is compared with in process.
"""

import subprocess
import sys
import time
from argparse import ArgumentParser
from statistics import median

CHECK = [sys.executable, "-m", "bearerproof", "check"]
COMMANDS = {
    "check": CHECK,
    "check --quick": [*CHECK, "--quick"],
    "check over stdio": [*CHECK, "--", sys.executable, "-m", "bearerproof_reference"],
}
LIMITS = {"check": 20.0, "check --quick": 5.0}


def main() -> None:
    """Time each command in turn and print seconds and ratios."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each command (default 3)")
    runs = parser.parse_args().runs
    seconds: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(runs):
        for name, command in COMMANDS.items():
            seconds[name].append(_time(command))
    for name, limit in LIMITS.items():
        taken = median(seconds[name])
        print(f"{name:<18}{taken:6.1f} s   {taken / limit:.2f} of its limit of {limit:g} s")
    pairs = zip(seconds["check over stdio"], seconds["check"], strict=True)
    print(f"{'check over stdio':<18}{median(seconds['check over stdio']):6.1f} s   ", end="")
    print(f"{median(over / inside for over, inside in pairs):.2f} x in process, of at most 2")


def _time(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
