"""What an implementation declares when it is greeted: who it is, by what it is judged, what does not apply to it."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from bearerproof import PROTOCOL, members
from bearerproof.contract.keyforms import KEY_FORMS, WHOLE
from bearerproof.contract.messages import MAX_LINE
from bearerproof.contract.resource.resourceserver import ResourceServer, read_resource_server
from bearerproof.contract.tokenrules import OPEN, TokenRules, read_token_rules
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof.visible import visible


@dataclass(frozen=True)
class Audit:
    """What an implementation of contract level 2 declares about its audit trail; ``bound`` is in seconds."""

    lines: bool = False
    stats: bool = False
    delivered: bool = False
    limiter: bool = False
    summaries: bool = False
    sinks: tuple[str, ...] = ("memory",)
    bound: float = 0.5


@dataclass(frozen=True)
class Chain:
    """What an implementation of contract level 2 declares about the hash chain of its trail: it verifies, it writes."""

    verify: bool = False
    write: bool = False


@dataclass(frozen=True)
class FetchedKeys:
    """Times of a key set read from a URL, in seconds of ``tick``: fresh for, served stale for, refetch cool-down."""

    ttl: float
    stale: float
    cooldown: float


@dataclass(frozen=True, kw_only=True)
class KeyServerLimits:
    """The numbers of a key server's configuration, in the words of the contract; ``admin_failures`` is of each peer."""

    ttl: int = 600
    retention: int = 300
    cap: int = 5
    capacity: int = 10_000
    max_age: int = 300
    leeway: int = 0
    subject_token_uses: int = 1
    admin_failures: int = 5


@dataclass(frozen=True)
class NarrowGrant:
    """What the members of a group are granted at the first issuer, in place of everything."""

    group: str
    backends: tuple[str, ...]
    tools: tuple[str, ...]


@dataclass(frozen=True)
class FixedConfig(KeyServerLimits):
    """Under which configuration a key server runs that cannot be given another.

    It grants everything to everybody of two issuers, whose tokens the suite signs, with addresses at ``email_domain``;
    to the members of one group less, where ``narrow`` says so.
    """

    issuers: tuple[str, ...]
    audience: str
    admin_secret: str = field(repr=False)
    email_domain: str = "example.com"
    narrow: NarrowGrant | None = None


@dataclass(frozen=True)
class KeyServer:
    """What an implementation of contract level 3 can be asked for beyond exchange, authenticate and revoke.

    ``prefix`` begins each of its bearers. ``retention`` and ``single_use`` say that it keeps to what the
    configuration says of them; ``token_revocation`` is that of RFC 7009, which asks for the admin secret with
    ``revocation_secret``; the other flags name operations, or members of requests, that it knows. ``setting``
    is what one is configured with that does not declare ``configure``; one that does goes by its names, and is left
    under a configuration for as long as the next check wants the same. ``name_pattern`` is a regular expression of
    the names of backends and tools, within what the contract allows. ``subject_form`` is the form of a subject, with
    ``#`` for each digit; empty: any.
    """

    prefix: str = ""
    name_pattern: str = "[A-Za-z0-9._-]+"
    subject_form: str = ""
    configure: bool = False
    race: bool = False
    forwarded: bool = False
    throttle: bool = False
    count: bool = False
    reap: bool = False
    rotate: bool = False
    restart: bool = False
    http: bool = False
    lines: bool = False
    retention: bool = False
    single_use: bool = False
    introspection: bool = False
    token_revocation: bool = False
    revocation_secret: bool = False
    client_authentication: bool = False
    events: bool = True
    setting: FixedConfig | None = None

    @property
    def runs_on(self) -> bool:
        """Whether it can be configured, and is not for each check: that takes a while."""
        return self.configure and self.setting is not None

    @property
    def narrow(self) -> NarrowGrant | None:
        """What somebody is granted who is not granted everything, where the configuration is not ours to make."""
        return None if self.setting is None or self.configure else self.setting.narrow

    def is_name(self, text: str) -> bool:
        """Say whether a backend or a tool can be called so."""
        return re.fullmatch(self.name_pattern, text) is not None


OPTIONS = ("leeway", "typ", "require", "replay", "sessions", "session_versions")
"""The members of a policy that an implementation may honour or not."""

ALGORITHMS = (
    *(f"{family}{bits}" for family in ("HS", "RS", "PS", "ES") for bits in (256, 384, 512)),
    *("ES256K", "EdDSA", "Ed25519", "Ed448", "ML-DSA-44", "ML-DSA-65", "ML-DSA-87"),
)
"""The names of JWS algorithms: RFC 7518 §3.1, RFC 8037, RFC 8812, RFC 9864 and draft-ietf-cose-dilithium."""

EDDSA_CURVES = ("Ed25519", "Ed448")
"""The curves of the algorithm EdDSA (RFC 8037 §3.1); every implementation of it has the first."""

