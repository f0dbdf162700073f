"""What a resource server declares, as its profile says it: the answer to ``hello``."""

from dataclasses import asdict

from bearerproof.contract.resource.profile import ResourceProfile
from bearerproof.contract.tokenrules import STANDARD
from bearerproof.members import Json


def declared(profile: ResourceProfile) -> Json:
    """Return what the answer to ``hello`` says of a server with this profile."""
    token, server = profile.token, asdict(profile.server)
    rules: Json = {"claims": {name: value for name, value in token.claims.items() if name not in STANDARD}}
    rules["needed_claims"] = ["sub", "client_id", "iat", "jti"]
    if token.leeway:
        rules["leeway"] = dict.fromkeys(("exp", "nbf", "iat"), token.leeway)
    server |= {"headers": [list(pair) for pair in profile.server.headers]}
    server["answers"] = {name: list(entries) for name, entries in server["answers"].items()}
    return {
        "implementation": {"name": profile.name, "version": profile.version, "language": profile.language},
        "level": 2 if profile.audit is not None else 1 if profile.reasons else 0,
        "profiles": [str(profile.profile)],
        "measure": str(profile.measure),
        "capabilities": {
            "algorithms": list(token.algorithms),
            "clock": "real",
            **({"key_set": False, "key_form": "pem"} if token.secret else {}),  # one key, of whose id nothing is known
            **({} if profile.audit is None else {"audit": {"lines": True}, "reasons": bool(profile.reasons)}),
            "options": [{"require": list(token.require)}] if token.require else [],
            "resource_server": {name: value for name, value in server.items() if value is not None},
            "tokens": {str(profile.profile): rules},
        },
    }
