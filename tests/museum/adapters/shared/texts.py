"""What the adapters of Python releases share: how the exhibit says that keys are handed over, and its capabilities."""

import base64
import json
import sys
from collections.abc import Callable
from typing import Any

from library import Json, serve_library

OPTIONS: Json = json.loads(sys.argv[1])
"""The exhibit's own capabilities; they go before those of the adapter."""

CALL: Json = OPTIONS.pop("call", {})
"""What else the exhibit says of how the library is called."""


def serve_release(
    name: str, verify: Callable[[Json], Json], rejections: tuple[type[Exception], ...], **capabilities: Any
) -> None:
    """Answer until the input ends."""
    for member, value in capabilities.items():
        OPTIONS.setdefault(member, value)
    serve_library(name, verify, rejections, **OPTIONS)


def key_of(policy: Json, jwk: Json | None = None) -> Any:
    """Return the octets of a secret, or a public key in the declared form: the one given, or the first of the set."""
    chosen = policy["keys"]["keys"][0] if jwk is None else jwk
    if chosen["kty"] == "oct":
        return base64.urlsafe_b64decode(chosen["k"] + "===")
    form = OPTIONS["key_form"]
    if form == "jwk":
        return chosen
    texts = policy["key_texts"][chosen["kid"]]
    text = texts.get(form, texts["pem"])
    return base64.b64decode(text) if form == "der" else text
