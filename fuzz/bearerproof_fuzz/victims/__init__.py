"""Victims: small verifiers that truly have one weakness each, beside the plain one that has none.

A seeded fault is the reference with a bug, and edit, fault and reference came from one head. A victim shares nothing
with them: it was written from the RFCs and the contract, and asks whether the suite finds a weakness that somebody
else built. ``bearerproof check victim:NAME`` judges one, ``bearerproof prove --victims`` all of them.
"""

from collections.abc import Callable

from bearerproof_fuzz.victims.answering import Adapter
from bearerproof_fuzz.victims.refusal import Json
from bearerproof_fuzz.victims.registry import Victim as Victim
from bearerproof_fuzz.victims.registry import victims as victims
from bearerproof_fuzz.victims.verifier import HONEST

PLAIN = "honest"
"""The one without a weakness: whatever is red of it is wrong."""


def create(name: str = PLAIN) -> Callable[[Json], Json]:
    """Return the victim of this name, or the plain verifier, as an adapter's handler.

    Raises:
        LookupError: there is none of this name.
    """
    if name == PLAIN:
        return Adapter(PLAIN, HONEST, "strict").handle
    if name not in victims():
        raise LookupError(f"no victim is called {name!r}")
    victim = victims()[name]
    return Adapter(name, victim.steps, victim.measure, victim.declared).handle
