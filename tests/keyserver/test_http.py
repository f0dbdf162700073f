"""The HTTP binding: what it takes for a request, and what it answers to each decision."""

import asyncio
import json
import logging
from base64 import b64decode, b64encode
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof_fuzz import jwks_endpoint as endpoints
from bearerproof_fuzz.keys import key
from bearerproof_reference.adapter.inprocess import respond
from bearerproof_reference.adapter.keyserver import KeyServerAdapter
from bearerproof_reference.deployment.http import Threads, create_app, directly
from bearerproof_reference.deployment.httprequest import FORM, MAX_BODY
from bearerproof_reference.keyserver.exchange import ACCESS_TOKEN, GRANT_TYPE
from tests.keyserver.environment import (
    ADMIN,
    NOW,
    PEER,
    Down,
    Environment,
    configuration,
    form,
    id_token,
    provider,
    rule,
)
from tests.keyserver.web import FORM_FIELD, Answer, Field, Web, identity_query
from tests.reference.minting import Signer

UNKNOWN = "bprf_" + "A" * 43
UUID = "00000000-0000-4000-8000-000000000000"
MALFORMED = "token.invalid malformed-request"
UNAVAILABLE = (503, "temporarily_unavailable", "5")


@pytest.fixture
def web() -> Web:
    return Web()


def out_of_order(operation: str) -> Web:
    return Web(Down(Environment().store, operation))


class TestExchange:
    def test_a_subject_token_becomes_a_bearer(self, web: Web) -> None:
        answer = web.exchange("backends:a tools:search")
        assert answer.status == 200
        assert answer.field("Pragma") == "no-cache"
        granted = answer.json
        assert granted.pop("access_token").startswith("bprf_")
        assert granted.pop("jti") == web.environment.event()["token_jti"]
        assert granted == {
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": 600,
            "scope": "backends:a tools:search",
        }

    @pytest.mark.parametrize(
        "media_type", [FORM, FORM.upper(), f"{FORM};charset=utf-8", f'{FORM} ; Charset="UTF-8"', f"{FORM};"]
    )
    def test_spellings_of_the_media_type(self, web: Web, media_type: str) -> None:
        assert web.post(urlencode(form(id_token())), ("content-type", media_type)).status == 200

    @pytest.mark.parametrize(
        "fields",
        [
            [("X-None", "")],
            [("Content-Type", "")],
            [("Content-Type", "application/json")],
            [("Content-Type", "multipart/form-data; boundary=x")],
            [("Content-Type", "text/plain")],
            [("Content-Type", f"{FORM}-not")],
            [("Content-Type", f"{FORM}; charset=iso-8859-1")],
            [("Content-Type", f"{FORM}; charset=utf-8; charset=utf-16")],
            [("Content-Type", f"{FORM}, application/json")],
            [FORM_FIELD, FORM_FIELD],
            [FORM_FIELD, ("Content-Type", "application/json")],
            [FORM_FIELD, ("Content-Encoding", "gzip")],
        ],
    )
    def test_other_types_and_codings(self, web: Web, fields: list[Field]) -> None:
        assert web.post(urlencode(form(id_token())), *fields).error == (415, "invalid_request")
        assert web.environment.reason() == MALFORMED

    @pytest.mark.parametrize("announced", [None, "0", "17", "999999999", "-1", "many"])
    def test_the_bound_of_a_body_whatever_its_announced_length(self, web: Web, announced: str | None) -> None:
        fields = [FORM_FIELD, *([("Content-Length", announced)] if announced else [])]
        honest = urlencode(form(id_token())) + "&padding="
        assert web.post(honest + "x" * (MAX_BODY - len(honest)), *fields).status == 200
        web.environment.events()
        assert web.post(honest + "x" * (MAX_BODY - len(honest) + 1), *fields).error == (413, "invalid_request")
        assert web.environment.reason() == MALFORMED

    def test_ten_megabytes(self, web: Web) -> None:
        assert web.post(b"a=" + b"x" * 10_000_000).error == (413, "invalid_request")
        assert web.ask("GET", "/resource/a/b", body=b"x" * 10_000_000).error == (413, "invalid_request")

    @pytest.mark.parametrize(
        "extra",
        ["&x=%", "&x=%4", "&x=%zz", "&%C3=1", "&x=%FF", "&x=%ED%A0%80", "&x=ä", "&x=a b", "&x=a\r\nb", "&x=a\x00"],
    )
    def test_forms_that_are_not_encoded(self, web: Web, extra: str) -> None:
        assert web.post(urlencode(form(id_token())) + extra).error == (400, "invalid_request")
        assert web.environment.reason() == MALFORMED

    @pytest.mark.parametrize("name", ["grant_type", "subject_token", "subject_token_type", "scope", "anything"])
    @pytest.mark.parametrize("apart", ["&", "&&", "&other=1&"])
    def test_a_parameter_that_stands_twice(self, web: Web, name: str, apart: str) -> None:
        pairs = [*form(id_token(), scope="tools:search"), ("anything", "x")]
        again = urlencode([pair for pair in pairs if pair[0] == name])
        assert web.post(urlencode(pairs) + apart + again.replace("t", "%74", 1)).error == (400, "invalid_request")
        assert web.environment.reason() == MALFORMED

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"grant_type": "password"}, "unsupported_grant_type"),
            ({"grant_type": GRANT_TYPE + " "}, "unsupported_grant_type"),
            ({"grant_type": None}, "invalid_request"),
            ({"subject_token": ""}, "invalid_request"),
            ({"subject_token": "x.y.z"}, "invalid_request"),
            ({"scope": "everything"}, "invalid_scope"),
            ({"resource": "https://api.example"}, "invalid_target"),
        ],
    )
    def test_refusals(self, web: Web, changes: dict[str, Any], code: str) -> None:
        assert web.post(urlencode(form(**{"subject_token": id_token(), **changes}))).error == (400, code)
        assert len(web.environment.events()) == 1

    def test_the_query_is_no_part_of_the_form(self, web: Web) -> None:
        query = urlencode(form(id_token()))
        assert web.ask("POST", f"/auth/token?{query}", FORM_FIELD).error == (400, "invalid_request")

    def test_two_authorization_fields(self, web: Web) -> None:
        fields = (FORM_FIELD, ("Authorization", "Basic YTpi"), ("Authorization", "Basic YTpi"))
        assert web.post(urlencode(form(id_token())), *fields).error == (400, "invalid_request")
        assert web.environment.reason() == MALFORMED

    def test_the_cap(self) -> None:
        web = Web(cap=1)
        web.bearer()
        assert web.exchange().refusal == (429, "too_many_tokens", "600")

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


