"""Requests and subject tokens in the server's words, answers in ours, each mapping with people of its own."""

import json
from collections.abc import Iterator

import pytest

from bearerproof.contract.declaration import FixedConfig, KeyServer
from bearerproof_fuzz.keys import unb64
from bearerproof_fuzz.keyserver.name_mapping import IDENTITY, NameMapping, activate
from bearerproof_fuzz.keyserver.setting import (
    ADMIN,
    AUDIENCE,
    DEFAULT,
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
def mapping() -> Iterator[NameMapping]:
    yield activate(mapping_of(KeyServer(setting=GIVEN, forwarded=True)))
    activate(IDENTITY)


def payload(token: str) -> bytes:
    return unb64(token.split(".")[1])


def claims(token: str) -> dict[str, object]:
    read: dict[str, object] = json.loads(payload(token))
    return read


def test_a_server_that_is_configured_knows_our_words() -> None:
    assert mapping_of(KeyServer(configure=True)) is IDENTITY
    assert activate(IDENTITY) is IDENTITY
    draft = HOME.draft("alice", 0)
    assert payload(draft.token()) == draft.payload_bytes()
    request = {"op": "exchange", "subject": "alice", "peer": PEER, "admin": ADMIN}
    assert IDENTITY.outbound(request) == request


def test_a_server_that_is_configured_and_runs_on_has_its_own_issuers_and_is_told_the_rest() -> None:
    server = KeyServer(configure=True, setting=GIVEN)
    mapping = activate(mapping_of(server))
    told = mapping.outbound(DEFAULT.as_json())
    assert server.runs_on
    assert [each["issuer"] for each in told["providers"]] == list(GIVEN.issuers)
    assert (told["admin_secret"], told["providers"][0]["audiences"]) == (ADMIN, [HOME.audience])
    assert mapping.outbound({"subject": "alice"})["subject"].endswith(".alice")


def test_a_setting_is_taken_as_it_is_told() -> None:
    setting = config_of(GIVEN)
    assert (setting.ttl, setting.cap, setting.retention) == (60, 9, 300)
    assert setting.providers == KeyServerConfig().providers


def test_a_request_is_told_in_the_words_of_the_server(mapping: NameMapping) -> None:
    request = mapping.outbound(
        {"op": "revoke", "admin": ADMIN, "issuer": OTHER.issuer + "/", "subject": "alice", "n": 1}
    )
    assert request == {
        "op": "revoke",
        "admin": "secret of the server",
        "issuer": "http://127.0.0.1/ab/",
        "subject": f"{mapping.mark}alice",
        "n": 1,
    }
    assert mapping.outbound({"subject": ""}) == {"subject": ""}
    assert mapping.outbound({"requests": [{"subject": "bob"}]}) == {"requests": [{"subject": f"{mapping.mark}bob"}]}


def test_a_path_is_told_in_the_words_of_the_server(mapping: NameMapping) -> None:
    path = "/auth/tokens?issuer=https%3A%2F%2Fidp.example&subject=alice&subject="
    mapped = f"/auth/tokens?issuer=http%3A%2F%2F127.0.0.1%2Fa&subject={mapping.mark}alice&subject="
    assert mapping.outbound({"path": path}) == {"path": mapped}


def test_an_answer_is_heard_in_our_words(mapping: NameMapping) -> None:
    answer = {"identity": {"issuer": "http://127.0.0.1/ab", "subject": f"{mapping.mark}alice"}, "n": [None, 1, True]}
    assert mapping.inbound(answer) == {"identity": {"issuer": OTHER.issuer, "subject": "alice"}, "n": [None, 1, True]}
    assert mapping.inbound(("secret of the server",)) == (ADMIN,)


def test_peers_are_of_one_mapping(mapping: NameMapping) -> None:
    mapped = mapping.outbound({"peer": PEER})["peer"]
    assert mapped != PEER
    assert mapping.outbound({"peer": PEER})["peer"] == mapped
    assert mapping.inbound({"client_ip": mapped}) == {"client_ip": PEER}
    assert mapping.outbound({"peer": PROXY})["peer"] == PROXY
    assert activate(mapping).outbound({"peer": PEER})["peer"] != mapped
    assert mapping_of(KeyServer(setting=GIVEN)).outbound({"peer": PEER})["peer"] == PEER


def test_a_subject_token_is_written_in_the_words_of_the_server(mapping: NameMapping) -> None:
    found = claims(HOME.draft("alice", 0, jti="id-1").token())
    assert found["iss"] == "http://127.0.0.1/a"
    assert found["aud"] == f"not {AUDIENCE}"
    assert (found["sub"], found["jti"]) == (f"{mapping.mark}alice", f"{mapping.mark}id-1")
    assert found["email"] == "alice@example.com"


def test_what_is_wrong_with_a_subject_token_stays_wrong(mapping: NameMapping) -> None:
    draft = HOME.draft("alice", 0, jti="id-1")
    assert claims(draft.with_claims(iss=HOME.issuer + "/").token())["iss"] == "http://127.0.0.1/a/"
    assert claims(draft.with_claims(aud=[AUDIENCE, "x"]).token())["aud"] == [f"not {AUDIENCE}", "x"]
    assert claims(draft.with_claims(sub="", jti=1).token()) | {"sub": "", "jti": 1} == claims(
        draft.with_claims(sub="", jti=1).token()
    )


@pytest.mark.parametrize("name", ["jti", "j\\u0074i", "\\u006A\\u0074\\u0069", "\\u006at\\u0069"])
def test_an_id_is_found_however_its_name_is_spelt(mapping: NameMapping, name: str) -> None:
    written = f'{{"{name}" : "id-1", "x": "jti"}}'.encode()
    assert json.loads(mapping.outbound_payload(written)) == {"jti": f"{mapping.mark}id-1", "x": "jti"}


def test_mappings_do_not_meet(mapping: NameMapping) -> None:
    before = mapping.mark
    assert activate(mapping).mark != before
