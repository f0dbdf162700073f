"""The control: a fault so gross that a suite which misses it finds nothing."""

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference.keys import Key

CONTROL = "any-signature-accepted"
"""The fault that nothing may miss: it dies, or the whole matrix is void."""


@fault("VER-25")
def any_signature_accepted(patch: Patch) -> None:
    """Every signature verifies. A released token engine did this for months: it looked the key up and went on."""
    patch(Key, "verify", lambda *_: True)
