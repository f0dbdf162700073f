"""Audit events in the forms that a SIEM reads: OCSF, the Elastic Common Schema, OpenTelemetry log records.

Each export is one pure function from an event (verify-failure or lifecycle, valid by its schema) to a record. All
of them keep to the same four rules:

- An export carries the members that the schemas name, and no other: what somebody adds to an event, or puts into its
  free metadata, may be anything, so it stays in the trail.
- What a rejected token may have had a hand in is marked ``untrusted`` and never stands where an identity is looked for.
- An event without ``occurred_at`` gets no time: a record without one (ECS, OpenTelemetry), or none at all (OCSF).
- Text that UTF-8 cannot hold (an unpaired surrogate) becomes U+FFFD, and a number beyond 64 bits is left out.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from bearerproof.exports.ecs import ecs_document
from bearerproof.exports.facts import Unexportable
from bearerproof.exports.ocsf import ocsf_event
from bearerproof.exports.otel import log_record

__all__ = ["EXPORTS", "Export", "Unexportable"]

Export = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Turns an event into a record; raises ``Unexportable`` where the format has no honest record of this event."""

EXPORTS: Mapping[str, Export] = MappingProxyType({"ocsf": ocsf_event, "ecs": ecs_document, "otel": log_record})
