"""Reading the profile of a resource server, as strictly as that of a key server."""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bearerproof.contract.declaration import ALGORITHMS
from bearerproof.contract.http.profile import IdentityProvider
from bearerproof.contract.http.profilefile import Reader
from bearerproof.contract.http.values import Table
from bearerproof.contract.messages import REASONS
from bearerproof.contract.resource.answers import ENTRY, TABLES, Answers
from bearerproof.contract.resource.profile import Pace, ResourceProfile, Token
from bearerproof.contract.resource.resourceserver import USUAL, FetchTimes, ResourceServer, place
from bearerproof.contract.tokenrules import STANDARD
from bearerproof.exceptions import BadInput
from bearerproof.specification.catalogue import Profile

PROFILES = (Profile.ACCESS_TOKEN, Profile.JWT)
"""The kinds of token that a resource server takes."""

LIFETIME = 600
"""Seconds for which honest tokens are good."""


def is_resource_profile(path: Path) -> bool:
    """Say whether a file describes a resource server: it names the kind of token; that of a key server does not."""
    try:
        return "profile" in tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return False  # who reads it as the other kind says what is wrong


def load(path: Path, *, probes: bool = True) -> ResourceProfile:
    """Read a profile; the paths in it are relative to its folder, and ``${NAME}`` in it is taken from the environment.

    ``probes`` says whether other spellings of the path may be asked for where the profile does not say.

    Raises:
        BadInput: it cannot be read, or something in it is unknown, missing or out of its range; says what.
    """
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read the server profile {path}: {getattr(error, 'strerror', None) or error}") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: not TOML: {error}") from None
    return _Reader(path, text, probes=probes).resource(raw)


