"""One search by Atheris: ``python atherissearch.py NAME structured|raw SEED MOST``; prints how it ended as JSON.

Structured, the engine's bytes draw a campaign's candidates by Hypothesis's ``fuzz_one_input``; raw, they are a token.
"""

import hashlib
import json
import os
import sys
import time
from contextlib import ExitStack

import atheris
from bench_found import Sought, offends, plain_world, sought
from hypothesis import HealthCheck, given, settings

from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Outcome
from bearerproof_fuzz.campaign.candidate import Candidate, with_token
from bearerproof_fuzz.campaign.candidates import KINDS, World
from bearerproof_fuzz.campaign.harness import BEHIND, LIBRARIES, candidates
from bearerproof_fuzz.campaign.judging import Judge
from bearerproof_fuzz.grammar import matter_of
from bearerproof_fuzz.keyserver import idp


class Search:
    """Counts, and ends the process when it has found or has had its tokens: the engine never returns."""

    def __init__(self, what: Sought, implementation: Implementation, drawn: World, most: int) -> None:
        self.what, self.implementation, self.most = what, implementation, most
        self.judge = Judge(implementation.declaration, drawn.measure)
        self.honest = [base.presentation for base in drawn.bases]
        self.asked, self.began = 0, time.process_time()

        @settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(candidates(drawn, KINDS))
        def judged(made: Candidate | None) -> None:
            if made is not None:
                self.asked += 1
                self.end_if(offends(implementation, self.judge, made, what.requirement))

        self.engine = vars(judged)["hypothesis"].fuzz_one_input

    def structured(self, octets: bytes) -> None:
        """Take bytes for choices."""
        self.engine(octets + hashlib.shake_256(octets).digest(BEHIND))

    def raw(self, octets: bytes) -> None:
        """Take bytes for a token, beside each policy in turn."""
        self.asked += 1
        base = self.honest[self.asked % len(self.honest)]
        token = octets.decode("latin-1")
        answer = self.implementation.verify(with_token(base, token))
        same = matter_of(token, str(base.token)) in (None, "VER-3")
        self.end_if(answer.outcome is Outcome.ACCEPTED and not same)

    def end_if(self, found: bool) -> None:
        """Print and end the process when it is found or the tokens are spent."""
        if found or self.asked >= self.most:
            row = {"found": found, "tokens": self.asked, "seconds": time.process_time() - self.began}
            print(json.dumps(row), flush=True)
            os._exit(0)


if __name__ == "__main__":
    name, style, number, most = sys.argv[1:]
    what = sought(name)
    with ExitStack() as stack:
        stack.enter_context(what.borne())
        with atheris.instrument_imports(include=[*LIBRARIES, "bearerproof_fuzz.victims"]):
            implementation = what.config.start(idp.start)
        drawn = plain_world(what, implementation)
        search = Search(what, implementation, drawn, int(most))
        flags = [f"-seed={int(number) + 1}", "-len_control=0", "-max_len=600", "-verbosity=0"]
        atheris.Setup([sys.argv[0], *flags], search.structured if style == "structured" else search.raw)
        atheris.Fuzz()
