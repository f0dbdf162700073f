"""What the adapters of Python releases share: how the exhibit says that keys are handed over, and its capabilities."""

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

from library import Json, serve_library

OPTIONS: Json = json.loads(sys.argv[1])
"""The exhibit's own capabilities; they go before those of the adapter."""


def serve_release(
    name: str, verify: Callable[[Json], Json], rejections: tuple[type[Exception], ...], **capabilities: Any
) -> None:
    """Answer until the input ends."""
    serve_library(name, verify, rejections, **{**capabilities, **OPTIONS})


def key_of(policy: Json, jwk: Json | None = None) -> Any:
    """Return the octets of a secret, or a public key in the declared form; unless one is named, the first of the set."""
    chosen = policy["keys"]["keys"][0] if jwk is None else jwk
    if chosen["kty"] == "oct":
        return base64.urlsafe_b64decode(chosen["k"] + "===")
    form = OPTIONS["key_form"]
    if form == "jwk":
        return chosen
    text = policy["key_texts"][chosen["kid"]][form]
    return base64.b64decode(text) if form == "der" else text
