"""A key server with its adapter, as a user would write them: PyJWT over JSON lines, nothing of bearerproof imported.

It does what the RFCs ask for and no more: rates, single use, bulk revocation of what is to come and most events are
left out, so that it conforms to base and not to strict.
"""

import base64
import json
import re
import secrets
import sys
import uuid
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from math import isfinite
from typing import Any

import jwt

Json = dict[str, Any]

GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
TYPE = "urn:ietf:params:oauth:token-type:"
HELLO = {
    "protocol": 1,
    "level": 3,
    "profiles": ["key-server"],
    "measure": "base",
    "implementation": {"name": "keys over stdio", "version": "1", "language": "python"},
    "capabilities": {"algorithms": ["ES256"], "key_server": {"prefix": "kos_", "configure": True}},
}
SEGMENTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")


class Refused(Exception):
    """Raised with the code of RFC 6749 §5.2 and the reason of the event."""


@dataclass
class Server:
    configuration: Json
    tokens: dict[str, Json] = field(default_factory=dict)

    def exchange(self, request: Json) -> Json:
        claims = self.subject(parameters(request["form"]), request["now"])
        grant = next(
            (rule["grant"] for rule in self.configuration["policies"] if rule["match"]["issuer"] == claims["iss"]), None
        )
        if grant is None:
            raise Refused("invalid_request", "no-policy")
        scopes = narrowed(grant, parameters(request["form"]).get("scope"))
        bearer, jti, ttl = "kos_" + secrets.token_urlsafe(32), str(uuid.uuid4()), self.configuration.get("ttl", 600)
        identity = {"issuer": claims["iss"], "subject": claims["sub"]}
        self.tokens[bearer] = {"jti": jti, "identity": identity, "scopes": scopes, "exp": request["now"] + ttl}
        scope = " ".join(f"{side}:{','.join(scopes[side])}" for side in ("backends", "tools"))
        event = {"event": "token.issued", "token_jti": jti, "identity": {**identity, "email": ""}, **scopes}
        granted = {"access_token": bearer, "jti": jti, "token_type": "Bearer", "expires_in": ttl, "scope": scope}
        return {"granted": {**granted, "issued_token_type": TYPE + "access_token"}, "events": [event]}

    def authenticate(self, request: Json) -> Json:
        token = self.tokens.get(request["bearer"])
        if token is None or request["now"] >= token["exp"]:
            return {"verdict": "rejected", "reason": "invalid-token"}
        for side, name in request.get("wants", {}).items():
            if not any(fnmatchcase(name, pattern) for pattern in token["scopes"][side + "s"]):
                return {"verdict": "rejected", "reason": "insufficient-scope"}
        event = {"event": "token.used", "token_jti": token["jti"], "identity": {**token["identity"], "email": ""}}
        members = {name: token[name] for name in ("jti", "identity", "scopes")}
        return {"verdict": "accepted", **members, "events": [event]}

    def revoke(self, request: Json) -> Json:
        if request["admin"] is None or request["admin"] != self.configuration.get("admin_secret"):
            return {"refused": "unauthorized"}
        ours = [bearer for bearer, token in self.tokens.items() if meant(token, request)]
        for bearer in ours:
            del self.tokens[bearer]
        return {"revoked": len(ours)} if ours or "jti" not in request else {"refused": "not-active"}

    def subject(self, form: dict[str, str], now: float) -> Json:
        """Return the claims of the subject token, checked as OpenID Connect Core §3.1.3.7 has it."""
        token, leeway = form["subject_token"], self.configuration.get("leeway", 0)
        try:
            header, payload = map(plain, SEGMENTS.fullmatch(token).groups())  # type: ignore[union-attr]
            provider = next(member for member in self.configuration["providers"] if member["issuer"] == payload["iss"])
            key = jwt.PyJWKSet.from_dict(provider["keys"])[header["kid"]]
            claims = jwt.decode(
                token, key, provider["algorithms"], UNTIMED, audience=provider["audiences"], issuer=provider["issuer"]
            )
        except (jwt.PyJWTError, StopIteration, KeyError, AttributeError, TypeError, ValueError):
            raise Refused("invalid_request", "subject-token") from None
        kind = str(header.get("typ", "JWT")).lower().removeprefix("application/")
        if kind != "jwt" or not isinstance(claims["sub"], str) or not claims["sub"]:
            raise Refused("invalid_request", "subject-token")  # a token of another kind (RFC 8725 §3.12), or of nobody
        self.check(claims, provider["audiences"], now, leeway)
        return claims

    @staticmethod
    def check(claims: Json, ours: list[str], now: float, leeway: float) -> None:
        named = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        times = [claims["exp"], claims["iat"], claims.get("nbf", 0)]
        good = (
            set(named) <= set(ours)
            and claims.get("azp", None if len(named) > 1 else ours[0]) in ours
            and all(isinstance(time, int | float) and not isinstance(time, bool) and isfinite(time) for time in times)
            and times[0] + leeway > now >= max(times[1:]) - leeway
        )
        if not good:
            raise Refused("invalid_request", "subject-token")


