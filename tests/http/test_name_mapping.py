"""The stage: requests and subject tokens in the server's words, answers in ours, each world with people of its own."""

import json
from collections.abc import Iterator

import pytest

from bearerproof.contract.declaration import FixedConfig, KeyServer
from bearerproof_fuzz.keys import unb64
from bearerproof_fuzz.keyserver.name_mapping import IDENTITY, NameMapping, activate
from bearerproof_fuzz.keyserver.setting import (
    ADMIN,
    AUDIENCE,
    HOME,
    OTHER,
    PEER,
    PROXY,
    KeyServerConfig,
    config_of,
    mapping_of,
)

GIVEN = FixedConfig(
    ("http://127.0.0.1/a", "http://127.0.0.1/ab"), f"not {AUDIENCE}", "secret of the server", ttl=60, cap=9
)


@pytest.fixture
def stage() -> Iterator[NameMapping]:
    yield activate(mapping_of(KeyServer(setting=GIVEN, forwarded=True)))
    activate(IDENTITY)


def payload(token: str) -> bytes:
    return unb64(token.split(".")[1])


def claims(token: str) -> dict[str, object]:
    read: dict[str, object] = json.loads(payload(token))
    return read


def test_a_server_that_is_configured_knows_our_words() -> None:
    assert mapping_of(KeyServer(configure=True, setting=GIVEN)) is IDENTITY
    assert activate(IDENTITY) is IDENTITY
    draft = HOME.draft("alice", 0)
    assert payload(draft.token()) == draft.payload_bytes()
    request = {"op": "exchange", "subject": "alice", "peer": PEER, "admin": ADMIN}
    assert IDENTITY.outbound(request) == request


def test_a_setting_is_taken_as_it_is_told() -> None:
    setting = config_of(GIVEN)
    assert (setting.ttl, setting.cap, setting.retention) == (60, 9, 300)
    assert setting.providers == KeyServerConfig().providers


def test_a_request_is_told_in_the_words_of_the_server(stage: NameMapping) -> None:
    told = stage.outbound({"op": "revoke", "admin": ADMIN, "issuer": OTHER.issuer + "/", "subject": "alice", "n": 1})
    assert told == {
        "op": "revoke",
        "admin": "secret of the server",
        "issuer": "http://127.0.0.1/ab/",
        "subject": f"{stage.mark}alice",
        "n": 1,
    }
    assert stage.outbound({"subject": ""}) == {"subject": ""}
    assert stage.outbound({"requests": [{"subject": "bob"}]}) == {"requests": [{"subject": f"{stage.mark}bob"}]}


def test_a_path_is_told_in_the_words_of_the_server(stage: NameMapping) -> None:
    path = "/auth/tokens?issuer=https%3A%2F%2Fidp.example&subject=alice&subject="
    told = f"/auth/tokens?issuer=http%3A%2F%2F127.0.0.1%2Fa&subject={stage.mark}alice&subject="
    assert stage.outbound({"path": path}) == {"path": told}


def test_an_answer_is_heard_in_our_words(stage: NameMapping) -> None:
    answer = {"identity": {"issuer": "http://127.0.0.1/ab", "subject": f"{stage.mark}alice"}, "n": [None, 1, True]}
    assert stage.inbound(answer) == {"identity": {"issuer": OTHER.issuer, "subject": "alice"}, "n": [None, 1, True]}
    assert stage.inbound(("secret of the server",)) == (ADMIN,)


def test_peers_are_of_one_world(stage: NameMapping) -> None:
    told = stage.outbound({"peer": PEER})["peer"]
    assert told != PEER
    assert stage.outbound({"peer": PEER})["peer"] == told
    assert stage.inbound({"client_ip": told}) == {"client_ip": PEER}
    assert stage.outbound({"peer": PROXY})["peer"] == PROXY
    assert activate(stage).outbound({"peer": PEER})["peer"] != told
    assert mapping_of(KeyServer(setting=GIVEN)).outbound({"peer": PEER})["peer"] == PEER


def test_a_subject_token_is_written_in_the_words_of_the_server(stage: NameMapping) -> None:
    found = claims(HOME.draft("alice", 0, jti="id-1").token())
    assert found["iss"] == "http://127.0.0.1/a"
    assert found["aud"] == f"not {AUDIENCE}"
    assert (found["sub"], found["jti"]) == (f"{stage.mark}alice", f"{stage.mark}id-1")
    assert found["email"] == "alice@example.com"


def test_what_is_wrong_with_a_subject_token_stays_wrong(stage: NameMapping) -> None:
    draft = HOME.draft("alice", 0, jti="id-1")
    assert claims(draft.with_claims(iss=HOME.issuer + "/").token())["iss"] == "http://127.0.0.1/a/"
    assert claims(draft.with_claims(aud=[AUDIENCE, "x"]).token())["aud"] == [f"not {AUDIENCE}", "x"]
    assert claims(draft.with_claims(sub="", jti=1).token()) | {"sub": "", "jti": 1} == claims(
        draft.with_claims(sub="", jti=1).token()
    )


@pytest.mark.parametrize("name", ["jti", "j\\u0074i", "\\u006A\\u0074\\u0069", "\\u006at\\u0069"])
def test_an_id_is_found_however_its_name_is_spelt(stage: NameMapping, name: str) -> None:
    written = f'{{"{name}" : "id-1", "x": "jti"}}'.encode()
    assert json.loads(stage.outbound_payload(written)) == {"jti": f"{stage.mark}id-1", "x": "jti"}


def test_worlds_do_not_meet(stage: NameMapping) -> None:
    before = stage.mark
    assert activate(stage).mark != before