class TestResource:
    def test_a_good_bearer(self, web: Web) -> None:
        answer = web.use(f"Bearer {web.bearer()}")
        assert answer.json == {"backend": "a", "tool": "search", "subject": "anna"}
        assert web.environment.event()["event"] == "token.used"

    @pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER ", "bEaReR ", "Bearer  ", " Bearer     "])
    def test_spellings_of_the_scheme(self, web: Web, scheme: str) -> None:
        assert web.use(scheme + web.bearer()).status == 200

    def test_bearers_that_are_not_good_are_answered_with_the_same_octets(self, web: Web) -> None:
        expired, revoked, good = web.bearer(), web.bearer(), "bprf_"
        web.delete_as_admin(identity_query())
        web.environment.passing(599)
        good = web.bearer()
        answers = [web.use(f"Bearer {revoked}")]
        web.environment.passing(1)
        presented = [expired, UNKNOWN, good[:-1], good + "=", good.upper(), f"{good} ", f"{good} x", f"{good},{good}"]
        presented += ["", " ", "\t" + good, "é", good.replace("bprf_", ""), f'"{good}"']
        answers += [web.use(f"Bearer {bearer}") for bearer in presented if bearer != f"{good} "]
        answers += [web.use(spelling) for spelling in (f"Bearer{good}", f"Bearer\t{good}", f"Bearer:{good}", "bearer")]
        assert len(set(answers)) == 1, answers
        assert answers[0].error == (401, "invalid_token")
        assert answers[0].field("WWW-Authenticate") == 'Bearer realm="key-server", error="invalid_token"'
        assert web.use(f"Bearer {good} \t").status == 200, "white space around a value is not part of it"

    @pytest.mark.parametrize("credentials", [[], [""], ["Basic YTpi"], ["Digest x=y"], ["Token bprf_x"], ["bprf_x"]])
    def test_nothing_that_is_a_bearer(self, web: Web, credentials: list[str]) -> None:
        answer = web.use(*credentials)
        assert (answer.status, answer.body) == (401, b"")
        assert answer.field("WWW-Authenticate") == 'Bearer realm="key-server"'
        assert web.environment.reason() == "token.invalid missing-credential"

    def test_several_credentials(self, web: Web) -> None:
        good = f"Bearer {web.bearer()}"
        there, form_field = ("Authorization", good), ("content-type", FORM + ";x")
        body = f"access_token={good[7:]}".encode()
        answers = [
            web.use(good, good),
            web.use(good, ""),
            web.use("Basic YTpi", good),
            web.use(good, path=f"/resource/a/search?access_token={good[7:]}"),
            web.use(good, path="/resource/a/search?x=%&access%5Ftoken"),
            web.ask("GET", "/resource/a/search", there, form_field, body=body),
            web.ask("GET", "/resource/a/search", there, ("content-type", "x"), form_field, body=b"x&" + body),
        ]
        for answer in answers:
            assert answer.error == (400, "invalid_request")
        assert {event["reason"] for event in web.environment.events()} == {"several-credentials"}

    def test_what_looks_like_a_second_credential(self, web: Web) -> None:
        good = f"Bearer {web.bearer()}"
        assert web.use(good, path="/resource/a/search?token=x&Access_token=y&x=access_token").status == 200

    def test_query_and_body_present_nothing(self, web: Web) -> None:
        bearer = web.bearer()
        answers = [
            web.use(path=f"/resource/a/search?access_token={bearer}"),
            web.use(path=f"/resource/a/search?access_token={bearer}&access_token={bearer}"),
            web.ask("GET", "/resource/a/search", FORM_FIELD, body=f"access_token={bearer}".encode()),
        ]
        assert set(answers) == {web.use()}

    @pytest.mark.parametrize(
        ("path", "scope"),
        [
            ("/resource/a/other", "backends:a tools:other"),
            ("/resource/a/Search", "backends:a tools:Search"),
            ("/resource/a/search%2Fx", None),
            ("/resource/a/search%0D%0AX-A:b", None),
            ("/resource/a/search%22", None),
            ("/resource/a%FF/search", None),
            ("/resource/a%zz/search", None),
            ("/resource/*/search", None),
            ("/resource/a/" + "x" * 257, None),
        ],
    )
    def test_another_backend_or_tool(self, web: Web, path: str, scope: str | None) -> None:
        answer = web.use(f"Bearer {web.bearer()}", path=path)
        assert answer.error == (403, "insufficient_scope")
        named = "" if scope is None else f', scope="{scope}"'
        assert answer.field("WWW-Authenticate") == f'Bearer realm="key-server", error="insufficient_scope"{named}'

    def test_an_encoded_name(self, web: Web) -> None:
        assert web.use(f"Bearer {web.bearer()}", path="/resource/a%2Db/s%65arch").json["backend"] == "a-b"

    def test_over_the_rate(self) -> None:
        web = Web(policies=[rule(grant={"backends": ["*"], "tools": ["*"], "rate_limit": 1})])
        bearer = web.bearer()
        assert web.use(f"Bearer {bearer}").status == 200
        assert web.use(f"Bearer {bearer}").refusal == (429, "rate_limited", "60")


