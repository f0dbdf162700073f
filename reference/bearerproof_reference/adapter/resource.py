"""The resource server of the reference as bearerproof asks it: a request to its HTTP binding, without a socket."""

from base64 import b64decode, b64encode
from typing import Any

from bearerproof_reference.deployment import resource
from bearerproof_reference.verifier.verifier import Verifier

Message = dict[str, Any]

IDENTIFIER = "https://api.example"

CAPABILITIES: Message = {
    "issuer": "https://as.example",
    "audience": "api://orders",
    "line": f"GET {resource.PATH}",
    "scope": resource.SCOPE,
    "metadata": IDENTIFIER,
    "session": resource.SESSION,
    "probes": True,
}
"""What it declares of itself."""


class ResourceServers:
    """A resource server for each verifier, since each keeps its sessions."""

    def __init__(self) -> None:
        self._servers: dict[int, resource.ResourceServer] = {}

    def respond(self, request: Message, verifier: Verifier) -> Message:
        """Return status, header fields and body of the answer to one request."""
        issuer = str(request["policy"]["issuer"])
        made = self._servers.setdefault(id(verifier), resource.ResourceServer(verifier, IDENTIFIER, issuer))
        fields = [(str(name), str(value)) for name, value in request["headers"]]
        asked = resource.Request(request["method"], request["path"], fields, b64decode(request["body_b64"]))
        status, headers, body = resource.encoded(made.answer(asked), asked.method)
        return {"status": status, "headers": [list(pair) for pair in headers], "body_b64": b64encode(body).decode()}
