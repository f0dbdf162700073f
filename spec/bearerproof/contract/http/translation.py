"""Between the messages of contract level 3 and HTTP: pure functions of a message, an answer, and the profile."""

import itertools
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import unquote

from bearerproof import members
from bearerproof.contract.http import ownwords
from bearerproof.contract.http.profile import (
    ADMITTED,
    AnswerRule,
    Headers,
    RequestBody,
    Requests,
    ServerProfile,
    Trusted,
)
from bearerproof.contract.http.trail import Claim
from bearerproof.contract.http.wire import Answered, Sent, Unsendable, field_text, form, segment
from bearerproof.contract.messages import Request
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json

FORM = ("Content-Type", "application/x-www-form-urlencoded")

RequestedAccess = Mapping[str, str]
"""The backend and the tool for which a bearer is presented."""


def written(request: Request, profile: ServerProfile, wants: RequestedAccess, bearer: str | None = None) -> Sent:
    """Return the HTTP request that asks what a message asks; ``wants`` is used where it names nothing itself.

    ``bearer`` is that of the token which the message names by its id, if it is known and was not named before.

    Raises:
        Unsendable: there is none, in HTTP or at this server.
    """
    lines, op = profile.requests, request["op"]
    if op == "http":
        return _raw(request, profile)
    if op == "exchange":
        sent = _filled(lines.exchange, {})
        pairs = ownwords.parameters(request["form"], profile)
        return Sent(sent.method, sent.path, (FORM, *profile.each.client, *_peer(request, profile)), form(pairs))
    if op == "authenticate":
        ownwords.require_no_names(request.get("wants", {}), profile)
        sent = _for_resource({**wants, **request.get("wants", {})}, profile)
        presented = _presented(profile.headers.bearer, "{token}", request["bearer"])
    elif profile.abilities.administration:
        sent = _revocation(request, lines)
        presented = _presented(profile.headers.admin, "{secret}", request["admin"])
    else:
        sent = _filled(lines.revoke_token, {})
        named = ownwords.revocable(request, profile, bearer)
        sent = Sent(sent.method, sent.path, (FORM,), form([("token", named)]))
        presented = _presented(profile.headers.admin, "{secret}", request["admin"])
    return Sent(sent.method, sent.path, sent.headers + presented + _peer(request, profile), sent.body)


def read(request: Request, answered: Answered, profile: ServerProfile) -> Json:
    """Return the answer of the contract that an HTTP answer amounts to, without its events.

    What only the events say of an accepted bearer is left out.

    Raises:
        AdapterFault: it amounts to none.
    """
    op = request["op"]
    if op == "http":
        headers = [list(pair) for pair in answered.headers]
        admitted = _asks_for_resource(request, profile) and meaning(answered, profile) == ADMITTED
        status = 200 if admitted else answered.status
        return {"status": status, "headers": headers, "body_b64": b64encode(answered.body).decode()}
    if op == "authenticate" and (said := meaning(answered, profile)) is not None:
        refused = {"verdict": "rejected", "reason": said, **_retry(answered)}
        return {"verdict": "accepted"} if said == ADMITTED else refused
    if 200 <= answered.status < 300:
        return _done(request, answered, profile)
    if 300 <= answered.status < 400:
        raise AdapterFault(
            f"{op}: redirected with status {answered.status} to {members.brief(answered.header('location'))}; "
            "a key server is asked at the very path that the profile names"
        )
    return _refused(op, answered, profile)


def claim_of(request: Request, answer: Json, jti: str | None, profile: ServerProfile) -> Claim:
    """Return what events this answer has to have left; ``jti`` is that of the bearer in the request, if known."""
    op = request["op"]
    if "skipped" in answer:
        return Claim(0, frozenset())
    if "granted" in answer:
        return Claim(1, frozenset({"token.issued"}), answer["granted"].get("jti"))
    if answer.get("verdict") == "accepted":
        return Claim(1, frozenset({"token.used"}), jti)
    if "revoked" in answer:
        return Claim(answer["revoked"], frozenset({"token.revoked"}), request.get("jti"), request.get("subject"))
    if op == "http":
        return Claim(_expected_of_http(request, answer, profile), _REFUSALS | {"token.issued", "token.used"})
    return Claim(1, _REFUSALS, jti if op == "authenticate" else None)


