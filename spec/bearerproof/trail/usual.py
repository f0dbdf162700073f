"""Recognising at a glance the lifecycle events that surely conform and hold no text that was not looked into before."""

from collections.abc import Callable
from typing import Any

from bearerproof.trail import shapes
from bearerproof.trail.inspection import Inspector
from bearerproof.trail.rules.memory import Memory

Event = dict[str, Any]

SECOND = len("2027-01-15T08:00:00.")
INSTANT = len("2027-01-15T08:00:00.000000Z")

KNOWN = 20_000
"""Identities, addresses or the like that are remembered at once, so that memory stays bounded."""

LONGEST_KNOWN = 512
"""Characters of each at most: a trail of huge ones is judged more slowly, in the same memory."""

_KNOWN_FORMS = 1_000

_NO = -(10**6)
"""Instead of a number of texts: not usual. Nothing that is added makes up for it."""


class Recogniser:
    """Remembers the identities, addresses, grants and the like that it has looked into; of each a bounded number."""

    def __init__(self, memory: Memory, inspector: Inspector) -> None:
        self._memory = memory
        self._inspector = inspector
        self._forms: set[tuple[str, ...]] = set()
        self._identities: dict[tuple[str, str], tuple[Event, int, int]] = {}
        self._names: dict[tuple[str, ...], int] = {}
        self._looks: dict[str, Callable[[Any], int]] = {
            "event": lambda _: 1,
            "identity": self._look_at_identity,
            "token_jti": self._look_at_jti,
            "backends": self._look_at_names,
            "tools": self._look_at_names,
            "rate_limit": _look_at_rate_limit,
            "client_ip": self._look_at_address,
            "reason": self._look_at_reason,
            "occurred_at": self._look_at_instant,
            "seq": _look_at_seq,
            "expires_at": self._look_at_instant,
        }
        self.identity: int | None = None
        self.addresses: set[str] = set()
        self._instants = Instants()

    def is_usual(self, event: Event, text: str) -> bool:
        """Whether an event conforms, repeats no member and holds clean texts only; False says nothing.

        Sets ``identity`` to a digest of issuer and subject. No member can stand twice when the text has no more
        quotation marks than the names and strings that were read from it.
        """
        form = (event["event"], *event)
        if form not in self._forms and not self._learn_form(form):
            return False
        self.identity = None
        texts = len(event)
        looks = self._looks
        for member, value in event.items():
            texts += looks[member](value)
        return text.count('"') == 2 * texts

    def _learn_form(self, form: tuple[str, ...]) -> bool:
        """Remember which members a kind of event has, if it has all that it needs and none but those it may have."""
        name, *members = form
        if name not in shapes.REQUIRED or not shapes.REQUIRED[name] <= set(members) <= shapes.ALLOWED[name]:
            return False
        if len(self._forms) < _KNOWN_FORMS:
            self._forms.add(form)
        return True

    def _look_at_identity(self, value: Any) -> int:
        try:
            key = (value["issuer"], value["subject"])
            known = self._identities.get(key)
        except (TypeError, KeyError):
            return _NO
        if known is None or known[0] != value:
            texts = self._texts_of_identity(value)
            if texts < 0:
                return _NO
            known = (value, hash(key), texts)
            if len(str(value)) <= LONGEST_KNOWN:
                _keep_in(self._identities, key, known)
        self.identity = known[1]
        return known[2]

    def _texts_of_identity(self, value: Any) -> int:
        if not shapes.is_identity(value) or not _IDENTITY_MEMBERS.issuperset(value):
            return _NO
        texts = [*value.get("groups", ()), *(one for one in value.values() if type(one) is str)]
        return len(value) + len(texts) if all(map(self._inspector.is_clean, texts)) else _NO

    def _look_at_jti(self, value: Any) -> int:
        if type(value) is not str:
            return _NO
        known = self._memory.find(hash(value)) is not None
        return 1 if known or (shapes.is_jti(value) and self._inspector.is_clean_jti(value)) else _NO

    def _look_at_names(self, value: Any) -> int:
        if type(value) is not list:
            return _NO
        try:
            key = tuple(value)
            known = self._names.get(key)
        except TypeError:
            return _NO
        if known is None:
            fit = shapes.is_names(value) and all(map(self._inspector.is_clean, value))
            known = len(value) if fit else _NO
            if fit and sum(map(len, value)) <= LONGEST_KNOWN:
                _keep_in(self._names, key, known)
        return known

    def _look_at_address(self, value: Any) -> int:
        if type(value) is not str:
            return _NO
        if value in self.addresses:
            return 1
        return 1 if shapes.is_address(value) and _remember(self.addresses, value) else _NO

    def _look_at_reason(self, value: Any) -> int:
        return 1 if type(value) is str and 1 <= len(value) <= 512 and self._inspector.is_clean(value) else _NO

    def _look_at_instant(self, value: Any) -> int:
        return 1 if self._instants.has(value) else _NO


class Instants:
    """Knows which texts are instants, by their seconds: many events share one."""

    def __init__(self) -> None:
        self._seconds: set[str] = set()

    def has(self, value: Any) -> bool:
        """Whether a value is an instant as events have it."""
        if type(value) is not str:
            return False
        if value[:SECOND] in self._seconds:
            digits = value[SECOND:-1]
            return len(digits) == 6 and value[-1] == "Z" and digits.isascii() and digits.isdecimal()
        return shapes.is_instant(value) and _remember(self._seconds, value[:SECOND])


_IDENTITY_MEMBERS = frozenset({"subject", "email", "name", "groups", "issuer"})


def _look_at_rate_limit(value: Any) -> int:
    return 0 if type(value) is int and 0 <= value <= shapes.MOST_RATE_LIMIT else _NO


def _look_at_seq(value: Any) -> int:
    return 0 if type(value) is int and value >= 0 else _NO


def _keep_in(known: dict[Any, Any], key: object, value: object) -> None:
    if len(known) >= KNOWN:
        known.clear()
    known[key] = value


def _remember(known: set[str], text: str) -> bool:
    if len(known) >= KNOWN:
        known.clear()
    known.add(text)
    return True