UNTIMED: Any = {
    "require": ["iss", "sub", "aud", "iat", "exp"],
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}
"""PyJWT cannot be told the time."""


def plain(segment: str) -> Any:
    """Decode a segment as JSON, without the NaN and Infinity that PyJWT lets pass."""
    return json.loads(base64.urlsafe_b64decode(segment + "==").decode(), parse_constant=lambda name: int(name, 0))


def parameters(pairs: list[list[str]]) -> dict[str, str]:
    """Read a form as RFC 8693 §2.1 and RFC 6749 §3.2 have it."""
    form = {name: value for name, value in pairs if value}
    if len({name for name, _ in pairs}) < len(pairs) or "grant_type" not in form:
        raise Refused("invalid_request", "malformed-request")
    if form["grant_type"] != GRANT:
        raise Refused("unsupported_grant_type", "unsupported-grant-type")
    if "subject_token" not in form or form.get("subject_token_type") != TYPE + "id_token":
        raise Refused("invalid_request", "unsupported-token-type")
    if form.keys() & {"resource", "audience"}:
        raise Refused("invalid_target", "invalid-target")
    wanted = form.get("requested_token_type", TYPE + "access_token")
    if form.keys() & {"actor_token", "actor_token_type"} or wanted != TYPE + "access_token":
        raise Refused("invalid_request", "malformed-request")
    return form


def narrowed(grant: Json, scope: str | None) -> Json:
    """Return what of a grant is asked for: of two patterns that share names, one covers the other."""
    asked = dict(word.partition(":")[::2] for word in scope.split(" ")) if scope else {}
    found: Json = {"rate_limit": grant.get("rate_limit", 0)}
    for side in ("backends", "tools"):
        pairs = [(wanted, granted) for wanted in asked.pop(side, "*").split(",") for granted in grant[side]]
        shared = [
            wanted if fnmatchcase(wanted, granted) else granted for wanted, granted in pairs if alike(wanted, granted)
        ]
        found[side] = list(dict.fromkeys(shared))
    if asked or not all(map(NAMES.fullmatch, [*found["backends"], *found["tools"]])) or [] in found.values():
        raise Refused("invalid_scope", "invalid-scope")
    return found


NAMES = re.compile(r"[A-Za-z0-9._-]+\*?|\*")


def alike(pattern: str, other: str) -> bool:
    return fnmatchcase(pattern, other) or fnmatchcase(other, pattern)


def meant(token: Json, request: Json) -> bool:
    if "jti" in request:
        return bool(token["jti"] == request["jti"])
    return bool(token["identity"] == {"issuer": request.get("issuer"), "subject": request.get("subject")})


server = Server({})


def answer(request: Json) -> Json:
    global server  # noqa: PLW0603 - one process, one server
    if request["op"] == "hello":
        return HELLO
    if request["op"] == "configure":
        server = Server(request["key_server"])
        return {"configured": True}
    ask = {"exchange": server.exchange, "authenticate": server.authenticate, "revoke": server.revoke}
    if request["op"] not in ask:
        return {"skipped": "there is nothing like it"}
    try:
        return ask[request["op"]](request)
    except Refused as refused:
        code, reason = refused.args
        return {"refused": code, "events": [{"event": "token.denied", "reason": reason}]}


for line in sys.stdin:
    request = json.loads(line)
    try:
        result = answer(request)
    except Exception as error:  # noqa: BLE001 - whatever escapes the server is reported as such
        result = {"errored": {"message": repr(error)[:500]}}
    sys.stdout.write(json.dumps({"id": request["id"], **result}) + "\n")
    sys.stdout.flush()
