"""Reading the profile of a server: strictly, as a misspelt key would silently weaken the judgement it was meant for."""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from bearerproof.contract.decisions import BEARER_REASONS, EXCHANGE_CODES, REVOKE_CODES
from bearerproof.contract.declaration import (
    FixedConfig,
    KeyServer,
    KeyServerLimits,
    NarrowGrant,
    wrong_name_pattern,
    wrong_subject_form,
)
from bearerproof.contract.http import controltables, messagetables
from bearerproof.contract.http.profile import (
    ID_TOKEN,
    Abilities,
    AuditSource,
    Codes,
    Headers,
    IdentityProvider,
    Names,
    RequestBody,
    Requests,
    ServerProfile,
    Trusted,
)
from bearerproof.contract.http.values import Table, ValueReader
from bearerproof.exceptions import BadInput
from bearerproof.specification.catalogue import Measure

T = TypeVar("T")


def load(path: Path) -> ServerProfile:
    """Read a profile; the paths in it are relative to its folder.

    Raises:
        BadInput: it cannot be read, or something in it is unknown, missing or out of its range; says what.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read the server profile {path}: {getattr(error, 'strerror', None) or error}") from None
    try:
        return Reader(path, text).profile(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path}: not TOML: {error}") from None


class Reader(ValueReader):
    """Reads the tables of one file; each complaint tells the key and the line it stands in."""

    def profile(self, raw: Table) -> ServerProfile:
        """Return the profile of a key server."""
        texts = {
            "name": None,
            "version": "unknown",
            "language": "unknown",
            "token_prefix": "",
            "subject_token_type": ID_TOKEN,
            "name_pattern": messagetables.name_pattern(self, raw.get("alphabet")),
        }
        tables = {
            "setting",
            "requests",
            "headers",
            "names",
            "codes",
            "abilities",
            "audit",
            "identity_provider",
            "configure",
            "clock",
            "keys",
            "answers",
            "alphabet",
            "scopes",
        }
        self.known(raw, "", {*texts, "measure", "algorithms", "subject_form", *tables})
        for name in tables & set(raw):
            self.kind(raw, "", name, dict, "a table")
        if "audit" not in raw and self._measure(raw) is Measure.STRICT:
            raise self.wrong("", "audit", "is missing: strict judges the events of the server; base needs none")
        subject_form = self.text(raw, "", "subject_form", None) if "subject_form" in raw else ""
        if "alphabet" in raw and "name_pattern" in raw:
            raise self.wrong("", "name_pattern", "and alphabet say the same: one of them is enough")
        lines, bodies = messagetables.requests(self, raw.get("requests", {}))
        headers = raw.get("headers", {})
        if (wrong := wrong_name_pattern(raw.get("name_pattern", KeyServer.name_pattern))) is not None:
            raise self.wrong("", "name_pattern", wrong)
        if (wrong := wrong_subject_form(subject_form)) is not None:
            raise self.wrong("", "subject_form", wrong)
        return ServerProfile(
            subject_form=subject_form,
            **{name: self.text(raw, "", name, default) for name, default in texts.items()},
            measure=self._measure(raw),
            algorithms=self.texts(raw, "", "algorithms", ("ES256",)),
            setting=self._setting(raw.get("setting", {}), told="configure" in raw),
            requests=self._all_texts(Requests, lines, "requests", self._request_beside(bodies, raw)),
            headers=self._all_texts(
                Headers, self._without(headers, "also", "client", "client_certificate"), "headers", self._header
            ),
            bodies=bodies,
            answers=messagetables.answers(self, raw.get("answers")),
            each=messagetables.each_request(self, headers),
            names=self._all_texts(Names, raw.get("names", {}), "names"),
            codes=self._codes(raw.get("codes", {})),
            abilities=self._abilities(raw.get("abilities", {})),
            audit=self._audit(raw["audit"]) if "audit" in raw else AuditSource(wait=0.0, quiet=0.0),
            scopes=messagetables.scopes(self, raw.get("scopes")),
            identity_provider=self._identity_provider(raw.get("identity_provider")),
            configure=controltables.configure(self, raw.get("configure")),
            clock=controltables.clock(self, raw.get("clock")),
            keys=controltables.keys(self, raw.get("keys")),
            folder=self.path.parent.absolute(),
        )

    def _without(self, raw: Table, *names: str) -> Table:
        return {name: value for name, value in raw.items() if name not in names}

    # --- tables

    def _measure(self, raw: Table) -> Measure:
        value = self.text(raw, "", "measure", "base")
        if value not in list(Measure):
            raise self.wrong("", "measure", f"must be {' or '.join(Measure)}, not {value!r}")
        return Measure(value)

    def _setting(self, raw: Table, *, told: bool) -> FixedConfig:
        """Read what the server runs with; of one that is told its configuration the issuers' names are enough."""
        numbers = {field.name: field.default for field in fields(KeyServerLimits)}
        self.known(raw, "setting", {"issuers", "audience", "admin_secret_env", "email_domain", "narrow", *numbers})
        issuers = self.texts(raw, "setting", "issuers", ())
        if len(set(issuers)) != 2:
            raise self.wrong("setting", "issuers", "must be two that differ: what is one's must not be the other's")
        for issuer in issuers:
            if urlsplit(issuer).scheme not in ("http", "https") or not urlsplit(issuer).hostname:
                raise self.wrong("setting", "issuers", f"{issuer!r} is no http or https URL")
        return FixedConfig(
            issuers,
            self.text(raw, "setting", "audience", "key-server" if told else None),
            "" if told else self._secret(self.text(raw, "setting", "admin_secret_env", None)),
            self.text(raw, "setting", "email_domain", FixedConfig.email_domain),
            self._narrow(self.kind(raw, "setting", "narrow", dict, "a table")) if "narrow" in raw else None,
            **{name: self.number(raw, "setting", name, usual, _LEAST.get(name, 0)) for name, usual in numbers.items()},
        )

    def _narrow(self, raw: Table) -> NarrowGrant:
        where = "setting.narrow"
        self.known(raw, where, {"group", "backends", "tools"})
        sides = [self.texts(raw, where, side, ()) for side in ("backends", "tools")]
        if not all(sides):
            raise self.wrong(where, "backends", "and tools must name at least one each")
        return NarrowGrant(self.text(raw, where, "group", None), *sides)

    def _secret(self, variable: str) -> str:
        secret = os.environ.get(variable, "")
        if not secret.strip():
            raise self.wrong("setting", "admin_secret_env", f"names {variable!r}, which is not set, or blank")
        return secret

    def _codes(self, raw: Table) -> Codes:
        self.known(raw, "codes", set(_CODES))
        return Codes(**{name: self._code_map(raw, name, *known) for name, known in _CODES.items()})

    def _code_map(self, raw: Table, name: str, usual: Table, known: frozenset[str]) -> Mapping[str, str]:
        given = self.kind(raw, "codes", name, dict, "a table") if name in raw else {}
        for theirs, ours in given.items():
            if ours not in known:
                raise self.wrong(f"codes.{name}", theirs, f"must be one of {', '.join(sorted(known))}, not {ours!r}")
        return {**usual, **given}

    def _abilities(self, raw: Table) -> Abilities:
        self.known(raw, "abilities", {field.name for field in fields(Abilities)})
        trusted = controltables.forwarded(self, raw.get("forwarded", False))
        flags = {name: self.kind(raw, "abilities", name, bool, "true or false") for name in raw if name != "forwarded"}
        found = Abilities(**flags, forwarded=trusted)
        if found.throttle and found.forwarded is Trusted.NOBODY:
            raise self.wrong("abilities", "throttle", "needs forwarded: all checks would come from one peer")
        return found

    def _audit(self, raw: Table) -> AuditSource:
        self.known(raw, "audit", {field.name for field in fields(AuditSource)})
        if ("file" in raw) == ("command" in raw):
            raise self.wrong("audit", "file", "or command is needed, and not both")
        usual = AuditSource()
        return AuditSource(
            self.file(raw, "audit", "file"),
            self.texts(raw, "audit", "command", ()),
            self._pattern(self.text(raw, "audit", "pattern", None)) if "pattern" in raw else None,
            self.number(raw, "audit", "wait", usual.wait, 0),
            self.number(raw, "audit", "quiet", usual.quiet, 0),
        )

    def _pattern(self, text: str) -> re.Pattern[str]:
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise self.wrong("audit", "pattern", f"is no regular expression: {error}") from None
        if "event" not in pattern.groupindex:
            raise self.wrong("audit", "pattern", "needs a group for the JSON of the event: (?P<event>…)")
        return pattern

    def _identity_provider(self, raw: Table | None) -> IdentityProvider | None:
        where = "identity_provider"
        if raw is None:
            return None
        self.known(raw, where, {field.name for field in fields(IdentityProvider)})
        if ("tls_port" in raw) != ("certificate" in raw):
            raise self.wrong(where, "tls_port", "and certificate are needed together")
        return IdentityProvider(
            self.text(raw, where, "host", "127.0.0.1"),
            self.number(raw, where, "port", None, 1, 65535),
            self.number(raw, where, "tls_port", None, 1, 65535) if "tls_port" in raw else None,
            self.file(raw, where, "certificate"),
        )

    # --- values

    def _all_texts(
        self, kind: Callable[..., T], raw: Table, where: str, judge: Callable[[str, str, str], None] | None = None
    ) -> T:
        usual = vars(kind())
        self.known(raw, where, set(usual))
        found = {name: self.text(raw, where, name, default) for name, default in usual.items()}
        for name, text in found.items():
            if judge is not None:
                judge(where, name, text)
        return kind(**found)

    def _request_beside(self, bodies: Mapping[str, RequestBody], raw: Table) -> Callable[[str, str, str], None]:
        """Return what judges request lines: what is missing from one may stand in the body beside it.

        Of a server with scopes of its own a resource need name nothing.
        """

        def judge(where: str, name: str, text: str) -> None:
            if re.fullmatch(r"[A-Z]+ /\S*", text) is None:
                raise self.wrong(where, name, f"must have the form {getattr(Requests, name)!r}, not {text!r}")
            if name == "resource" and "scopes" in raw:
                return
            if name not in bodies:
                self._braces(where, name, text, getattr(Requests, name))
            elif lacking := messagetables.lacking(name, text, bodies[name].text):
                raise self.wrong(where, name, f"must have {', '.join(lacking)} in its line or its body")

        return judge

    def _header(self, where: str, name: str, text: str) -> None:
        if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [ -~]+", text) is None:
            raise self.wrong(where, name, f"must have the form {getattr(Headers, name)!r}, not {text!r}")
        self._braces(where, name, text, getattr(Headers, name))

    def _braces(self, where: str, name: str, text: str, usual: str) -> None:
        unknown = set(_BRACES.findall(text)) ^ set(_BRACES.findall(usual))
        if unknown or set("{}") & set(_BRACES.sub("", text)):
            expected = ", ".join(f"{{{placeholder}}}" for placeholder in _BRACES.findall(usual)) or "no braces"
            raise self.wrong(where, name, f"must have {expected} in it, each, and no other braces")


