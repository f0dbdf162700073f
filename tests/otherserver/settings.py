"""The configuration of the other server: an INI file whose values are JSON; what is unknown or unsound is refused."""

import configparser
import ipaddress
import json
import re
from typing import Any
from urllib.parse import urlsplit

from .subjects import unambiguous

Json = dict[str, Any]
PATTERN = re.compile(r"\*|[A-Za-z0-9._-]{1,256}\*?")
NUMBERS = {
    "token-lifetime": (1, 86400, 600),
    "remember": (0, 2592000, 300),
    "tokens-each": (1, 10000, 5),
    "room": (1, 100_000_000, 100_000),
    "oldest": (1, 86400, 300),
    "tolerance": (0, 600, 0),
    "uses": (1, 10000, 1),
    "guesses": (0, 1_000_000, 5),
    "exchanges": (0, 1_000_000, 0),
}


class Unsound(ValueError):
    """A configuration that will not do."""


def need(holds: object) -> None:
    if not holds:
        raise Unsound


def texts(value: Any) -> list[str]:
    need(isinstance(value, list) and value and all(isinstance(each, str) and each.strip() for each in value))
    return list(value)


def only(members: Any, required: set[str], optional: set[str]) -> Json:
    need(isinstance(members, dict) and required <= set(members) <= required | optional)
    return dict(members)


def loaded(text: str) -> Json:
    """Return a sound configuration.

    Raises:
        Unsound: it is none.
    """
    try:
        file = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=(";",), strict=True)
        file.optionxform = str  # type: ignore[assignment,method-assign]  # names are exact
        file.read_string(text)
        sections = {
            name: {key: json.loads(value, object_pairs_hook=unambiguous) for key, value in file[name].items()}
            for name in file.sections()
        }
    except (configparser.Error, ValueError, RecursionError):
        raise Unsound from None
    main = only(sections.pop("server", None), set(), {*NUMBERS, "admin", "proxies"})
    for name, (least, most, usual) in NUMBERS.items():
        value = main.setdefault(name, usual)
        need(type(value) is int and least <= value <= most)
    secret = main.setdefault("admin", None)
    need("admin" not in main or secret is None or (isinstance(secret, str) and secret.strip() and len(secret) <= 4096))
    main["proxies"] = networks(main.get("proxies", []))
    providers = [
        provider(only(s, {"issuer", "audiences", "algorithms", "keys-from"}, set()))
        for n, s in sections.items()
        if n.startswith("idp ")
    ]
    main["providers"] = {each["issuer"]: each for each in providers}
    need(providers and len(main["providers"]) == len(providers))
    main["rules"] = [
        rule(only(s, {"name", "match", "grant"}, set()), main["providers"])
        for n, s in sections.items()
        if n.startswith("rule ")
    ]
    need(all(name.startswith(("idp ", "rule ")) for name in sections))
    return main


def networks(listed: Any) -> list[Any]:
    need(isinstance(listed, list) and all(isinstance(each, str) for each in listed))
    try:
        return [ipaddress.ip_network(each) for each in listed]
    except ValueError:
        raise Unsound from None


def provider(members: Json) -> Json:
    issuer = members["issuer"]
    need(isinstance(issuer, str) and issuer.isascii() and issuer.isprintable() and " " not in issuer and is_url(issuer))
    need(not {"?", "#", "@"} & set(issuer))
    texts(members["audiences"])
    need(all(not name.upper().startswith("HS") and name.lower() != "none" for name in texts(members["algorithms"])))
    need(isinstance(members["keys-from"], str) and is_url(members["keys-from"]))
    return members


def is_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        host = url.hostname or ""
        local = host in ("localhost", "127.0.0.1", "::1")
        return bool(host) and (text.startswith("https://") or (text.startswith("http://") and local)) and url.port != 0
    except ValueError:
        return False


def rule(members: Json, providers: Json) -> Json:
    need(isinstance(members["name"], str))
    match = only(members["match"], {"issuer"}, {"domain", "email", "group", "subject"})
    need(all(isinstance(value, str) and value.strip() for value in match.values()) and match["issuer"] in providers)
    grant = only(members["grant"], {"backends", "tools"}, {"rate_limit"})
    need(all(PATTERN.fullmatch(each) for side in ("backends", "tools") for each in texts(grant[side])))
    rate = grant.setdefault("rate_limit", 0)
    need(type(rate) is int and 0 <= rate <= 4294967295)
    return {**members, "grant": grant}
