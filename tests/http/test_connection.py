"""A key server asked over HTTP: each message as a request, each answer as one of the contract; servers that fail."""

import json
import socket
import subprocess
import sys
from base64 import b64decode, b64encode
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from bearerproof.contract.decisions import read_decision
from bearerproof.contract.declaration import NarrowGrant, Need, read_declaration
from bearerproof.contract.http.connection import HttpConnection
from bearerproof.contract.http.trail import Event
from bearerproof.contract.http.wire import field_text
from bearerproof.contract.implementation import Implementation, PropertyEnded
from bearerproof.contract.messages import Outcome
from bearerproof.exceptions import AdapterCrashed, AdapterFault, AdapterHung, BadInput

from ..conftest import CommandLine
from .conftest import Asked, Connect, Early, Reply, Stub
from .test_profile import LEAST

JTI = "0b5f4c1e-7a7b-4a53-9d2e-3f0c8a6f1d24"
GRANT = {"access_token": "t_abc", "token_type": "Bearer", "expires_in": 600, "scope": "backends:b* tools:y", "jti": JTI}
IDENTITY = {"issuer": "http://127.0.0.1:1/a", "subject": "alice"}
ISSUED = {
    "event": "token.issued",
    "token_jti": JTI,
    "identity": IDENTITY,
    "backends": ["b*"],
    "tools": ["y"],
    "rate_limit": 0,
}
USED = {"event": "token.used", "token_jti": JTI, "identity": IDENTITY, "client_ip": "127.0.0.1"}
EXCHANGE = {"op": "exchange", "peer": "192.0.2.7", "form": [["grant_type", "urn:x y"], ["scope", "ä&=\ud800"]]}
AUTHENTICATE = {"op": "authenticate", "peer": "192.0.2.7", "bearer": "t_abc"}
REVOKE = {"op": "revoke", "peer": "192.0.2.7", "admin": "of the test", "jti": JTI}


def ask(connection: HttpConnection, request: dict[str, Any], seconds: float = 5) -> dict[str, Any]:
    (answer,) = connection.ask([request], seconds)
    answer.pop("id")
    return answer


def as_json(members: object, status: int = 200, **more: Any) -> Reply:
    return Reply(status, json.dumps(members).encode(), **more)


def test_hello_declares_what_the_profile_says(connected: Connect) -> None:
    declaration = read_declaration({"id": 1, **ask(connected("[abilities]\nrace = false"), {"op": "hello"})})
    assert (declaration.name, declaration.level, declaration.injected_clock) == ("least", 3, False)
    assert not declaration.key_server.race
    assert not declaration.key_server.configure
    assert declaration.key_server.http
    assert declaration.key_server.setting is not None
    assert declaration.key_server.setting.audience == "audience"
    assert declaration.missing_capability(Need("key_server", "configure"))
    assert declaration.missing_capability(Need("clock"))


def test_hello_declares_who_is_granted_less(connected: Connect) -> None:
    added = '[setting.narrow]\ngroup = "readers"\nbackends = ["a"]\ntools = ["x", "y*"]'
    declaration = read_declaration({"id": 1, **ask(connected(added), {"op": "hello"})})
    assert declaration.key_server.narrow == NarrowGrant("readers", ("a",), ("x", "y*"))
    assert read_declaration({"id": 1, **ask(connected(), {"op": "hello"})}).key_server.narrow is None


def test_an_exchange_is_a_form(connected: Connect, stub: Stub) -> None:
    stub.reply = lambda _: as_json({**GRANT, "refresh_token": "unknown to the contract"}, events=[ISSUED])
    answer = ask(connected(), EXCHANGE)
    assert answer == {"granted": GRANT, "events": [ISSUED], "lines": [json.dumps(ISSUED)]}
    assert read_decision(answer, "exchange").good
    (asked,) = stub.asked
    assert asked.line == "POST /auth/token HTTP/1.1"
    assert asked.values("content-type") == ["application/x-www-form-urlencoded"]
    assert asked.values("x-forwarded-for") == []
    assert asked.body == b"grant_type=urn%3Ax%20y&scope=%C3%A4%26%3D%ED%A0%80"


