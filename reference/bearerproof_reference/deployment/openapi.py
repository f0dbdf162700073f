"""What the HTTP binding offers, as an OpenAPI 3.1 document: every path, parameter, status and header field."""

from collections.abc import Mapping
from typing import Any

from bearerproof_reference import __version__
from bearerproof_reference.deployment.httprequest import FORM, MAX_BODY
from bearerproof_reference.keyserver.exchange import ACCESS_TOKEN, GRANT_TYPE, ID_TOKEN
from bearerproof_reference.keyserver.patterns import MAX_LENGTH

Json = Mapping[str, Any]

_TEXT: Json = {"type": "string"}


def _ref(kind: str, name: str) -> Json:
    return {"$ref": f"#/components/{kind}/{name}"}


def _response(description: str, schema: Json | None = None, *headers: str) -> Json:
    """Return a response, which nobody may keep, with these header fields besides."""
    fields = {name: _ref("headers", name) for name in ("Cache-Control", "Pragma", *headers)}
    content = {} if schema is None else {"content": {"application/json": {"schema": schema}}}
    return {"description": description, "headers": fields, **content}


def _refusal(description: str, *codes: str, headers: tuple[str, ...] = ()) -> Json:
    """Return a response with one of these error codes."""
    code = {"properties": {"error": {"enum": list(codes)}}}
    return _response(description, {"allOf": [_ref("schemas", "Error"), code]}, *headers)


def _form(schema: str) -> Json:
    """Return the body of a request, which has to be a form of this schema."""
    return {"required": True, "content": {FORM: {"schema": _ref("schemas", schema)}}}


_CHALLENGE, _WAIT = ("WWW-Authenticate",), ("Retry-After",)

_SEVERAL = _refusal("More than one credential (RFC 6750 §3.1).", "invalid_request", headers=_CHALLENGE)
_TOO_LARGE = _refusal(f"The body has more than {MAX_BODY} bytes.", "invalid_request")
_LIMITED = _refusal("Too many requests.", "rate_limited", headers=_WAIT)
_UNAVAILABLE = _refusal("The store cannot answer.", "temporarily_unavailable", headers=_WAIT)
_DEFECT = _refusal("A defect of the server.", "server_error")

_EXCHANGE: Json = {
    "operationId": "exchange",
    "summary": "Exchange an ID token for a short-lived bearer (RFC 8693)",
    "security": [{}, {"client": []}],
    "requestBody": _form("Exchange"),
    "responses": {
        "200": _response("A bearer was issued.", _ref("schemas", "Grant")),
        "400": _refusal(
            "Nothing was issued (RFC 6749 §5.2, RFC 8693 §2.2.2).",
            "invalid_request",
            "invalid_scope",
            "invalid_target",
            "unsupported_grant_type",
        ),
        "401": _refusal("There are clients, and this is none (RFC 6749 §5.2).", "invalid_client", headers=_CHALLENGE),
        "413": _TOO_LARGE,
        "415": _refusal(f"The body is not declared to be {FORM}.", "invalid_request"),
        "429": _refusal("Too many tokens, or too many requests.", "too_many_tokens", "rate_limited", headers=_WAIT),
        "503": _refusal("This cannot be decided at present.", "temporarily_unavailable", headers=_WAIT),
        "500": _DEFECT,
    },
}

_ADMIN_REFUSALS: Json = {
    "401": _response("The admin secret was not presented.", {"type": "object", "maxProperties": 0}, *_CHALLENGE),
    "413": _TOO_LARGE,
    "429": _refusal("Too many failures from this client.", "rate_limited", headers=_WAIT),
    "503": _UNAVAILABLE,
    "500": _DEFECT,
}

_REVOKE: Json = {
    "operationId": "revoke",
    "summary": "Revoke one token",
    "security": [{"admin": []}],
    "parameters": [
        {"name": "jti", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}},
    ],
    "responses": {
        "204": _response("The token was live, and is revoked."),
        "400": _SEVERAL,
        "404": _refusal("No token with this id is active.", "not_found"),
        **_ADMIN_REFUSALS,
    },
}

