"""FastAPI with PyJWT and its PyJWKClient, as their documentation has it."""

import os
from typing import Annotated

import jwt
from fastapi import Depends, FastAPI, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

ISSUER, AUDIENCE = os.environ["ISSUER"], "api://orders"
keys = jwt.PyJWKClient(f"{ISSUER}/jwks.json", lifespan=3, cooldown_duration=1)
app = FastAPI()


def claims(credentials: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]) -> dict[str, object]:
    try:
        key = keys.get_signing_key_from_jwt(credentials.credentials)
        return jwt.decode(credentials.credentials, key, algorithms=["ES256", "RS256"], audience=AUDIENCE, issuer=ISSUER)
    except jwt.PyJWTError as error:
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise HTTPException(401, "invalid token", headers) from error


@app.get("/orders")
def orders(token: Annotated[dict[str, object], Depends(claims)]) -> dict[str, object]:
    if "orders:read" not in str(token.get("scope", "")).split():
        raise HTTPException(403, "insufficient scope", {"WWW-Authenticate": 'Bearer error="insufficient_scope"'})
    return {"user": {"sub": token.get("sub")}}
