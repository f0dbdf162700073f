"""Whether a policy of the suite is the one under which a running server judges: it cannot be told another."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bearerproof.contract.messages import Request
from bearerproof.contract.resource.profile import ResourceProfile
from bearerproof.members import Json


class Policies:
    """Holds the policy of each request against the configuration of the server."""

    def __init__(self, profile: ResourceProfile) -> None:
        self._profile = profile

    def unfit(self, request: Request, published: Sequence[Json]) -> str | None:
        """Return why a verdict under this policy cannot be had, or None if the server judges so."""
        if request.get("profile") != self._profile.profile:
            return "the server takes another kind of token"
        policy: Mapping[str, Any] = request["policy"]
        fixed = {"issuer": self._profile.server.issuer, "audience": self._profile.server.audience, "leeway": 0}
        for name, value in fixed.items():
            if policy.get(name, value) != value:
                return _unfit(f"another {name}")
        for name in ("replay", "ports", "keys_url"):
            if policy.get(name):
                return _unfit(name)
        if set(policy["algorithms"]) - set(self._profile.token.algorithms):
            return _unfit("other algorithms")
        if set(policy.get("require") or ()) - set(self._profile.token.require):
            return _unfit("other claims to require")
        if not _equal_sets(policy["keys"], published, policy["algorithms"]):
            return _unfit("other keys, or other forms of them,")
        return None

    def keys_beyond(self, request: Request, published: Sequence[Json]) -> frozenset[str]:
        """Return the kids of published keys that are not in the policy: who signs with them is honest to the server."""
        held = {jwk.get("kid") for jwk in request["policy"]["keys"]["keys"]}
        return frozenset(jwk["kid"] for jwk in published) - held


def _unfit(what: str) -> str:
    return f"a server that runs cannot be told {what} for one request"


def _equal_sets(keys: Json, published: Sequence[Json], algorithms: Iterable[str]) -> bool:
    if set(keys) != {"keys"} or not isinstance(keys["keys"], list):
        return False
    wanted = [jwk for jwk in published if jwk["alg"] in set(algorithms)]
    return len(keys["keys"]) == len(wanted) and all(jwk in wanted for jwk in keys["keys"])
