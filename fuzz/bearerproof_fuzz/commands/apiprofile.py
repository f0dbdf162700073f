"""``bearerproof init api URL``: begins the profile of a resource server, by asking it what it tells to everybody."""

import asyncio
import json
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from bearerproof.contract.http.wire import Answered, Sent, Server, Unsendable
from bearerproof.contract.resource.answers import json_object
from bearerproof.contract.resource.challenges import bearer_challenge
from bearerproof.contract.resource.presenting import AGENT
from bearerproof.exceptions import AdapterFault, BadInput
from bearerproof.members import Json
from bearerproof.visible import visible

WELL_KNOWN = "/.well-known/oauth-protected-resource"
SECONDS = 5.0
"""Seconds allowed for each answer."""

NAME = "api.toml"


@dataclass(frozen=True)
class Found:
    """What a server told: its answer to a request without a token, and its metadata."""

    path: str
    refusal: Answered
    metadata: Json = field(default_factory=dict)

    @property
    def challenge(self) -> dict[str, str]:
        """The parameters of its Bearer challenge."""
        values = [value for name, value in self.refusal.headers if name.lower() == "www-authenticate"]
        found = bearer_challenge(values)
        return {} if found is None else dict(found.parameters)


def begin_profile(url: str, folder: Path = Path()) -> str:
    """Write the profile of the server whose protected resource is at ``url``, and return what is to be done next.

    Raises:
        BadInput: it is no URL, nothing answers there, or there is such a file already.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise BadInput(
            f"init api needs the URL of what a token opens, such as http://127.0.0.1:8000/orders, not {url!r}"
        )
    origin = urlunsplit((parts.scheme, parts.netloc, "", "", ""))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    found = asyncio.run(_asked(Server(origin), path))
    target = folder / NAME
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(profile_text(found, origin))
    except FileExistsError:
        raise BadInput(f"{target} exists already, and nothing was written over") from None
    except OSError as error:
        raise BadInput(f"cannot write {target}: {error.strerror}") from None
    lines = [f"wrote {target}", *(f"missing: {what}" for what in missing(found)), _next(origin, target)]
    return "\n".join(lines)


def missing(found: Found) -> list[str]:
    """Return what the server did not tell, and a person has to fill in."""
    lacking = ["token.audience: who the server is in `aud`"]
    if not _issuer(found):
        lacking.append("token.issuer: the issuer that the server is configured with, at an address of this machine")
    if not _scope(found):
        lacking.append("request.scope: the scope that this request needs, if it needs one")
    status = found.refusal.status
    if status != 401:
        lacking.append(f"request.line: without a token it answered {status}, where 401 is usual; is the path right?")
    return lacking


def profile_text(found: Found, origin: str) -> str:
    """Return the text of the profile."""
    scope, issuer = _scope(found), _issuer(found)
    resource = found.metadata.get("resource")
    claims = f"claims = {{ scope = {_quoted(scope)} }}" if scope else '# claims = { scope = "…" }'
    lines = [
        f"name = {_quoted(urlsplit(origin).netloc)}",
        'profile = "jwt"                 # or "access-token", if it demands RFC 9068: typ at+jwt and its claims',
        "",
        "[token]",
        f"issuer = {_quoted(issuer or 'http://127.0.0.1:8765/home')}" + ("" if issuer else "  # missing"),
        f"audience = {_quoted(str(resource) if resource else 'api://…')}  # {'a guess' if resource else 'missing'}",
        'algorithms = ["ES256"]          # those that it allows',
        "# leeway = 60                   # its tolerance, in seconds",
        claims,
        "",
        "[request]",
        f"line = {_quoted(f'GET {found.path}')}",
        f"scope = {_quoted(scope)}" if scope else '# scope = "…"',
        '# echo = "/user/sub"            # where its answer repeats a claim of the token',
        *([] if not resource else ["", "[metadata]", f"resource = {_quoted(str(resource))}"]),
        *([] if found.refusal.status == 401 else ["", "[answers]", f"rejected = [{found.refusal.status}]  # a guess"]),
        "",
        "# [keys]                        # how it fetches the key set, in seconds",
        "# ttl = 300",
        "# cooldown = 30",
        "# wait = 60",
    ]
    return "\n".join(lines) + "\n"


async def _asked(server: Server, path: str) -> Found:
    try:
        refusal = await server.ask(Sent("GET", path, (AGENT,)), SECONDS)
        found = Found(path, refusal)
        return Found(path, refusal, await _metadata(server, found))
    except (AdapterFault, Unsendable) as fault:
        raise BadInput(f"{server.url} cannot be asked: {fault}") from None
    finally:
        await server.close()


async def _metadata(server: Server, found: Found) -> Json:
    """Return the metadata from where the challenge leads, or where it stands by its name (RFC 9728 §3.1)."""
    named = urlsplit(found.challenge.get("resource_metadata", "")).path
    bare = found.path.partition("?")[0].rstrip("/")
    for path in dict.fromkeys(filter(None, (named, WELL_KNOWN + bare, WELL_KNOWN))):
        answered = await server.ask(Sent("GET", path, (AGENT,)), SECONDS)
        document = json_object(answered.body)
        if answered.status == 200 and isinstance(document.get("resource"), str):
            return document
    return {}


def _issuer(found: Found) -> str:
    named = found.metadata.get("authorization_servers")
    first = named[0] if isinstance(named, list) and named else ""
    return first if isinstance(first, str) else ""


def _scope(found: Found) -> str:
    supported = found.metadata.get("scopes_supported")
    words = found.challenge.get("scope", "").split() or (supported if isinstance(supported, list) else [])
    return next((word for word in words if isinstance(word, str)), "")


def _quoted(text: str) -> str:
    """Return a text as TOML has it, which is as JSON has it, in ASCII."""
    return json.dumps(visible(text)[:500])


def _next(origin: str, target: Path) -> str:
    return (
        "then have the server trust the issuer, whose keys `bearerproof check` serves while it runs:\n"
        f"bearerproof check --url {origin} --server-profile {target}"
    )
