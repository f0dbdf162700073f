"""SARIF 2.1.0 (OASIS): what was found, for code scanning. A rule is a requirement, a result is a finding.

A finding is of a running program, not of a line; code scanning shows none without a place in a file. So each names the
result stream as its artifact, and the check as its logical location. Tokens stay out of it: the stream has them.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import PurePath

from bearerproof.judging.results import State
from bearerproof.members import Json
from bearerproof.visible import visible
from bearerproof_fuzz.commands.report.findings import Issue
from bearerproof_fuzz.commands.report.model import Column, Line, Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"

MOST = 5_000
"""Results in one run: code scanning keeps no more."""

_LEVELS = ("error", "error", "error", "warning")
"""By the severity of an issue."""

_SCORES = ("9.1", "7.5", "5.0", "3.0")
"""By the worst severity of a rule's issues: what code scanning sorts by."""


def render(report: Report) -> str:
    """Return the log, one run for each implementation."""
    log = {"$schema": SCHEMA, "version": "2.1.0", "runs": [_run(report, place) for place in range(len(report.columns))]}
    return json.dumps(log, ensure_ascii=True, indent=1, sort_keys=True) + "\n"


def _run(report: Report, place: int) -> Json:
    column = report.columns[place]
    lines = [line for line in report.lines if line.cells[place].issues]
    results = [
        _result(line, issue, column, rule) for rule, line in enumerate(lines) for issue in line.cells[place].issues
    ][:MOST]
    return {
        "tool": {"driver": _driver(lines, place, column)},
        "automationDetails": {"id": f"bearerproof/{column.key}/"},
        "artifacts": [{"location": {"uri": _uri(column)}, "hashes": {"sha-256": column.stream.digest}}],
        "invocations": [_invocation(column)],
        "results": results,
        "properties": {"verdict": str(column.verdict.kind), "implementation": visible(column.name)},
    }


def _driver(lines: Sequence[Line], place: int, column: Column) -> Json:
    return {
        "name": "bearerproof",
        "semanticVersion": _semantic(column.stream.header.bearerproof),
        "version": visible(column.revision),
        "rules": [_rule(line, place) for line in lines],
    }


def _semantic(version: str) -> str:
    return version if version.replace(".", "").isdigit() and version.count(".") == 2 else "0.0.0"


def _rule(line: Line, place: int) -> Json:
    row, worst = line.row, line.cells[place].issues[0].severity
    rule: Json = {"id": visible(line.id), "properties": {"tags": ["security"], "security-severity": _SCORES[worst]}}
    if row is None:
        return rule
    rule |= {
        "name": "".join(word.capitalize() for word in row.title.replace("-", " ").split() if word.isalnum()),
        "shortDescription": {"text": row.title},
        "fullDescription": {"text": f"{row.text} ({row.level}, {row.clause})"},
        "help": {"text": f"{row.rationale}\n\nSources: {', '.join(row.sources)}.\nbearerproof explain {row.id}"},
        "defaultConfiguration": {"level": _LEVELS[worst]},
    }
    rule["properties"]["tags"] = ["security", *(source for source in row.sources if source.startswith("CWE-"))]
    return rule


def _result(line: Line, issue: Issue, column: Column, rule: int) -> Json:
    result: Json = {
        "ruleId": visible(line.id),
        "ruleIndex": rule,
        "level": _LEVELS[issue.severity],
        "kind": "fail",
        "message": {"text": visible(f"{issue.summary}: expected {issue.expected or 'otherwise'}, got {issue.got}")},
        "locations": [
            {
                "physicalLocation": {"artifactLocation": {"uri": _uri(column), "index": 0}, "region": {"startLine": 1}},
                "logicalLocations": [{"fullyQualifiedName": visible(issue.ids[0]), "kind": "function"}],
            }
        ],
        "partialFingerprints": {"bearerproof/v1": _fingerprint(line, issue, column)},
        "properties": {"checks": [visible(name) for name in issue.ids], "outcome": visible(issue.outcome)},
    }
    if issue.outcome == State.EXPECTED:
        result["suppressions"] = [
            {"kind": "external", "status": "accepted", "justification": visible(issue.reason or "expected")}
        ]
    return result


def _fingerprint(line: Line, issue: Issue, column: Column) -> str:
    """Return what stays the same while the same thing is wrong: not the token, nor the profile it was seen in."""
    name = str(issue.finding.get("drawn") or issue.finding.get("kind") or issue.finding.get("edit") or "")
    text = "\0".join([column.key, line.id, issue.check, name])
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


def _uri(column: Column) -> str:
    """Return the name of the stream, as a relative reference that any reader takes."""
    name = PurePath(column.stream.source).name
    return "".join(_characters(name)) or "run.jsonl"


def _characters(name: str) -> Iterator[str]:
    for char in name:
        plain = char.isascii() and (char.isalnum() or char in "-._~")
        yield char if plain else "".join(f"%{octet:02X}" for octet in char.encode("utf-8", "replace"))


def _invocation(column: Column) -> Json:
    footer = column.stream.footer
    notes = [*column.verdict.remarks, *(footer.troubles if footer else ())]
    invocation: Json = {
        "executionSuccessful": footer is not None and footer.exit in (0, 1),
        "toolExecutionNotifications": [{"level": "warning", "message": {"text": visible(note)}} for note in notes],
    }
    if footer is not None:
        invocation["exitCode"] = footer.exit
    return invocation
