"""What no text of an event may hold: secrets, and characters that move a reader's eye or cursor."""

import json
import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Sequence
from itertools import pairwise
from urllib.parse import unquote_plus

from bearerproof.visible import visible

_BEARER = re.compile(r"bprf_[A-Za-z0-9_-]{8,}")
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----")
_PRIVATE_MEMBER = re.compile(r'"(?:d|k|p|q|dp|dq|qi)"\s*:\s*"[A-Za-z0-9_-]{16,}={0,2}"')
_SEGMENT = re.compile(r"(?<![A-Za-z0-9_-])e[wy][A-Za-z0-9_-]{10,}")
_SCHEME = re.compile(r"\b(?:(bearer|dpop)|(basic))[\s:=]{1,8}([A-Za-z0-9._~+/-]{8,4096}={0,2})", re.IGNORECASE)
_FOREIGN = re.compile(
    r"\b(?:gh[opsur]_|github_pat_|gl(?:pat|oas)-|xox[abeoprs]-|hv[sb]\.|ya29\.|AIza|AKIA|ASIA|sk-|sk_live_|npm_|pypi-|dop_v1_)"
    r"[A-Za-z0-9_.-]{12}"
)
_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_CLAIM = re.compile(r'"(iss|sub|aud|exp|nbf|iat|jti|nonce)"\s{0,8}:')
_FIRST_MEMBER = re.compile(rb'\{\s*"[^"\\]{1,64}"?')

PRIVATE_MEMBERS = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth"})
"""Members that only a private or symmetric JWK has (RFC 7518 §6)."""

# C0, DEL, C1, bidi marks, embeddings and isolates, line and paragraph separator, unpaired surrogates.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class SecretScanner:
    """Finds secrets in text: this project's bearers, JWTs and their segments, PEM blocks, private JWK members.

    ``patterns`` are regular expressions of the caller for further secrets.
    """

    def __init__(self, patterns: Sequence[re.Pattern[str]] = ()) -> None:
        self.patterns = tuple(patterns)

    def find(self, text: str) -> str | None:
        """Return what kind of secret the text holds, be it as a URL or a header encodes it, or None."""
        for _ in range(_LAYERS):
            found = self._find(text)
            if found is not None or "%" not in text or (plain := unquote_plus(text)) == text:
                return found
            text = plain
        return self._find(text)

    def _find(self, text: str) -> str | None:
        if "bprf_" in text and _BEARER.search(text):
            return "a bearer"
        if "-----BEGIN" in text and _PEM.search(text):
            return "a PEM block"
        if '"' in text and _PRIVATE_MEMBER.search(text):
            return "a private JWK member"
        if ("ey" in text or "ew" in text) and any(_opens_an_object(match[0]) for match in _SEGMENT.finditer(text)):
            return "a JWT or a segment of one"
        found = _of_others(text) if len(text) >= _SHORTEST else None
        asked = (pattern for pattern in self.patterns if found is None and pattern.search(text))
        return next((f"what --secret-pattern {pattern.pattern} looks for" for pattern in asked), found)


_LAYERS = 3
"""Encodings of a URL within each other that are looked through."""

_SHORTEST = 14
"""Characters of the shortest text that can name a scheme and credentials."""


def _of_others(text: str) -> str | None:
    """Return what kind of secret that is not this project's own a text holds, or None."""
    if _may_be_foreign(text) and _FOREIGN.search(text):
        return "a bearer of another maker's"
    schemes = _SCHEME.finditer(text) if _names_a_scheme(text) else ()
    for match in schemes:
        if match[2] and _is_name_and_password(match[3]):
            return "Basic credentials"
        if match[1] and _is_random(match[3]):
            return "a bearer"
    if '"' in text and len({match[1] for match in _CLAIM.finditer(text)}) >= _CLAIMS:
        return "the claims of a JWT"
    return None


def _may_be_foreign(text: str) -> bool:
    """Whether it is worth the time to search a text for the bearers of other makers."""
    return any([mark in text for mark in _FOREIGN_MARKS])  # noqa: C419 - a generator takes twice the time


def _names_a_scheme(text: str) -> bool:
    """Whether it is worth the time to search a text for a scheme; of letters that match, i alone folds to others."""
    folded = text.casefold()
    return "bearer" in folded or "dpop" in folded or "bas" in folded


_FOREIGN_MARKS = (
    *("ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "gloas-", "xox", "hvs.", "hvb.", "ya29."),
    *("AIza", "AKIA", "ASIA", "sk-", "sk_live_", "npm_", "pypi-", "dop_v1_"),
)

_CLAIMS = 3
"""Registered claims (RFC 7519 §4.1) that make the members of an object the claims of a token."""


def _is_random(text: str) -> bool:
    """Whether text after the name of a scheme is a credential and no words: long, of changing kinds, no token's id."""
    changes = sum(a.isalnum() and b.isalnum() and _kind(a) != _kind(b) for a, b in pairwise(text[:64]))
    return len(text) >= _SHORTEST_BEARER and changes >= _CHANGES and not _UUID.fullmatch(text)


def _kind(character: str) -> int:
    return character.isdigit() + 2 * character.isupper()


_CHANGES = 3
"""Places in which a digit stands beside a letter, or a capital beside a small one: in words there are few."""

_SHORTEST_BEARER = 16


def _is_name_and_password(text: str) -> bool:
    """Whether base64 text decodes to what RFC 7617 §2 makes of a name and a password."""
    try:
        plain = b64decode(text + "=" * (-len(text) % 4), validate=True).decode()
    except ValueError:
        return False
    return ":" in plain and plain.isprintable()


def control_in(text: str) -> str | None:
    """Return the first character of the text that an event may not hold, as ``U+XXXX``, or None."""
    if text.isascii() and text.isprintable():
        return None
    match = _CONTROL.search(text)
    return f"U+{ord(match[0]):04X}" if match else None


def shown(text: str, scanner: SecretScanner, most: int = 60) -> str:
    """Return a text of the trail as a report may repeat it: escaped, short, and no secret."""
    if scanner.find(text) is not None:
        return "(a secret, not repeated)"
    return visible(json.dumps(text if len(text) <= most else f"{text[: most - 1]}…"))


def _opens_an_object(segment: str) -> bool:
    """Whether base64url text decodes to the start of a JSON object: so begin the JOSE header and the claims."""
    start = segment[: min(len(segment), 88) // 4 * 4]
    return _FIRST_MEMBER.match(urlsafe_b64decode(start)) is not None