_REFUSALS = frozenset({"token.denied", "token.invalid", "token.expired"})


def wanted(scope: str) -> RequestedAccess:
    """Return a backend and a tool that a scope covers: the first pattern of each, made a name."""
    sides = {word.partition(":")[0]: word.partition(":")[2].split(",")[0] for word in scope.split(" ")}
    return {
        "backend": sides.get("backends", "").removesuffix("*") or "a",
        "tool": sides.get("tools", "").removesuffix("*") or "x",
    }


def _revocation(request: Request, lines: Requests) -> Sent:
    """Return the request of a revocation; of an empty id, which no path can hold, one that names nothing at all."""
    if request.get("jti"):
        return _filled(lines.revoke, {"jti": request["jti"]})
    sent = _filled(lines.revoke_all, {name: request.get(name) or "" for name in ("issuer", "subject")})
    path, _, query = sent.path.partition("?")
    absent = {name for name in ("issuer", "subject") if request.get(name) is None}
    names = [parameter for parameter in lines.revoke_all.partition("?")[2].split("&") if parameter]
    values = [parameter for parameter in query.split("&") if parameter]
    kept = [
        value
        for name, value in zip(names, values, strict=True)
        if not any(f"{{{member}}}" in name for member in absent)
    ]
    return Sent(sent.method, _with_query(path, "&".join(kept)))


def _raw(request: Request, profile: ServerProfile) -> Sent:
    """Return a request that is written octet by octet; one for a resource has the body without which it is none.

    Raises:
        Unsendable: it has a body of its own, and there is no place for two.
    """
    method, path = _localised(request["method"], request["path"], profile.requests)
    given = tuple((name, value.strip(" \t")) for name, value in request["headers"])  # RFC 9110 §5.5
    headers = tuple(itertools.chain.from_iterable(_secret_in_place(request["path"], pair, profile) for pair in given))
    own, body = b64decode(request["body_b64"]), profile.bodies.get("resource")
    _require_known(request["path"], profile)
    if (request["method"], request["path"]) == tuple(Requests.exchange.split(" ")):
        client = () if any(name.lower() == "authorization" for name, _ in headers) else profile.each.client
        sent = tuple(pair for pair in headers if pair[0].lower() != "authorization" or pair[1])  # an empty one is none
        return Sent(method, path, (*sent, *client, *_peer(request, profile)), ownwords.whole_form(own, profile))
    if body is None or not _asks_for_resource(request, profile):
        return Sent(method, path, headers + _peer(request, profile), own)
    if own:
        raise Unsendable("HTTP cannot carry this: the resource is asked for by a body of its own")
    named = re.fullmatch(_pattern(Requests.resource), request["path"].partition("?")[0])
    values = {name: unquote(value) for name, value in (named.groupdict() if named else {}).items()}
    return Sent(method, path, (*body.headers, *headers, *_peer(request, profile)), _body(body, values))


def _require_known(path: str, profile: ServerProfile) -> None:
    """Require that the server has what a path of the binding stands for.

    Raises:
        Unsendable: it has no administration, or its resource cannot be told from another.
    """
    own = path.partition("?")[0]
    if not profile.abilities.administration and any(re.fullmatch(_pattern(line), own) for line in _BY_NAME):
        raise Unsendable(ownwords.NO_ADMINISTRATION)
    if (named := re.fullmatch(_pattern(Requests.resource), own)) is not None and own != ownwords.RESOURCE:
        ownwords.require_no_names(named.groupdict(), profile)


_BY_NAME = (Requests.revoke, Requests.revoke_all)
"""Revocations by the name of a token or of an identity."""


