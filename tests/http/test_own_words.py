"""A server of another model is asked in its own words, and not for what it has no words for."""

from base64 import b64encode
from pathlib import Path
from urllib.parse import parse_qs, quote

import pytest

from bearerproof.contract.http.profile import ServerProfile
from bearerproof.contract.http.profilefile import load
from bearerproof.contract.http.translation import written
from bearerproof.contract.http.wire import Unsendable

OWN_WORDS = """name = "foreign"
subject_token_type = "urn:ietf:params:oauth:token-type:jwt"
[setting]
issuers = ["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"]
audience = "audience"
admin_secret_env = "SECRET_OF_THE_TEST"
[requests]
resource = "GET /me"
revoke_token = "POST /revoke"
[headers]
client = "Authorization: Basic ${SECRET_OF_THE_TEST}"
admin = "Authorization: Basic {secret}"
[scopes]
narrow = "read"
wide = "read write"
usual = "openid"
[abilities]
administration = false
token_revocation = true
"""


@pytest.fixture
def foreign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServerProfile:
    """Describe an authorization server of another model."""
    monkeypatch.setenv("SECRET_OF_THE_TEST", "Zm9yZWlnbg==")
    (tmp_path / "profile.toml").write_text(OWN_WORDS)
    return load(tmp_path / "profile.toml")


ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
CLIENT = ("Authorization", "Basic Zm9yZWlnbg==")
NO_NAMES: dict[str, str] = {}


def test_an_exchange_goes_in_the_words_of_the_server(foreign: ServerProfile) -> None:
    form = [["subject_token_type", ID_TOKEN], ["scope", "backends:a,b tools:x"]]
    sent = written({"op": "exchange", "form": form}, foreign, NO_NAMES)
    assert CLIENT in sent.headers
    expected = {"subject_token_type": [ID_TOKEN.replace("id_token", "jwt")], "scope": ["read write"]}
    assert parse_qs(sent.body.decode()) == expected
    plain = written({"op": "exchange", "form": form[:1]}, foreign, NO_NAMES)
    assert parse_qs(plain.body.decode())["scope"] == ["openid"]


def test_a_form_goes_in_the_words_of_the_server_to_the_octet(foreign: ServerProfile) -> None:
    body = f"scope=backends%3Aa+tools%3Ax&a==&subject_token_type={quote(ID_TOKEN, safe='')}&scope=%00".encode()
    message = {
        "op": "http",
        "method": "POST",
        "path": "/auth/token",
        "headers": [],
        "body_b64": b64encode(body).decode(),
    }
    sent = written(message, foreign, NO_NAMES)
    spelled = quote(ID_TOKEN.replace("id_token", "jwt"), safe="")
    assert sent.body == f"scope=read&a==&subject_token_type={spelled}&scope=%00".encode()
    assert CLIENT in sent.headers
    own = written({**message, "headers": [["authorization", "Basic YTpi"]]}, foreign, NO_NAMES)
    assert CLIENT not in own.headers


def test_a_token_is_revoked_by_its_bearer_where_there_is_no_administration(foreign: ServerProfile) -> None:
    message = {"op": "revoke", "jti": "of-a-token", "admin": foreign.setting.admin_secret}
    sent = written(message, foreign, NO_NAMES, "the-bearer")
    assert (sent.method, sent.path, sent.body, CLIENT in sent.headers) == ("POST", "/revoke", b"token=the-bearer", True)


_NOT_ASKED: dict[str, dict[str, object]] = {
    "a scope without a counterpart": {"op": "exchange", "form": [["scope", "backends:c tools:z"]]},
    "no scope where one is needed": {"op": "exchange", "form": [["scope", ""]]},
    "a backend": {"op": "authenticate", "bearer": "x", "wants": {"backend": "a", "tool": "x"}},
    "another path of the resource": {"op": "http", "method": "GET", "path": "/resource/b/y", "headers": []},
    "a revocation by id": {"op": "http", "method": "DELETE", "path": "/auth/token/x", "headers": []},
    "a revocation of an identity": {"op": "revoke", "issuer": "x", "subject": "y", "admin": "of the test"},
    "a wrong secret": {"op": "revoke", "jti": "of-a-token", "admin": "wrong"},
}


@pytest.mark.parametrize("name", _NOT_ASKED)
def test_what_it_has_no_words_for_is_not_asked(foreign: ServerProfile, name: str) -> None:
    with pytest.raises(Unsendable):
        written({"body_b64": "", **_NOT_ASKED[name]}, foreign, NO_NAMES)
