"""What the adapters of Python libraries share: the declaration, the dispatch, and their own error as a rejection."""

import importlib.metadata
from collections.abc import Callable
from typing import Any

from loop import serve

Json = dict[str, Any]

SYMMETRIC = ["HS256", "HS384", "HS512"]
RSA = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"]
CURVES = ["ES256", "ES384", "ES512"]


def serve_library(
    name: str, verify: Callable[[Json], Json], rejections: tuple[type[Exception], ...], **capabilities: Any
) -> None:
    """Answer until the input ends; ``verify`` returns the claims, and what is none of ``rejections`` is errored."""
    hello = {
        "protocol": 1,
        "level": 0,
        "profiles": ["jwt"],
        "measure": "base",
        "implementation": {"name": name, "version": _version(name), "language": "python"},
        "capabilities": {"max_line": 4_000_000, **capabilities},
    }

    def handle(request: Json) -> Json:
        if request["op"] != "verify":
            return hello if request["op"] == "hello" else {"skipped": "only whole JWTs"}
        try:
            return {"verdict": "accepted", "claims": verify(request)}
        except rejections:
            return {"verdict": "rejected"}

    serve(handle)


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