_REVOKE_ALL: Json = {
    "operationId": "revokeAll",
    "summary": "Revoke all tokens of an identity; ID tokens issued up to now mint nothing any more",
    "security": [{"admin": []}],
    "parameters": [
        {"name": name, "in": "query", "required": True, "schema": {"type": "string", "minLength": 1}}
        for name in ("issuer", "subject")
    ],
    "responses": {
        "200": _response("So many tokens were live, and are revoked.", _ref("schemas", "Revoked")),
        "400": _refusal(
            "More than one credential; or issuer and subject are not both there, each once, and alone.",
            "invalid_request",
        ),
        **_ADMIN_REFUSALS,
    },
}


def _of_one_token(operation: str, summary: str, success: Json) -> Json:
    """Return an operation of an administrator on the bearer that a form names."""
    return {
        "operationId": operation,
        "summary": summary,
        "security": [{"admin": []}],
        "requestBody": _form("Token"),
        "responses": {
            "200": success,
            "400": _refusal("More than one credential, or not one token.", "invalid_request"),
            **_ADMIN_REFUSALS,
        },
    }


_REVOKE_BEARER = _of_one_token(
    "revokeBearer",
    "Revoke the token of a bearer (RFC 7009)",
    _response("There is no such token, or none any more.", {"type": "object", "maxProperties": 0}),
)

_INTROSPECT = _of_one_token(
    "introspect",
    "Say how it stands with a bearer (RFC 7662)",
    _response("Whether it is good, and what for.", _ref("schemas", "Introspected")),
)

_RESOURCE: Json = {
    "operationId": "useResource",
    "summary": "A sample resource, for a bearer that is good for this backend and tool",
    "security": [{"bearer": []}],
    "parameters": [
        {"name": name, "in": "path", "required": True, "schema": _ref("schemas", "Name")}
        for name in ("backend", "tool")
    ],
    "responses": {
        "200": _response("The bearer was admitted.", _ref("schemas", "Resource")),
        "400": _SEVERAL,
        "401": _response(
            "The bearer is not good; or none was presented: then there is no error (RFC 6750 §3.1).",
            {"type": "object", "properties": {"error": {"const": "invalid_token"}, "error_description": _TEXT}},
            *_CHALLENGE,
        ),
        "403": _refusal("The bearer is good for something else.", "insufficient_scope", headers=_CHALLENGE),
        "413": _TOO_LARGE,
        "429": _LIMITED,
        "503": _UNAVAILABLE,
        "500": _DEFECT,
    },
}

_HEALTH: Json = {
    "operationId": "health",
    "summary": "Whether tokens can be issued and judged, and events be recorded",
    "responses": {
        "200": _response("They can.", _ref("schemas", "Health")),
        "503": _response("The store cannot answer.", _ref("schemas", "Health"), *_WAIT),
        "500": _DEFECT,
    },
}

_DESCRIBE: Json = {
    "operationId": "describe",
    "summary": "This document",
    "responses": {"200": _response("An OpenAPI document.", {"type": "object"})},
}

