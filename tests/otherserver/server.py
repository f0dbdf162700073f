"""A key server of another make: a store in memory, an INI file, and the HTTP binding, all from the contract's text.

``serving`` speaks HTTP for it, ``settings`` reads its configuration, ``subjects`` verifies subject tokens.
"""

import hashlib
import heapq
import hmac
import ipaddress
import json
import os
import re
import secrets
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from . import subjects
from .settings import PATTERN, Json
from .subjects import KeySet, Refused, Unavailable

URN, MINUTE = "urn:ietf:params:oauth:", 60_000_000
NAME = re.compile(r"[A-Za-z0-9._-]{1,256}")
BEARER = re.compile(r"ks2_[A-Za-z0-9_-]{43}")


class No(Exception):
    """A refusal: status and error code, what the event says, and what the answer says besides."""

    def __init__(self, status: int, error: str, kind: str, reason: str, **about: Any) -> None:
        self.status, self.error, self.kind, self.reason = status, error, kind, reason
        self.wait, self.challenge, self.about = about.pop("wait", None), about.pop("challenge", None), about


class KeyServer:
    """All that is decided, one thing after another."""

    def __init__(self, configured: Json, clock: Path, audit: Path) -> None:
        self.conf, self.clock, self.audit = configured, clock, os.open(audit, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        self.sets = {name: KeySet(each["keys-from"]) for name, each in configured["providers"].items()}
        self.born = self.times()[0] // 1  # what was used or revoked before, nobody knows any more
        self.lock, self.seq, self.origin = threading.RLock(), 0, secrets.token_hex(8)
        self.tokens: dict[str, Json] = {}  # by id
        self.bearers: dict[bytes, Json] = {}
        self.ends: list[tuple[float, str]] = []
        self.graves: list[tuple[float, str]] = []
        self.used: dict[tuple[str, ...], int] = {}
        self.cut: dict[tuple[str, str], float] = {}
        self.spent: dict[tuple[str, str], tuple[int, int]] = {}
        self.windows: dict[tuple[str, str], list[int]] = {}

    # --- time, events

    def times(self) -> tuple[float, int]:
        """Return the wall clock in seconds and the monotonic one in microseconds."""
        wall, tick = self.clock.read_text().split()
        whole, _, part = tick.partition(".")
        return float(wall), int(whole) * 1_000_000 + int(part.ljust(6, "0")[:6])

    def pass_time(self, now: float) -> None:
        """End what is over; nothing that has ended comes back when the clock does."""
        while self.ends and self.ends[0][0] <= now:
            record = self.tokens[heapq.heappop(self.ends)[1]]
            record["over"] = True
        while self.graves and self.graves[0][0] <= now:
            record = self.tokens.pop(heapq.heappop(self.graves)[1])
            del self.bearers[record["digest"]]

    def tell(self, event: str, now: float, ip: str | None, record: Json | None = None, **more: Any) -> None:
        """Write an event."""
        line: Json = {"event": event, "occurred_at": instant(now), "seq": self.seq, "origin": self.origin}
        if record is not None:
            line |= {"identity": record["who"], "token_jti": record["jti"]}
        line |= {name: value for name, value in {"client_ip": ip, **more}.items() if value is not None}
        while len(text := json.dumps(line).replace("\x7f", "\\u007f")) > 15_900 and line["identity"].get("groups"):
            line["identity"] = {**line["identity"], "groups": line["identity"]["groups"][:-1]}
        self.seq += 1
        os.write(self.audit, text.encode() + b"\n")

    def decide(self, ip: str | None, make: Any) -> Any:
        """Make a decision under the lock, and leave its one event if it is a refusal."""
        with self.lock:
            now, tick = self.times()
            self.pass_time(now)
            try:
                return make(now, tick)
            except Told:
                raise
            except No as no:
                self.tell(no.kind, now, ip, reason=no.reason, **no.about)
                raise

    # --- the three decisions

    def exchange(self, ip: str | None, form: list[tuple[str, str]] | No) -> Json:
        """Exchange a subject token: judged outside the lock, as keys may have to be fetched."""
        self.decide(ip, lambda _, tick: self.throttle("exchange", ip, self.conf["exchanges"], tick, count=True))
        given = self.decide(ip, lambda *_: parameters(form))
        now, tick = self.times()
        try:
            claims: Any = subjects.verified(
                given["subject_token"], self.conf["providers"], self.sets, now, tick, self.conf["tolerance"]
            )
        except (Refused, Unavailable) as error:
            claims = error
        granted: Json = self.decide(ip, lambda now, _: self.mint(claims, given.get("scope"), now, ip))
        return granted

    def mint(self, claims: Any, scope: str | None, now: float, ip: str | None) -> Json:
        """Grant a token, if everything allows it."""
        require_verified(claims)
        who = identity(claims)
        owner = self.owner_of(claims["iss"], claims["sub"])
        use = (claims["iss"], claims["jti"]) if claims.get("jti") else (claims["iss"], "", claims["signed"])

        def no(status: int, error: str, reason: str, wait: float | None = None) -> No:
            return No(status, error, "token.denied", reason, identity=who, wait=wait)

        if now - claims["iat"] > self.conf["oldest"]:
            raise no(400, "invalid_request", "subject-token-age")
        if claims["iat"] < self.born or claims["iat"] <= self.cut.get((claims["iss"], claims["sub"]), -1):
            raise no(400, "invalid_request", "subject-token-revoked")
        if self.used.get(use, 0) >= self.conf["uses"]:
            raise no(400, "invalid_request", "subject-token-used")
        rule = next((each for each in self.conf["rules"] if matches(each["match"], claims)), None)
        if rule is None:
            raise no(400, "invalid_request", "no-policy")
        sides = self.granted(rule["grant"], scope)
        if sides is None:
            raise no(400, "invalid_scope", "invalid-scope")
        live = [each for each in self.tokens.values() if each["owner"] == owner and self.is_live(each)]
        if len(live) >= self.conf["tokens-each"]:
            raise no(429, "too_many_tokens", "cap-reached", min(each["exp"] for each in live) - now)
        if len(self.tokens) >= self.conf["room"]:
            raise no(503, "temporarily_unavailable", "store-full", 60)
        self.used[use] = self.used.get(use, 0) + 1
        bearer, jti, ttl = "ks2_" + secrets.token_urlsafe(32), str(uuid.uuid4()), self.conf["token-lifetime"]
        record = {
            "jti": jti,
            "who": who,
            "owner": owner,
            "whose": (claims["iss"], claims["sub"]),
            "exp": now + ttl,
            "digest": digest(bearer),
            "rate": rule["grant"]["rate_limit"],
            "over": False,
            "revoked": False,
            **sides,
        }
        self.tokens[jti] = self.bearers[record["digest"]] = record
        heapq.heappush(self.ends, (record["exp"], jti))
        heapq.heappush(self.graves, (record["exp"] + self.conf["remember"], jti))
        self.tell(
            "token.issued", now, ip, record, **sides, rate_limit=record["rate"], expires_at=instant(record["exp"])
        )
        words = " ".join(f"{side}:{','.join(sides[side])}" for side in ("backends", "tools"))
        return {
            "access_token": bearer,
            "issued_token_type": f"{URN}token-type:access_token",
            "token_type": "Bearer",
            "expires_in": ttl,
            "scope": words,
            "jti": jti,
        }

    def owner_of(self, issuer: str, subject: str) -> Any:
        """Return whose tokens are counted together."""
        return issuer, subject

    def is_live(self, record: Json) -> bool:
        """Say whether a token is good."""
        return not record["over"] and not record["revoked"]

    def granted(self, grant: Json, scope: str | None) -> Json | None:
        """Return what a rule and a request have in common, or None if a side has nothing or makes no sense."""
        asked = {} if scope is None else asked_for(scope)
        if asked is None:
            return None
        sides = {side: common(grant[side], asked.get(side)) for side in ("backends", "tools")}
        return sides if all(sides.values()) else None

    def access(self, ip: str | None, bearer: str, backend: str, tool: str) -> None:
        """Admit a bearer to a backend and a tool, or not."""
        self.decide(ip, lambda now, tick: self.admit(self.bearers.get(digest(bearer)), backend, tool, now, tick, ip))

    def admit(self, record: Json | None, backend: str, tool: str, now: float, tick: int, ip: str | None) -> None:
        """Admit a token that is on record, in the order of the contract's table."""
        bad: Json = {"status": 401, "error": "invalid_token", "challenge": 'error="invalid_token"'}
        if record is None:
            raise No(**bad, kind="token.invalid", reason="unknown-bearer")
        if record["revoked"]:
            raise No(**bad, kind="token.denied", reason="revoked", identity=record["who"], token_jti=record["jti"])
        if record["over"]:
            self.tell("token.expired", now, ip, record)
            raise Told(**bad, kind="", reason="")
        about: Json = {"kind": "token.denied", "identity": record["who"], "token_jti": record["jti"]}
        if not (covered(record["backends"], backend) and covered(record["tools"], tool)):
            lack = 'error="insufficient_scope"'
            raise No(403, "insufficient_scope", reason="insufficient-scope", challenge=lack, **about)
        if (wait := self.spend(record, tick)) > 0:
            raise No(429, "rate_limited", reason="rate-limited", wait=wait / 1e6, **about)
        self.tell("token.used", now, ip, record)

    def spend(self, record: Json, tick: int) -> int:
        """Take a request from the rate of an identity; return the microseconds until there is one, if there is none."""
        rate = record["rate"]
        if not rate:
            return 0
        spent, at = self.spent.get(record["whose"], (0, tick))  # in microseconds times requests a minute
        spent = max(0, spent - (tick - at) * rate)
        over = spent + MINUTE - rate * MINUTE
        self.spent[record["whose"]] = (spent if over > 0 else spent + MINUTE, tick)
        return -(-over // rate) if over > 0 else 0

    def revoke(self, ip: str | None, admin: str | None, jti: str | None, *whose: str | None) -> int:
        """Revoke one token, or all of an identity: its issuer and subject."""
        return int(self.decide(ip, lambda now, tick: self.end(ip, admin, jti, whose, now, tick)))

    def require_admin(self, ip: str | None, admin: str | None, tick: int) -> None:
        """Refuse whoever does not know the secret, and whoever guesses it."""
        self.throttle("admin", ip, self.conf["guesses"], tick, count=False)
        known = self.conf["admin"]
        if admin is None or known is None or not hmac.compare_digest(admin.encode(), known.encode()):
            self.throttle("admin", ip, self.conf["guesses"], tick, count=True)
            lack = 'error="invalid_token"' if admin is not None else ""
            raise No(401, "unauthorized", "token.denied", "admin-credentials", challenge=lack)

    def end(self, ip: str | None, admin: str | None, jti: str | None, whose: Any, now: float, tick: int) -> int:
        """End tokens, if whoever asks may."""
        self.require_admin(ip, admin, tick)
        if jti is not None:
            record = self.tokens.get(jti)
            if record is None or not self.is_live(record):
                raise No(404, "not_active", "token.denied", "not-active")
            ended = [record]
        elif not all(whose):
            raise No(400, "invalid_request", "token.invalid", "malformed-request")
        else:
            ended = [each for each in self.tokens.values() if self.is_meant(each, *whose) and self.is_live(each)]
            self.cut[whose] = max(now, self.cut.get(whose, now))
        for record in ended:
            record["revoked"] = True
            self.tell("token.revoked", now, ip, record)
        return len(ended)

    def named(self, ip: str | None, admin: str | None, bearer: str | None, answer: Any) -> Any:
        """Answer about the token that is named by its bearer; None where there is no live one."""

        def decide(now: float, tick: int) -> Any:
            self.require_admin(ip, admin, tick)
            if not bearer:
                raise No(400, "invalid_request", "token.invalid", "malformed-request")
            record = self.bearers.get(digest(bearer))
            return answer(record if record is not None and self.is_live(record) else None, now)

        return self.decide(ip, decide)

    def revoke_named(self, ip: str | None, admin: str | None, bearer: str | None) -> Json:
        """Revoke the token of a bearer (RFC 7009): that there is none to revoke is told in the event alone."""

        def end(record: Json | None, now: float) -> Json:
            if record is None:
                self.tell("token.denied", now, ip, reason="not-active")
            else:
                record["revoked"] = True
                self.tell("token.revoked", now, ip, record)
            return {}

        return dict(self.named(ip, admin, bearer, end))

    def introspect(self, ip: str | None, admin: str | None, bearer: str | None) -> Json:
        """Say how it stands with a bearer (RFC 7662)."""
        return dict(self.named(ip, admin, bearer, lambda record, _: introspected(record)))

    def is_meant(self, record: Json, issuer: str, subject: str) -> bool:
        """Say whether a token is one of an identity."""
        return bool(record["whose"] == (issuer, subject))

    def throttle(self, what: str, ip: str | None, number: int, tick: int, *, count: bool) -> None:
        """Refuse a client over its number in a minute; or count one more."""
        client = (what, client_of(ip))
        times = self.windows[client] = [each for each in self.windows.get(client, []) if tick - each < MINUTE]
        if number and len(times) >= number:
            wait = (times[0] + MINUTE - tick) / 1e6
            raise No(429, "rate_limited", "token.denied", "throttled", wait=wait)
        if number and count:
            times.append(tick)


def introspected(record: Json | None) -> Json:
    """Return what is told of a live token, and of another one."""
    if record is None:
        return {"active": False}
    return {
        "active": True,
        "scope": " ".join(f"{side}:{','.join(record[side])}" for side in ("backends", "tools")),
        "exp": int(record["exp"]),
        "sub": record["whose"][1],
    }


class Told(No):
    """A refusal whose event is written."""


def require_verified(claims: Any) -> None:
    """Refuse what came in place of claims."""
    if isinstance(claims, Unavailable):
        raise No(503, "temporarily_unavailable", "token.denied", "keys-unavailable", wait=30)
    if isinstance(claims, Refused):
        raise No(400, "invalid_request", "token.denied", "subject-token")


def instant(seconds: float) -> str:
    """Return an instant as RFC 3339 has it."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=round(seconds * 1_000_000))
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def digest(bearer: str) -> bytes:
    """Return under which key a bearer is kept: not as itself."""
    return hashlib.sha256(bearer.encode("utf-8", "surrogateescape")).digest()


def identity(claims: Json) -> Json:
    """Return what events tell of whom a token speaks for."""
    email, name, groups = (claims.get(member) for member in ("email", "name", "groups"))
    who: Json = {"issuer": claims["iss"], "subject": claims["sub"], "email": tame(email, 320)}
    if isinstance(name, str):
        who["name"] = tame(name, 256)
    if isinstance(groups, list) and all(isinstance(each, str) for each in groups):
        who["groups"] = [tame(each, 256) for each in groups[:1024]]
    return who


def tame(text: object, most: int) -> str:
    """Return a text of somebody else's without what moves a cursor or turns the reading order, cut short."""
    given = text if isinstance(text, str) else ""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in given)[:most]


def matches(match: Json, claims: Json) -> bool:
    """Say whether an identity meets all of a rule."""
    email, groups = claims.get("email"), claims.get("groups")
    address = email if isinstance(email, str) and claims.get("email_verified") is True else ""
    local, _, domain = address.partition("@")
    sound = bool(local and domain) and address.count("@") == 1
    listed = groups if isinstance(groups, list) and all(isinstance(each, str) for each in groups) else []
    return (
        match["issuer"] == claims["iss"]
        and match.get("subject", claims["sub"]) == claims["sub"]
        and ("email" not in match or (sound and match["email"] == email))
        and ("domain" not in match or (sound and lowered(match["domain"]) == lowered(domain)))
        and ("group" not in match or match["group"] in listed)
    )


def lowered(text: str) -> str:
    """Return a domain in lower case: its ASCII letters alone."""
    return "".join(each.lower() if each.isascii() else each for each in text)


def asked_for(scope: str) -> dict[str, list[str]] | None:
    """Return the sides of a scope, or None if it makes no sense."""
    sides: dict[str, list[str]] = {}
    for word in scope.split(" ") if len(scope) <= 4096 else [""]:
        side, _, listed = word.partition(":")
        patterns = listed.split(",")
        sound = side in ("backends", "tools") and side not in sides and all(map(PATTERN.fullmatch, patterns))
        if not sound or len(set(patterns)) < len(patterns):
            return None
        sides[side] = patterns
    return sides


def covers(pattern: str, other: str) -> bool:
    """Say whether a pattern covers all that another one does."""
    return other.startswith(pattern[:-1]) if pattern.endswith("*") else pattern == other


def covered(patterns: list[str], name: str) -> bool:
    """Say whether a name is one, and covered."""
    return bool(NAME.fullmatch(name)) and any(covers(pattern, name) for pattern in patterns)


def common(allowed: list[str], asked: list[str] | None) -> list[str]:
    """Return the patterns of what two lists have in common."""
    if asked is None:
        return list(dict.fromkeys(allowed))
    both = [a if covers(b, a) else b for a in allowed for b in asked if covers(a, b) or covers(b, a)]
    return list(dict.fromkeys(both))


def parameters(form: list[tuple[str, str]] | No) -> dict[str, str]:
    """Return the parameters of an exchange, once it is one."""
    if isinstance(form, No):
        raise form
    bad = ("token.invalid", "malformed-request")
    names = [name for name, _ in form if name not in ("resource", "audience")]  # which may be several (RFC 8693 §2.1)
    given = {name: value for name, value in form if value}
    if len(set(names)) < len(names) or "grant_type" not in given:
        raise No(400, "invalid_request", *bad)
    if given["grant_type"] != f"{URN}grant-type:token-exchange":
        raise No(400, "unsupported_grant_type", "token.invalid", "unsupported-grant-type")
    if "subject_token" not in given or "subject_token_type" not in given:
        raise No(400, "invalid_request", *bad)
    if given["subject_token_type"] != f"{URN}token-type:id_token":
        raise No(400, "invalid_request", "token.invalid", "unsupported-token-type")
    if {"resource", "audience"} & set(given):
        raise No(400, "invalid_target", "token.denied", "invalid-target")
    wanted = given.get("requested_token_type", f"{URN}token-type:access_token")
    if {"actor_token", "actor_token_type"} & set(given) or wanted != f"{URN}token-type:access_token":
        raise No(400, "invalid_request", "token.denied", "malformed-request")
    return given


def client_of(ip: str | None) -> str:
    """Return whom an address counts as."""
    try:
        at = ipaddress.ip_address(ip or "")
    except ValueError:
        return ""
    if isinstance(at, ipaddress.IPv6Address):
        nat = ipaddress.IPv4Address(int(at) & 0xFFFFFFFF) if at in ipaddress.ip_network("64:ff9b::/96") else None
        inner = at.ipv4_mapped or at.sixtofour or nat
        return str(inner or ipaddress.ip_network((int(at) >> 64 << 64, 64)))
    return str(at)
