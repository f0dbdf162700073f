"""Which tokens of a batch may be presented at the same time, so that no verdict hangs on which of them came first."""

import base64
import json
from collections.abc import Sequence


def waves(tokens: Sequence[str | bytes]) -> list[list[int]]:
    """Return the places of tokens in the batch, in two waves: those of one may be under way at once.

    The first token of a `jti` comes before the others of it, since a server may remember that it was good; one whose
    `jti` cannot be read comes after what is first, unless it is that itself.

    >>> waves(["a.eyJqdGkiOiIxIn0.s", "a.eyJqdGkiOiIyIn0.s", "b.eyJqdGkiOiIxIn0.s", "?"])
    [[0, 1], [2, 3]]
    """
    seen = set[str]()
    found: tuple[list[int], list[int]] = ([], [])
    for at, name in enumerate(map(_jti, tokens)):
        found[bool(seen) if name is None else name in seen].append(at)
        seen |= set() if name is None else {name}
    return [wave for wave in found if wave]


def _jti(token: str | bytes) -> str | None:
    text = token.decode("latin-1") if isinstance(token, bytes) else token
    try:
        claims = json.loads(base64.urlsafe_b64decode(text.split(".")[1] + "=="))
        return f"{claims['jti']}"
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
