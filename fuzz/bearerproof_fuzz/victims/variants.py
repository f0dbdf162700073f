"""How a weak verifier is made of the plain one: checks left out or replaced."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from bearerproof_fuzz.victims.claims import CHECKS, Check
from bearerproof_fuzz.victims.verifier import HEADER_CHECKS, HONEST, HeaderCheck, Steps

T = TypeVar("T")


def weak_header(*without: str, changed: Mapping[str, HeaderCheck] | None = None) -> Steps:
    """Return a verifier with fewer or other checks of the header; like most, it ignores parameters it does not know."""
    return replace(HONEST, header=_changed(HEADER_CHECKS, ("closed", *without), changed or {}))


def weak_claims(*without: str, changed: Mapping[str, Check] | None = None) -> Steps:
    """Return a verifier with fewer or other checks of the claims."""
    return replace(HONEST, claims=_changed(CHECKS, without, changed or {}))


def _changed(table: Mapping[str, T], without: tuple[str, ...], changed: Mapping[str, T]) -> dict[str, T]:
    unknown = {*without, *changed} - table.keys()
    if unknown:
        raise LookupError(f"there is no check {', '.join(sorted(unknown))}")
    return {name: changed.get(name, check) for name, check in table.items() if name not in without}


ORDINARY = weak_header()
"""Ignores the header parameters that it does not know, as RFC 7515 §4 has it."""
