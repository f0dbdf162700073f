"""The control: a fault so gross that a suite which misses it finds nothing."""

from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference.verifier import verifier
from bearerproof_reference.verifier.keys import Key
from bearerproof_reference.verifier.verdicts import Reason, Refusal

CONTROL = "any-signature-accepted"
"""The fault that nothing may miss: it dies, or the whole matrix is void."""


@fault("VER-25")
def any_signature_accepted(patch: Patch) -> None:
    """Every signature verifies. A released token engine did this for months: it looked the key up and went on."""

    def verified_or_not(verified: Any, token: bytes, header: Any, tail: bytes, keys: Any, algorithms: Any) -> Key:
        try:
            key: Key = verified(token, header, tail, keys, algorithms)
        except Refusal as refusal:
            if refusal.rejected.reason is not Reason.SIGNATURE:
                raise
            key = keys.find(header.kid, header.alg)
        return key

    patch.wrap(verifier, "_verified", verified_or_not)
