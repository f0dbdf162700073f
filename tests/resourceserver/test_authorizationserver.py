"""The authorization server of a run: where its documents are, over http and https, and whose its keys are."""

import json
import ssl
import subprocess
import sys
import urllib.request
from pathlib import Path

from bearerproof.contract.resource.profilefile import load
from bearerproof_fuzz.resource import authorizationserver
from bearerproof_fuzz.resource.authorizationserver import metadata_paths

from ..http.test_idp import free_ports


def profile(folder: Path) -> Path:
    port, tls_port = free_ports(2)
    path = folder / "api.toml"
    path.write_text(f"""\
name = "api"
profile = "jwt"
[token]
issuer = "https://127.0.0.1:{tls_port}/home"
audience = "api://orders"
algorithms = ["ES256", "RS256"]
[request]
line = "GET /orders"
[identity_provider]
port = {port}
tls_port = {tls_port}
certificate = "idp.pem"
""")
    return path


def test_metadata_leads_to_the_keys_over_https_wherever_a_client_looks_for_it(tmp_path: Path) -> None:
    found = load(profile(tmp_path))
    running = authorizationserver.start(found)
    try:
        context = ssl.create_default_context(cafile=str(tmp_path / "idp.pem"))
        origin = found.server.issuer.removesuffix("/home")
        for path in metadata_paths(found.server.issuer):
            metadata = json.load(urllib.request.urlopen(origin + path, context=context))  # noqa: S310 - our own
            assert metadata["issuer"] == found.server.issuer
        keys = json.load(urllib.request.urlopen(metadata["jwks_uri"], context=context))["keys"]  # noqa: S310 - likewise
        assert keys == list(running.published(found.server.issuer))
        assert running.requests == 1
    finally:
        running.close()


def test_metadata_stands_where_three_documents_put_it() -> None:
    assert set(metadata_paths("http://127.0.0.1/a/b")) == {
        "/a/b/.well-known/openid-configuration",
        "/a/b/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/a/b",
        "/.well-known/oauth-authorization-server/a/b",
    }


MADE_ANEW = """\
import json, sys
from pathlib import Path
from bearerproof.contract.resource.profilefile import load
from bearerproof_fuzz import keys
from bearerproof_fuzz.keymaker import POOL
from bearerproof_fuzz.resource import authorizationserver
pool = json.loads(POOL.read_text())
before = [keys.key(name, role).public_jwk for name in ("ES256", "RS256") for role in ("a", "b")]
running = authorizationserver.start(load(Path(sys.argv[1])), made_anew=sys.argv[2] == "anew")
published = running.published("")
print(len([jwk for jwk in published if jwk in before]), sum(keys._pool()[name] == pool[name] for name in pool))
running.close()
"""


def test_keys_made_for_a_run_are_none_that_are_published(tmp_path: Path) -> None:
    """In a process of its own: the pool of this one is what all other tests sign with."""
    path = str(profile(tmp_path))
    shown = {
        how: subprocess.run(
            [sys.executable, "-c", MADE_ANEW, path, how], capture_output=True, text=True, check=True
        ).stdout.split()
        for how in ("anew", "usual")
    }
    assert shown["anew"][0] == "0"
    assert shown["usual"][0] == "4"
    assert int(shown["anew"][1]) < int(shown["usual"][1])
