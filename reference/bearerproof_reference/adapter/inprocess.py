"""A request to the HTTP binding without a socket: for whoever has it in the same process."""

import asyncio
import re
from base64 import b64decode, b64encode
from collections.abc import MutableMapping
from typing import Any

from bearerproof_reference.deployment.httprequest import App

Message = dict[str, Any]

_CHUNK = 16 * 1024
_METHOD = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_TARGET = re.compile(r"/[!-~]*")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")


def respond(app: App, request: Message) -> Message:
    """Return status, header fields and body that the application answers with, as a server would send them.

    ``request`` has method, path (as on the request line: in octets, with the query), headers and body_b64, and
    may have peer, an address. The body comes in pieces, whatever the fields say of its length.

    Raises:
        ValueError: no such request can be sent, or none that would arrive as one.
    """
    scope, body = _scope(request), b64decode(request.get("body_b64") or "", validate=True)
    pieces = [body[start : start + _CHUNK] for start in range(0, len(body), _CHUNK)] or [b""]
    sent: list[MutableMapping[str, Any]] = []

    async def receive() -> Message:
        if not pieces:
            return {"type": "http.disconnect"}
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    async def run() -> None:
        await app(scope, receive, send)

    asyncio.run(run())
    start, *parts = sent
    body = b"".join(part.get("body", b"") for part in parts) if scope["method"] != "HEAD" else b""
    headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in start["headers"]]
    return {"status": start["status"], "headers": headers, "body_b64": b64encode(body).decode()}


def _scope(request: Message) -> MutableMapping[str, Any]:
    path, _, query = _checked(_TARGET, request["path"]).encode().partition(b"?")
    peer = request.get("peer")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": _checked(_METHOD, request["method"]),
        "scheme": "http",
        "root_path": "",
        "path": path.decode(),
        "raw_path": path,
        "query_string": query,
        "headers": [_field(name, value) for name, value in request.get("headers") or ()],
        "client": None if peer is None else (peer, 0),
        "server": ("127.0.0.1", 80),
    }


def _field(name: str, value: str) -> tuple[bytes, bytes]:
    """Return a field as it arrives: without white space around its value (RFC 9110 §5.5)."""
    text = _checked(_VALUE, value).strip(" \t")
    return _checked(_METHOD, name).lower().encode(), text.encode("latin-1")


def _checked(form: re.Pattern[str], text: str) -> str:
    if form.fullmatch(text) is None:
        raise ValueError(f"no such text can stand in a request: {text[:40]!r}")
    return text
