"""One worker as a process of its own: ``python -m bearerproof_fuzz.campaign PLAN NUMBER``, the plan as JSON.

Where PLAN is ``-``, it comes through standard input: it may hold a password, and command lines can be read by all.
"""

import gc
import sys

from bearerproof_fuzz.campaign.working import CYCLES, Plan, work

if __name__ == "__main__":
    gc.set_threshold(CYCLES)
    text = sys.stdin.read() if sys.argv[1] == "-" else sys.argv[1]
    work(Plan.from_text(text), int(sys.argv[2]))
