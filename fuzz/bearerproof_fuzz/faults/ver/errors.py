"""Faults by which an error that nobody handles comes in place of a verdict (VER-47)."""

import json
from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_fuzz.keys import lenient_b64
from bearerproof_reference.verifier import verifier


@fault("VER-47")
def alg_looked_up_before_its_type(patch: Patch) -> None:
    """The header's `alg` is looked up before anybody asks for its type, and a list cannot be hashed (PyJWT 2.15.1)."""

    def verify(verified: Callable[..., object], self: Any, token: str | bytes) -> object:
        hash(_alg(token))
        return verified(self, token)

    patch.wrap(verifier.Verifier, "verify", verify)


def _alg(token: str | bytes) -> object:
    text = token if isinstance(token, str) else token.decode("latin-1")
    try:
        header = json.loads(lenient_b64(text.partition(".")[0]) or b"")
    except (ValueError, RecursionError):
        return None
    return header.get("alg") if isinstance(header, dict) else None