class _Reader(Reader):
    """Reads the tables of one file; ``secrets`` are what it took from the environment."""

    def __init__(self, path: Path, text: str, *, probes: bool) -> None:
        super().__init__(path, text)
        self._probes = probes
        self._secrets: list[str] = []

    def resource(self, raw: Table) -> ResourceProfile:
        texts: Mapping[str, Any] = {"name": None, "version": "unknown", "language": "unknown"}
        tables = {
            "token",
            "request",
            "answers",
            "reasons",
            "keys",
            "metadata",
            "session",
            "pace",
            "audit",
            "identity_provider",
        }
        self.known(raw, "", {*texts, "measure", "profile", *tables})
        for name in tables & set(raw):
            self.kind(raw, "", name, dict, "a table")
        if self.text(raw, "", "profile", None) not in PROFILES:
            raise self.wrong("", "profile", f"must be {' or '.join(PROFILES)}")
        for name in ("token", "request"):
            self.kind(raw, "", name, dict, "a table")
        known, token = self._token(raw["token"]), raw["token"]
        if known.secret and "keys" in raw:
            raise self.wrong("", "keys", "are not fetched where there is a secret")
        return ResourceProfile(
            **{name: self.text(raw, "", name, default) for name, default in texts.items()},
            measure=self._measure(raw),
            profile=Profile(raw["profile"]),
            server=self._server(raw),
            token=known,
            echo=self._pointer(raw["request"]),
            reasons=self._reasons(raw.get("reasons", {})),
            pace=self._pace(raw.get("pace", {})),
            identity_provider=self._identity_provider(raw.get("identity_provider")) or self._port_of(token),
            audit=self._audit(raw["audit"]) if "audit" in raw else None,
            secrets=tuple(self._secrets),
        )

    def _server(self, raw: Table) -> ResourceServer:
        token, request = raw["token"], raw["request"]
        self.known(request, "request", {"line", "headers", "body", "token", "scope", "echo", "probes"})
        session = raw.get("session", {})
        self.known(session, "session", {"header", "body"})
        metadata = raw.get("metadata", {})
        self.known(metadata, "metadata", {"resource"})
        line = self.text(request, "request", "line", None)
        if re.fullmatch(r"[A-Z]+ /[!-~]*", line) is None:
            raise self.wrong("request", "line", f"must be a method and a path, such as 'GET /orders', not {line!r}")
        where = self.text(request, "request", "token", USUAL)
        if place(where) is None:
            raise self.wrong("request", "token", f"must be as {USUAL!r}, 'Cookie: at={{token}}' or '?at={{token}}'")
        return ResourceServer(
            issuer=self._issuer(token, "issuer"),
            other=self._other(token),
            audience=self.text(token, "token", "audience", None),
            typ=self._any_text(token, "token", "typ") if "typ" in token else None,
            claims={name: value for name, value in self._claims(token).items() if name in STANDARD},
            line=line,
            headers=self._fields(request),
            body=self._expanded("request", "body", self._any_text(request, "request", "body")),
            token=where,
            scope=self._any_text(request, "request", "scope"),
            metadata=self.text(metadata, "metadata", "resource", None) if metadata else "",
            session=self.text(session, "session", "header", None) if session else "",
            session_body=self._any_text(session, "session", "body"),
            probes=self._flag(request, "request", "probes", default=self._probes),
            running=True,
            fetches=self._keys(raw["keys"]) if "keys" in raw else None,
            answers=self._answers(raw.get("answers", {})),
        )

    def _token(self, raw: Table) -> Token:
        known = {"issuer", "other", "audience", "algorithms", "typ", "leeway", "require", "claims", "secret_env"}
        self.known(raw, "token", known)
        secret = self._expanded("token", "secret_env", f"${{{raw['secret_env']}}}") if "secret_env" in raw else ""
        algorithms = self.texts(raw, "token", "algorithms", ("HS256" if secret else "ES256",))
        if unknown := [name for name in algorithms if name not in ALGORITHMS or name.startswith("HS") != bool(secret)]:
            kind = "HMAC, to which a secret belongs" if secret else "a public key that JWS knows"
            raise self.wrong("token", "algorithms", f"{unknown[0]!r} is none of {kind}")
        if secret and "other" in raw:
            raise self.wrong("token", "other", "has no key of its own where there is a secret")
        leeway = self.number(raw, "token", "leeway", 0, 0, LIFETIME // 3)
        require = self.texts(raw, "token", "require", ())
        return Token(algorithms, leeway, require, self._claims(raw), secret.encode())

    def _other(self, raw: Table) -> str:
        """Read the second issuer, which is served where the first one is."""
        if "other" not in raw:
            return ""
        first, second = self._issuer(raw, "issuer"), self._issuer(raw, "other")
        if urlsplit(first)[:2] != urlsplit(second)[:2] or first.rstrip("/") == second.rstrip("/"):
            raise self.wrong("token", "other", f"must be another path at the scheme, host and port of {first!r}")
        return second

    def _issuer(self, raw: Table, name: str) -> str:
        issuer = self.text(raw, "token", name, None)
        parts = urlsplit(issuer)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
            raise self.wrong("token", name, f"{issuer!r} is no http or https URL without query and fragment")
        return issuer

    def _claims(self, raw: Table) -> dict[str, Any]:
        claims: dict[str, Any] = self.kind(raw, "token", "claims", dict, "a table") if "claims" in raw else {}
        try:
            json.dumps(claims)
        except TypeError:
            raise self.wrong("token", "claims", "must hold what JSON can carry: no date is among it") from None
        if fixed := [name for name in ("iss", "aud", "exp", "nbf", "iat", "jti") if name in claims]:
            raise self.wrong("token", "claims", f"must leave {', '.join(fixed)} to the checks")
        return claims

    def _fields(self, raw: Table) -> tuple[tuple[str, str], ...]:
        pairs = []
        for line in self.texts(raw, "request", "headers", ()):
            if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [ -~]+", line) is None:
                raise self.wrong("request", "headers", f"must be lines such as 'X-Tenant: acme', not {line!r}")
            name, _, value = line.partition(": ")
            if name.lower() in ("host", "content-length", "transfer-encoding", "connection"):
                raise self.wrong("request", "headers", f"must leave {name} to bearerproof")
            pairs.append((name, self._expanded("request", "headers", value)))
        return tuple(pairs)

    def _expanded(self, where: str, name: str, text: str) -> str:
        """Put in what the environment holds: a gateway's key stands in no file, and in no report."""

        def value(found: re.Match[str]) -> str:
            secret = os.environ.get(found[1], "")
            if not secret.strip() or not secret.isprintable() or not secret.isascii():
                raise self.wrong(where, name, f"names ${{{found[1]}}}, which is not set, blank, or not printable")
            self._secrets.append(secret)
            return secret

        return re.sub(r"\$\{(\w+)\}", value, text)

    def _answers(self, raw: Table) -> Answers:
        self.known(raw, "answers", set(TABLES))
        found = {name: tuple(map(str, self.kind(raw, "answers", name, list, "a list"))) for name in raw}
        for name, entries in found.items():
            if wrong := [entry for entry in entries if ENTRY.fullmatch(entry) is None]:
                raise self.wrong("answers", name, f"must hold a status, or a text as '403 code'; not {wrong[0]!r}")
        twice = [entry for entry in sum(found.values(), ()) if sum(found.values(), ()).count(entry) > 1]
        if twice:
            raise self.wrong("answers", next(n for n in found if twice[0] in found[n]), f"has {twice[0]!r} twice")
        return Answers(**{**_but(found), **found})

    def _reasons(self, raw: Table) -> Mapping[str, re.Pattern[str]]:
        found = {}
        for reason in raw:
            if reason not in REASONS:
                raise self.wrong("reasons", reason, f"is no reason; those are {', '.join(sorted(REASONS))}")
            try:
                found[reason] = re.compile(self.text(raw, "reasons", reason, None), re.IGNORECASE)
            except re.error as error:
                raise self.wrong("reasons", reason, f"is no regular expression: {error}") from None
        return found

    def _keys(self, raw: Table) -> FetchTimes:
        self.known(raw, "keys", {member.name for member in fields(FetchTimes)})
        numbers = {name: self.number(raw, "keys", name, 300.0, 0.0) for name in raw}
        return FetchTimes(**numbers)

    def _pace(self, raw: Table) -> Pace:
        self.known(raw, "pace", {"rate", "at_once", "on_429", "wait"})
        on_429 = self.text(raw, "pace", "on_429", "stop")
        if on_429 not in ("stop", "wait"):
            raise self.wrong("pace", "on_429", f"must be 'stop' or 'wait', not {on_429!r}")
        rate = self.number(raw, "pace", "rate", 0.0, 0.0)
        at_once = self.number(raw, "pace", "at_once", Pace.at_once, 1, 64)
        return Pace(rate, at_once, on_429 == "wait", self.number(raw, "pace", "wait", Pace.wait, 0.0))

    def _port_of(self, token: Table) -> IdentityProvider:
        """Serve the issuer where it says that it is: at a loopback address, over http."""
        parts = urlsplit(self.text(token, "token", "issuer", None))
        if parts.scheme != "http" or parts.port is None:
            raise self.wrong("", "identity_provider", "is missing: the ports at which the issuer is served")
        return IdentityProvider(parts.hostname or "", parts.port)

    def _pointer(self, raw: Table) -> str:
        echo = self._any_text(raw, "request", "echo")
        if echo and not echo.startswith("/"):
            raise self.wrong("request", "echo", "must be a JSON pointer to a claim, such as '/user/sub'")
        return echo

    def _any_text(self, raw: Table, where: str, name: str) -> str:
        return str(self.kind(raw, where, name, str, "a text")) if name in raw else ""

    def _flag(self, raw: Table, where: str, name: str, *, default: bool) -> bool:
        return bool(self.kind(raw, where, name, bool, "true or false")) if name in raw else default


def _but(given: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """Return the usual tables without what a given one puts elsewhere."""
    taken = set(sum(given.values(), ()))
    return {name: tuple(each for each in getattr(Answers(), name) if each not in taken) for name in TABLES}