_SCHEMAS: Json = {
    "Exchange": {
        "type": "object",
        "description": "No parameter stands twice; unknown ones are ignored.",
        "required": ["grant_type", "subject_token", "subject_token_type"],
        "properties": {
            "grant_type": {"const": GRANT_TYPE},
            "subject_token": {**_TEXT, "description": "The ID token (a JWT). It can be exchanged once."},
            "subject_token_type": {"const": ID_TOKEN},
            "requested_token_type": {"const": ACCESS_TOKEN},
            "scope": {
                **_TEXT,
                "description": "What is asked for; a side that is left out is all that the policy allows.",
                "examples": ["backends:search,mail tools:read_*"],
            },
        },
    },
    "Grant": {
        "type": "object",
        "description": "RFC 8693 §2.2.1, and the id by which the token can be revoked.",
        "required": ["access_token", "issued_token_type", "token_type", "expires_in", "scope", "jti"],
        "properties": {
            "access_token": _TEXT,
            "issued_token_type": {"const": ACCESS_TOKEN},
            "token_type": {"const": "Bearer"},
            "expires_in": {"type": "integer", "minimum": 1, "description": "Seconds."},
            "scope": {**_TEXT, "description": "Exactly what is enforced."},
            "jti": {"type": "string", "format": "uuid"},
        },
        "additionalProperties": False,
    },
    "Error": {
        "type": "object",
        "description": "RFC 6749 §5.2.",
        "required": ["error", "error_description"],
        "properties": {"error": _TEXT, "error_description": _TEXT},
    },
    "Revoked": {
        "type": "object",
        "required": ["revoked"],
        "properties": {"revoked": {"type": "integer", "minimum": 0}},
        "additionalProperties": False,
    },
    "Token": {
        "type": "object",
        "description": "No parameter stands twice; unknown ones are ignored, and so is the hint.",
        "required": ["token"],
        "properties": {"token": {**_TEXT, "minLength": 1}, "token_type_hint": _TEXT},
    },
    "Introspected": {
        "description": "RFC 7662 §2.2; of what is not active nothing else is told.",
        "oneOf": [
            {"type": "object", "properties": {"active": {"const": False}}, "required": ["active"], "maxProperties": 1},
            {
                "type": "object",
                "required": ["active", "token_type", "scope", "jti", "iat", "exp", "sub", "identity"],
                "properties": {
                    "active": {"const": True},
                    "token_type": {"const": "Bearer"},
                    "scope": _TEXT,
                    "jti": {"type": "string", "format": "uuid"},
                    "iat": {"type": "integer"},
                    "exp": {"type": "integer"},
                    "sub": _TEXT,
                    "identity": {
                        "type": "object",
                        "description": "Whose it is: a subject is one of its issuer's.",
                        "required": ["issuer", "subject"],
                        "properties": {"issuer": _TEXT, "subject": _TEXT},
                        "additionalProperties": False,
                    },
                },
                "additionalProperties": False,
            },
        ],
    },
    "Name": {"type": "string", "pattern": "^[A-Za-z0-9._-]+$", "maxLength": MAX_LENGTH},
    "Resource": {
        "type": "object",
        "required": ["backend", "tool", "subject"],
        "properties": {"backend": _ref("schemas", "Name"), "tool": _ref("schemas", "Name"), "subject": _TEXT},
        "additionalProperties": False,
    },
    "Health": {
        "type": "object",
        "required": ["status", "store", "trail"],
        "properties": {
            "status": {"enum": ["ok", "unavailable"]},
            "store": {"enum": ["ok", "unavailable"]},
            "trail": {"enum": ["ok", "failing"], "description": "Whether the last event was recorded."},
            "warnings": {"type": "array", "items": _TEXT, "description": "What an operator should know."},
        },
        "additionalProperties": False,
    },
}

DOCUMENT: Json = {
    "openapi": "3.1.0",
    "info": {
        "title": "Key server",
        "version": __version__,
        "description": (
            "Exchanges an OIDC identity for a short-lived opaque bearer. A method that does not stand here is answered "
            "with 405 and Allow, a path that does not with 404."
        ),
    },
    "paths": {
        "/auth/token": {"post": _EXCHANGE},
        "/auth/token/{jti}": {"delete": _REVOKE},
        "/auth/tokens": {"delete": _REVOKE_ALL},
        "/auth/revoke": {"post": _REVOKE_BEARER},
        "/auth/introspect": {"post": _INTROSPECT},
        "/resource/{backend}/{tool}": {"get": _RESOURCE},
        "/health": {"get": _HEALTH},
        "/openapi.json": {"get": _DESCRIBE},
    },
    "components": {
        "schemas": _SCHEMAS,
        "headers": {
            "Cache-Control": {"required": True, "schema": {"const": "no-store"}},
            "Pragma": {"required": True, "schema": {"const": "no-cache"}},
            "Retry-After": {
                "required": True,
                "description": "Seconds.",
                "schema": {"type": "integer", "minimum": 1},
            },
            "WWW-Authenticate": {
                "required": True,
                "description": "A challenge: Bearer (RFC 6750 §3), or Basic to clients.",
                "schema": {"type": "string", "pattern": '^(Bearer|Basic) realm="'},
            },
        },
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer", "description": "An issued bearer."},
            "admin": {"type": "http", "scheme": "bearer", "description": "The admin secret."},
            "client": {"type": "http", "scheme": "basic", "description": "A client, where the server has some."},
        },
    },
}
