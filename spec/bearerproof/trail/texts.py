"""What no text of an event may hold: secrets, and characters that move a reader's eye or cursor."""

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Sequence

_BEARER = re.compile(r"bprf_[A-Za-z0-9_-]{8,}")
_PEM = re.compile(r"-----BEGIN [A-Z0-9 ]+-----")
_PRIVATE_MEMBER = re.compile(r'"(?:d|k|p|q|dp|dq|qi)"\s*:\s*"[A-Za-z0-9_-]{16,}={0,2}"')
_SEGMENT = re.compile(r"(?<![A-Za-z0-9_-])e[wy][A-Za-z0-9_-]{10,}")
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
        """Return what kind of secret the text holds, or None."""
        if "bprf_" in text and _BEARER.search(text):
            return "a bearer"
        if "-----BEGIN" in text and _PEM.search(text):
            return "a PEM block"
        if '"' in text and _PRIVATE_MEMBER.search(text):
            return "a private JWK member"
        if any(_opens_an_object(match[0]) for match in _SEGMENT.finditer(text)):
            return "a JWT or a segment of one"
        for pattern in self.patterns:
            if pattern.search(text):
                return f"what --secret-pattern {pattern.pattern} looks for"
        return None


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
    return json.dumps(text if len(text) <= most else f"{text[: most - 1]}…")


def _opens_an_object(segment: str) -> bool:
    """Whether base64url text decodes to the start of a JSON object: so begin the JOSE header and the claims."""
    start = segment[: min(len(segment), 88) // 4 * 4]
    return _FIRST_MEMBER.match(urlsafe_b64decode(start)) is not None
