"""No change of an honest token's text is accepted, unless what it says is the same."""

import sys

import atheris

from bearerproof_fuzz.campaign.candidates import mangled
from bearerproof_fuzz.campaign.harness import LIBRARIES, harness

if __name__ == "__main__":
    with atheris.instrument_imports(include=LIBRARIES):
        engine = harness(mangled)
    atheris.Setup(sys.argv, engine)
    atheris.Fuzz()
