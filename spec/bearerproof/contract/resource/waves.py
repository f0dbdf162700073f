"""Which tokens of a batch may be presented at the same time, so that no verdict hangs on which of them came first."""

import base64
import json
from collections.abc import Sequence


def waves(tokens: Sequence[str | bytes]) -> list[list[int]]:
    """Return the places of tokens in the batch, in waves: those of one may be under way at once.

    Tokens of one `jti` keep their order, since a server may remember the verdict on the first; one whose `jti` cannot
    be read comes after every one before it whose can.

    >>> waves(["a.eyJqdGkiOiIxIn0.s", "a.eyJqdGkiOiIyIn0.s", "b.eyJqdGkiOiIxIn0.s", "?"])
    [[0, 1], [2], [3]]
    """
    names, last, numbers = [_jti(token) for token in tokens], dict[str, int](), list[int]()
    for name in names:
        number = 1 + (max(last.values(), default=-1) if name is None else last.get(name, -1))
        numbers.append(number)
        if name is not None:
            last[name] = number
    return [[at for at, number in enumerate(numbers) if number == wave] for wave in range(max(numbers, default=-1) + 1)]


def _jti(token: str | bytes) -> str | None:
    text = token.decode("latin-1") if isinstance(token, bytes) else token
    try:
        claims = json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
        return f"{claims['jti']}"
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