def _secret_in_place(path: str, field: tuple[str, str], profile: ServerProfile) -> tuple[tuple[str, str], ...]:
    """Return a field; the secret that it presents to an administrator's endpoint is put where this server looks."""
    lines, usual = vars(Requests()), Headers()
    for_administrators = any(re.fullmatch(_pattern(lines[name]), path.partition("?")[0]) for name in _ADMINISTRATORS)
    presented = re.fullmatch(r"(?i:bearer) +(.+)", field[1]) if field[0].lower() == "authorization" else None
    if not for_administrators or presented is None or profile.headers.admin == usual.admin:
        return (field,)
    return _presented(profile.headers.admin, "{secret}", presented[1])


_ADMINISTRATORS = ("revoke", "revoke_all", "revoke_token", "introspect")
"""The requests to which the admin secret is presented."""


def _asks_for_resource(request: Request, profile: ServerProfile) -> bool:
    path = request.get("path", "").partition("?")[0]
    return re.fullmatch(_pattern(Requests.resource), path) is not None and bool(profile.bodies or profile.answers)


def _for_resource(values: Mapping[str, Any], profile: ServerProfile) -> Sent:
    """Return the request for a resource: its line, and the header fields and body beside it.

    An empty name, which no path can hold, goes as a blank there, which is no name either.
    """
    in_path = {name: value or " " for name, value in values.items()}
    sent, body = _filled(profile.requests.resource, in_path), profile.bodies.get("resource")
    return sent if body is None else Sent(sent.method, sent.path, body.headers, _body(body, values))


def _body(body: RequestBody, values: Mapping[str, Any]) -> bytes:
    """Return a body with what it is about: escaped as JSON has it or, in a form, percent-encoded."""
    is_form = any(name.lower() == "content-type" and "x-www-form-urlencoded" in value for name, value in body.headers)
    text = body.text
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", segment(str(value)) if is_form else json.dumps(str(value))[1:-1])
    return text.encode()


def _filled(line: str, values: Mapping[str, Any]) -> Sent:
    method, _, path = line.partition(" ")
    return Sent(method, path.format(**{name: segment(str(value)) for name, value in values.items()}))


def _presented(template: str, place: str, text: str | None) -> tuple[tuple[str, str], ...]:
    if text is None:
        return ()
    name, _, value = template.partition(": ")
    return ((name, value.replace(place, field_text(text)).strip()),)


def _peer(request: Request, profile: ServerProfile) -> tuple[tuple[str, str], ...]:
    """Return the field that tells a server that trusts us as a proxy who came to us, and what they told of others."""
    trusted = profile.abilities.forwarded
    spoofed = any("forwarded" in name.lower() for name, _ in request.get("headers", ()))
    # Who believes everybody is told a peer too, but for a request that is about what a stranger tells.
    told = trusted is Trusted.LISTED or (trusted is Trusted.ANYBODY and not spoofed)
    addresses = [request.get("forwarded"), request.get("peer") if told else None]
    chain = ", ".join(field_text(address, blanks="\t") for address in addresses if address is not None)
    return (("X-Forwarded-For", chain),) if chain else ()


def _localised(method: str, path: str, lines: Requests) -> tuple[str, str]:
    """Return a request line of the binding as this server has it; one that is none of the binding stays as it is."""
    own, _, query = path.partition("?")
    for name, line in vars(Requests()).items():
        its = getattr(lines, name)
        found = None if its == line else re.fullmatch(_pattern(line), own)
        if found is not None:
            moved = _path(its).format(**found.groupdict())
            return its.partition(" ")[0] if method == line.partition(" ")[0] else method, _with_query(moved, query)
    return method, path


def _path(line: str) -> str:
    return line.partition(" ")[2].partition("?")[0]


def _pattern(line: str) -> str:
    """Return a regular expression of the paths of a request line."""
    return re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(_path(line)))


def _with_query(path: str, query: str) -> str:
    return f"{path}?{query}" if query else path


