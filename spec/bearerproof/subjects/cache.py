"""A small bounded cache of what is built once per policy: equal policies carry equal ids."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

MAX_POLICIES = 64
"""Policies remembered; a run asks under few at a time, and a key set of each is all that is kept."""


class PolicyCache(Generic[T]):
    """Values by policy id; the one longest unused goes first."""

    def __init__(self, limit: int = MAX_POLICIES) -> None:
        self._limit = limit
        self._values: OrderedDict[str, T] = OrderedDict()

    def get(self, policy_id: str | None, make: Callable[[], T]) -> T:
        """Return the value of this policy, made on first use; a request without an id is never remembered."""
        if policy_id is None:
            return make()
        if policy_id not in self._values:
            self._values[policy_id] = make()
        self._values.move_to_end(policy_id)
        while len(self._values) > self._limit:
            self._values.popitem(last=False)
        return self._values[policy_id]
