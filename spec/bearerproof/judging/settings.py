"""What one run is asked to do: which implementation, by which measure, how deep, from which seed."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from bearerproof.contract.connections import Connection, connect
from bearerproof.contract.declaration import Declaration
from bearerproof.contract.http.provider import StartProvider
from bearerproof.contract.implementation import Implementation
from bearerproof.exceptions import BadInput
from bearerproof.specification.catalogue import Measure, Profile

if TYPE_CHECKING:
    from bearerproof.contract.resource.authority import StartAuthority

QUICK, DEFAULT = "quick", "default"

EXAMPLES = {QUICK: 8, DEFAULT: 100}
"""Generated examples a property, by depth."""


@dataclass(frozen=True)
class KnownFinding:
    """A deviation that the expectations foresee of a check, a name or a pattern: None are all checks, or profiles."""

    requirement: str
    finding: str
    check: str | None = None
    profile: str | None = None

    def names(self, requirement: str, check: str, profile: str) -> bool:
        """Say whether it is one of this check."""
        called = self.check is None or fnmatchcase(check, self.check)
        return self.requirement == requirement and called and self.profile in (None, profile)


@dataclass(frozen=True)
class RunConfig:
    """The options of a run as they were given; ``resolve`` holds them against what is declared.

    ``selection`` are the terms of ``-k``; ``left_out`` parts of the declaration, as ``algorithm PS256``, that are
    passed over, since an honest token of theirs was refused.
    """

    target: str = "reference"
    command: tuple[str, ...] = ()
    folder: str | None = None
    url: str | None = None
    server_profile: str | None = None
    owned: str | None = None
    measure: Measure | None = None
    profiles: tuple[Profile, ...] = ()
    level: int | None = None
    depth: str = DEFAULT
    seed: int | None = None
    seconds: float = 5.0
    requirements: tuple[str, ...] = ()
    known: tuple[KnownFinding, ...] = ()
    selection: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def start(self, provider: StartProvider | None = None, authority: "StartAuthority | None" = None) -> Implementation:
        """Start the implementation, with the provider or authority that a server profile may ask for, and say hello.

        Raises:
            BadInput: it cannot be named so. AdapterFault: it does not start, or does not speak the contract.
        """
        implementation = Implementation(self._connect(provider, authority), self.seconds)
        implementation.declaration = implementation.declaration.without(self.left_out)
        return implementation

    def _connect(self, provider: StartProvider | None, authority: "StartAuthority | None") -> Connection:
        if self.owned is not None and self.url is None:
            raise BadInput("--i-own-this goes with --url")
        if self.url is None:
            return connect(self.target, self.command, self.folder)
        from bearerproof.contract.http.connection import connect as connect_http  # noqa: PLC0415 - few runs need a client
        from bearerproof.contract.resource import connection as resource  # noqa: PLC0415
        from bearerproof.contract.resource.profilefile import is_resource_profile  # noqa: PLC0415

        if self.server_profile is not None and is_resource_profile(Path(self.server_profile)):
            return resource.connect(self.url, self.server_profile, authority, self.owned)
        return connect_http(self.url, self.server_profile, provider)

    def resolve(self, declaration: Declaration) -> "Scope":
        """Return what is judged: what was asked for, within what is declared.

        Raises:
            BadInput: nothing is left, or more was asked for than is declared.
        """
        missing = [name for name in self.profiles if name not in declaration.profiles]
        if missing:
            raise BadInput(
                f"{declaration.name} declares no profile {', '.join(missing)}; "
                f"it declares {', '.join(declaration.profiles) or 'none'}"
            )
        profiles = self.profiles or declaration.profiles
        if not profiles:
            raise BadInput(f"{declaration.name} declares no profile, so nothing can be judged")
        if self.level is not None and self.level > declaration.level:
            raise BadInput(f"{declaration.name} declares contract level {declaration.level}, not {self.level}")
        level = declaration.level if self.level is None else self.level
        ordered = tuple(profile for profile in _PRIMARY if profile in profiles)
        measure = self.measure or declaration.measure
        if measure is Measure.STRICT and Profile.KEY_SERVER in ordered and not declaration.key_server.events:
            raise BadInput(
                f"{declaration.name} shows no events, and strict judges them: say in [audit] of the profile where they "
                "are, or use --measure base"
            )
        return Scope(measure, ordered, level, quick=self.depth == QUICK, requirements=self.requirements)

    def as_option(self) -> str:
        """Write the settings as one string that another process can read."""
        return json.dumps(asdict(self))

    @classmethod
    def from_option(cls, text: str) -> "RunConfig":
        """Read what ``as_option`` wrote."""
        raw = json.loads(text)
        measure = None if raw["measure"] is None else Measure(raw["measure"])
        profiles = tuple(Profile(name) for name in raw["profiles"])
        lists = {name: tuple(raw[name]) for name in ("command", "requirements", "selection", "left_out")}
        known = tuple(KnownFinding(**each) for each in raw["known"])
        return cls(**{**raw, **lists, "measure": measure, "profiles": profiles, "known": known})


_PRIMARY = (Profile.JWT, Profile.ACCESS_TOKEN, Profile.ID_TOKEN, Profile.JWS, Profile.KEY_SERVER)


@dataclass(frozen=True)
class Scope:
    """What a run judges; the first profile is the primary one, where checks run that vary the algorithm.

    A quick run looks at each requirement in one profile only. ``requirements`` narrows it to these; empty is all.
    """

    measure: Measure
    profiles: tuple[Profile, ...]
    level: int
    quick: bool = False
    requirements: tuple[str, ...] = ()

    def primary(self, profiles: Sequence[Profile]) -> Profile | None:
        """Return the first judged profile among those given."""
        return next((profile for profile in self.profiles if profile in profiles), None)
