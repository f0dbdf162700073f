"""Events as documents of the Elastic Common Schema, version 9.4.0.

``@timestamp`` is left out where the event does not say when it happened: ECS has the pipeline that receives such a
document put its own time there. ``user.domain`` is the issuer: only both together with ``user.id`` identify somebody.
What ECS has no field for stands in ``labels``, whose values are keywords; an untrusted one is named ``untrusted_…``.
"""

from collections.abc import Mapping
from typing import Any

from bearerproof.exports.facts import Action, Facts, Grant, Identity, present, read, rfc3339
from bearerproof.members import Json

ECS_VERSION = "9.4.0"

_SESSION = {Action.ISSUED: "start", Action.REVOKED: "end"}
"""The events that begin or end a session, by their type; any other is an attempt to authenticate."""


def ecs_document(event: Mapping[str, Any]) -> Json:
    """Return the ECS document of an audit event.

    Raises:
        Unexportable: it is no audit event.
    """
    facts = read(event)
    address = {"ip": facts.client_ip} if facts.client_ip else None
    return present(
        {
            "@timestamp": rfc3339(facts.instant) if facts.instant else None,
            "ecs": {"version": ECS_VERSION},
            "message": facts.message,
            "event": _event(facts),
            "user": _user(facts.identity) if facts.identity else None,
            "client": address,
            "source": address,
            "labels": _labels(facts) or None,
        }
    )


def _event(facts: Facts) -> Json:
    return present(
        {
            "kind": "event",
            "category": ["session" if facts.action in _SESSION else "authentication"],
            "type": [_SESSION.get(facts.action, "start")],
            "outcome": "success" if facts.succeeded else "failure",
            "action": str(facts.action),
            "reason": facts.reason,
            "sequence": facts.sequence,
            "module": "bearerproof",
            "dataset": f"bearerproof.{facts.trail.replace('-', '_')}",  # the name of a data stream has no hyphen
        }
    )


def _user(identity: Identity) -> Json:
    return present(
        {
            "id": identity.subject,
            "domain": identity.issuer,
            "email": identity.email,
            "full_name": identity.name,
        }
    )


def _labels(facts: Facts) -> Json:
    return {
        **present({"token_jti": facts.token_jti}),
        **({"groups": list(facts.identity.groups)} if facts.identity and facts.identity.groups else {}),
        **(_granted(facts.grant) if facts.grant else {}),
        **{f"untrusted_{name}": value for name, value in facts.untrusted.items()},
    }


def _granted(grant: Grant) -> Json:
    return present(
        {
            "backends": list(grant.backends),
            "tools": list(grant.tools),
            "rate_limit": str(grant.rate_limit),
            "expires_at": rfc3339(grant.expires_at) if grant.expires_at else None,
        }
    )
