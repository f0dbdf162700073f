"""Reading the tables of a profile that say how a server is controlled: configured, told the time, given other keys."""

from dataclasses import fields
from typing import Any

from bearerproof.contract.http.profile import Configure, KeyFetching, ToldClock, Trusted
from bearerproof.contract.http.toldclock import FORMS
from bearerproof.contract.http.values import Table, ValueReader

MEMBERS = frozenset(
    {
        "providers",
        "policies",
        "ttl",
        "retention",
        "cap",
        "capacity",
        "max_age",
        "leeway",
        "subject_token_uses",
        "admin_secret",
        "clients",
        "trusted_proxies",
        "throttle",
    }
)
"""The members of a configuration."""


def configure(reader: ValueReader, raw: Table | None) -> Configure | None:
    """Read ``[configure]``."""
    where = "configure"
    if raw is None:
        return None
    reader.known(raw, where, {field.name for field in fields(Configure)})
    if "command" not in raw:
        raise reader.wrong(where, "command", "is missing: the program that puts a configuration into the server")
    ready = reader.text(raw, where, "ready", None) if "ready" in raw else None
    if ready is not None and (not ready.startswith("GET /") or " " in ready[4:]):
        raise reader.wrong(where, "ready", f"must have the form 'GET /health', not {ready!r}")
    honours = frozenset(reader.texts(raw, where, "honours", ())) if "honours" in raw else None
    if honours is not None and (unknown := sorted(honours - MEMBERS)):
        raise reader.wrong(where, "honours", f"names {', '.join(unknown)}; members are {', '.join(sorted(MEMBERS))}")
    return Configure(
        reader.texts(raw, where, "command", ()),
        reader.texts(raw, where, "restart", ()),
        reader.texts(raw, where, "stop", ()),
        reader.number(raw, where, "timeout", 30.0, 0.1, 3600),
        ready,
        honours,
    )


def clock(reader: ValueReader, raw: Table | None) -> ToldClock | None:
    """Read ``[clock]``."""
    where = "clock"
    if raw is None:
        return None
    reader.known(raw, where, {field.name for field in fields(ToldClock)})
    file = reader.file(raw, where, "file")
    if file is None:
        raise reader.wrong(where, "file", "is missing: the file in which the server sees the time")
    if not file.parent.is_dir():
        raise reader.wrong(where, "file", f"cannot be written: there is no folder {file.parent}")
    form = reader.text(raw, where, "form", "epoch")
    if form not in FORMS:
        raise reader.wrong(where, "form", f"must be one of {', '.join(FORMS)}, not {form!r}")
    resolution = reader.number(raw, where, "resolution", 1.0, 1e-6, 1)
    if form == "faketime" and resolution < 1:
        raise reader.wrong(where, "resolution", "must be 1.0: a date for libfaketime has whole seconds")
    return ToldClock(file, form, resolution, reader.number(raw, where, "settle", 0.02, 0, 10))


def keys(reader: ValueReader, raw: Table | None) -> KeyFetching | None:
    """Read ``[keys]``."""
    where = "keys"
    if raw is None:
        return None
    reader.known(raw, where, {field.name for field in fields(KeyFetching)})
    for name in ("ttl", "cooldown"):
        if name not in raw:
            raise reader.wrong(where, name, "is missing")
    return KeyFetching(
        reader.number(raw, where, "ttl", 0.0, 1),
        reader.number(raw, where, "stale", 0.0, 0),
        reader.number(raw, where, "cooldown", 0.0, 1),
        reader.number(raw, where, "wait", 0.0, 0, 600),
    )


def forwarded(reader: ValueReader, value: Any) -> Trusted:
    """Read whose X-Forwarded-For is believed; true and false are what they were before there were three values."""
    if isinstance(value, bool):
        return Trusted.LISTED if value else Trusted.NOBODY
    if value not in list(Trusted):
        raise reader.wrong("abilities", "forwarded", f"must be one of {', '.join(Trusted)}, not {value!r}")
    return Trusted(value)
