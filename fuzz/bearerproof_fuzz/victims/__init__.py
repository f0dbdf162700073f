"""Victims: small verifiers that truly have one weakness each, beside the plain one that has none.

A seeded fault is the reference with a bug, and edit, fault and reference came from one head. A victim shares nothing
with them: it was written from the RFCs and the contract, and asks whether the suite finds a weakness that somebody
else built. ``bearerproof check victim:NAME`` judges one, ``bearerproof prove --victims`` all of them.
"""

from collections.abc import Callable, Mapping
from functools import cache

from bearerproof_fuzz.victims.answering import Adapter
from bearerproof_fuzz.victims.refusal import Json
from bearerproof_fuzz.victims.registry import Victim
from bearerproof_fuzz.victims.verifier import HONEST
from bearerproof_fuzz.victims.weaknesses import claims, encoding, headers, keys, signatures, state

PLAIN = "honest"
"""The one without a weakness: whatever is red of it is wrong."""


@cache
def victims() -> Mapping[str, Victim]:
    """Return every victim by name, in the order of the tables."""
    tables = (encoding.VICTIMS, headers.VICTIMS, keys.VICTIMS, signatures.VICTIMS, claims.VICTIMS, state.VICTIMS)
    return {victim.name: victim for table in tables for victim in table}


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
    return Adapter(name, victim.steps, "strict" if victim.strict else "base", victim.declared).handle
