"""Profiles of resource servers: what is read, what is refused and with which words, and what is never shown."""

from pathlib import Path

import pytest

from bearerproof.contract.http.wire import Answered, Sent, Unsendable
from bearerproof.contract.resource.answers import Answers, Kind, error_code, pointed_at
from bearerproof.contract.resource.challenges import challenges
from bearerproof.contract.resource.hello import declared
from bearerproof.contract.resource.presenting import written
from bearerproof.contract.resource.profilefile import is_resource_profile, load
from bearerproof.contract.resource.resourceserver import ResourceServer
from bearerproof.exceptions import BadInput
from bearerproof_fuzz.commands.apiprofile import Found, missing, profile_text
from bearerproof_fuzz.suite.rs.test_metadata import WELL_KNOWN, metadata_paths

LEAST = """\
name = "api"
profile = "jwt"
[token]
issuer = "http://127.0.0.1:8765/home"
audience = "api://orders"
[request]
line = "GET /orders"
"""


def written_to(folder: Path, text: str) -> Path:
    path = folder / "api.toml"
    path.write_text(text)
    return path


def test_the_least_profile_has_what_the_document_says(tmp_path: Path) -> None:
    found = load(written_to(tmp_path, LEAST))
    assert (found.identity_provider.host, found.identity_provider.port) == ("127.0.0.1", 8765)
    assert (found.token.algorithms, found.token.require, found.server.fetches) == (("ES256",), (), None)
    assert found.server.authorization
    assert found.server.running
    assert is_resource_profile(tmp_path / "api.toml")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (("audience =", "audienc ="), "token.audienc is not known; did you mean audience?"),
        (('"jwt"', '"id-token"'), "profile must be access-token or jwt"),
        (("audience =", 'other = "http://127.0.0.1:8766/x"\naudience ='), "token.other must be another path at the"),
        (("audience =", 'secret_env = "NO_SUCH_VARIABLE"\naudience ='), "names ${NO_SUCH_VARIABLE}, which is not set"),
        (("audience =", 'secret_env = "HOME"\nalgorithms = ["ES256"]\naudience ='), "'ES256' is none of HMAC"),
        (("audience =", 'algorithms = ["HS256"]\naudience ='), "'HS256' is none of a public key"),
        (('"GET /orders"', '"/orders"'), "request.line must be a method and a path"),
        (("line =", 'token = "Bearer"\nline ='), "request.token must be as"),
        (("line =", 'headers = ["Host: x"]\nline ='), "request.headers must leave Host to bearerproof"),
        (("line =", 'headers = ["X: ${NO_SUCH_VARIABLE}"]\nline ='), "names ${NO_SUCH_VARIABLE}, which is not set"),
        (("audience =", "claims = { exp = 1 }\naudience ="), "token.claims must leave exp to the checks"),
        (("audience =", 'algorithms = ["none"]\naudience ='), "'none' is none of a public key"),
        (('"http://127.0.0.1:8765/home"', '"https://as.example"'), "identity_provider is missing"),
        (("[request]", '[answers]\nrejected = ["no"]\n[request]'), "answers.rejected must hold a status"),
        (("[request]", "[answers]\nrejected = [401]\naccepted = [401]\n[request]"), "has '401' twice"),
        (("[request]", '[reasons]\nold = "x"\n[request]'), "reasons.old is no reason"),
        (("[request]", "[audit]\n[request]"), "audit.file or command is needed"),
        (("[request]", '[audit]\nfile = "a"\nlevel = 2\n[request]'), "audit.level is not known"),
    ],
)
def test_a_profile_that_cannot_be_right_is_refused_with_its_line(
    tmp_path: Path, change: tuple[str, str], words: str
) -> None:
    assert change[0] in LEAST
    with pytest.raises(BadInput) as refused:
        load(written_to(tmp_path, LEAST.replace(*change)))
    assert words in str(refused.value)


def test_a_secret_of_the_environment_is_sent_and_shown_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_KEY", "the-key-of-the-gateway")
    found = load(written_to(tmp_path, LEAST + 'headers = ["X-Key: ${GATEWAY_KEY}"]\n'))
    assert ("X-Key", "the-key-of-the-gateway") in written(found.server, None).headers
    assert "the-key-of-the-gateway" not in repr(found)
    assert found.secrets == ("the-key-of-the-gateway",)


