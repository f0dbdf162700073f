"""Reading the profile of a server: strictly, as a misspelt key would silently weaken the judgement it was meant for."""

import difflib
import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from bearerproof.contract.decisions import BEARER_REASONS, EXCHANGE_CODES, REVOKE_CODES
from bearerproof.contract.declaration import (
    FixedConfig,
    KeyServer,
    KeyServerLimits,
    wrong_name_pattern,
    wrong_subject_form,
)
from bearerproof.contract.http.profile import (
    Abilities,
    AuditSource,
    Codes,
    Headers,
    IdentityProvider,
    Names,
    Requests,
    ServerProfile,
)
from bearerproof.exceptions import BadInput
from bearerproof.specification.catalogue import Measure

T = TypeVar("T")
Table = Mapping[str, Any]


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


class Reader:
    """Reads the tables of one file; each complaint tells the key and the line it stands in."""

    def __init__(self, path: Path, text: str) -> None:
        self._path = path
        self._lines = text.splitlines()

    def profile(self, raw: Table) -> ServerProfile:
        """Return the profile of a key server."""
        texts = {
            "name": None, "version": "unknown", "language": "unknown", "token_prefix": None,
            "name_pattern": KeyServer.name_pattern,
        }  # fmt: skip
        tables = {
            "setting", "requests", "headers", "names", "codes", "abilities", "audit", "identity_provider",
        }  # fmt: skip
        self._known(raw, "", {*texts, "measure", "algorithms", "subject_form", *tables})
        for name in tables & set(raw):
            self._kind(raw, "", name, dict, "a table")
        if "audit" not in raw:
            raise self._wrong("", "audit", "is missing: without the events of the server nothing can be judged")
        subject_form = self._text(raw, "", "subject_form", None) if "subject_form" in raw else ""
        if (wrong := wrong_name_pattern(raw.get("name_pattern", KeyServer.name_pattern))) is not None:
            raise self._wrong("", "name_pattern", wrong)
        if (wrong := wrong_subject_form(subject_form)) is not None:
            raise self._wrong("", "subject_form", wrong)
        return ServerProfile(
            subject_form=subject_form,
            **{name: self._text(raw, "", name, default) for name, default in texts.items()},
            measure=self._measure(raw),
            algorithms=self._texts(raw, "", "algorithms", ("ES256",)),
            setting=self._setting(raw.get("setting", {})),
            requests=self._all_texts(Requests, raw.get("requests", {}), "requests", self._request),
            headers=self._all_texts(Headers, raw.get("headers", {}), "headers", self._header),
            names=self._all_texts(Names, raw.get("names", {}), "names"),
            codes=self._codes(raw.get("codes", {})),
            abilities=self._abilities(raw.get("abilities", {})),
            audit=self._audit(raw["audit"]),
            identity_provider=self._identity_provider(raw.get("identity_provider")),
        )

    # --- tables

    def _measure(self, raw: Table) -> Measure:
        value = self._text(raw, "", "measure", "base")
        if value not in list(Measure):
            raise self._wrong("", "measure", f"must be {' or '.join(Measure)}, not {value!r}")
        return Measure(value)

    def _setting(self, raw: Table) -> FixedConfig:
        numbers = {field.name: field.default for field in fields(KeyServerLimits)}
        self._known(raw, "setting", {"issuers", "audience", "admin_secret_env", "email_domain", *numbers})
        issuers = self._texts(raw, "setting", "issuers", ())
        if len(set(issuers)) != 2:
            raise self._wrong("setting", "issuers", "must be two that differ: what is one's must not be the other's")
        for issuer in issuers:
            if urlsplit(issuer).scheme not in ("http", "https") or not urlsplit(issuer).hostname:
                raise self._wrong("setting", "issuers", f"{issuer!r} is no http or https URL")
        return FixedConfig(
            issuers,
            self._text(raw, "setting", "audience", None),
            self._secret(self._text(raw, "setting", "admin_secret_env", None)),
            self._text(raw, "setting", "email_domain", FixedConfig.email_domain),
            **{name: self._number(raw, "setting", name, usual, _LEAST.get(name, 0)) for name, usual in numbers.items()},
        )

    def _secret(self, variable: str) -> str:
        secret = os.environ.get(variable, "")
        if not secret.strip():
            raise self._wrong("setting", "admin_secret_env", f"names {variable!r}, which is not set, or blank")
        return secret

    def _codes(self, raw: Table) -> Codes:
        self._known(raw, "codes", set(_CODES))
        return Codes(**{name: self._code_map(raw, name, *known) for name, known in _CODES.items()})

    def _code_map(self, raw: Table, name: str, usual: Table, known: frozenset[str]) -> Mapping[str, str]:
        given = self._kind(raw, "codes", name, dict, "a table") if name in raw else {}
        for theirs, ours in given.items():
            if ours not in known:
                raise self._wrong(f"codes.{name}", theirs, f"must be one of {', '.join(sorted(known))}, not {ours!r}")
        return {**usual, **given}

    def _abilities(self, raw: Table) -> Abilities:
        self._known(raw, "abilities", {field.name for field in fields(Abilities)})
        found = Abilities(**{name: self._kind(raw, "abilities", name, bool, "true or false") for name in raw})
        if found.throttle and not found.forwarded:
            raise self._wrong("abilities", "throttle", "needs forwarded: all checks would come from one peer")
        return found

    def _audit(self, raw: Table) -> AuditSource:
        self._known(raw, "audit", {field.name for field in fields(AuditSource)})
        if ("file" in raw) == ("command" in raw):
            raise self._wrong("audit", "file", "or command is needed, and not both")
        usual = AuditSource()
        return AuditSource(
            self._file(raw, "audit", "file"),
            self._texts(raw, "audit", "command", ()),
            self._pattern(self._text(raw, "audit", "pattern", usual.pattern.pattern)),
            self._number(raw, "audit", "wait", usual.wait, 0),
            self._number(raw, "audit", "quiet", usual.quiet, 0),
        )

    def _pattern(self, text: str) -> re.Pattern[str]:
        try:
            pattern = re.compile(text)
        except re.error as error:
            raise self._wrong("audit", "pattern", f"is no regular expression: {error}") from None
        if "event" not in pattern.groupindex:
            raise self._wrong("audit", "pattern", "needs a group for the JSON of the event: (?P<event>…)")
        return pattern

    def _identity_provider(self, raw: Table | None) -> IdentityProvider | None:
        where = "identity_provider"
        if raw is None:
            return None
        self._known(raw, where, {field.name for field in fields(IdentityProvider)})
        if ("tls_port" in raw) != ("certificate" in raw):
            raise self._wrong(where, "tls_port", "and certificate are needed together")
        return IdentityProvider(
            self._text(raw, where, "host", "127.0.0.1"),
            self._number(raw, where, "port", None, 1, 65535),
            self._number(raw, where, "tls_port", None, 1, 65535) if "tls_port" in raw else None,
            self._file(raw, where, "certificate"),
        )

    # --- values

    def _all_texts(
        self, kind: Callable[..., T], raw: Table, where: str, judge: Callable[[str, str, str], None] | None = None
    ) -> T:
        usual = vars(kind())
        self._known(raw, where, set(usual))
        found = {name: self._text(raw, where, name, default) for name, default in usual.items()}
        for name, text in found.items():
            if judge is not None:
                judge(where, name, text)
        return kind(**found)

    def _request(self, where: str, name: str, text: str) -> None:
        if re.fullmatch(r"[A-Z]+ /\S*", text) is None:
            raise self._wrong(where, name, f"must have the form {getattr(Requests, name)!r}, not {text!r}")
        self._braces(where, name, text, getattr(Requests, name))

    def _header(self, where: str, name: str, text: str) -> None:
        if re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [ -~]+", text) is None:
            raise self._wrong(where, name, f"must have the form {getattr(Headers, name)!r}, not {text!r}")
        self._braces(where, name, text, getattr(Headers, name))

    def _braces(self, where: str, name: str, text: str, usual: str) -> None:
        unknown = set(_BRACES.findall(text)) ^ set(_BRACES.findall(usual))
        if unknown or set("{}") & set(_BRACES.sub("", text)):
            expected = ", ".join(f"{{{placeholder}}}" for placeholder in _BRACES.findall(usual)) or "no braces"
            raise self._wrong(where, name, f"must have {expected} in it, each, and no other braces")

    def _text(self, raw: Table, where: str, name: str, default: str | None) -> str:
        if name not in raw and default is not None:
            return default
        text: str = self._kind(raw, where, name, str, "a text that is not empty")
        if not text.strip():
            raise self._wrong(where, name, "must be a text that is not empty")
        return text

    def _texts(self, raw: Table, where: str, name: str, default: tuple[str, ...]) -> tuple[str, ...]:
        if name not in raw:
            return default
        values = self._kind(raw, where, name, list, "a list of texts")
        if not values or not all(isinstance(value, str) and value.strip() for value in values):
            raise self._wrong(where, name, "must be a list of texts that are not empty")
        return tuple(values)

    def _number(self, raw: Table, where: str, name: str, default: Any, least: float, most: float = 1e9) -> Any:
        whole = not isinstance(default, float)
        value = raw.get(name, default)
        if (
            isinstance(value, bool)
            or not isinstance(value, int if whole else int | float)
            or not least <= value <= most
        ):
            kind = "a whole number" if whole else "a number of seconds"
            raise self._wrong(where, name, f"must be {kind} from {least:g} to {most:g}")
        return value

    def _file(self, raw: Table, where: str, name: str) -> Path | None:
        return self._path.parent / self._text(raw, where, name, None) if name in raw else None

    def _kind(self, raw: Table, where: str, name: str, kind: type, description: str) -> Any:
        if not isinstance(raw.get(name), kind):
            raise self._wrong(where, name, "is missing" if name not in raw else f"must be {description}")
        return raw[name]

    def _known(self, raw: Table, where: str, known: set[str]) -> None:
        for name in sorted(set(raw) - known):
            near = difflib.get_close_matches(name, known, n=1)
            raise self._wrong(where, name, f"is not known{f'; did you mean {near[0]}?' if near else ''}")

    def _wrong(self, where: str, name: str, what: str) -> BadInput:
        line = self._line(where, name)
        key = f"{where}.{name}" if where else name
        return BadInput(f"{self._path}{'' if line is None else f', line {line}'}: {key} {what}")

    def _line(self, where: str, name: str) -> int | None:
        """Return the line where a key stands, or else where its table begins; None where neither is written."""
        table, header = "", None
        for number, line in enumerate(self._lines, 1):
            if (heading := re.match(r"\s*\[+([^\]]*)\]", line)) is not None:
                table = heading[1].strip()
                header = number if table == where else header
                if table == (f"{where}.{name}" if where else name):
                    return number
            elif table == where and re.match(rf"""\s*["']?{re.escape(name)}["']?\s*=""", line):
                return number
        return header


_LEAST = {"ttl": 60, "cap": 5, "capacity": 10_000, "max_age": 60}
"""What checks take for granted: tokens that live on while they are looked at, and room for them."""

_BRACES = re.compile(r"\{(\w+)\}")

_CODES: Mapping[str, tuple[Table, frozenset[str]]] = {
    "exchange": (
        {
            **{code: code for code in EXCHANGE_CODES},
            "400": "invalid_request", "413": "invalid_request", "415": "invalid_request", "429": "rate_limited",
            "503": "temporarily_unavailable",
        },
        EXCHANGE_CODES,
    ),
    "resource": (
        {
            "400": "invalid-token", "401": "invalid-token", "403": "insufficient-scope", "429": "rate-limited",
            "503": "unavailable",
        },
        BEARER_REASONS,
    ),
    "revoke": (
        {
            "400": "invalid_request", "401": "unauthorized", "403": "unauthorized", "404": "not-active",
            "429": "rate_limited", "503": "temporarily_unavailable",
        },
        REVOKE_CODES,
    ),
}  # fmt: skip
"""For each kind of request: what codes and statuses mean unless the profile says otherwise, and what they can mean."""
