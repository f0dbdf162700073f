"""Result streams made by hand: small, of every outcome, and as hostile as a stranger would make them."""

import base64
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from bearerproof.members import Json
from bearerproof_fuzz.commands.report import streams
from bearerproof_fuzz.commands.report.model import Report
from bearerproof_fuzz.commands.report.rendering import report_of
from bearerproof_fuzz.commands.report.streams import Stream

HOSTILE = "\x1b[2J\u202egnp.exe\ud800</script><script>alert(1)</script><!--{{7*7}}\"'&\u200b\x00"
"""In each text of a stranger: a terminal escape, a bidi override, half a surrogate, markup, a template."""

REVISION = "0.4.0+0123456789ab"


def header(**members: object) -> Json:
    return {
        "type": "header",
        "format": 1,
        "bearerproof": "0.4.0",
        "specification": {"requirements": 240, "digest": "a0b1c2d3e4f50617"},
        "implementation": {"name": "acme-jwt", "version": "2.1.0", "language": "go"},
        "measure": "base",
        "profiles": ["jwt"],
        "level": 0,
        "seed": None,
        "depth": "default",
        "revision": REVISION,
        "command": ["bearerproof", "check", "acme"],
        **members,
    }


def check(id_: str, outcome: str = "passed", *findings: Json, **members: object) -> Json:
    """A line of a check, from ``VER-17.crit-unknown.jwt``."""
    seen = ["accepted", "rejected"] if outcome == "passed" else ["accepted"]
    return {
        "type": "check",
        "id": id_,
        "requirement": id_.partition(".")[0],
        "level": "MUST",
        "profile": id_.rpartition(".")[2],
        "outcome": outcome,
        "findings": list(findings),
        "seen": seen,
        **members,
    }


def footer(exit_code: int = 0, **members: object) -> Json:
    counts = {"checked": 1, "excluded": 0}
    return {"type": "footer", "complete": True, "exit": exit_code, "counts": counts, **members}


def token(header_members: Json | str, payload: Json | str, signature: bytes = b"\x01" * 64) -> str:
    octets = (
        part.encode() if isinstance(part, str) else json.dumps(part).encode() for part in (header_members, payload)
    )
    return ".".join(base64.urlsafe_b64encode(each).rstrip(b"=").decode() for each in (*octets, signature))


def presented(text: str, **members: object) -> Json:
    keys = {"keys": [{"kty": "EC", "kid": "k1"}]}
    policy = {"algorithms": ["ES256"], "issuer": "https://as.example", "keys": keys}
    return {"profile": "jwt", "now": 1_800_000_000, "tick": 0, "policy": policy, "token": text, **members}


BASE = token({"alg": "ES256", "kid": "k1"}, {"iss": "https://as.example", "exp": 1_800_000_600})


def finding(summary: str = "`crit` names what nobody knows", got: str = "accepted", **members: object) -> Json:
    changed = token(
        {"alg": "ES256", "kid": "k1", "crit": ["exp-2"]}, {"iss": "https://as.example", "exp": 1_800_000_600}
    )
    return {
        "summary": summary,
        "expected": "rejected",
        "got": got,
        "edit": "crit-unknown",
        "base": presented(BASE),
        "presented": presented(changed),
        **members,
    }


def octets(rows: Iterable[Json]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def stream(checks: Sequence[Json], exit_code: int = 0, source: str = "run.jsonl", **members: object) -> Stream:
    rows = [header(**members), *checks, footer(exit_code)]
    return streams.parse(octets(rows), source)


def report(*found: Stream) -> Report:
    return report_of(found)


def written(path: Path, checks: Sequence[Json], exit_code: int = 0, **members: object) -> Path:
    path.write_bytes(octets([header(**members), *checks, footer(exit_code)]))
    return path


RED = (
    check("VER-1.two-segments.jwt"),
    check("VER-12.alg-none.jwt"),
    check("VER-17.crit-unknown.jwt", "failed", finding()),
    check("VER-17.crit-null.jwt", "failed", finding("`crit` is null")),
    check("VER-17.crit-empty.jwt"),
    check("VER-32.exp-text.jwt", "expected", finding("exp is a text"), reason="numbers in quotes are read as numbers"),
    check("KEY-7.rotation.jwt", "not-applicable", reason="no keys_url is declared", seen=[]),
    check(
        "VER-40.variety.jwt",
        "failed",
        {"summary": "an honest token is refused", "expected": "accepted", "got": "rejected"},
    ),
)
"""A run in which something of each kind is found."""

HELD = tuple(check(row["id"]) for row in RED[:-2])
"""The same, all of it well."""