def test_a_jti_that_only_the_event_has(connected: Connect, stub: Stub) -> None:
    grant = {name: value for name, value in GRANT.items() if name != "jti"}
    stub.reply = lambda _: as_json(grant, events=[ISSUED])
    assert ask(connected(), EXCHANGE)["granted"] == {**grant, "jti": JTI}


def test_a_bearer_is_presented_where_its_scope_covers(connected: Connect, stub: Stub) -> None:
    connection = connected()
    stub.reply = lambda _: as_json(GRANT, events=[ISSUED])
    ask(connection, EXCHANGE)
    stub.reply = lambda _: Reply(events=[USED])
    answer = ask(connection, AUTHENTICATE)
    assert stub.asked[-1].line == "GET /resource/b/y HTTP/1.1"
    assert stub.asked[-1].values("authorization") == ["Bearer t_abc"]
    scopes = {"backends": ["b*"], "tools": ["y"], "rate_limit": 0}
    event = {**USED, "client_ip": "192.0.2.7"}
    assert answer == {
        "verdict": "accepted",
        "jti": JTI,
        "identity": IDENTITY,
        "scopes": scopes,
        "events": [event],
        "lines": [json.dumps(event)],
    }
    ask(connection, {**AUTHENTICATE, "wants": {"backend": "a/b", "tool": ".."}})
    assert stub.asked[-1].line == "GET /resource/a%2Fb/%2E%2E HTTP/1.1"
    ask(connection, {**AUTHENTICATE, "wants": {"backend": "", "tool": "y"}})
    assert stub.asked[-1].line == "GET /resource/%20/y HTTP/1.1", "no path holds an empty name"


def test_an_accepted_bearer_without_event_is_told_as_it_is(connected: Connect, stub: Stub) -> None:
    answer = ask(connected(), AUTHENTICATE)
    assert answer == {
        "verdict": "accepted",
        "jti": "",
        "identity": {"issuer": "", "subject": ""},
        "scopes": {"backends": [], "tools": [], "rate_limit": 0},
        "events": [],
        "lines": [],
    }
    assert read_decision(answer, "authenticate").good
    assert stub.asked[-1].line == "GET /resource/a/x HTTP/1.1"


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (REVOKE, f"DELETE /auth/token/{JTI} HTTP/1.1"),
        ({**REVOKE, "jti": "a/../ä?"}, "DELETE /auth/token/a%2F..%2F%C3%A4%3F HTTP/1.1"),
        ({**REVOKE, "jti": ""}, "DELETE /auth/tokens HTTP/1.1"),
    ],
)
def test_a_revocation_by_id(connected: Connect, stub: Stub, request_: dict[str, Any], line: str) -> None:
    stub.reply = lambda _: as_json({"revoked": 1}, events=[{"event": "token.revoked"}])
    assert ask(connected(), request_)["revoked"] == 1
    assert stub.asked[-1].line == line
    assert stub.asked[-1].values("authorization") == ["Bearer of the test"]


@pytest.mark.parametrize(
    ("named", "query"),
    [
        ({"issuer": "https://a/?&=", "subject": "ä"}, "?issuer=https%3A%2F%2Fa%2F%3F%26%3D&subject=%C3%A4"),
        ({"issuer": "a"}, "?issuer=a"),
        ({"subject": ""}, "?subject="),
        ({}, ""),
    ],
)
def test_a_bulk_revocation(connected: Connect, stub: Stub, named: dict[str, str], query: str) -> None:
    stub.reply = lambda _: as_json({"revoked": 0})
    answer = ask(connected(), {"op": "revoke", "admin": None, **named})
    assert answer == {"revoked": 0, "events": [], "lines": []}
    assert stub.asked[-1].line == f"DELETE /auth/tokens{query} HTTP/1.1"
    assert stub.asked[-1].values("authorization") == []


