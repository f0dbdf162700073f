"""No token is accepted that no holder of a policy's key signed, whatever else is changed of it."""

import sys

import atheris

from bearerproof_fuzz.campaign.candidates import forged, forged_of_parts, labelled_forgery, mangled_forgery
from bearerproof_fuzz.campaign.harness import LIBRARIES, harness

if __name__ == "__main__":
    with atheris.instrument_imports(include=LIBRARIES):
        engine = harness(forged, forged_of_parts, labelled_forgery, mangled_forgery)
    atheris.Setup(sys.argv, engine)
    atheris.Fuzz()
