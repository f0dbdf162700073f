"""An adapter as a user would write it: PyJWT over JSON lines, with nothing of bearerproof imported."""

import json
import sys
from typing import Any

import jwt

HELLO = {
    "protocol": 1,
    "level": 0,
    "profiles": ["jwt"],
    "measure": "base",
    "implementation": {"name": "PyJWT over stdio", "version": jwt.__version__, "language": "python"},
    "capabilities": {"algorithms": ["HS256", "RS256", "PS256", "ES256", "ES384", "EdDSA"], "clock": "real"},
}


def answer(request: dict[str, Any]) -> dict[str, Any]:
    if request["op"] != "verify":
        return HELLO if request["op"] == "hello" else {"skipped": "only whole JWTs"}
    token, policy = request["token"], request["policy"]
    checks = {name: policy[name] for name in ("issuer", "audience", "algorithms", "leeway")}
    try:
        key = jwt.PyJWKSet.from_dict(policy["keys"])[jwt.get_unverified_header(token)["kid"]]
        claims = jwt.decode(token, key, options={"require": policy["require"]}, **checks)
    except (jwt.PyJWTError, KeyError):  # KeyError: the set has no such key
        return {"verdict": "rejected"}
    return {"verdict": "accepted", "claims": claims}


for line in sys.stdin:
    request = json.loads(line)
    try:
        result = answer(request)
    except Exception as error:  # noqa: BLE001 - whatever escapes the library is reported as such
        result = {"errored": {"message": repr(error)[:500]}}
    sys.stdout.write(json.dumps({"id": request["id"], **result}) + "\n")
    sys.stdout.flush()
