"""What a resource server declares of itself: how it is asked over HTTP, and which tokens it takes."""

import re
from dataclasses import dataclass, field, fields
from typing import Any

from bearerproof import members
from bearerproof.contract.resource.answers import ENTRY, TABLES, Answers
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json

PLACES = {
    "header": r"[!#$%&'*+.^_`|~0-9A-Za-z-]+: [ -~]*\{token\}",
    "cookie": r"Cookie: [!#$%&'*+.^_`|~0-9A-Za-z-]+=\{token\}",
    "query": r"\?[A-Za-z0-9._~-]+=\{token\}",
}
"""The places of a token in a request, and how each is written."""

USUAL = "Authorization: Bearer {token}"
"""Where a bearer token goes unless something else is said (RFC 6750 §2.1)."""


@dataclass(frozen=True)
class FetchTimes:
    """How a server that runs fetches its issuer's keys, in seconds: a set is good for ``ttl``.

    It is used for ``stale`` beyond that, while no other can be had; None: for how long is not claimed. An unknown kid
    makes it fetch once in ``cooldown`` at most; None: nothing is claimed. ``wait`` is how long one check may really
    wait.
    """

    ttl: float = 300.0
    stale: float | None = None
    cooldown: float | None = None
    wait: float = 0.0


@dataclass(frozen=True)
class ResourceServer:
    """A resource server: the request that needs a token, and what an honest token for it is.

    ``other`` is a second issuer whose tokens it takes as well, empty: none. ``line``, ``headers`` and ``body`` make the
    request, and ``token`` says where the token stands in it. ``scope`` is the one that it needs, empty: none is known.
    ``metadata`` is its resource identifier (RFC 9728), ``session`` the field in which it names a session, and
    ``session_body`` what is asked within one. ``probes`` allows requests of other spellings of the path. One that is
    ``running`` remembers what it was shown in runs before: each token has a `jti` of its own. ``claims`` are those of
    every honest token beside the usual ones.
    """

    issuer: str
    audience: str
    other: str = ""
    typ: str | None = None
    claims: Json = field(default_factory=dict, hash=False)
    line: str = "GET /"
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: str = field(default="", repr=False)
    token: str = USUAL
    scope: str = ""
    metadata: str = ""
    session: str = ""
    session_body: str = ""
    probes: bool = False
    running: bool = False
    fetches: FetchTimes | None = None
    answers: Answers = field(default_factory=Answers)

    @property
    def stale(self) -> bool:
        """Whether it says for how long a set that is too old is used."""
        return self.fetches is not None and self.fetches.stale is not None

    @property
    def method(self) -> str:
        """The method of its request line."""
        return self.line.partition(" ")[0]

    @property
    def path(self) -> str:
        """Path and query of its request line."""
        return self.line.partition(" ")[2]

    @property
    def authorization(self) -> bool:
        """Whether tokens are presented in the way that RFC 6750 §2.1 demands to be understood."""
        return self.token == USUAL


def place(token: str) -> str | None:
    """Return the kind of place that a template of the token's place names; None: it is none."""
    return next((kind for kind in ("cookie", "query", "header") if re.fullmatch(PLACES[kind], token)), None)


def read_resource_server(raw: Json, where: str) -> ResourceServer:
    """Read the member ``resource_server`` of a declaration.

    Raises:
        AdapterFault: a member is missing, unknown or of the wrong form.
    """
    members.refuse_unknown(raw, {member.name for member in fields(ResourceServer)}, where)
    for name in ("issuer", "audience"):
        members.get(raw, name, str, where)
    found: Json = {name: members.get(raw, name, kind, where) for name, kind in _KINDS.items() if name in raw}
    if "headers" in found:
        found["headers"] = tuple(_pair(each, f"{where}: each of headers") for each in found["headers"])
    if "fetches" in found:
        times = found["fetches"]
        members.refuse_unknown(times, {member.name for member in fields(FetchTimes)}, f"{where}: fetches")
        found["fetches"] = FetchTimes(
            **{name: members.seconds(times, name, f"{where}: fetches") for name in times if times[name] is not None}
        )
    if "answers" in found:
        found["answers"] = _answers(found["answers"], f"{where}: answers")
    server = ResourceServer(**found)
    if re.fullmatch(r"[A-Z]+ /[!-~]*", server.line) is None:
        raise AdapterFault(f"{where}: line must be a method and a path, such as 'GET /orders'")
    if place(server.token) is None:
        raise AdapterFault(f"{where}: token must be a field, a cookie or a query with {{token}} at its end")
    return server


_KINDS: dict[str, type] = {
    "headers": list,
    "claims": dict,
    "probes": bool,
    "running": bool,
    "fetches": dict,
    "answers": dict,
    **dict.fromkeys(
        ["issuer", "audience", "other", "typ", "line", "body", "token", "scope", "metadata", "session", "session_body"],
        str,
    ),
}


def _pair(raw: Any, where: str) -> tuple[str, str]:
    pair = members.strings(raw, where)
    if len(pair) != 2:
        raise AdapterFault(f"{where} must be a name and a value")
    return pair[0], pair[1]


def _answers(raw: Json, where: str) -> Answers:
    members.refuse_unknown(raw, set(TABLES), where)
    found = {name: members.strings(raw[name], f"{where}: {name}") for name in raw}
    for name, entries in found.items():
        if wrong := [entry for entry in entries if ENTRY.fullmatch(entry) is None]:
            raise AdapterFault(f"{where}: {name} must hold a status or a status and a code, not {wrong[0]!r}")
    return Answers(**found)
