"""Reading the members of an answer: each of the type that is due, or an ``AdapterFault`` that says what was.

Every function here raises ``AdapterFault``; ``where`` is how its message begins.
"""

from enum import StrEnum
from typing import Any, TypeVar

from bearerproof.exceptions import AdapterFault
from bearerproof.visible import visible

Json = dict[str, Any]
E = TypeVar("E", bound=StrEnum)

_TYPE_NAMES = {str: "a string", int: "an integer", bool: "true or false", list: "a list", dict: "an object"}


def text(raw: Json, name: str, where: str, most: int = 1000) -> str:
    """Return a string member, cut and made safe to print."""
    value: str = get(raw, name, str, where)
    return visible(value[:most])


def get(raw: Json, name: str, kind: type, where: str, *, optional: bool = False) -> Any:
    """Return a member of this type; an optional one that is absent or null is None."""
    value = raw.get(name)
    if value is None and optional:
        return None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        shown = brief(value) if name in raw else "absent"
        raise AdapterFault(f"{where}: member {name!r} must be {_TYPE_NAMES[kind]}; it is {shown}")
    return value


def refuse_unknown(raw: Json, known: set[str], where: str) -> None:
    """Refuse misspelt members: ignoring them would silently weaken the judgement they were meant for."""
    unknown = sorted(set(raw) - known)
    if unknown:
        raise AdapterFault(f"{where}: unknown member {brief(unknown[0])}; known are {', '.join(sorted(known))}")


def many(raw: Json, name: str, kind: type, where: str) -> tuple[Any, ...] | None:
    """Return a list member whose elements are all of this type, or None when there is none."""
    values = get(raw, name, list, where, optional=True)
    if values is None:
        return None
    if not all(isinstance(value, kind) for value in values):
        raise AdapterFault(f"{where}: every element of {name} must be {_TYPE_NAMES[kind]}")
    return tuple(values)


def seconds(raw: Json, name: str, where: str) -> float:
    """Return a member that is a number of seconds, 0 or more."""
    value = raw.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise AdapterFault(f"{where}: {name} must be a number of seconds, not {brief(value)}")
    return float(value)


def one_of(kind: type[E], value: object, where: str) -> E:
    """Return the member of an enumeration that has this value."""
    try:
        return kind(str(value))
    except ValueError:
        raise AdapterFault(f"{where}: {brief(value)} is not one of {', '.join(kind)}") from None


def strings(values: object, where: str) -> tuple[str, ...]:
    """Return a list of strings."""
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise AdapterFault(f"{where} must be a list of strings")
    return tuple(values)


def brief(value: object) -> str:
    """Show a value in at most 80 characters of ASCII."""
    shown = ascii(value)
    return shown if len(shown) <= 80 else shown[:80] + "…"
