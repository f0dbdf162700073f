"""What of the HTTP binding the suite cannot see: outages, defects, listeners, threads, and clients that leave.

What it takes for a request, and what it answers to each decision, is judged by the suite, which runs on this binding.
"""

import asyncio
import json
import logging
from base64 import b64decode, b64encode
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.adapter.inprocess import respond
from bearerproof_reference.adapter.keyserver import KeyServerAdapter
from bearerproof_reference.deployment.http import Threads, create_app, directly
from bearerproof_reference.deployment.httprequest import FORM
from tests.keyserver.environment import NOW, PEER, Down, Environment, configuration, form, id_token
from tests.keyserver.web import FORM_FIELD, Field, Web


@pytest.fixture
def web() -> Web:
    return Web()


class TestExchange:
    def test_credentials_beside_the_form(self, web: Web) -> None:
        fields = (FORM_FIELD, ("Authorization", "Basic YTpi"))
        assert web.post(urlencode(form(id_token())), *fields).status == 200
        web.environment.events()
        assert web.post(urlencode(form(id_token())), *fields, fields[1]).error == (400, "invalid_request")
        assert web.environment.reason() == "token.invalid malformed-request"

    def test_the_throttle_comes_before_whatever_is_wrong(self) -> None:
        web = Web(throttle={"exchanges_per_minute": 2})
        statuses = [web.post("x", ("Content-Type", "text/plain")).status for _ in range(3)]
        assert statuses == [415, 415, 429]
        assert [event.get("reason") for event in web.environment.events()] == ["malformed-request"] * 2 + ["throttled"]

    def test_a_client_that_leaves_in_the_middle(self, web: Web) -> None:
        came: list[dict[str, Any]] = [
            {"type": "http.request", "body": b"grant_type=", "more_body": True},
            {"type": "http.disconnect"},
        ]

        async def receive() -> dict[str, Any]:
            return came.pop(0)

        async def send(message: Any) -> None:
            raise AssertionError(message)

        async def run() -> None:
            scope = {"type": "http", "method": "POST", "path": "", "raw_path": b"/auth/token", "query_string": b""}
            await web.app({**scope, "headers": [(b"content-type", FORM.encode())]}, receive, send)

        asyncio.run(run())
        assert came == []
        assert web.environment.events() == []


def test_the_resource_tells_who_asked_for_what(web: Web) -> None:
    answer = web.use(f"Bearer {web.bearer()}", path="/resource/a%2Db/s%65arch?token=x&Access_token=y&x=access_token")
    assert answer.json == {"backend": "a-b", "tool": "search", "subject": "anna"}


PATHS = """
    / // /auth /auth/ /auth/token/ /auth/token/x/ /auth/token/x/y /auth/tokenx /auth//token /auth%2Ftoken /auth/%74oken
    /AUTH/token /auth/../health /health/ /healthz /./health /resource/a /resource//search /resource/a/
    /resource/a%2Fsearch /resource/a/search/x /openapi.json%00 /docs
"""


def test_paths_that_are_almost_there(web: Web) -> None:
    for path in PATHS.split():
        assert {web.ask(method, path).error for method in ("GET", "POST", "DELETE")} == {(404, "not_found")}, path
    assert web.environment.events() == []


def test_a_listener_that_does_not_tell_the_path_as_it_was_sent(web: Web) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    async def run() -> None:
        await web.app({"type": "http", "method": "GET", "path": "/health", "headers": []}, receive, send)

    asyncio.run(run())
    assert sent[0]["status"] == 200


def test_no_peer(web: Web) -> None:
    web.ask("GET", "/resource/a/b", peer=None)
    assert "client_ip" not in web.environment.events()[0]


class TestHealth:
    def test_all_is_well(self, web: Web) -> None:
        assert web.ask("GET", "/health").json == {"status": "ok", "store": "ok", "trail": "ok"}
        assert web.environment.events() == []

    def test_events_are_being_lost(self, web: Web) -> None:
        web.environment.sink.broken = True
        web.use()
        assert web.ask("GET", "/health").json["trail"] == "failing"

    def test_the_store_is_down(self) -> None:
        answer = Web(Down(Environment().store, "count")).ask("GET", "/health")
        assert (answer.status, answer.json["store"]) == (503, "unavailable")
        assert answer.field("Retry-After") == "5"


SHARED = Web(throttle={"admin_failures": 0})
"""For examples that leave nothing behind."""


