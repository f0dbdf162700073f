"""Source ids read backwards: whatever composes them, one id gives one list of hints, or it is none."""

import re
from collections.abc import Sequence
from urllib.parse import unquote_to_bytes

from bearerproof.specification.catalogue import Profile
from bearerproof.trail.sources import part
from bearerproof_fuzz.oracles.hints import Bounded, Stated

SENTINELS = {2: ("anon", "nokid"), 3: ("anon", "noaud", "nokid")}
"""What stands for an absent hint, by position, in a source id of so many parts."""

LONGEST_PART = 64 * 3 + 1 + 43
"""Octets of one part: 64 encoded octets, `~` and a digest in base64url."""


def parts_of(hints: Stated, profile: Profile) -> tuple[Bounded, ...]:
    """Return the hints that make up the source id of the profile, in their order."""
    if profile is Profile.ID_TOKEN:
        return (hints.client, hints.aud, hints.kid)
    return (hints.client, hints.kid)


def compose(parts: Sequence[Bounded]) -> str:
    """Return the source id of bounded hints."""
    sentinels = SENTINELS[len(parts)]
    return "::".join(part(hint, sentinel) for hint, sentinel in zip(parts, sentinels, strict=True))


def decode(source_id: str) -> tuple[Bounded, ...]:
    """Return the hints of which a source id is composed.

    Raises:
        ValueError: none are: it has not two or three parts, or spells a part in another way than the one due.
    """
    parts = source_id.split("::")
    if len(parts) not in SENTINELS:
        raise ValueError(f"{len(parts)} parts")
    hints = tuple(
        None if spelled == sentinel else unquote_to_bytes(spelled).decode()
        for spelled, sentinel in zip(parts, SENTINELS[len(parts)], strict=True)
    )
    if compose(hints) != source_id:
        raise ValueError("a part is not spelled in its one way")
    return hints


def longest(profile: Profile) -> int:
    """Return how many octets a source id of the profile can have at most."""
    parts = 3 if profile is Profile.ID_TOKEN else 2
    return parts * LONGEST_PART + (parts - 1) * len("::")


_PRINTABLE = re.compile(r"[\x21-\x7e]+")


def is_printable(source_id: str) -> bool:
    """Say whether it is printable ASCII without blanks."""
    return _PRINTABLE.fullmatch(source_id) is not None
