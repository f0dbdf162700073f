"""Faults in reading a configuration (EXC-16, POL-7, POL-10)."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference.adapter import keyserver as adapter
from bearerproof_reference.keyserver import configuration, patterns

Json = dict[str, Any]


def _mended(patch: Patch, change: Callable[[Json], None]) -> None:
    """Have a configuration changed before it is read."""

    def read_mended(read: Any, members: Any) -> Any:
        mended = deepcopy(members)
        change(mended)
        return read(mended)

    patch.wrap(adapter, "read", read_mended)


def _mended_providers(patch: Patch, change: Callable[[Json], None]) -> None:
    def mend(whole: Json) -> None:
        for provider in whole["providers"]:
            change(provider)

    _mended(patch, mend)


def _mended_grants(patch: Patch, change: Callable[[Json, str], None]) -> None:
    def mend(whole: Json) -> None:
        for rule in whole["policies"]:
            if isinstance(rule.get("grant"), dict):
                for side in ("backends", "tools"):
                    change(rule["grant"], side)

    _mended(patch, mend)


def _mended_matches(patch: Patch, change: Callable[[Json, Json], None]) -> None:
    def mend(whole: Json) -> None:
        for rule in whole["policies"]:
            if isinstance(rule.get("match"), dict):
                change(rule["match"], whole)

    _mended(patch, mend)


@fault("EXC-16")
def provider_without_audience_is_taken(patch: Patch) -> None:
    """An empty audience list is loaded, as in the example that is shipped, and no audience is checked (§8 row 28)."""
    _mended_providers(patch, lambda provider: provider.update(audiences=provider.get("audiences") or ["*"]))


@fault("EXC-16")
def blank_audiences_dropped(patch: Patch) -> None:
    """Blank items are dropped from lists, and whoever left one as a place-holder never learns."""

    def drop(provider: Json) -> None:
        named = provider.get("audiences")
        if isinstance(named, list):
            provider["audiences"] = [one for one in named if not isinstance(one, str) or one.strip()]

    _mended_providers(patch, drop)


@fault("EXC-16")
def plain_http_issuer(patch: Patch) -> None:
    """Only the syntax of the issuer is checked: keys and tokens of one without TLS are anybody's on the way."""
    secure = configuration._is_secure  # noqa: SLF001 - it is replaced
    patch(configuration, "_is_secure", lambda url: secure(url.replace("http://", "https://")))


@fault("EXC-16")
def loopback_by_its_beginning(patch: Patch) -> None:
    """A host that begins like a loopback one may do without TLS: `localhost.evil.example`."""
    patch(configuration, "_is_loopback", lambda host: host.startswith(("localhost", "127.")))


@fault("EXC-16")
def unknown_members_ignored(patch: Patch) -> None:
    """A misspelt member is skipped, and the rule that it stood for is never in force (CWE-1188)."""

    def keep_known(init: Any, self: Any, value: Any, place: str, known: tuple[str, ...]) -> None:
        kept = {name: value[name] for name in value if name in known} if isinstance(value, Mapping) else value
        init(self, kept, place, known)

    patch.wrap(configuration._Members, "__init__", keep_known)  # noqa: SLF001 - the part that is at fault


@fault("EXC-16")
def unknown_members_of_throttle_ignored(patch: Patch) -> None:
    """Members are checked at the top and in rules, and not in the small objects that came later."""

    def drop(whole: Json) -> None:
        known = ("admin_failures", "exchanges_per_minute")
        whole["throttle"] = {name: value for name, value in whole["throttle"].items() if name in known}

    _mended(patch, drop)


def _ranged(patch: Patch, name: str, least: int, most: int) -> None:
    ranges = configuration._RANGES  # noqa: SLF001 - it is replaced
    patch(configuration, "_RANGES", {**ranges, name: (least, most)})


@fault("EXC-16")
def lifetime_of_nothing(patch: Patch) -> None:
    """A lifetime of 0 is loaded: every exchange succeeds, and every token is dead (§8 row 15)."""
    _ranged(patch, "ttl", 0, 86_400)


@fault("EXC-16")
def endless_lifetime(patch: Patch) -> None:
    """A lifetime has no upper bound, and one in nanoseconds outlives everybody (§8 row 15)."""
    _ranged(patch, "ttl", 1, 2**70)


@fault("EXC-16")
def cap_of_nothing(patch: Patch) -> None:
    """A cap of 0 is loaded and meant as no cap; it denies everybody (§8 row 15)."""
    _ranged(patch, "cap", 0, 10_000)


@fault("EXC-16")
def endless_age(patch: Patch) -> None:
    """The maximum age of a subject token may be a thousand years, which is none."""
    _ranged(patch, "max_age", 1, 2**70)


