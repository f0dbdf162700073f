"""Faults in reading a configuration: providers and numbers (EXC-16)."""

from collections.abc import Callable, Mapping
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.configurations import mended
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_reference.keyserver import configuration


@helper_by(mended)
def _mended_providers(change: Callable[[Json], None], whole: Json) -> None:
    for provider in whole["providers"]:
        change(provider)


@fault("EXC-16")
def provider_without_audience_is_taken(patch: Patch) -> None:
    """An empty audience list is loaded, as in the example that is shipped, and no audience is checked (§8 row 28)."""
    _mended_providers(patch, lambda provider: provider.update(audiences=provider.get("audiences") or ["*"]))


@fault_by("EXC-16", _mended_providers)
def blank_audiences_dropped(provider: Json) -> None:
    """Blank items are dropped from lists, and whoever left one as a place-holder never learns."""
    named = provider.get("audiences")
    if isinstance(named, list):
        provider["audiences"] = [audience for audience in named if not isinstance(audience, str) or audience.strip()]


@fault("EXC-16")
def plain_http_issuer(patch: Patch) -> None:
    """Only the syntax of the issuer is checked: keys and tokens of one without TLS are anybody's on the way."""
    secure = configuration._is_secure  # noqa: SLF001 - it is replaced
    patch(configuration, "_is_secure", lambda url: secure(url.replace("http://", "https://")))


@fault("EXC-16")
def loopback_by_its_beginning(patch: Patch) -> None:
    """A host that begins like a loopback one may do without TLS: `localhost.evil.example`."""
    patch(configuration, "_is_loopback", lambda host: host.startswith(("localhost", "127.")))


@fault_by("EXC-16", Patch.wrap, configuration._Members, "__init__")  # noqa: SLF001 - the part that is at fault
def unknown_members_ignored(init: Any, self: Any, value: Any, place: str, known: tuple[str, ...]) -> None:
    """A misspelt member is skipped, and the rule that it stood for is never in force (CWE-1188)."""
    kept = {name: value[name] for name in value if name in known} if isinstance(value, Mapping) else value
    init(self, kept, place, known)


@fault_by("EXC-16", mended)
def unknown_members_of_throttle_ignored(whole: Json) -> None:
    """Members are checked at the top and in rules, and not in the small objects that came later."""
    known = ("admin_failures", "exchanges_per_minute")
    whole["throttle"] = {name: value for name, value in whole["throttle"].items() if name in known}


def _ranged(patch: Patch, name: str, least: int, most: int) -> None:
    ranges = configuration._RANGES  # noqa: SLF001 - it is replaced
    patch(configuration, "_RANGES", {**ranges, name: (least, most)})


_RANGED: Rows[tuple[str, int, int]] = {
    "lifetime-of-nothing": (
        "A lifetime of 0 is loaded: every exchange succeeds, and every token is dead (§8 row 15).",
        ("ttl", 0, 86_400),
    ),
    "endless-lifetime": (
        "A lifetime has no upper bound, and one in nanoseconds outlives everybody (§8 row 15).",
        ("ttl", 1, 2**70),
    ),
    "cap-of-nothing": (
        "A cap of 0 is loaded and meant as no cap; it denies everybody (§8 row 15).",
        ("cap", 0, 10_000),
    ),
    "endless-age": (
        "The maximum age of a subject token may be a thousand years, which is none.",
        ("max_age", 1, 2**70),
    ),
}
faults_for("EXC-16", spread(_ranged), _RANGED)


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
