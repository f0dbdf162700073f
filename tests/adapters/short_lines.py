"""The reference behind a line reader that ends the process at a longer line, as usual readers do.

    python short_lines.py LIMIT [declared]

LIMIT is in bytes, line feed included. Undeclared, it is what the contract promises to everybody.
"""

import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

from bearerproof.adapter import serve
from bearerproof_reference.adapter import adapter


def main(limit: int, *, declared: bool) -> None:
    """Answer requests until one is too long."""
    capabilities = {name: value for name, value in adapter.HELLO["capabilities"].items() if name != "max_line"}
    hello = {**adapter.HELLO, "capabilities": {**capabilities, **({"max_line": limit} if declared else {})}}
    reference = adapter.create()

    def handle(request: dict[str, Any]) -> dict[str, Any]:
        return hello if request["op"] == "hello" else reference.handle(request)

    serve(handle, _lines(sys.stdin.buffer, limit))  # type: ignore[arg-type]  # only its lines are read


def _lines(stream: BinaryIO, limit: int) -> Iterator[bytes]:
    for line in stream:
        if len(line) > limit:
            sys.exit(f"a line of {len(line)} bytes")
        yield line


if __name__ == "__main__":
    main(int(sys.argv[1]), declared="declared" in sys.argv)