def test_an_http_request_goes_as_it_is(connected: Connect, stub: Stub) -> None:
    headers = [["X-A", "1"], ["x-a", " 2 "], ["Content-Type", "text/plain"], ["X-B", "\xe9"]]
    stub.reply = lambda _: Reply(418, b"\x1f\x8b", [("Content-Encoding", "gzip"), ("X-C", "1"), ("X-C", "2")])
    request = {
        "op": "http",
        "method": "post",
        "path": "/%41//../a%2fb?q=%zz",
        "headers": headers,
        "body_b64": b64encode(b"\0\xff").decode(),
    }
    answer = ask(connected(), request)
    (asked,) = stub.asked
    assert asked.line == "post /%41//../a%2fb?q=%zz HTTP/1.1"
    assert asked.values("x-a") == ["1", "2"]
    assert asked.body == b"\0\xff"
    assert not asked.values("user-agent")
    assert not asked.values("accept-encoding")
    assert (answer["status"], b64decode(answer["body_b64"])) == (418, b"\x1f\x8b")
    assert [pair for pair in answer["headers"] if pair[0].lower() == "x-c"] == [["X-C", "1"], ["X-C", "2"]]


@pytest.mark.parametrize("headers", [[["X-A", "a\nb"]], [["X A", "a"]], [["X-A", "\u20ac"]]])
def test_what_http_cannot_carry_is_skipped(connected: Connect, headers: list[list[str]]) -> None:
    request = {"op": "http", "method": "GET", "path": "/", "headers": headers, "body_b64": ""}
    assert "HTTP cannot carry this" in ask(connected(), request)["skipped"]


@pytest.mark.parametrize("op", ["configure", "count", "reap", "rotate", "restart", "stats"])
def test_what_cannot_be_asked_is_skipped(connected: Connect, op: str) -> None:
    expected = {
        "configure": "the server profile has no [configure], without which there is no configure",
        "restart": "the server profile has no [configure], without which there is no restart",
        "rotate": "rotate needs [identity_provider] and [keys] in the server profile",
    }
    assert ask(connected(), {"op": op}) == {"skipped": expected.get(op, f"{op} cannot be asked over HTTP")}


@pytest.mark.parametrize(
    ("text", "sent"),
    [
        ("plain", "plain"),
        ("a b", "a b"),
        ("", ""),
        (" \t", ""),
        ("x ", "x%20"),
        ("\tx", "%09x"),
        ("a\r\nb", "a%0D%0Ab"),
        ("\0\x7f", "%00%7F"),
        ("\u20ac", "\xe2\x82\xac"),
        ("\ud800", "\xed\xa0\x80"),
    ],
)
def test_texts_of_header_fields(text: str, sent: str) -> None:
    assert field_text(text) == sent


def test_a_server_that_trusts_us_is_told_the_peer(connected: Connect, stub: Stub) -> None:
    connection = connected("[abilities]\nforwarded = true")
    stub.reply = lambda _: Reply(events=[USED])
    answer = ask(connection, {**AUTHENTICATE, "forwarded": "198.51.100.1, 10.0.0.1"})
    assert stub.asked[-1].values("x-forwarded-for") == ["198.51.100.1, 10.0.0.1, 192.0.2.7"]
    assert answer["events"] == [USED]


def test_a_server_that_does_not_is_told_what_was_forwarded(connected: Connect, stub: Stub) -> None:
    ask(connected(), {**AUTHENTICATE, "forwarded": "198.51.100.1"})
    assert stub.asked[-1].values("x-forwarded-for") == ["198.51.100.1"]


REFUSALS = [
    (EXCHANGE, Reply(400, b'{"error": "invalid_scope"}'), {"refused": "invalid_scope"}),
    (EXCHANGE, Reply(400, b'{"error": "invalid_grant"}'), {"refused": "invalid_request"}),
    (EXCHANGE, Reply(413), {"refused": "invalid_request"}),
    (
        EXCHANGE,
        Reply(429, b'{"error": "too_many_tokens"}', [("Retry-After", "7")]),
        {"refused": "too_many_tokens", "retry_after": 7},
    ),
    (EXCHANGE, Reply(503, b"[", [("Retry-After", "soon")]), {"refused": "temporarily_unavailable"}),
    (AUTHENTICATE, Reply(401), {"verdict": "rejected", "reason": "invalid-token"}),
    (AUTHENTICATE, Reply(403), {"verdict": "rejected", "reason": "insufficient-scope"}),
    (
        AUTHENTICATE,
        Reply(429, headers=[("Retry-After", "1")]),
        {"verdict": "rejected", "reason": "rate-limited", "retry_after": 1},
    ),
    (REVOKE, Reply(401), {"refused": "unauthorized"}),
    (REVOKE, Reply(404), {"refused": "not-active"}),
]


