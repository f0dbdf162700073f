"""Streams in, one text out: what ``check --report KIND=FILE`` and ``report`` share."""

from collections.abc import Callable, Mapping, Sequence

from bearerproof.specification.errata import errata
from bearerproof.specification.threats import threats
from bearerproof_fuzz.commands.report import badge, page, sarif
from bearerproof_fuzz.commands.report.evidence import Evidence
from bearerproof_fuzz.commands.report.model import Report, model
from bearerproof_fuzz.commands.report.streams import Stream


def report_of(streams: Sequence[Stream], evidence: Evidence | None = None, missing: Sequence[str] = ()) -> Report:
    """Return the report of streams, by the threats and the errata of this release."""
    return model(streams, threats=threats(), errata=errata(), evidence=evidence, missing=missing)


def render(kind: str, streams: Sequence[Stream]) -> str:
    """Return the streams as ``html``, ``sarif`` or ``badge``."""
    return RENDERERS[kind](report_of(streams))


RENDERERS: Mapping[str, Callable[[Report], str]] = {"html": page.render, "sarif": sarif.render, "badge": badge.render}
