"""A server of the MCP Python SDK with a verifier of JWTs, as its documentation has it."""

import os

import jwt
from mcp.server.auth.provider import AccessToken, TokenVerifier
from mcp.server.auth.settings import AuthSettings
from pydantic import AnyHttpUrl

try:
    from mcp.server.mcpserver import MCPServer
except ImportError:
    from mcp.server.fastmcp import FastMCP as MCPServer

ISSUER, RESOURCE = os.environ["ISSUER"], f"http://127.0.0.1:{os.environ['PORT']}/mcp"
keys = jwt.PyJWKClient(f"{ISSUER}/jwks.json", lifespan=3, cooldown_duration=1)


class Verifier(TokenVerifier):
    async def verify_token(self, token: str) -> AccessToken | None:
        try:
            key = keys.get_signing_key_from_jwt(token)
            claims = jwt.decode(token, key, algorithms=["ES256"], audience=RESOURCE, issuer=ISSUER)
        except jwt.PyJWTError:
            return None
        scopes, client = str(claims.get("scope") or "").split(), str(claims.get("client_id"))
        return AccessToken(token=token, client_id=client, scopes=scopes, subject=str(claims.get("sub")), claims=claims)


auth = AuthSettings(
    issuer_url=AnyHttpUrl(ISSUER), resource_server_url=AnyHttpUrl(RESOURCE), required_scopes=["orders:read"]
)
server = MCPServer("orders", token_verifier=Verifier(), auth=auth)
app = server.streamable_http_app()