class TestRevocation:
    def test_one_token(self, web: Web) -> None:
        granted = web.exchange().json
        path = f"/auth/token/{granted['jti']}"
        answer = web.delete_as_admin(path)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.field("Content-Type") is answer.field("Content-Length") is None
        assert web.use(f"Bearer {granted['access_token']}").status == 401
        assert web.delete_as_admin(path).error == (404, "not_found")

    @pytest.mark.parametrize("jti", ["x", "%00", "%FF", "a%2Fb", "..", UUID])
    def test_no_token(self, web: Web, jti: str) -> None:
        assert web.delete_as_admin(f"/auth/token/{jti}").error == (404, "not_found")
        assert web.environment.event()["reason"] == "not-active"

    def test_strangers_get_one_answer(self) -> None:
        web = Web(throttle={"admin_failures": 0})
        granted = web.exchange().json
        paths = [f"/auth/token/{granted['jti']}", "/auth/token/x", identity_query(), identity_query(subject=None)]
        paths += ["/auth/tokens", "/auth/tokens?issuer=%zz"]
        guesses = [[], [""], [f"Basic {ADMIN}"], [f"Bearer {ADMIN[:-1]}"], [f"Bearer {ADMIN.upper()}"], [ADMIN]]
        guesses += [["Bearer"], [f"Bearer {granted['access_token']}"], [f"Bearer{ADMIN}"]]
        web.environment.events()
        answers = {web.delete(path, *guess) for path in paths for guess in guesses}
        (answer,) = answers
        assert (answer.status, answer.body) == (401, b"")
        assert answer.field("WWW-Authenticate") == 'Bearer realm="key-server-admin"'
        events = web.environment.events()
        assert {(event["event"], event["reason"]) for event in events} == {("token.denied", "admin-credentials")}
        assert len(events) == len(paths) * len(guesses)

    @pytest.mark.parametrize("path", ["/auth/token/x", identity_query()])
    def test_several_credentials(self, web: Web, path: str) -> None:
        separator = "&" if "?" in path else "?"
        answers = [
            web.delete(path, f"Bearer {ADMIN}", f"Bearer {ADMIN}"),
            web.delete(f"{path}{separator}access_token=x", f"Bearer {ADMIN}"),
        ]
        for answer in answers:
            assert answer.error == (400, "invalid_request")
        assert {event["reason"] for event in web.environment.events()} == {"admin-credentials"}

    def test_guessing(self, web: Web) -> None:
        statuses = [web.delete("/auth/token/x", "Bearer no").status for _ in range(6)]
        assert statuses == [401] * 5 + [429]
        assert web.delete_as_admin("/auth/token/x").refusal == (429, "rate_limited", "12")

    def test_all_of_an_identity(self, web: Web) -> None:
        bearers = [web.bearer(), web.bearer()]
        assert web.delete_as_admin(identity_query()).json == {"revoked": 2}
        assert [web.use(f"Bearer {bearer}").status for bearer in bearers] == [401, 401]
        web.environment.events()
        assert web.delete_as_admin(identity_query()).json == {"revoked": 0}
        assert web.environment.events() == []

    def test_an_identity_that_is_encoded(self, web: Web) -> None:
        web.bearer(sub="anna+1 ä/")
        assert web.delete_as_admin(identity_query(subject="anna+1 ä/")).json == {"revoked": 1}

    @pytest.mark.parametrize(
        "path",
        [
            "/auth/tokens",
            identity_query(issuer=None),
            identity_query(subject=None),
            identity_query(subject=""),
            identity_query(issuer=""),
            identity_query() + "&subject=anna",
            identity_query() + "&issuer=",
            identity_query(jti="x"),
            identity_query() + "&%zz=",
            identity_query() + "%ff",
        ],
    )
    def test_half_an_identity_or_more_than_one(self, web: Web, path: str) -> None:
        bearer = web.bearer()
        assert web.delete_as_admin(path).error == (400, "invalid_request")
        assert web.environment.reason() == MALFORMED
        assert web.use(f"Bearer {bearer}").status == 200