@pytest.mark.parametrize(("request_", "reply", "expected"), REFUSALS)
def test_refusals(
    connected: Connect, stub: Stub, request_: dict[str, Any], reply: Reply, expected: dict[str, Any]
) -> None:
    denied = {"event": "token.denied", "reason": "x"}
    reply.events = [denied]
    stub.reply = lambda _: reply
    answer = ask(connected(), request_)
    assert answer == {**expected, "events": [denied], "lines": [json.dumps(denied)]}
    assert read_decision(answer, request_["op"]).outcome is Outcome.REJECTED


def test_an_error_of_the_server_is_told_as_one(connected: Connect, stub: Stub) -> None:
    stub.reply = lambda _: Reply(500)
    assert ask(connected(), AUTHENTICATE) == {"errored": {"message": "status 500"}}


RENAMED = """
[requests]
exchange = "POST /v1/sts"
revoke = "POST /v1/keys/{jti}/revoke"
revoke_all = "DELETE /v1/keys?owner={subject}&idp={issuer}"
resource = "GET /mcp/{backend}?tool={tool}"
revoke_token = "POST /oauth2/revoke"
introspect = "POST /oauth2/introspect"
[headers]
bearer = "X-Api-Key: {token}"
admin = "X-Admin: secret={secret}"
[names]
access_token = "key"
jti = "id"
error = "code"
revoked = "ended"
[codes.exchange]
E42 = "invalid_scope"
[codes.resource]
"402" = "insufficient-scope"
"""


def test_a_server_with_other_names(connected: Connect, stub: Stub) -> None:
    connection = connected(RENAMED)
    stub.reply = lambda _: as_json({"key": "t_abc", "id": JTI, "access_token": "not this"}, events=[ISSUED])
    assert ask(connection, EXCHANGE)["granted"] == {"access_token": "t_abc", "jti": JTI}
    stub.reply = lambda _: as_json({"code": "E42", "error": "invalid_target"}, 400)
    assert ask(connection, EXCHANGE)["refused"] == "invalid_scope"
    stub.reply = lambda _: Reply(402)
    assert ask(connection, AUTHENTICATE)["reason"] == "insufficient-scope"
    assert stub.asked[-1].values("x-api-key") == ["t_abc"]
    stub.reply = lambda _: Reply(204)
    assert ask(connection, REVOKE)["revoked"] == 1
    stub.reply = lambda _: as_json({"ended": 3})
    assert ask(connection, {"op": "revoke", "admin": "s", "issuer": "i", "subject": "s"})["revoked"] == 3
    assert stub.asked[-1].values("x-admin") == ["secret=s"]
    assert [asked.line.removesuffix(" HTTP/1.1") for asked in stub.asked] == [
        "POST /v1/sts",
        "POST /v1/sts",
        "GET /mcp/a?tool=x",
        f"POST /v1/keys/{JTI}/revoke",
        "DELETE /v1/keys?owner=s&idp=i",
    ]


@pytest.mark.parametrize(
    ("line", "sent"),
    [
        ("POST /auth/token", "POST /v1/sts"),
        ("GET /auth/token?a=b", "GET /v1/sts?a=b"),
        ("DELETE /auth/token/x%2Fy", "POST /v1/keys/x%2Fy/revoke"),
        ("GET /auth/token/x/y", "GET /auth/token/x/y"),
        ("POST /auth/revoke", "POST /oauth2/revoke"),
        ("POST /auth/introspect", "POST /oauth2/introspect"),
        ("GET /health", "GET /health"),
    ],
)
def test_request_lines_of_the_binding_go_where_this_server_has_them(
    connected: Connect, stub: Stub, line: str, sent: str
) -> None:
    method, _, path = line.partition(" ")
    ask(connected(RENAMED), {"op": "http", "method": method, "path": path, "headers": [], "body_b64": ""})
    assert stub.asked[-1].line == f"{sent} HTTP/1.1"


