"""x."""

from bearerproof_fuzz.victims.registry import Victim

VICTIMS: tuple[Victim, ...] = ()
