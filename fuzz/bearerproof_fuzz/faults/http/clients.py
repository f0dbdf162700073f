"""Faults in the authentication of clients at the exchange (HTTP-27)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, faults_for
from bearerproof_reference.keyserver.server import KeyServer

_Client = tuple[str, str] | None


def _believes(patch: Patch, believed: Callable[[_Client, Any], bool]) -> None:
    """Have more people taken for clients than are."""

    def is_client(replaced: Any, self: KeyServer, presented: _Client) -> bool:
        known: Any = vars(self)["_clients"]
        return bool(replaced(self, presented)) or believed(presented, known)

    patch.wrap(KeyServer, "is_client", is_client)


_BELIEVED: Rows[Callable[[_Client, Any], bool]] = {
    "exchange-by-anybody": (
        "Client authentication stands in the configuration, and the endpoint of this grant does not ask for it.",
        lambda _presented, _known: True,
    ),
    "client-without-credentials-is-public": (
        "Who presents no credentials is taken for a public client, as at the authorization code grant.",
        lambda presented, _known: presented is None,
    ),
    "client-secret-not-compared": (
        "The client is looked up by its id, and its secret is not looked at.",
        lambda presented, known: presented is not None and presented[0] in known,
    ),
    "unknown-client-falls-through": (
        "The secret is compared where the client is known; one that is not is somebody else's matter.",
        lambda presented, known: presented is not None and presented[0] not in known,
    ),
}
faults_for("HTTP-27", _believes, _BELIEVED)
