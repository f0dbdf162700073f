"""Faults in reading the JOSE header (VER-17 to VER-23)."""


from dataclasses import replace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference import verifier
from bearerproof_reference.verdicts import Reason, Refusal


@fault("VER-17")
def crit_ignored(patch: Patch) -> None:
    """`crit` is not looked at, so an extension that must be understood is skipped (CVE-2025-59420, CVE-2026-32597)."""

    def without_critical(read: Any) -> Any:
        def read_header(segment: bytes, *, strict: bool) -> verifier.Header:
            try:
                header: verifier.Header = read(segment, strict=strict)
            except Refusal as refusal:
                if refusal.rejected.reason is not Reason.CRITICAL:
                    raise
                parameters = verifier.parse_object(verifier.decode_segment(segment))
                return verifier.Header(parameters["alg"], parameters.get("kid"), None)
            return replace(header)

        return read_header

    patch.wrap(verifier, "read_header", without_critical)
