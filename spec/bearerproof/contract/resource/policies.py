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
        policy: Mapping[str, Any] = request["policy"]
        token, server = self._profile.token, self._profile.server
        fixed = {"audience": server.audience, "leeway": 0}
        told = {
            "another issuer": policy.get("issuer", server.issuer) not in {server.issuer, server.other} - {""},
            **{f"another {name}": policy.get(name, value) != value for name, value in fixed.items()},
            **{name: bool(policy.get(name)) for name in ("replay", "ports", "keys_url")},
            "another kind of token": request.get("profile") != self._profile.profile,
            "other algorithms": bool(set(policy["algorithms"]) - set(token.algorithms)),
            "other claims to require": bool(set(policy.get("require") or ()) - set(token.require)),
            "other keys, or other forms of them,": not _equal_sets(
                policy.get("keys") or {}, published, policy["algorithms"]
            ),
        }
        what = next((name for name, differs in told.items() if differs), None)
        return None if what is None else f"a server that runs cannot be told {what} for one request"

    def keys_beyond(self, request: Request, published: Sequence[Json]) -> frozenset[str]:
        """Return the kids of published keys that are not in the policy: who signs with them is honest to the server."""
        held = {jwk.get("kid") for jwk in request["policy"]["keys"]["keys"]}
        return frozenset(jwk["kid"] for jwk in published) - held


def _equal_sets(keys: Json, published: Sequence[Json], algorithms: Iterable[str]) -> bool:
    if set(keys) != {"keys"} or not isinstance(keys["keys"], list):
        return False
    wanted = [jwk for jwk in published if jwk["alg"] in set(algorithms)]
    return len(keys["keys"]) == len(wanted) and all(jwk in wanted for jwk in keys["keys"])
