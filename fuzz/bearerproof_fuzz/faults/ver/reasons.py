"""Faults in telling why a token is refused (VER-45)."""

from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference.verifier.verdicts import Reason, Rejected
from bearerproof_reference.verifier.verifier import Verifier


def _reporting(patch: Patch, reasons: dict[Reason, Reason]) -> None:
    """Report other reasons than the true ones; the verdicts stay."""

    def report(verify: Any, self: Any, token: str | bytes) -> Any:
        verdict = verify(self, token)
        if isinstance(verdict, Rejected) and verdict.reason in reasons:
            return Rejected(reasons[verdict.reason], verdict.detail)
        return verdict

    patch.wrap(Verifier, "verify", report)


@fault("VER-45")
def expired_and_early_swapped(patch: Patch) -> None:
    """The two checks share a message, and it is that of the other one."""
    _reporting(patch, {Reason.EXPIRED: Reason.NOT_YET_VALID, Reason.NOT_YET_VALID: Reason.EXPIRED})


@fault("VER-45")
def issuer_reported_as_audience(patch: Patch) -> None:
    """A copied line keeps the reason of the check above it, so operators look into the wrong configuration."""
    _reporting(patch, {Reason.ISSUER: Reason.AUDIENCE})


@fault("VER-45")
def bad_signature_reported_as_unknown_key(patch: Patch) -> None:
    """A signature that does not verify looks like a key that was rotated away, and no alarm rings (CWE-778)."""
    _reporting(patch, {Reason.SIGNATURE: Reason.KEY_UNKNOWN})


@fault("VER-45")
def unknown_key_reported_as_bad_signature(patch: Patch) -> None:
    """A rotation in progress looks like an attack."""
    _reporting(patch, {Reason.KEY_UNKNOWN: Reason.SIGNATURE})


@fault("VER-45")
def every_claim_fault_is_expiry(patch: Patch) -> None:
    """Whatever is wrong with the claims, the user is told to sign in again."""
    claims = (Reason.AUDIENCE, Reason.ISSUER, Reason.CLAIM_MALFORMED, Reason.CLAIM_MISSING, Reason.NOT_YET_VALID)
    _reporting(patch, dict.fromkeys(claims, Reason.EXPIRED))


@fault("VER-45")
def everything_is_malformed(patch: Patch) -> None:
    """One reason serves all: the caller gets an exception of one type (W15)."""
    _reporting(patch, dict.fromkeys(Reason, Reason.MALFORMED))
