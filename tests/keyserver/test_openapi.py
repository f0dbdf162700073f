"""The OpenAPI document: it is one, it is served, and it tells every path, method and status of the binding.

That each answer is as the document says is checked wherever one is asked for, in ``web``.
"""

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from bearerproof_reference import __version__
from bearerproof_reference.deployment import http
from bearerproof_reference.deployment.httprequest import MAX_BODY
from bearerproof_reference.deployment.openapi import DOCUMENT
from tests.keyserver.environment import ADMIN, Down, Environment, rule
from tests.keyserver.web import FORM_FIELD, Answer, Web, identity_query

Statuses = dict[str, Callable[[], Answer]]

UUID = "00000000-0000-4000-8000-000000000000"
LARGE = b"x" * (MAX_BODY + 1)
TWICE = (f"Bearer {ADMIN}", f"Bearer {ADMIN}")
ONE_A_MINUTE = [rule(grant={"backends": ["*"], "tools": ["*"], "rate_limit": 1})]


def test_it_is_an_openapi_document() -> None:
    OpenAPIV31SpecValidator(json.loads(json.dumps(DOCUMENT))).validate()
    assert DOCUMENT["info"]["version"] == __version__


def test_it_is_served_as_it_is() -> None:
    assert Web().ask("GET", "/openapi.json").json == json.loads(json.dumps(DOCUMENT))


def test_its_paths_and_methods_are_those_of_the_binding() -> None:
    endpoints = http._endpoints(Environment().server, http.directly, http.directly)
    bound = {path: {method.lower() for method in endpoint._handlers} for path, endpoint in endpoints.items()}
    assert {path: set(operations) for path, operations in DOCUMENT["paths"].items()} == bound


def test_operations_have_names_of_their_own() -> None:
    assert set(OPERATIONS) == set(CAUSES)
    assert len(OPERATIONS) == sum(map(len, DOCUMENT["paths"].values()))


def exchange() -> Statuses:
    return {
        "200": lambda: Web().exchange(),
        "400": lambda: Web().post("x"),
        "413": lambda: Web().post(LARGE),
        "415": lambda: Web().post("x", ("Content-Type", "text/plain")),
        "401": lambda: Web(clients={"app": "secret"}).exchange(),
        "429": lambda: again(Web(cap=1), lambda web: web.exchange()),
        "503": lambda: out_of_order("issue").exchange(),
        "500": lambda: defective("exchange").exchange(),
    }


def revoke() -> Statuses:
    return {
        "204": lambda: granted_and_revoked(Web()),
        "400": lambda: Web().delete("/auth/token/x", *TWICE),
        "404": lambda: Web().delete_as_admin("/auth/token/x"),
        "401": lambda: Web().delete("/auth/token/x"),
        "413": lambda: Web().ask("DELETE", "/auth/token/x", body=LARGE),
        "429": lambda: again(Web(throttle={"admin_failures": 1}), lambda web: web.delete("/auth/token/x")),
        "503": lambda: out_of_order("revoke").delete_as_admin(f"/auth/token/{UUID}"),
        "500": lambda: defective("revoke").delete("/auth/token/x"),
    }


def revoke_all() -> Statuses:
    return {
        "200": lambda: Web().delete_as_admin(identity_query()),
        "400": lambda: Web().delete_as_admin("/auth/tokens"),
        "401": lambda: Web().delete("/auth/tokens"),
        "413": lambda: Web().ask("DELETE", "/auth/tokens", body=LARGE),
        "429": lambda: again(Web(throttle={"admin_failures": 1}), lambda web: web.delete("/auth/tokens")),
        "503": lambda: out_of_order("revoke_all").delete_as_admin(identity_query()),
        "500": lambda: defective("revoke_all").delete("/auth/tokens"),
    }


def named_token(path: str, decision: str) -> Statuses:
    """Return what makes a request that names a token have each of its answers."""

    def name(web: Web, *credentials: str, body: bytes | None = None) -> Answer:
        fields = [FORM_FIELD, *(("Authorization", credential) for credential in credentials)]
        octets = f"token={web.bearer()}".encode() if body is None else body
        return web.ask("POST", path, *fields, body=octets)

    wrong = "Bearer wrong"
    return {
        "200": lambda: name(Web(), TWICE[0]),
        "400": lambda: name(Web(), TWICE[0], body=b""),
        "401": lambda: name(Web(), wrong),
        "413": lambda: name(Web(), TWICE[0], body=LARGE),
        "429": lambda: again(Web(throttle={"admin_failures": 1}), lambda web: name(web, wrong)),
        "503": lambda: name(out_of_order("look_up"), TWICE[0]),
        "500": lambda: name(defective(decision), TWICE[0]),
    }


def use_resource() -> Statuses:
    def twice(web: Web) -> Answer:
        bearer = web.bearer()
        return again(web, lambda web: web.use(f"Bearer {bearer}"))

    return {
        "200": lambda: use(Web(), "search"),
        "400": lambda: Web().use("Bearer x", "Bearer x"),
        "401": lambda: Web().use("Bearer x"),
        "403": lambda: use(Web(), "other"),
        "413": lambda: Web().ask("GET", "/resource/a/b", body=LARGE),
        "429": lambda: twice(Web(policies=ONE_A_MINUTE)),
        "503": lambda: out_of_order("look_up").use("Bearer bprf_" + "A" * 43),
        "500": lambda: defective("authenticate").use(),
    }


def health() -> Statuses:
    return {
        "200": lambda: Web().ask("GET", "/health"),
        "503": lambda: out_of_order("count").ask("GET", "/health"),
        "500": lambda: defective("count").ask("GET", "/health"),
    }


def describe() -> Statuses:
    return {"200": lambda: Web().ask("GET", "/openapi.json")}


OPERATIONS: dict[str, Any] = {
    operation["operationId"]: operation["responses"]
    for operations in DOCUMENT["paths"].values()
    for operation in operations.values()
}
CAUSES: dict[str, Statuses] = {
    "exchange": exchange(),
    "revoke": revoke(),
    "revokeAll": revoke_all(),
    "revokeBearer": named_token("/auth/revoke", "revoke_bearer"),
    "introspect": named_token("/auth/introspect", "introspect"),
    "useResource": use_resource(),
    "health": health(),
    "describe": describe(),
}


@pytest.mark.parametrize("name", CAUSES)
def test_every_status_can_be_had(name: str) -> None:
    assert set(OPERATIONS[name]) == set(CAUSES[name])
    assert {status: str(cause().status) for status, cause in CAUSES[name].items()} == {
        status: status for status in CAUSES[name]
    }


def out_of_order(operation: str) -> Web:
    return Web(Down(Environment().store, operation))


def defective(decision: str) -> Web:
    def fail(*_: object) -> None:
        raise RuntimeError

    web = Web()
    setattr(web.environment.server, decision, fail)
    return web


def again(web: Web, act: Callable[[Web], Answer]) -> Answer:
    assert act(web).status < HTTPStatus.INTERNAL_SERVER_ERROR
    return act(web)


def use(web: Web, tool: str) -> Answer:
    return web.use(f"Bearer {web.bearer()}", path=f"/resource/a/{tool}")


def granted_and_revoked(web: Web) -> Answer:
    return web.delete_as_admin(f"/auth/token/{web.exchange().json['jti']}")