def test_what_is_given_elsewhere_leaves_its_usual_table(tmp_path: Path) -> None:
    answers = load(
        written_to(tmp_path, LEAST + '[answers]\nrejected = ["401", 400, "403 insufficient_scope"]\n')
    ).server.answers
    assert answers.kind(400, None) is Kind.REJECTED
    assert answers.kind(403, "insufficient_scope") is Kind.REJECTED


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["Bearer"], [("bearer", {})]),
        (['bearer realm="a, b=c", error = "x"'], [("bearer", {"realm": "a, b=c", "error": "x"})]),
        (['Basic realm=x, Bearer error="y"'], [("basic", {"realm": "x"}), ("bearer", {"error": "y"})]),
        (["Negotiate YWJj=, Bearer realm=x"], [("negotiate", {}), ("bearer", {"realm": "x"})]),
        (['Bearer realm="a \\"b\\""'], [("bearer", {"realm": 'a "b"'})]),
        (["", ",,", '"'], []),
    ],
)
def test_challenges_are_read_as_their_grammar_has_them(values: list[str], expected: list[object]) -> None:
    assert [(each.scheme, each.parameters) for each in challenges(values)] == expected


def test_the_code_of_an_error_is_that_of_the_challenge_or_of_the_body() -> None:
    assert error_code([("WWW-Authenticate", 'Bearer error="a"')], b'{"error": "b"}') == "a"
    assert error_code([], b'{"error": "b"}') == "b"
    assert error_code([], b'event: message\ndata: {"error": "b"}\n\n') == "b"
    assert error_code([], b"[") is None
    assert Answers().kind(429, None) is Kind.BUSY
    assert pointed_at(b'{"a": [{"b/c": 1}]}', "/a/0/b~1c") == 1


@pytest.mark.parametrize(
    ("place", "token", "sent"),
    [
        ("Authorization: Bearer {token}", "a.b.c", ("Authorization", "Bearer a.b.c")),
        ("X-Auth: {token}", "a.b.c", ("X-Auth", "a.b.c")),
        ("Cookie: at={token}", "a.b.c", ("Cookie", "at=a.b.c")),
        ("Authorization: Bearer {token}", "a.b.c ", None),
        ("Authorization: Bearer {token}", "a\0b", None),
        ("Authorization: Bearer {token}", "", None),
        ("Cookie: at={token}", "a;b", None),
        ("X-Auth: {token}", "a,b", None),
    ],
)
def test_a_token_goes_where_the_profile_says_or_not_at_all(
    place: str, token: str, sent: tuple[str, str] | None
) -> None:
    server = ResourceServer("http://127.0.0.1/home", "api", token=place)
    if sent is None:
        with pytest.raises(Unsendable):
            written(server, token)
    else:
        assert sent in written(server, token).headers


def test_a_query_carries_any_token() -> None:
    server = ResourceServer("http://127.0.0.1/home", "api", line="GET /orders?x=1", token="?at={token}")
    assert written(server, b"a\xff b").path == "/orders?x=1&at=a%FF%20b"
    assert isinstance(written(server, None), Sent)


@pytest.mark.parametrize(
    ("identifier", "places"),
    [
        ("https://api.example", [""]),
        ("https://api.example/", [""]),
        ("https://api.example/mcp", ["/mcp"]),
        ("https://api.example/mcp/", ["/mcp/", "/mcp"]),
        ("https://api.example/?x=1", ["?x=1"]),
    ],
)
def test_metadata_stands_where_the_identifier_puts_it(identifier: str, places: list[str]) -> None:
    """Of a slash at the end of a path RFC 9728 §3.1 can be read in two ways, and neither is wrong."""
    assert list(metadata_paths(identifier)) == [WELL_KNOWN + place for place in places]


def test_what_is_declared_has_what_a_product_may_need(tmp_path: Path) -> None:
    hello = declared(load(written_to(tmp_path, LEAST.replace("audience", "leeway = 5\naudience"))))
    rules = hello["capabilities"]["tokens"]["jwt"]
    assert rules["leeway"] == {"exp": 5, "nbf": 5, "iat": 5}
    assert "sub" in rules["needed_claims"]


def test_a_profile_begun_by_asking_can_be_read_and_says_what_is_missing(tmp_path: Path) -> None:
    challenge = 'Bearer scope="orders:read", resource_metadata="http://127.0.0.1:1/.well-known/x"'
    metadata = {"resource": "http://127.0.0.1:1/orders", "authorization_servers": ["http://127.0.0.1:8765/home"]}
    whole = Found("/orders", Answered(401, (("WWW-Authenticate", challenge),), b""), metadata)
    found = load(written_to(tmp_path, profile_text(whole, "http://127.0.0.1:1")))
    assert (found.server.scope, found.server.metadata) == ("orders:read", "http://127.0.0.1:1/orders")
    assert len(missing(whole)) == 1
    bare = Found("/orders", Answered(403, (), b""))
    assert (
        load(written_to(tmp_path, profile_text(bare, "http://127.0.0.1:1"))).server.answers.kind(403, None)
        is Kind.REJECTED
    )
    assert len(missing(bare)) == 4