def _done(request: Request, answered: Answered, profile: ServerProfile) -> Json:
    op, names = request["op"], profile.names
    if op == "authenticate":
        return {"verdict": "accepted"}
    if op == "exchange":
        body = _members(answered)
        if body is None:
            raise AdapterFault(f"exchange: status {answered.status} without a JSON object: {_seen(answered)}")
        if names.access_token not in body and str(body.get(names.error)) in profile.codes.exchange:
            return _refused(op, answered, profile)  # under a status of success, which is its own fault (HTTP-3)
        found = {ours: body.get(getattr(names, ours)) for ours in _GRANT}
        return {"granted": {name: value for name, value in found.items() if value is not None}}
    if "jti" in request:
        return {"revoked": 1}
    number = (_members(answered) or {}).get(names.revoked)
    if not isinstance(number, int) or isinstance(number, bool) or number < 0:
        raise AdapterFault(f"revoke: status {answered.status} without a number {names.revoked!r}: {_seen(answered)}")
    return {"revoked": number}


_GRANT = ("access_token", "issued_token_type", "token_type", "expires_in", "scope", "jti")


def _refused(op: str, answered: Answered, profile: ServerProfile) -> Json:
    codes = {"exchange": profile.codes.exchange, "authenticate": profile.codes.resource, "revoke": profile.codes.revoke}
    error = (_members(answered) or {}).get(profile.names.error)
    known = codes[op]
    code = known.get(error) if isinstance(error, str) else None
    code = code or known.get(str(answered.status))
    if code is None and answered.status >= 500:
        return {"errored": {"message": f"status {answered.status}"}}
    if code is None:
        table = "resource" if op == "authenticate" else op
        raise AdapterFault(
            f"{op}: status {answered.status} with {profile.names.error} {members.brief(error)} means nothing that the "
            f"profile knows; name it in [codes.{table}], or mend the path in [requests]"
            + ("; [headers] client is how a client of the server authenticates" if error == "invalid_client" else "")
        )
    if op == "authenticate":
        return {"verdict": "rejected", "reason": code, **_retry(answered)}
    return {"refused": code, **_retry(answered)}


def _retry(answered: Answered) -> Json:
    wait = answered.header("retry-after") or ""
    return {"retry_after": int(wait)} if re.fullmatch(r"\d{1,9}", wait) else {}


def meaning(answered: Answered, profile: ServerProfile) -> str | None:
    """Return what the profile says that an answer to a presented bearer means; the first rule that fits decides."""
    if not profile.answers:
        return None
    value = _json_of(answered)
    fitting = (rule for rule in profile.answers if _fits(rule, answered.status, value))
    return next((rule.meaning for rule in fitting), None)


def _fits(rule: AnswerRule, status: int, value: object) -> bool:
    if rule.statuses and status not in rule.statuses:
        return False
    if rule.pointer is None:
        return True
    found = _pointed(value, rule.pointer)
    return type(found) is type(rule.value) and found == rule.value


def _pointed(value: Any, pointer: str) -> object:
    """Return what stands at a JSON pointer (RFC 6901), None if nothing does."""
    for token in pointer.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, list) and re.fullmatch(r"0|[1-9]\d{0,8}", name) and int(name) < len(value):
            value = value[int(name)]
        elif isinstance(value, dict) and name in value:
            value = value[name]
        else:
            return None
    found: object = value
    return found


def _json_of(answered: Answered) -> object:
    """Return the JSON of an answer, or of the first data line of a stream of events."""
    lines = answered.body.splitlines()
    data = next((line.partition(b":")[2] for line in lines if line.startswith(b"data:")), answered.body)
    for text in (answered.body, data):
        with suppress(ValueError, RecursionError):
            value: object = json.loads(text)
            return value
    return None


def _expected_of_http(request: Request, answer: Json, profile: ServerProfile) -> int:
    """Say whether a decision was made: not about a method or a path that there is none of, nor by telling of one."""
    _, path = _localised(request["method"], request["path"], profile.requests)
    if answer["status"] == 200 and path.partition("?")[0] == _path(profile.requests.introspect):
        return 0
    decides = any(re.fullmatch(_pattern(line), path.partition("?")[0]) for line in vars(profile.requests).values())
    return int(decides and answer["status"] != 405)


def _members(answered: Answered) -> Json | None:
    try:
        value = json.loads(answered.body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _seen(answered: Answered) -> str:
    return members.brief(answered.text[:80])