@pytest.mark.parametrize("path", ["/auth/introspect", "/auth/revoke", f"/auth/token/{JTI}", "/auth/tokens?issuer=i"])
def test_a_secret_that_is_written_out_goes_where_this_server_looks_for_it(
    connected: Connect, stub: Stub, path: str
) -> None:
    headers = [["Authorization", "Bearer s"], ["X-A", "Bearer s"], ["Authorization", "Basic YTpi"]]
    ask(connected(RENAMED), {"op": "http", "method": "POST", "path": path, "headers": headers, "body_b64": ""})
    assert stub.asked[-1].values("x-admin") == ["secret=s"]
    assert stub.asked[-1].values("authorization") == ["Basic YTpi"]
    assert stub.asked[-1].values("x-a") == ["Bearer s"]
    ask(connected(RENAMED), {"op": "http", "method": "GET", "path": "/health", "headers": headers, "body_b64": ""})
    assert stub.asked[-1].values("x-admin") == []


@pytest.mark.parametrize("added", ["", RENAMED])
def test_an_introspection_that_is_answered_owes_no_event(
    connected: Connect, stub: Stub, monkeypatch: pytest.MonkeyPatch, added: str
) -> None:
    connection = connected(added + "\n" if added else "")
    owed: list[int] = []

    def gather(expected: int) -> list[Event]:
        owed.append(expected)
        return []

    monkeypatch.setattr(connection._trail, "gather", gather)
    for line, status in (("/auth/introspect", 200), ("/auth/introspect", 401), ("/auth/revoke", 200)):
        stub.reply = lambda _, status=status: as_json({}, status)  # type: ignore[misc]  # bound as it is now
        ask(connection, {"op": "http", "method": "POST", "path": line, "headers": [], "body_b64": ""})
    assert owed == [0, 1, 1]


def test_a_race_is_asked_at_once_and_its_events_are_told_apart(connected: Connect, stub: Stub) -> None:
    def granting(name: str, _: Asked) -> Reply:
        return as_json({**GRANT, "access_token": name, "jti": name}, events=[{**ISSUED, "token_jti": name}])

    def reply(asked: Asked) -> Reply:
        name = asked.values("authorization")[0].removeprefix("Bearer ")
        all_asked.wait(10)  # which ends only when every request of the race has come
        if name == "bad":
            return Reply(401, events=[{"event": "token.invalid"}])
        return Reply(events=[{**USED, "token_jti": name}])

    connection = connected()
    for name in ("one", "two"):
        stub.reply = partial(granting, name)
        ask(connection, EXCHANGE)
    stub.reply = reply
    bearers = ["one", "bad", "two"] * 2
    all_asked = Barrier(len(bearers))
    (answers,) = ask(
        connection, {"op": "race", "requests": [{**AUTHENTICATE, "bearer": bearer} for bearer in bearers]}
    ).values()
    assert [answer.get("jti", answer.get("reason")) for answer in answers] == ["one", "invalid-token", "two"] * 2
    assert [event.get("token_jti", "-") for answer in answers for event in answer["events"]] == ["one", "-", "two"] * 2


def test_an_event_that_came_late_counts_for_nothing_else(connected: Connect, stub: Stub) -> None:
    connection = connected()
    ask(connection, AUTHENTICATE)
    stub.write([{"event": "token.denied"}])
    stub.reply = lambda _: Reply(events=[USED])
    assert [event["event"] for event in ask(connection, AUTHENTICATE)["events"]] == ["token.used"]


# --- servers that fail


