"""Drawn claims are judged as the oracle says, and what is accepted yields the claims that were signed."""

import sys

import atheris

from bearerproof_fuzz.campaign.candidates import claimed, composed, spliced, varied
from bearerproof_fuzz.campaign.harness import LIBRARIES, harness

if __name__ == "__main__":
    with atheris.instrument_imports(include=LIBRARIES):
        engine = harness(claimed, varied, spliced, composed)
    atheris.Setup(sys.argv, engine)
    atheris.Fuzz()
