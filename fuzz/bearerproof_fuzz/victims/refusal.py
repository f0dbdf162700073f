"""The one error by which the verifier refuses a token, and the JSON that it reads."""

from typing import Any

Json = dict[str, Any]
"""A JSON object, as it was read."""


class Refused(Exception):
    """A token is refused; ``reason`` is a word of the contract's vocabulary."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