SINKS = ("memory", "raises", "hangs", "slow")
"""The sinks that ``configure`` can ask for."""


@dataclass(frozen=True)
class Need:
    """What a check asks of a declaration: a capability, or one of the several of a kind.

    It is written where the check is, and raises there when no declaration could ever meet it:

        >>> str(Need("option", "typ"))
        'option:typ'
        >>> Need("option", "typo")
        Traceback (most recent call last):
        ValueError: no implementation can declare option:typo

    Raises:
        ValueError: the contract knows no such capability.
    """

    kind: str
    name: str = ""

    def __post_init__(self) -> None:
        """Refuse what nobody can declare: the check would be "not applicable" to everybody."""
        if self.name not in _DECLARABLE.get(self.kind, ()):
            raise ValueError(f"no implementation can declare {self}")

    def __str__(self) -> str:
        """Spell it as it stands in results."""
        return f"{self.kind}:{self.name}" if self.name else self.kind


def _flags(kind: type[Audit | Chain | KeyServer]) -> tuple[str, ...]:
    return tuple(member.name for member in fields(kind) if member.type is bool)


_DECLARABLE: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(
        ("clock", "tick", "key_set", "mixed_algorithms", "token_b64", "max_token", "keys_url", "reasons"), ("",)
    ),
    "option": OPTIONS,
    "algorithm": ALGORITHMS,
    "audit": _flags(Audit),
    "curve": EDDSA_CURVES,
    "chain": _flags(Chain),
    "sink": SINKS,
    "key_server": (*_flags(KeyServer), "narrow"),
    "key_member": ("alg", "kid"),
    "cap_below": ("50000",),
    "resource_server": (
        "",
        "authorization",
        "scope",
        "metadata",
        "session",
        "probes",
        "fetches",
        "stale",
        "other",
        "running",
    ),
}
"""The names that each kind of need has; the ones without have the empty one. A cap is one in octets."""


@dataclass(frozen=True)
class Declaration:
    """What ``hello`` was answered with: who is judged, by what, and what does not apply to it.

    ``required_names`` are the claims that ``require`` may name; None is any. Of the two clocks the monotonic one may
    be the machine's though the other is told. Without ``reasons`` a refusal says none, whatever the level.
    """

    name: str
    version: str
    language: str
    level: int
    profiles: tuple[Profile, ...]
    measure: Measure
    algorithms: tuple[str, ...]
    eddsa_curves: tuple[str, ...] = EDDSA_CURVES[:1]
    injected_clock: bool = True
    injected_tick: bool = True
    key_form: str = "jwks"
    key_set: bool = True
    mixed_algorithms: bool = False
    options: tuple[str, ...] = ("leeway", "require")
    required_names: tuple[str, ...] | None = None
    max_line: int = MAX_LINE
    max_token: int | None = None
    token_b64: bool = False
    reasons: bool = True
    keys_url: FetchedKeys | None = None
    audit: Audit = field(default_factory=Audit)
    chain: Chain = field(default_factory=Chain)
    key_server: KeyServer = field(default_factory=KeyServer)
    resource_server: ResourceServer | None = None
    tokens: Mapping[Profile, TokenRules] = field(default_factory=dict, hash=False)

    def without(self, parts: Collection[str]) -> "Declaration":
        """Return it without some algorithms and profiles, each named as ``algorithm PS256``: nothing asks for them."""
        kept = {
            kind: tuple(name for name in names if f"{kind} {name}" not in parts)
            for kind, names in (("algorithm", self.algorithms), ("profile", self.profiles))
        }
        return replace(self, algorithms=kept["algorithm"], profiles=tuple(map(Profile, kept["profile"])))

    def rules(self, profile: Profile) -> TokenRules:
        """Return what the product demands of the tokens of a profile beyond the standards."""
        return self.tokens.get(profile, OPEN)

    def requirable(self, names: Iterable[str]) -> list[str]:
        """Return those of the claims that a policy may require of this implementation."""
        if "require" not in self.options:
            return []
        return [name for name in names if self.required_names is None or name in self.required_names]

    def unrequirable(self, names: Iterable[str]) -> str | None:
        """Return why a policy that requires these claims is not applicable, or None if it is."""
        wanted = list(names)
        lacking = [name for name in wanted if name not in self.requirable(wanted)]
        return f"the implementation does not declare that it can require {', '.join(lacking)}" if lacking else None

    def missing_capability(self, need: Need) -> str | None:
        """Return why a check that has this need is not applicable, or None when the need is met."""
        if need.kind == "key_member":
            known = self.key_form in WHOLE or (need.name == "kid" and self.key_set)
            return None if known else f"the `{need.name}` of a key is not known where it is given as {self.key_form}"
        if need.kind == "cap_below":
            beyond = self.max_token is None or self.max_token < int(need.name)
            return None if beyond else f"a token of {need.name} octets is within the stated cap of {self.max_token}"
        holders = {"audit": self.audit, "chain": self.chain, "key_server": self.key_server}
        if need.name and self.resource_server is not None:
            holders["resource_server"] = self.resource_server
        holder = holders.get(need.kind, self)
        met = {
            "clock": lambda: self.injected_clock,
            "tick": lambda: self.injected_tick,
            "option": lambda: need.name in self.options,
            "algorithm": lambda: need.name in self.algorithms,
            "curve": lambda: need.name in self.eddsa_curves,
            "sink": lambda: need.name in self.audit.sinks,
        }.get(need.kind, lambda: getattr(holder, need.name or need.kind, None) not in (None, False, ""))()
        return None if met else f"the implementation does not declare {need}"


