"""x."""

from collections.abc import Mapping

from bearerproof_fuzz.victims.verifier import Steps

STEPS: Mapping[str, Steps] = {}
