"""PyJWT with one HMAC key, as a user would call it: what engines are measured on. It is an adapter, too.

All engines call the same ``verified`` with the same key and the same demands, so what differs is theirs.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jwt
from jwt.types import Options

from bearerproof.adapter import serve

Json = dict[str, Any]

OPTIONS: Options = {"require": ["exp"]}

_HELLO: Json = {
    "protocol": 1,
    "level": 0,
    "profiles": ["jwt"],
    "measure": "base",
    "implementation": {"name": "PyJWT with one HS256 key", "version": jwt.__version__, "language": "python"},
    "capabilities": {"algorithms": ["HS256"], "clock": "real", "key_form": "jwk", "key_set": False},
}


def verified(token: str, key: jwt.PyJWK, audience: str, issuer: str) -> Json:
    """Return the claims of a token.

    Raises:
        PyJWTError: it is refused.
    """
    return jwt.decode(token, key, ["HS256"], OPTIONS, audience=audience, issuer=issuer)


@lru_cache(1000)
def _key(material: str) -> jwt.PyJWK:
    return jwt.PyJWK({"kty": "oct", "k": material, "alg": "HS256"})


def create() -> Callable[[Json], Json]:
    """Return an adapter's handler."""
    return handle


def handle(request: Json) -> Json:
    """Answer one message of the contract."""
    if request["op"] != "verify":
        return _HELLO if request["op"] == "hello" else {"skipped": "there is nothing like it"}
    policy = request["policy"]
    try:
        key = _key(policy["keys"]["keys"][0]["k"])
        return {"verdict": "accepted", "claims": verified(request["token"], key, policy["audience"], policy["issuer"])}
    except jwt.PyJWTError:
        return {"verdict": "rejected"}


if __name__ == "__main__":
    serve(handle)