def _number(patch: Patch, read: Callable[[Any], Any]) -> None:
    def number(number: Any, self: Any, name: str, least: int, most: int) -> Any:
        vars(self)["_members"] = {**vars(self)["_members"], name: read(self.get(name))}
        return number(self, name, least, most)

    patch.wrap(configuration._Members, "number", number)  # noqa: SLF001 - the part that is at fault


@fault("EXC-16")
def numbers_as_text(patch: Patch) -> None:
    """Numbers may come as text, from the environment: also those that somebody quoted by mistake."""
    _number(patch, lambda value: int(value) if isinstance(value, str) and value.isdigit() else value)


@fault("EXC-16")
def true_is_one(patch: Patch) -> None:
    """A truth value is an integer in this language, and `cap: true` is a cap of one."""
    _number(patch, lambda value: int(value) if isinstance(value, bool) else value)


@fault("POL-7")
def empty_grant_is_all(patch: Patch) -> None:
    """An empty list in a rule is full access: a template that renders nothing grants everything (§8 row 1)."""
    _mended_grants(patch, lambda grant, side: grant.update({side: grant[side] or ["*"]}) if side in grant else None)


@fault("POL-7")
def missing_grant_is_all(patch: Patch) -> None:
    """A side that a rule does not mention is not restricted (CWE-1188)."""
    _mended_grants(patch, lambda grant, side: grant.setdefault(side, ["*"]))


@fault("POL-7")
def blank_grants_dropped(patch: Patch) -> None:
    """Blank values are dropped from a grant, and it stands with what is left."""

    def drop(grant: Json, side: str) -> None:
        if isinstance(grant.get(side), list):
            grant[side] = [one for one in grant[side] if not isinstance(one, str) or one.strip()]

    _mended_grants(patch, drop)


@fault("POL-7")
def rule_without_grant_is_all(patch: Patch) -> None:
    """A rule that only says for whom it is grants everything, since nothing in it forbids anything."""
    grant = {"backends": ["*"], "tools": ["*"]}

    def fill(whole: Json) -> None:
        for rule in whole["policies"]:
            rule["grant"] = rule.get("grant") or grant

    _mended(patch, fill)


@fault("POL-7")
def word_for_all(patch: Patch) -> None:
    """`all` is understood as well, as in the predecessor's configuration; there is a backend of that name."""
    patch.wrap(patterns, "covers", lambda covers, pattern, name: pattern == "all" or covers(pattern, name))


@fault("POL-7")
def regex_for_all(patch: Patch) -> None:
    """`.*` is taken for all by whoever thinks of patterns as regular expressions."""
    patch.wrap(patterns, "covers", lambda covers, pattern, name: covers("*" if pattern == ".*" else pattern, name))


@fault("POL-10")
def rule_without_issuer_is_for_the_first(patch: Patch) -> None:
    """A rule without issuer is for the first provider, which was the only one when it was written (§8 row 4)."""
    _mended_matches(patch, lambda match, whole: match.setdefault("issuer", whole["providers"][0]["issuer"]))


@fault("POL-10")
def rule_without_match_is_for_all(patch: Patch) -> None:
    """A rule without criteria is a default, and the one forgotten line opens the server to everybody."""

    def match_all(whole: Json) -> None:
        for rule in whole["policies"]:
            rule["match"] = rule.get("match") or {"issuer": whole["providers"][0]["issuer"]}

    _mended(patch, match_all)


@fault("POL-10")
def empty_criteria_dropped(patch: Patch) -> None:
    """A criterion that is empty or null is none, so a template that renders nothing matches everybody (CWE-1188)."""

    def drop(match: Json, _: Json) -> None:
        for name in [name for name, value in match.items() if name != "issuer" and not value]:
            del match[name]

    _mended_matches(patch, drop)


@fault("POL-10")
def rule_for_an_unknown_issuer(patch: Patch) -> None:
    """A rule whose issuer is no provider's is loaded and hides the typing error in it."""

    def read_any(read: Any, value: Any, place: str, issuers: list[str]) -> Any:
        return read(value, place, [*issuers, value["match"].get("issuer")])

    patch.wrap(configuration, "_rule", read_any)


@fault("POL-10")
def issuer_of_a_rule_trimmed(patch: Patch) -> None:
    """White space and slashes around the issuer of a rule are trimmed before it is looked for."""

    def trim(match: Json, _: Json) -> None:
        if isinstance(match.get("issuer"), str):
            match["issuer"] = match["issuer"].strip().rstrip("/")

    _mended_matches(patch, trim)