class TestFailures:
    SECRET = "what-was-presented"

    def test_a_defect_tells_nobody_anything(
        self, web: Web, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(*_: object) -> None:
            raise RuntimeError(self.SECRET)

        monkeypatch.setattr(web.environment.server, "authenticate", fail)
        answer = web.use(f"Bearer {self.SECRET}")
        assert answer.error == (500, "server_error")
        assert self.SECRET not in answer.body.decode()
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert "RuntimeError" in record.getMessage()
        assert "in fail" in record.getMessage(), "where it happened is told"
        assert self.SECRET not in record.getMessage()
        assert record.exc_info is None

    values = st.text(st.characters(codec="latin-1", exclude_categories=["Cc"]) | st.just("\t"), max_size=30)
    names = st.sampled_from(["Authorization", "Content-Type", "X-Forwarded-For", "Content-Length"])

    @given(
        st.sampled_from(["GET", "POST", "DELETE", "PUT"]),
        st.sampled_from(["/auth/token", "/auth/token/x", "/auth/tokens", "/resource/a/b"]),
        st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30),
        st.lists(st.tuples(names, values), max_size=3),
        st.binary(max_size=60),
    )
    def test_whatever_comes_is_answered_and_never_repeated(
        self, method: str, path: str, more: str, fields: list[Field], body: bytes
    ) -> None:
        canary = ("Authorization", "Bearer canary-5a1c")
        answer = SHARED.ask(method, path + more, *fields, canary, FORM_FIELD, body=b"canary-5a1c=" + body)
        assert answer.status < 500
        assert "canary-5a1c" not in repr(answer)
        assert len(SHARED.environment.events()) == (0 if answer.status in (404, 405) else 1)


class TestWork:
    variable: ContextVar[str] = ContextVar("variable")

    def test_threads_know_the_request(self) -> None:
        async def run() -> str:
            self.variable.set("here")
            return await Threads(2, "test")(self.variable.get)

        assert asyncio.run(run()) == "here"

    def test_what_is_raised_is_raised(self) -> None:
        async def run(work: Any) -> None:
            await work(lambda: 1 // 0)

        for work in (directly, Threads(1, "test")):
            with pytest.raises(ZeroDivisionError):
                asyncio.run(run(work))


class TestInProcess:
    """The binding as an operation of contract level 3."""

    @pytest.fixture
    def adapter(self) -> KeyServerAdapter:
        adapter = KeyServerAdapter()
        assert adapter.handle({"op": "configure", "key_server": configuration()}) == {"configured": True}
        return adapter

    def exchange(self, token: str) -> dict[str, Any]:
        request = {"op": "http", "now": NOW, "tick": 0, "peer": PEER, "method": "POST", "path": "/auth/token"}
        body = b64encode(urlencode(form(token)).encode()).decode()
        return {**request, "headers": [list(FORM_FIELD)], "body_b64": body}

    def test_events_and_time_are_those_of_the_request(self, adapter: KeyServerAdapter) -> None:
        answer = adapter.handle(self.exchange(id_token()))
        assert answer["status"] == 200
        assert "access_token" in json.loads(b64decode(answer["body_b64"]))
        (event,) = answer["events"]
        assert (event["event"], event["client_ip"]) == ("token.issued", PEER)
        assert event["occurred_at"] == "2027-01-15T08:00:00.000000Z"

    def test_a_subject_token_twice_at_the_same_instant(self, adapter: KeyServerAdapter) -> None:
        answers = adapter.handle({"op": "race", "requests": [self.exchange(id_token(jti="one"))] * 16})["answers"]
        assert sorted(answer["status"] for answer in answers) == [200] + [400] * 15
        assert sorted(answer["events"][0]["event"] for answer in answers) == ["token.denied"] * 15 + ["token.issued"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"method": "GET /"},
            {"method": ""},
            {"path": "auth/token"},
            {"path": "/auth token"},
            {"path": "/ä"},
            {"path": "/a\r\nX: y"},
            {"headers": [["X: y", "z"]]},
            {"headers": [["X", "y\r\nZ: a"]]},
            {"headers": [["X", "y\0"]]},
            {"headers": [["X", "\u0394"]]},
            {"body_b64": "?"},
        ],
    )
    def test_what_cannot_be_sent(self, changes: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=r"."):
            respond(create_app(Environment().server), {"method": "GET", "path": "/health", **changes})


@pytest.mark.parametrize("path", ["/resource/a/b", "/auth/token/x", "/auth/tokens"])
def test_a_body_that_is_too_large_leaves_its_event(web: Web, path: str) -> None:
    """As every other request that presents something which cannot be read."""
    method = "GET" if path.startswith("/resource") else "DELETE"
    assert web.ask(method, path, ("Authorization", "Bearer x"), body=b"x" * 70_000).status == 413
    assert web.environment.reason() == "token.invalid malformed-request"
