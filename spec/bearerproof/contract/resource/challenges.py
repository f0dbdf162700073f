"""Reading ``WWW-Authenticate``: the challenges of an answer, each with its scheme and parameters (RFC 9110 §11.6.1)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_WORD}(?![^,\s])))')
_SCHEME = re.compile(rf"({_WORD})(?=$|[ \t,])")
_CREDENTIAL = re.compile(r"[A-Za-z0-9._~+/-]+=*(?=$|[ \t]*,)")


@dataclass(frozen=True)
class Challenge:
    """One challenge: the names of scheme and parameters are in lower case, since neither is told by case.

    >>> challenges(['Bearer realm="a, b", error="invalid_token"'])
    (Challenge(scheme='bearer', parameters={'realm': 'a, b', 'error': 'invalid_token'}),)
    """

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def challenges(values: Iterable[str]) -> tuple[Challenge, ...]:
    """Return the challenges of these field values, in their order; what is no challenge is passed over."""
    return tuple(challenge for value in values for challenge in _of_value(value))


def bearer_challenge(values: Iterable[str]) -> Challenge | None:
    """Return the first challenge of the scheme Bearer."""
    return next((each for each in challenges(values) if each.scheme == "bearer"), None)


def _of_value(value: str) -> list[Challenge]:
    found: list[tuple[str, dict[str, str]]] = []
    at = 0
    while at < len(value):
        if value[at] in ", \t":
            at += 1
        elif found and (parameter := _PARAMETER.match(value, at)) is not None:
            quoted = parameter[2]
            text = parameter[3] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            found[-1][1].setdefault(parameter[1].lower(), text)
            at = parameter.end()
        elif (scheme := _SCHEME.match(value, at)) is not None:
            found.append((scheme[1].lower(), {}))
            at = _past_token68(value, scheme.end())
        else:
            at = _next_comma(value, at)
    return [Challenge(name, parameters) for name, parameters in found]


def _past_token68(value: str, at: int) -> int:
    """Return where a scheme's ``token68`` ends, if one follows; a parameter, or another scheme, is none."""
    start = at + len(value[at:]) - len(value[at:].lstrip(" \t"))
    found = _CREDENTIAL.match(value, start) if start > at else None
    return at if found is None or _PARAMETER.match(value, start) is not None else found.end()


def _next_comma(value: str, at: int) -> int:
    comma = value.find(",", at)
    return len(value) if comma < 0 else comma
