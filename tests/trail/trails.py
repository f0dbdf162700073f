"""Trails to judge: a key server that keeps to the rules, and a verifier's events, as the lines they leave."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bearerproof.members import Json
from bearerproof.trail import Options, Rule, TrailReport, prove

START = datetime(2027, 1, 15, 8, tzinfo=UTC)
ALICE: Json = {
    "subject": "alice",
    "email": "alice@example.com",
    "name": "Alice",
    "groups": ["staff"],
    "issuer": "https://idp.example",
}
BOB: Json = {"subject": "bob", "email": "bob@example.com", "groups": [], "issuer": "https://idp.example"}


def at(seconds: float) -> str:
    """The instant so many seconds after the start, as events have it."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def jti(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


class Server:
    """Leaves the events of a truthful key server, one a second unless told otherwise; ``minimal`` ones of seed 000."""

    def __init__(self, *, minimal: bool = False) -> None:
        self.events: list[Json] = []
        self.now = 0.0
        self._minimal = minimal
        self._seq = 0

    def leave(self, event: str, /, seconds: float = 1.0, **members: Any) -> "Server":
        self.now += seconds
        known = {} if self._minimal else {"occurred_at": at(self.now), "seq": self._seq}
        # The second time for what is given to be so though it is known: the order of members stays.
        self.events.append({"event": event, **members, **known, **members})
        self._seq += 1
        return self

    def issue(self, number: int = 1, who: Json = ALICE, ttl: float = 600, **more: Any) -> "Server":
        self.leave(
            "token.issued",
            identity=who,
            token_jti=jti(number),
            backends=["*"],
            tools=["search"],
            rate_limit=60,
            client_ip="192.0.2.1",
            **more,
        )
        if not self._minimal:
            self.events[-1]["expires_at"] = at(self.now + ttl)
        return self

    def use(self, number: int = 1, who: Json = ALICE, **more: Any) -> "Server":
        return self.leave("token.used", identity=who, token_jti=jti(number), client_ip="192.0.2.1", **more)

    def expire(self, number: int = 1, who: Json = ALICE, **more: Any) -> "Server":
        return self.leave("token.expired", identity=who, token_jti=jti(number), **more)

    def revoke(self, number: int = 1, who: Json = ALICE, **more: Any) -> "Server":
        return self.leave("token.revoked", identity=who, token_jti=jti(number), **more)

    def deny(self, reason: str = "no-policy", **more: Any) -> "Server":
        return self.leave("token.denied", reason=reason, **more)

    def invalid(self, reason: str = "unknown-bearer", **more: Any) -> "Server":
        return self.leave("token.invalid", reason=reason, client_ip="192.0.2.7", **more)


def lived(*, minimal: bool = False) -> Server:
    """A truthful life of four tokens, with every event there is."""
    server = Server(minimal=minimal)
    server.issue(1).use(1).use(1).issue(2, BOB).use(2, BOB).invalid().deny()
    server.revoke(1).leave("token.denied", identity=ALICE, token_jti=jti(1), reason="revoked")
    server.issue(3, ttl=60).use(3).expire(3, seconds=120).issue(4).use(4).use(2, BOB)
    return server


def failure(seconds: float = 0, client: str | None = "app-1", kid: str | None = "k1", **more: Any) -> Json:
    event: Json = {
        "kind": "Expired",
        "occurred_at": at(seconds),
        "source_id": f"{client or 'anon'}::{kid or 'nokid'}",
        "client_id_hint": client,
        "kid_hint": kid,
        "metadata": {},
    }
    return {**event, **more}


def text(events: Sequence[Json]) -> str:
    return "".join(json.dumps(event, separators=(",", ":")) + "\n" for event in events)


def judge(path: Path, events: Sequence[Json] | str | bytes, **options: Any) -> TrailReport:
    """Write a trail into a file of the folder and judge it."""
    octets = events if isinstance(events, bytes) else (events if isinstance(events, str) else text(events)).encode()
    file = path / "audit.jsonl"
    file.write_bytes(octets)
    return prove([str(file)], Options(**options))


def violated(report: TrailReport) -> dict[Rule, int]:
    return {row.rule: row.violated for row in report.rules if row.violated}


def unjudged(report: TrailReport) -> dict[Rule, dict[str, int]]:
    return {row.rule: dict(row.unjudged) for row in report.rules if row.unjudged}


def judged(report: TrailReport, rule: Rule) -> int:
    return next(row.judged for row in report.rules if row.rule is rule)
