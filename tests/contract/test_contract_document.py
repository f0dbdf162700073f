"""What `spec/contract.md` shows is true: its messages are valid, its sketches run, its examples compute."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import fields
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bearerproof.contract import chains, decisions, messages
from bearerproof.contract.declaration import FixedConfig, read_declaration
from bearerproof_fuzz.forge import NOW
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER
from bearerproof_fuzz.oracles import lifecycle
from bearerproof_reference.keyserver.lifecycle import DenialReason, EventName

from ..conftest import CommandLine
from .conftest import SPEC, Refusals

DOCUMENT = (SPEC / "contract.md").read_text("utf-8")
MESSAGES = [
    line
    for block in re.findall(r"^```json\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
KEY_SERVERS = DOCUMENT.partition("\n## Key servers\n")[2].partition("\n## ")[0]
SENTINELS = {"anon", "nokid", "noaud"}
SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~@/+=-")


@pytest.mark.parametrize("line", MESSAGES, ids=lambda line: line[:40])
def test_every_message_shown_is_valid(refusals: Refusals, line: str) -> None:
    message = json.loads(line)
    assert refusals(_schema_of(message), message) == []
    for answer in (message, *message.get("answers", ())):
        for event in answer.get("events", ()):
            assert refusals(_schema_of(event), event) == []


def test_configurations_shown_are_sound_where_they_are_taken(refusals: Refusals) -> None:
    requests, answers = _conversation_shown()
    asked = {number: request for number, request in requests.items() if "key_server" in request}
    assert {answers[number]["configured"] for number in asked} == {True, False}
    for number, request in asked.items():
        sound = refusals("request#/$defs/keyServer", request["key_server"]) == []
        assert sound is answers[number]["configured"]


def test_the_harness_reads_the_decisions_shown_as_answers_to_what_was_asked() -> None:
    requests, answers = _conversation_shown()
    found = {op: set[str]() for op in _DECISIONS}
    for number, request in requests.items():
        decision = decisions.read_decision(answers[number], request["op"])
        found[request["op"]].add(str(decision.outcome))
        for asked, raw in zip(request.get("requests", ()), decision.answers, strict=True):
            decisions.read_decision(raw, asked["op"])
    assert found == {
        op: {"accepted", "rejected"} if op in ("configure", "exchange", "revoke") else {"accepted"} for op in _DECISIONS
    }


_DECISIONS = ("configure", "exchange", "authenticate", "revoke", "reap", "count", "rotate", "restart", "race", "http")


def test_every_operation_and_every_kind_of_answer_is_shown() -> None:
    shown = [json.loads(line) for line in MESSAGES]
    assert {m["op"] for m in shown if "op" in m} == {
        *("hello", "verify", "verify-jws", "reset", "stats", "verify-chain", "write-chain"),
        *_DECISIONS,
    }
    members = {name for message in shown if "op" not in message for name in message}
    assert members >= {"protocol", "verdict", "skipped", "errored", "reset", "configured", "buckets"}
    assert members >= {"written", "proven"}
    assert members >= {"granted", "refused", "revoked", "reaped", "count", "rotated", "restarted", "answers", "status"}


def test_the_harness_reads_the_declarations_and_verdicts_shown() -> None:
    answers = [json.loads(line) for line in MESSAGES if '"op"' not in line]
    declarations = [read_declaration(answer) for answer in answers if "protocol" in answer]
    told = [answer for answer in answers if "verdict" in answer and json.dumps(answer) not in KEY_SERVERS]
    verdicts = [answer for answer in told if answer["verdict"] not in chains.WORDS]
    of_chains = [answer for answer in told if answer not in verdicts]
    assert {chains.read_chain_answer(answer, "verify-chain").outcome for answer in of_chains} == {
        "accepted",
        "rejected",
    }
    assert [declaration.level for declaration in declarations] == [1, 2, 3]
    assert {messages.read_answer(answer, "verify").outcome for answer in verdicts} == {"accepted", "rejected"}


def test_what_is_not_declared_is_what_the_harness_assumes(schemas: dict[str, Any]) -> None:
    who = {"name": "n", "version": "v", "language": "l"}
    least = {"protocol": 1, "implementation": who, "level": 0, "profiles": ["jwt"]}
    properties = schemas["answer"]["$defs"]["capabilities"]["properties"]
    parts = {part: properties[part]["properties"].items() for part in ("audit", "chain", "key_server")}
    defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    full = {
        part: {name: schema["default"] for name, schema in inner if "default" in schema}
        for part, inner in parts.items()
    }
    full["key_server"]["configure"] = True  # else a setting is required
    silent, explicit = (
        read_declaration({**least, "capabilities": {"algorithms": ["ES256"], **said}})
        for said in ({"key_server": {"configure": True}}, {**defaults, **full})
    )
    assert silent == explicit


def test_lines_shown_are_those_of_the_events_beside_them() -> None:
    answers = [json.loads(line) for line in MESSAGES if '"lines": [' in line]
    assert answers
    for answer in answers:
        assert [json.loads(line) for line in answer["lines"]] == answer["events"]


def test_the_policy_table_names_every_member(schemas: dict[str, Any]) -> None:
    section = DOCUMENT.partition("### Policy")[2].partition("### Keys")[0]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    named = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    assert named == set(schemas["request"]["$defs"]["policy"]["properties"])


def test_the_capabilities_table_names_every_member_and_default(schemas: dict[str, Any]) -> None:
    section = re.split("\n##+ ", DOCUMENT.partition("### Capabilities")[2])[0]
    rows = dict(re.findall(r"^\| `([\w.]+)` \| .* \| (.*) \|$", section, re.MULTILINE))
    top = schemas["answer"]["$defs"]["capabilities"]["properties"]
    audit = {f"audit.{name}": schema for name, schema in top["audit"]["properties"].items()}
    assert list(rows) == [*top, *audit]
    for name, schema in {**top, **audit}.items():
        if "default" in schema:
            assert rows[name].strip("`") in {json.dumps(schema["default"]), str(schema["default"])}, name


def test_the_table_of_a_key_servers_capabilities_names_every_member_and_default(schemas: dict[str, Any]) -> None:
    rows = {row[0].strip("`"): row[2].strip("`") for row in _rows("| member | says | left out |", KEY_SERVERS)}
    top = schemas["answer"]["$defs"]["capabilities"]["properties"]
    known = top["key_server"]["properties"]
    assert rows == {
        name: json.dumps(schema["default"]) if "default" in schema else "" for name, schema in known.items()
    }


def test_the_members_of_a_setting_are_those_that_are_told(schemas: dict[str, Any]) -> None:
    key_server = schemas["answer"]["$defs"]["capabilities"]["properties"]["key_server"]
    described = KEY_SERVERS.partition("tells its `setting`")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", described)) - {"configure"}
    assert (
        named == set(key_server["properties"]["setting"]["properties"]) == {field.name for field in fields(FixedConfig)}
    )


def test_the_configuration_table_has_every_member_with_its_range_and_default(schemas: dict[str, Any]) -> None:
    rows = {row[0].strip("`"): row[2:] for row in _rows("| member | is | range | left out |", KEY_SERVERS)}
    whole = dict(schemas["request"]["$defs"]["keyServer"]["properties"])
    throttle = whole.pop("throttle")["properties"]
    whole |= {f"throttle.{name}": schema for name, schema in throttle.items()}
    assert set(rows) == set(whole)
    for name, (span, default) in rows.items():
        if whole[name].get("type") == "integer":
            assert span == f"{whole[name]['minimum']} to {whole[name]['maximum']}", name
        if "default" in whole[name]:
            assert default.strip("`") == json.dumps(whole[name]["default"]), name


@pytest.mark.parametrize(
    ("operation", "header", "codes"),
    [
        ("exchange", "| code | when |", decisions.EXCHANGE_CODES),
        ("revoke", "| code | when |", decisions.REVOKE_CODES),
        ("authenticate", "| reason | when |", decisions.BEARER_REASONS),
    ],
)
def test_the_codes_of_each_operation_are_those_that_are_read(
    operation: str, header: str, codes: frozenset[str]
) -> None:
    section = KEY_SERVERS.partition(f"\n### {operation}\n")[2].partition("\n### ")[0]
    documented = [row[0].strip("`") for row in _rows(header, section)]
    assert len(documented) == len(set(documented))
    assert set(documented) == codes


def test_the_table_of_decisions_has_every_event_and_reason_that_the_suite_knows_and_the_reference_gives() -> None:
    rows = _rows("| what was decided | event | reason | names |", KEY_SERVERS)
    reasons = {word for row in rows for word in re.findall(r"`([a-z-]+)`", row[2])}
    assert reasons == lifecycle.REASONS == set(DenialReason)
    assert {row[1].strip("`") for row in rows} == set(EventName)
    for decided, event, reason, named in rows:
        assert bool(reason) is (event in ("`token.denied`", "`token.invalid`")), decided
        assert (named == "nobody") is (event == "`token.invalid`") or event == "`token.denied`", decided
        assert set(re.findall(r"\w+", named)) <= {"identity", "token", "nobody"}, decided


def test_anchors_lead_somewhere() -> None:
    headings = re.findall(r"^#+ (.*)$", DOCUMENT, re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
    assert set(re.findall(r"\]\(#([^)]*)\)", DOCUMENT)) <= anchors


def test_relative_links_lead_to_files() -> None:
    links = set(re.findall(r"\]\(([^#)][^)]*)\)", DOCUMENT))
    assert links
    assert [link for link in links if not (SPEC / link).is_file()] == []


def test_the_python_adapter_works_as_shown() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    answers = _converse([sys.executable, "-c", _code("python")], _conversation(key))
    assert [_gist(answer) for answer in answers] == [(1, "PyJWT"), (2, "accepted"), (3, "rejected"), (4, "skipped")]


def test_the_key_server_works_as_shown(bearerproof: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(SPEC))
    ended = bearerproof("smoke", "--", sys.executable, "-c", _code("python", 1))
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.startswith("small-keys 1 (python) speaks protocol 1 at contract level 3: accepts honest tokens")


def test_the_key_server_answers_as_the_schema_says(refusals: Refusals) -> None:
    configure = {"op": "configure", "now": NOW, "tick": 0, "key_server": DEFAULT.as_json()}
    honest, forged = HOME.draft("alice", NOW).token(), OTHER.draft("alice", NOW).token()
    exchanges = [
        {"op": "exchange", "now": NOW, "tick": 0, "form": [["subject_token", token]]} for token in (honest, forged)
    ]
    requests = [{"op": "hello", "protocol": 1}, configure, *exchanges, {"op": "reap", "now": NOW, "tick": 0}]
    numbered = [{"id": number, **request} for number, request in enumerate(requests)]
    answers = _converse([sys.executable, "-c", _code("python", 1)], numbered)
    assert [_gist(answer)[1] for answer in answers] == ["small-keys", "configured", "granted", "refused", "skipped"]
    for message in (*numbered, *answers):
        assert refusals("request" if "op" in message else "answer", message) == []
    for answer in answers[2:4]:
        assert [refusals("lifecycle-event", event) for event in answer["events"]] == [[]]


def test_the_adapter_of_the_docstring_is_that_of_the_document() -> None:
    docstring = (SPEC / "bearerproof" / "adapter.py").read_text("utf-8")
    for line in filter(str.strip, _code("python").splitlines()):
        assert f"    {line}\n" in docstring


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
def test_the_node_adapter_says_hello_as_shown(tmp_path: Any, refusals: Refusals) -> None:
    script = tmp_path / "adapter.mjs"
    script.write_text(_code("javascript"), "utf-8")
    requests = [{"id": 1, "op": "hello", "protocol": 1}, {"id": 2, "op": "reset"}]
    answers = _converse(["node", str(script)], requests)
    assert [_gist(answer) for answer in answers] == [(1, "jose"), (2, "skipped")]
    assert [refusals("answer", answer) for answer in answers] == [[], []]


def test_the_worked_access_examples_compute() -> None:
    rows = [row for row in _rows("| `client_id` | `kid` | bounded") if "`a`" not in row[0]]
    assert len(rows) >= 10
    for client_id, kid, bounded, source_id in rows:
        client, key = _bound(_value(client_id)), _bound(_value(kid))
        assert client == _value(bounded)
        assert _compose((client, "anon"), (key, "nokid")) == source_id.strip("`")


@pytest.mark.parametrize("long", ["a" * 65, "a" * 63 + "é"])
def test_the_worked_long_examples_compute(long: str) -> None:
    bounded = _bound(long)
    assert bounded is not None
    assert f"`{bounded.lstrip('a')}`" in DOCUMENT
    assert _bound("a" * 64) == "a" * 64


def test_the_worked_id_token_examples_compute() -> None:
    rows = _rows("| `azp` | `aud` | `kid` |")
    assert rows
    for azp, aud, kid, source_id in rows:
        values = [_value(cell) for cell in (azp, aud, kid)]
        hints = [_bound(value[0] if isinstance(value, list) else value) for value in values]
        composed = _compose(*zip(hints, ("anon", "noaud", "nokid"), strict=True))
        assert composed == source_id.strip("`")


def _schema_of(message: dict[str, Any]) -> str:
    if "op" in message:
        return "request"
    if "kind" in message:
        return "verify-failure-event"
    return "lifecycle-event" if "event" in message else "answer"


def _code(language: str, number: int = 0) -> str:
    found: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    return found[number]


def _conversation_shown() -> tuple[dict[int, dict[str, Any]], dict[int, dict[str, Any]]]:
    """Return what is asked of a key server in the document, and the first answer to each, by id."""
    shown = [json.loads(line) for line in MESSAGES if line in KEY_SERVERS and '"id"' in line]
    requests = {message["id"]: message for message in shown if "op" in message}
    answers = {message["id"]: message for message in reversed(shown) if "op" not in message}
    return requests, answers


def _conversation(key: ec.EllipticCurvePrivateKey) -> list[dict[str, Any]]:
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key.public_key()))
    now = int(time.time())
    token = jwt.encode({"iss": "i", "aud": "a", "exp": now + 60}, key, "ES256")
    verify = {
        "op": "verify",
        "now": now,
        "tick": 0,
        "profile": "jwt",
        "policy_id": "p",
        "policy": {
            "issuer": "i",
            "audience": "a",
            "algorithms": ["ES256"],
            "leeway": 0,
            "typ": None,
            "require": ["exp"],
            "keys": {"keys": [{**public, "alg": "ES256"}]},
        },
    }
    forged = token[:-4] + ("AAAA" if token[-4:] != "AAAA" else "BBBB")
    return [
        {"id": 1, "op": "hello", "protocol": 1},
        {"id": 2, **verify, "token": token},
        {"id": 3, **verify, "token": forged},
        {"id": 4, "op": "reset"},
    ]


def _converse(command: list[str], requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    environment = {**os.environ, "PYTHONPATH": str(SPEC)}
    done = subprocess.run(
        command, input=lines, capture_output=True, text=True, check=True, timeout=600, env=environment
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def _gist(answer: dict[str, Any]) -> tuple[int, str]:
    named = answer.get("verdict") or answer.get("implementation", {}).get("name")
    return answer["id"], named or next(name for name in answer if name != "id")


def _rows(header: str, text: str = DOCUMENT) -> list[list[str]]:
    table = text[text.index(header) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def _value(cell: str) -> Any:
    return None if cell == "—" else json.loads(cell.strip("`"))


def _bound(hint: object) -> str | None:
    """Bind a hint as the document says, independently of every implementation."""
    try:
        raw = hint.encode() if isinstance(hint, str) else b""
    except UnicodeEncodeError:
        return None
    if not raw:
        return None
    if len(raw) <= 64:
        return raw.decode()
    digest = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).decode().rstrip("=")
    return f"{raw[:64].decode(errors='ignore')}~{digest}"


def _compose(*hints: tuple[str | None, str]) -> str:
    return "::".join(sentinel if hint is None else _encoded(hint) for hint, sentinel in hints)


def _encoded(hint: str) -> str:
    raw = hint.encode()
    unsafe = {0} if hint in SENTINELS else {place for place, byte in enumerate(raw) if byte not in SAFE}
    return "".join(f"%{byte:02X}" if place in unsafe else chr(byte) for place, byte in enumerate(raw))