OUTAGES: dict[str, Callable[[Web], Answer]] = {
    "claim": lambda web: web.exchange(),
    "look_up": lambda web: web.use(f"Bearer {UNKNOWN}"),
    "revoke": lambda web: web.delete_as_admin(f"/auth/token/{UUID}"),
    "revoke_all": lambda web: web.delete_as_admin(identity_query()),
}


@pytest.mark.parametrize("operation", OUTAGES)
def test_an_outage(operation: str) -> None:
    assert OUTAGES[operation](out_of_order(operation)).refusal == UNAVAILABLE


ALLOWED = {
    "/auth/token": "POST",
    "/auth/token/x": "DELETE",
    "/auth/tokens": "DELETE",
    "/resource/a/b": "GET",
    "/health": "GET",
    "/openapi.json": "GET",
}


class TestPaths:
    @pytest.mark.parametrize("path", ALLOWED)
    def test_other_methods(self, web: Web, path: str) -> None:
        methods = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "post", "PROPFIND", "X"}
        for method in methods - {ALLOWED[path]}:
            answer = web.ask(method, path, ("Authorization", f"Bearer {ADMIN}"))
            assert answer.status == 405
            assert answer.field("Allow") == ALLOWED[path]
            assert (answer.body == b"") == (method == "HEAD")
        assert web.environment.events() == []

    @pytest.mark.parametrize(
        "path",
        [
            "/",
            "//",
            "/auth",
            "/auth/",
            "/auth/token/",
            "/auth/token/x/",
            "/auth/token/x/y",
            "/auth/tokenx",
            "/auth//token",
            "/auth%2Ftoken",
            "/auth/%74oken",
            "/AUTH/token",
            "/auth/../health",
            "/health/",
            "/healthz",
            "/./health",
            "/resource/a",
            "/resource//search",
            "/resource/a/",
            "/resource/a%2Fsearch",
            "/resource/a/search/x",
            "/openapi.json%00",
            "/docs",
        ],
    )
    @pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
    def test_paths_that_are_almost_there(self, web: Web, method: str, path: str) -> None:
        assert web.ask(method, path).error == (404, "not_found")
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