def read_declaration(raw: Json) -> Declaration:
    """Read the answer to ``hello``.

    Raises:
        AdapterFault: a member is missing, unknown or of the wrong type.
    """
    where = "hello"
    for member in ("errored", "skipped"):
        if member in raw:
            raise AdapterFault(f"hello: answered {member}: {visible(members.brief(raw[member]))}")
    members.refuse_unknown(
        raw, {"id", "protocol", "implementation", "level", "profiles", "measure", "capabilities"}, where
    )
    if raw.get("protocol") != PROTOCOL:
        spoken = members.brief(raw.get("protocol"))
        raise AdapterFault(f"hello: speaks protocol {spoken}; this harness speaks protocol {PROTOCOL}")
    who = members.get(raw, "implementation", dict, where)
    members.refuse_unknown(who, {"name", "version", "language"}, "hello: implementation")
    level = members.get(raw, "level", int, where)
    if level not in range(4):
        raise AdapterFault(f"hello: level must be 0, 1, 2 or 3, not {level}")
    return Declaration(
        name=members.text(who, "name", "hello: implementation", 100),
        version=members.text(who, "version", "hello: implementation", 100),
        language=members.text(who, "language", "hello: implementation", 100),
        level=level,
        profiles=_profiles(members.get(raw, "profiles", list, where)),
        measure=members.one_of(Measure, raw.get("measure", "base"), "hello: measure"),
        **_capabilities(members.get(raw, "capabilities", dict, where)),
    )


def _capabilities(raw: Json) -> Json:
    where = "hello: capabilities"
    known: dict[str, type] = {
        "algorithms": list,
        "eddsa_curves": list,
        "clock": str,
        "key_form": str,
        "key_set": bool,
        "mixed_algorithms": bool,
        "options": list,
        "max_line": int,
        "max_token": int,
        "token_b64": bool,
        "reasons": bool,
        "keys_url": dict,
        "audit": dict,
        "chain": dict,
        "key_server": dict,
        "resource_server": dict,
        "tokens": dict,
    }
    members.refuse_unknown(raw, set(known), where)
    found = {name: members.get(raw, name, kind, where) for name, kind in known.items() if name in raw}
    if not found.get("algorithms"):
        raise AdapterFault(f"{where}: algorithms must name at least one algorithm")
    clock = found.pop("clock", "injected")
    if clock not in ("injected", "wall", "real"):
        raise AdapterFault(f"{where}: clock must be 'injected', 'wall' or 'real', not {members.brief(clock)}")
    found["algorithms"] = members.strings(found["algorithms"], f"{where}: algorithms")
    if "options" in found:
        found |= _declared_options(found["options"], f"{where}: options")
    if found.get("key_form", "jwks") not in KEY_FORMS:
        raise AdapterFault(
            f"{where}: key_form must be one of {', '.join(KEY_FORMS)}, not {members.brief(found['key_form'])}"
        )
    found |= {name: read(found[name], f"{where}: {name}") for name, read in _readers().items() if name in found}
    return {**found, "injected_clock": clock != "real", "injected_tick": clock == "injected"}


def _readers() -> Mapping[str, Callable[[Any, str], Any]]:
    """Return what reads the members that are more than a word or a number."""
    return {
        "eddsa_curves": _eddsa_curves,
        "keys_url": _fetched_keys,
        "audit": _audit,
        "chain": _chain,
        "tokens": read_token_rules,
        "key_server": _key_server,
        "resource_server": read_resource_server,
    }


def _eddsa_curves(raw: list[Any], where: str) -> tuple[str, ...]:
    curves = members.strings(raw, where)
    if set(curves) - set(EDDSA_CURVES) or EDDSA_CURVES[0] not in curves:
        raise AdapterFault(f"{where} must hold {EDDSA_CURVES[0]}, and may hold {EDDSA_CURVES[1]} besides")
    return curves


