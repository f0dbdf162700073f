"""Metadata of a resource server: where it is, what it names, and who leads there (RFC 9728)."""

from urllib.parse import urlsplit

from bearerproof.contract.http.wire import Sent
from bearerproof.contract.resource.answers import json_object
from bearerproof.contract.resource.presenting import AGENT
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.needs import RESOURCE_AUTHORIZATION, RESOURCE_METADATA
from bearerproof_fuzz.resource.driver import Reply, ResourceDriver

WELL_KNOWN = "/.well-known/oauth-protected-resource"


@check("RS-8", needs=RESOURCE_METADATA)
def test_metadata_is_served(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The document is a JSON object under status 200, and its ``resource`` is the identifier."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    reply, found = _metadata(server)
    media_type = ", ".join(reply.values("content-type")).partition(";")[0].strip().lower()
    if reply.status != 200 or not found or media_type != "application/json":
        shown = f"{media_type or 'no media type'}, {'an object' if found else 'no object'}"
        server.find(
            f"no metadata at {metadata_paths(server.server.metadata)[0]}: {shown}", "200 with a JSON object", reply
        )
    if found.get("resource") != server.server.metadata:
        summary = f"the metadata is of the resource {str(found.get('resource'))[:200]!r}"
        server.find(summary, repr(server.server.metadata), reply, kind="resource")
    trial.refusals += 1


@check("RS-9", needs=RESOURCE_METADATA)
def test_metadata_names_the_issuer(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The issuer of the tokens stands in ``authorization_servers``, code point by code point."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    reply, found = _metadata(server)
    named = found.get("authorization_servers")
    if not isinstance(named, list) or server.server.issuer not in named:
        summary = f"the authorization servers are {str(named)[:200]}"
        server.find(summary, f"{server.server.issuer!r} among them", reply)
    trial.refusals += 1


@check("RS-10", needs=(*RESOURCE_METADATA, *RESOURCE_AUTHORIZATION))
def test_challenge_leads_to_the_metadata(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The challenge names the URL of the metadata, whatever host the request names."""
    server = ResourceDriver(trial, forge, mark.profile)
    server.control()
    parts = urlsplit(server.server.metadata)
    expected = [f"{parts.scheme}://{parts.netloc}{path}" for path in metadata_paths(server.server.metadata)]
    reply = server.present(None)
    named = None if reply.bearer is None else reply.bearer.parameters.get("resource_metadata")
    if named not in expected:
        server.find("the challenge does not lead to the metadata", f"resource_metadata={expected[0]}", reply)
    trial.refusals += 1


def _metadata(server: ResourceDriver) -> tuple[Reply, dict[str, object]]:
    """Return the document from the first of its places that has one, or else what the first of them answered."""
    replies = [server.send(Sent("GET", path, (AGENT,))) for path in metadata_paths(server.server.metadata)]
    reply = next((each for each in replies if each.status == 200), replies[0])
    return reply, json_object(reply.body)


def metadata_paths(identifier: str) -> tuple[str, ...]:
    """Return the well-known path, put in between host and path of the identifier (RFC 9728 §3.1).

    "Any terminating slash following the host component" is removed: the one that is all of the path, or that at the end
    of a longer path as well (so RFC 8414 §3.1 has it), which can be read either way.
    """
    parts = urlsplit(identifier)
    query = f"?{parts.query}" if parts.query else ""
    paths = dict.fromkeys(["" if parts.path == "/" else parts.path, parts.path.rstrip("/")])
    return tuple(f"{WELL_KNOWN}{path}{query}" for path in paths)
