"""Events as OCSF 1.8.0: Authorize Session (3003) for an issue, Authentication (3002) for everything else.

Where a class requires a user and the event names nobody, OCSF wants the missing value carried as unknown
("Understanding OCSF", attribute requirement flags); a hint never takes its place. ``time`` is required and has no
unknown value, so an event that does not say when it happened has no OCSF record. ``user.domain`` is the issuer: only
both together with ``user.uid`` identify somebody.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bearerproof import __version__
from bearerproof.exports.facts import EPOCH, Action, Facts, Grant, Identity, Unexportable, present, read
from bearerproof.members import Json

OCSF_VERSION = "1.8.0"

IDENTITY_AND_ACCESS = 3
"""The category of both classes."""

OTHER = 99

UNKNOWN_USER: Mapping[str, Any] = {"name": "Unknown", "type": "Unknown", "type_id": 0}

_EMAIL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.]+@[A-Za-z0-9-]+\.[A-Za-z0-9.-]+")
"""What OCSF takes for an e-mail address (type ``email_t``); any other stands in ``unmapped``."""


@dataclass(frozen=True)
class _Class:
    uid: int
    name: str
    activity_id: int
    activity_name: str


_AUTHORIZE_SESSION = _Class(3003, "Authorize Session", 1, "Assign Privileges")


def ocsf_event(event: Mapping[str, Any]) -> Json:
    """Return the OCSF event of an audit event.

    Raises:
        Unexportable: the event has no time, or is no audit event.
    """
    facts = read(event)
    if facts.instant is None:
        raise Unexportable("OCSF requires the time of an event, and this one does not say when it happened")
    return {
        **_classification(facts),
        **_outcome(facts),
        "time": _milliseconds(facts.instant),
        "message": facts.message,
        "metadata": _metadata(facts),
        "user": _user(facts.identity) if facts.identity else dict(UNKNOWN_USER),
        **_circumstances(facts),
    }


def _classification(facts: Facts) -> Json:
    ocsf_class = _class_of(facts.action)
    return {
        "category_uid": IDENTITY_AND_ACCESS,
        "category_name": "Identity & Access Management",
        "class_uid": ocsf_class.uid,
        "class_name": ocsf_class.name,
        "activity_id": ocsf_class.activity_id,
        "activity_name": ocsf_class.activity_name,
        "type_uid": ocsf_class.uid * 100 + ocsf_class.activity_id,
        "type_name": f"{ocsf_class.name}: {'Other' if ocsf_class.activity_id == OTHER else ocsf_class.activity_name}",
    }


def _class_of(action: Action) -> _Class:
    """Return the class: no activity of Authentication is the use, end or refusal of a bearer, so they are named."""
    if action is Action.ISSUED:
        return _AUTHORIZE_SESSION
    return _Class(3002, "Authentication", OTHER, action.replace(".", " ").title())


def _outcome(facts: Facts) -> Json:
    severity = (2, "Low") if facts.refused else (1, "Informational")
    status = (1, "Success") if facts.succeeded else (2, "Failure")
    outcome = {"severity_id": severity[0], "severity": severity[1], "status_id": status[0], "status": status[1]}
    return present({**outcome, "status_detail": facts.reason})


def _metadata(facts: Facts) -> Json:
    return present(
        {
            "version": OCSF_VERSION,
            "product": {"name": "bearerproof", "version": __version__},
            "log_name": facts.trail,
            "event_code": str(facts.action),
            "original_time": facts.written,
            "sequence": facts.sequence,
        }
    )


def _user(identity: Identity) -> Json:
    return present(
        {
            "uid": identity.subject,
            "domain": identity.issuer,
            "full_name": identity.name,
            "email_addr": identity.email if _is_email(identity) else None,
            "groups": [{"name": name} for name in identity.groups] or None,
        }
    )


def _circumstances(facts: Facts) -> Json:
    grant = facts.grant
    return present(
        {
            "service": None if grant else {"name": _service(facts)},
            "privileges": _privileges(grant) if grant else None,
            "session": _session(facts) or None,
            "src_endpoint": {"ip": facts.client_ip} if facts.client_ip else None,
            "unmapped": _unmapped(facts) or None,
        }
    )


def _service(facts: Facts) -> str:
    """Name what was asked; Authentication requires it, and the event says no more than which kind it is."""
    return "token verifier" if facts.action is Action.REJECTED else "key server"


def _privileges(grant: Grant) -> list[str]:
    return [f"backends:{name}" for name in grant.backends] + [f"tools:{name}" for name in grant.tools]


def _session(facts: Facts) -> Json:
    end = facts.grant.expires_at if facts.grant else None
    return present({"uid": facts.token_jti, "expiration_time": None if end is None else _milliseconds(end)})


def _unmapped(facts: Facts) -> Json:
    email = facts.identity.email if facts.identity and not _is_email(facts.identity) else None
    rate_limit = facts.grant.rate_limit if facts.grant else None
    return present({"email": email, "rate_limit": rate_limit, "untrusted": dict(facts.untrusted) or None})


def _is_email(identity: Identity) -> bool:
    return identity.email is not None and _EMAIL.fullmatch(identity.email) is not None


def _milliseconds(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(milliseconds=1)
