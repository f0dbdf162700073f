"""Faults in telling why a token is refused (VER-45)."""

from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, faults_for, helper_by
from bearerproof_reference.verifier.verdicts import Reason, Rejected
from bearerproof_reference.verifier.verifier import Verifier


@helper_by(Patch.wrap, Verifier, "verify")
def _reporting(reasons: dict[Reason, Reason], verify: Any, self: Any, token: str | bytes) -> Any:
    """Report other reasons than the true ones; the verdicts stay."""
    verdict = verify(self, token)
    if isinstance(verdict, Rejected) and verdict.reason in reasons:
        return Rejected(reasons[verdict.reason], verdict.detail)
    return verdict


_REPORTING: Rows[dict[Reason, Reason]] = {
    "expired-and-early-swapped": (
        "The two checks share a message, and it is that of the other one.",
        {Reason.EXPIRED: Reason.NOT_YET_VALID, Reason.NOT_YET_VALID: Reason.EXPIRED},
    ),
    "issuer-reported-as-audience": (
        "A copied line keeps the reason of the check above it, so operators look into the wrong configuration.",
        {Reason.ISSUER: Reason.AUDIENCE},
    ),
    "bad-signature-reported-as-unknown-key": (
        "A signature that does not verify looks like a key that was rotated away, and no alarm rings (CWE-778).",
        {Reason.SIGNATURE: Reason.KEY_UNKNOWN},
    ),
    "unknown-key-reported-as-bad-signature": (
        "A rotation in progress looks like an attack.",
        {Reason.KEY_UNKNOWN: Reason.SIGNATURE},
    ),
    "everything-is-malformed": (
        "One reason serves all: the caller gets an exception of one type (W15).",
        dict.fromkeys(Reason, Reason.MALFORMED),
    ),
}
faults_for("VER-45", _reporting, _REPORTING)


@fault("VER-45")
def every_claim_fault_is_expiry(patch: Patch) -> None:
    """Whatever is wrong with the claims, the user is told to sign in again."""
    claims = (Reason.AUDIENCE, Reason.ISSUER, Reason.CLAIM_MALFORMED, Reason.CLAIM_MISSING, Reason.NOT_YET_VALID)
    _reporting(patch, dict.fromkeys(claims, Reason.EXPIRED))