_LEAST = {"ttl": 60, "cap": 5, "capacity": 10_000, "max_age": 60}
"""What checks take for granted: tokens that live on while they are looked at, and room for them."""

_BRACES = re.compile(r"\{(\w+)\}")

_CODES: Mapping[str, tuple[Table, frozenset[str]]] = {
    "exchange": (
        {
            **{code: code for code in EXCHANGE_CODES},
            "unauthorized_client": "unsupported_grant_type",  # it may not use that one (RFC 6749 §5.2)
            "400": "invalid_request",
            "413": "invalid_request",
            "415": "invalid_request",
            "429": "rate_limited",
            "503": "temporarily_unavailable",
        },
        EXCHANGE_CODES,
    ),
    "resource": (
        {
            "400": "invalid-token",
            "401": "invalid-token",
            "403": "insufficient-scope",
            "429": "rate-limited",
            "503": "unavailable",
        },
        BEARER_REASONS,
    ),
    "revoke": (
        {
            "400": "invalid_request",
            "401": "unauthorized",
            "403": "unauthorized",
            "404": "not-active",
            "429": "rate_limited",
            "503": "temporarily_unavailable",
        },
        REVOKE_CODES,
    ),
}
"""For each kind of request: what codes and statuses mean unless the profile says otherwise, and what they can mean."""
