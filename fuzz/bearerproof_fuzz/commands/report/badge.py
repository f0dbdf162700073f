"""The badge: the JSON that shields.io asks an endpoint for (https://shields.io/badges/endpoint-badge).

It says no more than the verdict: expected deviations are counted in it, and what was judged only in part, or by a
selection, is never green.
"""

import json

from bearerproof.visible import visible
from bearerproof_fuzz.commands.report.model import Column, Report
from bearerproof_fuzz.commands.report.standing import Kind

LABEL = "bearerproof"

COLOURS = {
    Kind.CONFORMS: "brightgreen",
    Kind.EXPECTED: "yellowgreen",
    Kind.FAILS: "red",
    Kind.NOT_WHOLE: "lightgrey",
    Kind.NOTHING: "lightgrey",
}

_WORST = (Kind.FAILS, Kind.NOTHING, Kind.NOT_WHOLE, Kind.EXPECTED, Kind.CONFORMS)


def render(report: Report) -> str:
    """Return the badge of the worst of the runs."""
    worst = min(report.columns, key=lambda column: _WORST.index(column.verdict.kind))
    kind = worst.verdict.kind
    partial = worst.stream.footer is not None and not worst.stream.footer.complete and kind in _GREEN
    row = {
        "schemaVersion": 1,
        "label": LABEL,
        "message": message(worst) + (", in part" if partial else ""),
        "color": "lightgrey" if partial else COLOURS[kind],
        "isError": kind in (Kind.NOT_WHOLE, Kind.NOTHING),
    }
    return json.dumps(row, ensure_ascii=True, indent=2) + "\n"


_GREEN = (Kind.CONFORMS, Kind.EXPECTED)


def message(column: Column) -> str:
    """Word a verdict in a few words: ``base, 13 expected``."""
    verdict, measure = column.verdict, visible(column.stream.header.measure)
    return {
        Kind.CONFORMS: measure,
        Kind.EXPECTED: f"{measure}, {verdict.expected} expected",
        Kind.FAILS: f"{measure}, {verdict.failing or 'some'} failing",
        Kind.NOT_WHOLE: f"{measure}, not judged whole",
        Kind.NOTHING: f"{measure}, nothing judged",
    }[verdict.kind]
