"""One worker as a process of its own: ``python -m bearerproof_fuzz.campaign PLAN NUMBER``, the plan as JSON."""

import sys

from bearerproof_fuzz.campaign.working import Plan, work

if __name__ == "__main__":
    work(Plan.from_text(sys.argv[1]), int(sys.argv[2]))