class TestClientAddress:
    @pytest.mark.parametrize(
        "forwarded",
        [
            "203.0.113.5",
            ", ".join(["203.0.113.5"] * 100),
            "",
            ",",
            "203.0.113.5:80",
            "[2001:db8::1]:80",
            "[2001:db8::1",
            "unknown",
            "for=203.0.113.5",
            "é",
            "127.0.0.1, 10.0.0.1",
        ],
    )
    def test_a_stranger_is_who_it_is(self, web: Web, forwarded: str) -> None:
        fields = [("X-Forwarded-For", forwarded), ("Forwarded", "for=203.0.113.5"), ("X-Real-IP", "203.0.113.5")]
        assert web.ask("GET", "/resource/a/b", *fields).status == 401
        assert web.environment.event()["event"] == "token.invalid"

    def test_a_trusted_proxy_is_believed_line_by_line(self, web: Web) -> None:
        fields = [("X-Forwarded-For", "198.51.100.1, 203.0.113.5"), ("x-forwarded-for", "10.0.0.2")]
        web.ask("GET", "/resource/a/b", *fields, peer="10.0.0.1")
        assert web.environment.events()[0]["client_ip"] == "203.0.113.5"

    def test_no_peer(self, web: Web) -> None:
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
        answer = out_of_order("count").ask("GET", "/health")
        assert (answer.status, answer.json["store"]) == (503, "unavailable")
        assert answer.field("Retry-After") == "5"


SIGNING = key("ES256", "a")
NO_KEY_SETS = {
    **endpoints.failures([SIGNING]),
    **endpoints.not_key_sets([SIGNING]),
    "much too large": endpoints.too_large([SIGNING]),
    "silence": endpoints.silence(),
}


class TestKeySets:
    """Where a provider serves its keys, anything may come back; none of it is a verdict on the subject token."""

    def web(self, url: str) -> Web:
        return Web(providers=[provider(algorithms=["ES256"], keys=None, keys_url=url)], policies=[rule()])

    def exchange(self, web: Web) -> Answer:
        return web.exchange(by=Signer(SIGNING.public_jwk, SIGNING.sign))

    def test_a_good_set(self) -> None:
        with endpoints.endpoint(endpoints.key_set([SIGNING])) as served:
            assert self.exchange(self.web(served.url)).status == 200

    @pytest.mark.parametrize("kind", NO_KEY_SETS)
    def test_no_set(self, kind: str) -> None:
        with endpoints.endpoint(NO_KEY_SETS[kind]) as served:
            self.check_unavailable(served)

    @pytest.mark.parametrize("kind", endpoints.redirects(""))
    def test_redirects(self, kind: str) -> None:
        good = endpoints.key_set([SIGNING])
        with endpoints.endpoint(good) as target, endpoints.endpoint(endpoints.redirects(target.url)[kind]) as served:
            self.check_unavailable(served)
            assert target.requests == 0

    def check_unavailable(self, served: endpoints.Endpoint) -> None:
        web = self.web(served.url)
        assert self.exchange(web).refusal == UNAVAILABLE
        assert web.environment.reason() == "token.denied keys-unavailable"
        served.reply = endpoints.key_set([SIGNING])
        web.environment.passing(5)
        assert self.exchange(web).status == 200

    def test_rotation(self) -> None:
        with endpoints.endpoint(endpoints.key_set([key("ES256", "b")])) as served:
            web = self.web(served.url)
            assert self.exchange(web).error == (400, "invalid_request")
            served.reply = endpoints.key_set([SIGNING])
            web.environment.passing(31)
            assert self.exchange(web).status == 200


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
