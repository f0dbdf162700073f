"""The verify-failure event: the one record that every rejected token leaves, and its wire forms."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from bearerproof_reference.audit.hints import Hints, bound
from bearerproof_reference.audit.sources import compose, compose_id_token
from bearerproof_reference.verifier.verdicts import Reason, Rejected

MAX_TEXT = 128
"""Characters of free text in a kind or in the metadata."""


class KindClass(StrEnum):
    """The closed set of failure kinds: what dashboards group by and what the limiter tells apart."""

    INVALID_FORMAT = "InvalidFormat"
    ALGORITHM_INVALID = "AlgorithmInvalid"
    HEADER_INVALID = "HeaderInvalid"
    KEY_UNKNOWN = "KeyUnknown"
    KEY_UNUSABLE = "KeyUnusable"
    KEYSET_UNAVAILABLE = "KeysetUnavailable"
    SIGNATURE_INVALID = "SignatureInvalid"
    TYPE_INVALID = "TypeInvalid"
    MISSING_CLAIM = "MissingClaim"
    EXPIRED = "Expired"
    NOT_YET_VALID = "NotYetValid"
    ISSUED_IN_FUTURE = "IssuedInFuture"
    ISSUER_INVALID = "IssuerInvalid"
    AUDIENCE_INVALID = "AudienceInvalid"
    ID_TOKEN = "IdToken"  # noqa: S105 - the name of a kind, no secret
    REPLAYED = "Replayed"
    REPLAY_LOOKUP_UNAVAILABLE = "ReplayLookupUnavailable"
    SESSION_VERSION_STALE = "SessionVersionStale"
    SESSION_VERSION_LOOKUP_UNAVAILABLE = "SessionVersionLookupUnavailable"
    SESSION_REVOKED = "SessionRevoked"
    SESSION_LIVENESS_LOOKUP_UNAVAILABLE = "SessionLivenessLookupUnavailable"
    OTHER = "Other"


@dataclass(frozen=True, slots=True)
class Kind:
    """What failed; ``value`` is the name of a claim or of an ID-token check, where the class carries one."""

    of: KindClass
    value: str | None = None

    def as_json(self) -> str | dict[str, str]:
        """Return the wire form: a plain kind is a string, one with a value an object of one member."""
        return str(self.of) if self.value is None else {str(self.of): self.value}


_PLAIN = {
    Reason.MALFORMED: Kind(KindClass.INVALID_FORMAT),
    Reason.TOO_LARGE: Kind(KindClass.INVALID_FORMAT),
    Reason.ALGORITHM: Kind(KindClass.ALGORITHM_INVALID),
    Reason.HEADER: Kind(KindClass.HEADER_INVALID),
    Reason.CRITICAL: Kind(KindClass.HEADER_INVALID),
    Reason.KEY_UNKNOWN: Kind(KindClass.KEY_UNKNOWN),
    Reason.KEY_UNUSABLE: Kind(KindClass.KEY_UNUSABLE),
    Reason.KEYS_UNAVAILABLE: Kind(KindClass.KEYSET_UNAVAILABLE),
    Reason.SIGNATURE: Kind(KindClass.SIGNATURE_INVALID),
    Reason.TYPE: Kind(KindClass.TYPE_INVALID),
    Reason.EXPIRED: Kind(KindClass.EXPIRED),
    Reason.NOT_YET_VALID: Kind(KindClass.NOT_YET_VALID),
    Reason.ISSUED_IN_FUTURE: Kind(KindClass.ISSUED_IN_FUTURE),
    Reason.ISSUER: Kind(KindClass.ISSUER_INVALID),
    Reason.AUDIENCE: Kind(KindClass.AUDIENCE_INVALID),
    Reason.REPLAY: Kind(KindClass.REPLAYED),
    Reason.OTHER: Kind(KindClass.OTHER),
}
_CLAIM = frozenset({Reason.CLAIM_MISSING, Reason.CLAIM_MALFORMED})
_LOOK_UP = frozenset({Reason.SESSION, Reason.UNAVAILABLE})


def kind_of(rejected: Rejected) -> Kind:
    """Return the event kind of a rejection: one for each, by a table."""
    plain = _PLAIN.get(rejected.reason)
    if plain is not None:
        return plain
    if rejected.reason in _CLAIM:
        return Kind(KindClass.MISSING_CLAIM, rejected.detail[:MAX_TEXT])
    if rejected.reason in _LOOK_UP:
        return Kind(KindClass(rejected.detail))
    return Kind(KindClass.ID_TOKEN, rejected.detail)


@dataclass(frozen=True, slots=True)
class VerifyFailureEvent:
    """One rejection, built by ``from_hints`` or ``from_id_token_hints`` so that hints and source id agree.

    ``occurred_at`` is the wall clock in seconds; ``metadata`` holds bounded text.
    """

    kind: Kind
    occurred_at: float
    source_id: str
    client_id_hint: str | None
    kid_hint: str | None
    metadata: Mapping[str, str]

    @classmethod
    def from_hints(
        cls, kind: Kind, occurred_at: float, hints: Hints, metadata: Mapping[str, str]
    ) -> "VerifyFailureEvent":
        """Bind the raw hints of an access token or plain JWT and compose its source id."""
        client_id_hint, kid_hint = bound(hints.client_id), bound(hints.kid)
        source_id = compose(client_id_hint, kid_hint)
        return cls(kind, occurred_at, source_id, client_id_hint, kid_hint, _bounded(metadata))

    @classmethod
    def from_id_token_hints(
        cls, kind: Kind, occurred_at: float, hints: Hints, metadata: Mapping[str, str]
    ) -> "VerifyFailureEvent":
        """Bind the raw hints of an ID token: ``azp`` as the client, ``aud`` in ``metadata["aud_hint"]``."""
        azp_hint, aud_hint, kid_hint = bound(hints.azp), bound(hints.aud), bound(hints.kid)
        source_id = compose_id_token(azp_hint, aud_hint, kid_hint)
        return cls(kind, occurred_at, source_id, azp_hint, kid_hint, _bounded({"aud_hint": aud_hint, **metadata}))

    def rate_limit_key(self) -> str:
        """Return what to limit by: the source."""
        return self.source_id

    def as_dict(self) -> dict[str, Any]:
        """Return the wire form as JSON data: six members, time in RFC 3339, UTC, microseconds."""
        return {
            "kind": self.kind.as_json(),
            "occurred_at": rfc3339(self.occurred_at),
            "source_id": self.source_id,
            "client_id_hint": self.client_id_hint,
            "kid_hint": self.kid_hint,
            "metadata": dict(sorted(self.metadata.items())),
        }


def one_line(record: Mapping[str, Any]) -> str:
    """Return JSON that no reader of logs can take for two lines or show out of order.

    Everything beyond printable ASCII is escaped: control and C1 characters, line separators, bidi controls.
    """
    return json.dumps(record, separators=(",", ":"))


def rfc3339(seconds: float) -> str:
    """Return a wall-clock time as RFC 3339 in UTC, spelt Z, with six decimals."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _bounded(metadata: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text[:MAX_TEXT] for name, text in metadata.items() if text is not None}
