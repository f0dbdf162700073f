"""Where the faults of the HTTP binding get in: between the wire and the binding, on the way in or out."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, helper_by
from bearerproof_reference.adapter import inprocess
from bearerproof_reference.adapter import keyserver as adapter

Message = dict[str, Any]


@dataclass
class Sent:
    """A request on its way in."""

    method: str
    path: str
    fields: list[list[str]]
    body: bytes

    def values(self, name: str) -> list[str]:
        """Return the values of a field."""
        return [value for given, value in self.fields if given.lower() == name.lower()]

    def put(self, name: str, value: str) -> None:
        """Have a field once, with this value."""
        self.drop(name)
        self.fields.append([name, value])

    def drop(self, name: str) -> None:
        """Leave a field out."""
        self.fields = [pair for pair in self.fields if pair[0].lower() != name.lower()]


@dataclass
class Answer(Sent):
    """An answer on its way out; ``method`` and ``path`` are of the request."""

    status: int

    @property
    def json(self) -> Message:
        """The members of the body, none if it has none."""
        value = json.loads(self.body) if self.body else {}
        return value if isinstance(value, dict) else {}

    def put_json(self, members: Message) -> None:
        """Have a body of these members."""
        self.body = json.dumps(members).encode()
        self.put("content-length", str(len(self.body)))


@helper_by(Patch.wrap, inprocess, "respond")
def asking(change: Callable[[Sent], None], replaced: Any, app: Any, request: Message) -> Any:
    """Have requests changed before the binding sees them."""
    sent = _sent(request)
    change(sent)
    return replaced(
        app,
        {
            **request,
            "method": sent.method,
            "path": sent.path,
            "headers": sent.fields,
            "body_b64": b64encode(sent.body).decode(),
        },
    )


@helper_by(Patch.wrap, inprocess, "respond")
def answering(change: Callable[[Answer], None], replaced: Any, app: Any, request: Message) -> Message:
    """Have answers changed after the binding wrote them."""
    given = replaced(app, request)
    fields = [list(pair) for pair in given["headers"]]
    answer = Answer(request["method"], request["path"], fields, b64decode(given["body_b64"]), given["status"])
    change(answer)
    return {"status": answer.status, "headers": answer.fields, "body_b64": b64encode(answer.body).decode()}


def answering_with(*statuses: int) -> Callable[[Patch, Callable[[Answer], None]], None]:
    """Return a helper that has the answers with one of these statuses changed."""
    return lambda patch, change: answering(patch, lambda answer: change(answer) if answer.status in statuses else None)


def reason() -> str:
    """Return the reason in the event of the present decision, "" where there is none."""
    lines = adapter._lines.get()  # noqa: SLF001 - what a fault gives away is known here
    return str(json.loads(lines[-1]).get("reason", json.loads(lines[-1])["event"])) if lines else ""


def _sent(request: Message) -> Sent:
    fields = [list(pair) for pair in request.get("headers") or ()]
    return Sent(request["method"], request["path"], fields, b64decode(request.get("body_b64") or ""))
