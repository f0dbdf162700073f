"""Looking into every text of a record for secrets and control characters, each text once where it comes often."""

import json
import re
import socket
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bearerproof.trail import shapes
from bearerproof.trail.findings import Findings
from bearerproof.trail.rules import Rule
from bearerproof.trail.texts import PRIVATE_MEMBERS, SecretScanner, control_in

_KEPT = 50_000
_LONGEST_KEPT = 128
_LONGEST_COMPLAINT = 300
_IPV4 = re.compile(r"(?:(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])(?:\.(?!\Z)|\Z)){4}")
_IPV6 = re.compile(r"[0-9A-Fa-f:]{2,39}")
_SIZE_OF_UUID, _HYPHENS = 36, (8, 13, 18, 23)


class Inspector:
    """Knows which texts are clean; a bounded number of those that came before are not looked into again.

    ``looks_for_patterns``: patterns of the caller's may be found in any text, whatever its form.
    """

    def __init__(self, scanner: SecretScanner, findings: Findings) -> None:
        self._scanner = scanner
        self._findings = findings
        self._clean: set[str] = set()
        self.looks_for_patterns = bool(scanner.patterns)

    def is_clean(self, text: str) -> bool:
        """Whether a text holds neither a secret nor a control character."""
        if text in self._clean:
            return True
        if self._scanner.find(text) is not None or control_in(text) is not None:
            return False
        self._keep(text)
        return True

    def are_clean_jtis(self, jtis: Collection[str]) -> bool:
        """Whether jtis are clean: the usual UUIDs at a glance, and without being kept, as they hardly come again."""
        return (not self.looks_for_patterns and _are_uuids(jtis)) or all(map(self.is_clean_once, jtis))

    def is_clean_address(self, address: str) -> bool:
        """Whether a text is an address and clean: the usual forms at a glance."""
        if not self.looks_for_patterns and (_IPV4.fullmatch(address) or _is_ipv6(address)):
            return True
        return shapes.is_address(address) and self.is_clean_once(address)

    def is_clean_once(self, text: str) -> bool:
        """Whether a text is clean that hardly comes again, so that it is not worth being kept."""
        return self._scanner.find(text) is None and control_in(text) is None

    def holds_a_secret(self, text: str) -> bool:
        """Whether a text holds a secret; it may hold control characters."""
        return self._scanner.find(text) is not None

    def redacted(self, complaint: str) -> str:
        """Return a sentence about a record as a report may tell it: names of members in it are the record's own."""
        if self._scanner.find(complaint) is not None:
            return "the schema is broken where a secret stands"
        return ascii(complaint)[1:-1][:_LONGEST_COMPLAINT]

    def inspect(
        self, record: Mapping[str, Any], line: int, occurred_at: str | None, quoted: frozenset[tuple[str, ...]]
    ) -> None:
        """Take down which texts of a record are not clean; members in ``quoted`` repeat a refused token's words.

        Those may hold control characters, escaped as JSON has them, but no secret.
        """
        first: dict[Rule, str] = {}
        counts = dict.fromkeys((Rule.NO_SECRET, Rule.NO_CONTROLS), 0)
        for way, text in _texts(record):
            if text in self._clean:
                continue
            secret, control = self._scanner.find(text), control_in(text)
            if secret is None and control is None:
                self._keep(text)
            if secret is not None:
                counts[Rule.NO_SECRET] += 1
                if counts[Rule.NO_SECRET] == 1:
                    first[Rule.NO_SECRET] = f"{self._where(way)} holds {secret}"
            if control is not None and _path(way) not in quoted:
                counts[Rule.NO_CONTROLS] += 1
                if counts[Rule.NO_CONTROLS] == 1:
                    first[Rule.NO_CONTROLS] = f"{self._where(way)} holds the character {control}"
        for rule, problem in first.items():
            more = f", and {counts[rule] - 1} more texts are not clean" if counts[rule] > 1 else ""
            self._findings.report(rule, line, problem + more, occurred_at)

    def _where(self, way: "_Way") -> str:
        """Return the way to a text as a report may tell it: names of members are the record's own."""
        steps = ("…" if self._scanner.find(step) else step for step in _path(way))
        return ascii(".".join(steps))[1:-1][:80]

    def _keep(self, text: str) -> None:
        if len(text) > _LONGEST_KEPT:
            return
        if len(self._clean) >= _KEPT:
            self._clean.clear()
        self._clean.add(text)


def _are_uuids(texts: Collection[str]) -> bool:
    """Whether texts are UUIDs in the usual form; all are looked at together."""
    joined, size = "".join(texts), _SIZE_OF_UUID
    if not {size}.issuperset(map(len, texts)) or joined.count("-") != len(texts) * len(_HYPHENS):
        return False
    if joined != joined.lower():
        return False
    try:
        octets = bytes.fromhex(joined.replace("-", ""))
    except ValueError:
        return False
    # No blanks, over which fromhex passes, and each hyphen where it belongs.
    return len(octets) == len(texts) * 16 and all(joined[place::size].strip("-") == "" for place in _HYPHENS)


def _is_ipv6(address: str) -> bool:
    """Whether a text is an IPv6 address in hexadecimal digits alone."""
    try:
        return _IPV6.fullmatch(address) is not None and bool(socket.inet_pton(socket.AF_INET6, address))
    except OSError:
        return False


def repeated_member(text: str) -> bool:
    """Whether an object in the JSON text names a member twice: readers differ on which of the two counts."""
    repeated: list[bool] = []

    def collect(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        members = dict(pairs)
        repeated.append(len(members) < len(pairs))
        return members

    json.JSONDecoder(object_pairs_hook=collect).decode(text)
    return any(repeated)


_Way = tuple[Any, str] | None
"""The way to a text: that to the object around it, and the name of the member; long ways share their beginnings."""

_LONGEST_WAY = 8
"""Names of members, the last ones, by which a text is told."""


def _path(way: _Way) -> tuple[str, ...]:
    steps: list[str] = []
    while way is not None and len(steps) < _LONGEST_WAY:
        way, name = way
        steps.append(name)
    return tuple(reversed(steps))


def _texts(record: Mapping[str, Any]) -> Iterator[tuple[_Way, str]]:
    """Return every text of a record with the way to it: the names of members, the strings, keys as JSON text."""
    pending: list[tuple[_Way, Any]] = [(None, record)]
    while pending:
        way, value = pending.pop()
        if isinstance(value, str):
            yield way, value
        elif isinstance(value, list):
            pending += [(way, item) for item in reversed(value)]
        elif isinstance(value, dict):
            if "kty" in value and not PRIVATE_MEMBERS.isdisjoint(value):
                yield way, json.dumps({name: value[name] for name in value if isinstance(value[name], str)})
            yield from (((way, "(a member's name)"), name) for name in value)
            pending += [((way, name), inner) for name, inner in reversed(value.items())]