FAULTS = [
    (Reply(307, headers=[("Location", "http://127.0.0.1:1/")]), "redirected with status 307 to 'http://127.0.0.1:1/'"),
    (Reply(raw=b"HTTP/9.9 nonsense\r\n\r\n"), "with what is no HTTP"),
    (Reply(raw=b"SSH-2.0-OpenSSH_9.2\r\n\r\n"), "with what is no HTTP"),
    (Reply(body=b"x" * 1_100_000), "with more than 1,048,576 bytes"),
    (Reply(200, b"<html>"), "status 200 without a JSON object"),
    (Reply(200, b"[1]"), "status 200 without a JSON object"),
    (Reply(200, b"[" * 100_000), "status 200 without a JSON object"),
    (Reply(418, b'{"error": "teapot"}'), r"status 418 with error 'teapot' means nothing .*\[codes.exchange\]"),
    (Reply(404), "mend the path in"),
]


@pytest.mark.parametrize(("reply", "message"), FAULTS)
def test_nonsense_is_a_fault(connected: Connect, stub: Stub, reply: Reply, message: str) -> None:
    connection = connected()
    stub.reply = lambda _: reply
    with pytest.raises(AdapterFault, match=message):
        ask(connection, EXCHANGE)


def test_a_grant_without_a_token_is_a_fault(connected: Connect, stub: Stub) -> None:
    stub.reply = lambda _: as_json({})
    with pytest.raises(AdapterFault, match="access_token"):
        read_decision(ask(connected(), EXCHANGE), "exchange")


@pytest.mark.parametrize("body", [b"", b"{}", b'{"revoked": true}', b'{"revoked": -1}', b'{"revoked": "1"}'])
def test_a_bulk_revocation_without_a_number_is_a_fault(connected: Connect, stub: Stub, body: bytes) -> None:
    stub.reply = lambda _: Reply(200, body)
    with pytest.raises(AdapterFault, match="without a number 'revoked'"):
        ask(connected(), {"op": "revoke", "admin": "a", "issuer": "i", "subject": "s"})


def test_a_server_that_hangs(connected: Connect, stub: Stub) -> None:
    connection = connected()
    stub.reply = lambda _: Reply(hangs=True)
    with pytest.raises(AdapterHung, match=r"gave no answer to POST /auth/token within 0\.2 s"):
        ask(connection, EXCHANGE, 0.2)


EARLY = {
    "with its length": b"HTTP/1.1 %d No\r\nContent-Length: 2\r\n\r\n{}",
    "until it closes": b"HTTP/1.1 %d No\r\n\r\n{}",
}


