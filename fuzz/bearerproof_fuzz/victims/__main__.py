"""A victim as an adapter over JSON lines: ``bearerproof check -- python -m bearerproof_fuzz.victims NAME``."""

import sys

from bearerproof.adapter import serve
from bearerproof_fuzz.victims import create

if __name__ == "__main__":
    serve(create(*sys.argv[1:2]))