def _declared_options(raw: list[Any], where: str) -> Json:
    """Read the options; ``{"require": […]}`` among them says which claims can be required."""
    names = [name for each in raw for name in (each if isinstance(each, dict) else [each])]
    for each in raw:
        if isinstance(each, dict):
            members.refuse_unknown(each, {"require"}, where)
            required = members.strings(each.get("require"), f"{where}: require")
            return {"options": members.strings(names, where), "required_names": required}
    return {"options": members.strings(names, where)}


def _fetched_keys(raw: Json, where: str) -> FetchedKeys:
    members.refuse_unknown(raw, {"ttl", "stale", "cooldown"}, where)
    times = FetchedKeys(*(members.seconds(raw, name, where) for name in ("ttl", "stale", "cooldown")))
    if not times.ttl or not times.cooldown:
        raise AdapterFault(f"{where}: ttl and cooldown must be more than 0 seconds")
    return times


def _audit(raw: Json, where: str) -> Audit:
    flags = ("lines", "stats", "delivered", "limiter", "summaries")
    members.refuse_unknown(raw, {*flags, "sinks", "bound"}, where)
    found: Json = {name: members.get(raw, name, bool, where) for name in flags if name in raw}
    if "sinks" in raw:
        found["sinks"] = members.strings(raw["sinks"], f"{where}: sinks")
    if "bound" in raw:
        found["bound"] = members.seconds(raw, "bound", where)
    return Audit(**found)


def _chain(raw: Json, where: str) -> Chain:
    members.refuse_unknown(raw, {"verify", "write"}, where)
    return Chain(**{name: members.get(raw, name, bool, where) for name in raw})


def _profiles(names: list[Any]) -> tuple[Profile, ...]:
    return tuple(members.one_of(Profile, name, "hello: profiles") for name in names)


def _key_server(raw: Json, where: str) -> KeyServer:
    kinds: dict[str, type] = {field.name: _KINDS.get(field.name, bool) for field in fields(KeyServer)}
    members.refuse_unknown(raw, set(kinds), where)
    found = {name: members.get(raw, name, kinds[name], where) for name in raw}
    if not found.get("configure") and "setting" not in found:
        raise AdapterFault(f"{where}: without configure, setting must say what the server is configured with")
    if (wrong := wrong_name_pattern(found.get("name_pattern", KeyServer.name_pattern))) is not None:
        raise AdapterFault(f"{where}: name_pattern {wrong}")
    if (wrong := wrong_subject_form(found.get("subject_form", ""))) is not None:
        raise AdapterFault(f"{where}: subject_form {wrong}")
    return KeyServer(**{**found, **({"setting": _given(found["setting"], where)} if "setting" in found else {})})


_KINDS: dict[str, type] = {"prefix": str, "name_pattern": str, "subject_form": str, "setting": dict}


def wrong_name_pattern(pattern: str) -> str | None:
    """Say what is wrong with a declared pattern of names; None if nothing is."""
    try:
        named = [name for name in ("a", "ab", "abc", "b", "x", "y", "z") if re.fullmatch(pattern, name)]
    except re.error as error:
        return f"is no regular expression: {error}"
    return None if len(named) == 7 else "must let names be short texts of the letters a to z"  # which all checks use


def wrong_subject_form(form: str) -> str | None:
    """Say what is wrong with a declared form of subjects; None if nothing is."""
    sound = not form or (form.isascii() and form.isprintable() and len(form) <= 255 and form.count("#") >= 10)
    return None if sound else "must be printable ASCII, of at most 255 characters, ten of them or more #"


def _given(raw: Json, where: str) -> FixedConfig:
    where = f"{where}: setting"
    numbers = [field.name for field in fields(KeyServerLimits)]
    members.refuse_unknown(raw, {field.name for field in fields(FixedConfig)}, where)
    issuers = members.strings(raw.get("issuers"), f"{where}: issuers")
    if len(set(issuers)) != 2:
        raise AdapterFault(f"{where}: issuers must be two that differ")
    audience, secret = (members.get(raw, name, str, where) for name in ("audience", "admin_secret"))
    domain = members.get(raw, "email_domain", str, where) if "email_domain" in raw else FixedConfig.email_domain
    found = {name: members.get(raw, name, int, where) for name in numbers if name in raw}
    narrow = _narrow(raw["narrow"], f"{where}: narrow") if "narrow" in raw else None
    return FixedConfig(issuers, audience, secret, domain, narrow, **found)


def _narrow(raw: Any, where: str) -> NarrowGrant:
    if not isinstance(raw, dict):
        raise AdapterFault(f"{where} must be an object")
    members.refuse_unknown(raw, {"group", "backends", "tools"}, where)
    sides = [members.strings(raw.get(side), f"{where}: {side}") for side in ("backends", "tools")]
    if not all(sides):
        raise AdapterFault(f"{where}: backends and tools must name at least one each")
    return NarrowGrant(members.get(raw, "group", str, where), *sides)
