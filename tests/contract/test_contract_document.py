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
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from bearerproof import messages
from bearerproof.declaration import read_declaration

from .conftest import SPEC, Refusals

DOCUMENT = (SPEC / "contract.md").read_text("utf-8")
MESSAGES = [
    line
    for block in re.findall(r"^```json\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
SENTINELS = {"anon", "nokid", "noaud"}
SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~@/+=-")


@pytest.mark.parametrize("line", MESSAGES, ids=lambda line: line[:40])
def test_every_message_shown_is_valid(refusals: Refusals, line: str) -> None:
    message = json.loads(line)
    assert refusals(_schema_of(message), message) == []
    for event in message.get("events", ()):
        assert refusals("verify-failure-event", event) == []


def test_every_operation_and_every_kind_of_answer_is_shown() -> None:
    shown = [json.loads(line) for line in MESSAGES]
    assert {m["op"] for m in shown if "op" in m} == {
        "hello",
        "verify",
        "verify-jws",
        "reset",
        "stats",
        "configure",
    }
    members = {name for message in shown if "op" not in message for name in message}
    assert members >= {"protocol", "verdict", "skipped", "errored", "reset", "configured", "buckets"}


def test_the_harness_reads_the_declarations_and_verdicts_shown() -> None:
    answers = [message for message in map(json.loads, MESSAGES) if "op" not in message]
    declarations = [read_declaration(answer) for answer in answers if "protocol" in answer]
    verdicts = [messages.read_answer(answer, "verify") for answer in answers if "verdict" in answer]
    assert len(declarations) == 2
    assert {verdict.outcome for verdict in verdicts} == {"accepted", "rejected"}


def test_what_is_not_declared_is_what_the_harness_assumes(schemas: dict[str, Any]) -> None:
    who = {"name": "n", "version": "v", "language": "l"}
    least = {"protocol": 1, "implementation": who, "level": 0, "profiles": ["jwt"]}
    properties = schemas["answer"]["$defs"]["capabilities"]["properties"]
    audit = properties["audit"]["properties"]
    defaults = {name: schema["default"] for name, schema in properties.items() if "default" in schema}
    full = {**defaults, "audit": {name: schema["default"] for name, schema in audit.items()}}
    silent, told = (
        read_declaration({**least, "capabilities": {"algorithms": ["ES256"], **said}}) for said in ({}, full)
    )
    assert silent == told


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
    section = DOCUMENT.partition("### Capabilities")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([\w.]+)` \| .* \| (.*) \|$", section, re.MULTILINE))
    top = schemas["answer"]["$defs"]["capabilities"]["properties"]
    audit = {f"audit.{name}": schema for name, schema in top["audit"]["properties"].items()}
    assert list(rows) == [*top, *audit]
    for name, schema in {**top, **audit}.items():
        if "default" in schema:
            assert rows[name].strip("`") in {json.dumps(schema["default"]), str(schema["default"])}, name


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
    assert [_gist(answer) for answer in answers] == [
        (1, "PyJWT"),
        (2, "accepted"),
        (3, "rejected"),
        (4, "skipped"),
    ]


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


def _code(language: str) -> str:
    match = re.search(rf"^```{language}\n(.*?)^```$", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert match
    return match[1]


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
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=30, env=environment)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _gist(answer: dict[str, Any]) -> tuple[int, str]:
    told = answer.get("verdict") or answer.get("implementation", {}).get("name")
    return answer["id"], told or next(name for name in answer if name != "id")


def _rows(header: str) -> list[list[str]]:
    table = DOCUMENT[DOCUMENT.index(header) :].partition("\n\n")[0].splitlines()[2:]
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