@pytest.mark.parametrize("status", [404, 413])
@pytest.mark.parametrize("body", [20, 70_000, 3_000_000])
@pytest.mark.parametrize("answer", EARLY.values(), ids=EARLY)
def test_an_answer_on_the_head_is_heard(
    connected: Connect, early: Early, status: int, body: int, answer: bytes
) -> None:
    """RFC 9112 §9.6: a server may answer and close with the rest of the request unread, which resets the connection."""
    early.answer = answer % status
    connection = connected(url=early.url)
    request = {"op": "http", "method": "POST", "path": "/auth/token", "headers": [], "body_b64": "A" * 4 * (body // 3)}
    for _ in range(5):
        answered = ask(connection, request)
        assert (answered["status"], b64decode(answered["body_b64"])) == (status, b"{}")
    assert early.asked == 5


@pytest.mark.parametrize("request_", [EXCHANGE, AUTHENTICATE])
def test_an_answer_that_was_lost_is_asked_for_once_more(
    connected: Connect, stub: Stub, request_: dict[str, Any]
) -> None:
    """The events of the first attempt belong to no answer."""
    connection = connected()
    denied = {"event": "token.denied", "reason": "x"}
    replies = iter([Reply(raw=b"", events=[denied]), Reply(400, events=[denied])])
    stub.reply = lambda _: next(replies)
    assert ask(connection, request_)["events"] == [denied]
    assert len(stub.asked) == 2


DRIPPING = """
import socket, sys, time
peer, _ = socket.socket(fileno=int(sys.argv[1])).accept()
peer.send(sys.argv[2].encode())
while True:
    time.sleep(0.05)
    peer.send(b"x")
"""


@pytest.mark.parametrize("beginning", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"])
def test_a_server_that_drips_hangs_too(connected: Connect, beginning: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        connection = connected(url=f"http://127.0.0.1:{listening.getsockname()[1]}")
        command = [sys.executable, "-c", DRIPPING, str(listening.fileno()), beginning.decode()]
        with subprocess.Popen(command, pass_fds=[listening.fileno()], stderr=subprocess.DEVNULL) as dripping:
            try:
                with pytest.raises(AdapterHung, match=r"within 0\.5 s"):
                    ask(connection, EXCHANGE, 0.5)
            finally:
                dripping.kill()


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx"])
def test_a_server_that_hangs_up_on_one_request_lives(connected: Connect, stub: Stub, raw: bytes) -> None:
    connection = connected()
    stub.reply = lambda asked: Reply() if asked.line.startswith("GET / ") else Reply(raw=raw)
    message = ask(connection, EXCHANGE)["errored"]["message"]
    assert "ended the connection with an answer to POST /auth/token due" in message
    assert len(stub.asked) == 2, "it was asked once more, on another connection"


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nx"])
def test_a_server_that_hangs_up_has_crashed(connected: Connect, stub: Stub, raw: bytes) -> None:
    connection = connected()
    stub.reply = lambda _: Reply(raw=raw)
    with pytest.raises(AdapterCrashed, match="ended the connection with an answer to POST /auth/token due"):
        ask(connection, EXCHANGE)


def test_after_a_crash_it_is_asked_anew(connected: Connect, stub: Stub) -> None:
    implementation = Implementation(connected(), 5)
    broken = [Reply(raw=b"")] * 3
    stub.reply = lambda _: broken.pop() if broken else Reply()
    with pytest.raises(PropertyEnded, match="ended the connection"):
        implementation.decide(AUTHENTICATE)
    stub.reply = lambda _: Reply(events=[USED])
    assert implementation.decide(AUTHENTICATE).good


def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_server_that_is_not_there(connected: Connect) -> None:
    with pytest.raises(AdapterFault, match=r"cannot connect to .*is it running"):
        ask(connected(url=nobody()), {"op": "hello"})


@pytest.mark.parametrize(
    "url", ["127.0.0.1:80", "ftp://127.0.0.1", "http://", "http://h?q", "http://h#f", "http://h:x"]
)
def test_a_url_that_is_none(connected: Connect, url: str) -> None:
    with pytest.raises(BadInput, match="--url must be http"):
        connected(url=url)


def test_a_trail_that_ends_is_a_fault(connected: Connect, tmp_path: Path) -> None:
    (tmp_path / "profile.toml").unlink(missing_ok=True)
    connection = connected()
    (tmp_path / "trail.jsonl").rename(tmp_path / "gone")
    (tmp_path / "trail.jsonl").mkdir()
    with pytest.raises(AdapterFault, match="the audit file"):
        ask(connection, AUTHENTICATE)


# --- the command line


CALLS: dict[str, tuple[tuple[str, ...], str]] = {
    "nobody there": (("--url", nobody(), "--server-profile", "profile.toml"), "is it running?"),
    "no profile": (("--url", "http://127.0.0.1:1"), "--url needs --server-profile"),
    "no url": (("--server-profile", "profile.toml"), "--server-profile describes the server at --url"),
    "a name beside": (("reference", "--url", "http://127.0.0.1:1"), "give either --url or an implementation"),
    "workers": (("-n", "2", "--url", "http://127.0.0.1:1", "--server-profile", "profile.toml"), "-n cannot be given"),
    "no such profile": (("--url", "http://127.0.0.1:1", "--server-profile", "x"), "cannot read the server profile"),
}


@pytest.mark.parametrize(("arguments", "message"), CALLS.values(), ids=CALLS)
def test_calls_that_judge_nothing(
    bearerproof: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_TEST", "of the test")
    monkeypatch.chdir(tmp_path)
    Path("profile.toml").write_text(LEAST)
    Path("trail.jsonl").touch()
    ended = bearerproof("check", *arguments)
    assert ended.code == 3
    assert message in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_server_that_talks_nonsense_ends_the_run(
    bearerproof: CommandLine, connected: Connect, stub: Stub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connected()
    monkeypatch.chdir(tmp_path)
    stub.reply = lambda asked: Reply() if asked.line.startswith("GET / ") else Reply(307, headers=[("Location", "/x")])
    options = f"--url {stub.url} --server-profile profile.toml --measure strict -k REV-1 --no-baselines"
    ended = bearerproof("check", *options.split())
    assert ended.code == 3, ended
    assert "redirected with status 307" in ended.err


MCP = """\
[requests.resource]
line = "POST /mcp"
headers = ["Content-Type: application/json"]
body = '{"name":"run","arguments":{"on":"{backend}","do":"{tool}"}}'
[headers]
also = ["X-Tenant: acme"]
[[answers.resource]]
status = 200
pointer = "/error/code"
value = -32003
is = "insufficient-scope"
[[answers.resource]]
status = [200, 404]
is = "admitted"
"""


def test_a_resource_is_asked_for_by_a_body(connected: Connect, stub: Stub) -> None:
    stub.reply = lambda _: Reply(404, events=[USED])
    assert ask(connected(MCP), {**AUTHENTICATE, "wants": {"backend": 'a"b', "tool": "x"}})["verdict"] == "accepted"
    (asked,) = stub.asked
    assert asked.line == "POST /mcp HTTP/1.1"
    assert json.loads(asked.body) == {"name": "run", "arguments": {"on": 'a"b', "do": "x"}}
    assert (asked.values("content-type"), asked.values("x-tenant")) == (["application/json"], ["acme"])


@pytest.mark.parametrize("body", [b'{"error":{"code":-32003}}', b'event: message\ndata: {"error":{"code":-32003}}\n\n'])
def test_an_answer_is_told_by_what_stands_in_it(connected: Connect, stub: Stub, body: bytes) -> None:
    stub.reply = lambda _: Reply(body=body, events=[{"event": "token.denied", "reason": "insufficient-scope"}])
    answer = ask(connected(MCP), AUTHENTICATE)
    assert (answer["verdict"], answer["reason"]) == ("rejected", "insufficient-scope")


def test_a_request_of_the_binding_for_a_resource_has_its_body_too(connected: Connect, stub: Stub) -> None:
    stub.reply = lambda _: Reply(404, events=[USED])
    request = {"op": "http", "method": "GET", "path": "/resource/a/x", "headers": [], "body_b64": ""}
    assert ask(connected(MCP), request)["status"] == 200, "what stands behind is not there, and the bearer was good"
    assert (stub.asked[0].line, json.loads(stub.asked[0].body)["name"]) == ("POST /mcp HTTP/1.1", "run")
    assert "skipped" in ask(connected(MCP), {**request, "body_b64": "eA=="})


@pytest.mark.parametrize(
    ("forwarded", "headers", "chains"),
    [
        ("nobody", [], []),
        ("listed", [], ["192.0.2.7"]),
        ("anybody", [], ["192.0.2.7"]),
        ("nobody", [["X-Forwarded-For", "203.0.113.7"]], ["203.0.113.7"]),
        ("listed", [["X-Forwarded-For", "203.0.113.7"]], ["203.0.113.7", "192.0.2.7"]),
        ("anybody", [["X-Forwarded-For", "203.0.113.7"]], ["203.0.113.7"]),
    ],
)
def test_who_is_told_where_a_request_comes_from(
    connected: Connect, stub: Stub, forwarded: str, headers: list[list[str]], chains: list[str]
) -> None:
    request = {"op": "http", "method": "GET", "path": "/x", "headers": headers, "body_b64": "", "peer": "192.0.2.7"}
    ask(connected(f'[abilities]\nforwarded = "{forwarded}"\n'), request)
    assert stub.asked[0].values("X-Forwarded-For") == chains
