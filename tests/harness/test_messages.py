"""Reading answers: every limit has a case just inside it and one just outside."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bearerproof import data
from bearerproof.contract import messages
from bearerproof.contract.declaration import OPTIONS, SINKS, Need, read_declaration
from bearerproof.contract.messages import MAX_ANSWER_BYTES, MAX_ANSWER_DEPTH, Outcome, Policy, Presentation
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json
from bearerproof.specification.catalogue import VERIFIERS, Measure, Profile
from bearerproof_reference.adapter.adapter import HELLO


def nested(levels: int, leaf: str = "{}") -> bytes:
    """An object of so many levels, its leaf included."""
    return b'{"a":' * (levels - 1) + leaf.encode() + b"}" * (levels - 1)


def padded(size: int) -> bytes:
    return b'{"a":"' + b"x" * (size - 8) + b'"}'


@pytest.mark.parametrize(
    "line",
    [b"{}", b' {"a": 1} ', b'{"a": 1e400}', padded(MAX_ANSWER_BYTES), nested(MAX_ANSWER_DEPTH)],
    ids=["empty", "spaced", "overflowing", "as-long-as-may-be", "as-deep-as-may-be"],
)
def test_a_line_within_the_limits_is_read(line: bytes) -> None:
    assert messages.parse_json(line) == json.loads(line)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (padded(MAX_ANSWER_BYTES + 1), "at most 4,194,304 are read"),
        (nested(MAX_ANSWER_DEPTH + 1), "deeper than 64 levels"),
        (nested(MAX_ANSWER_DEPTH + 1, "[]"), "deeper than 64 levels"),
        (nested(100_000), "deeper than 64 levels"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": -Infinity}', "-Infinity is not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
        (b"[1]", "not an object"),
        (b'"accepted"', "not an object"),
        (b"", "not JSON"),
        (b"ready\n", "banners and logs belong on stderr"),
        (b'{"id": 1, "claims": {"x": Inf}}', "such as infinities or text that is not UTF-8, are sent as null"),
        (b'{"id": ' + b"9" * 5000 + b"}", "an integer of 5000 digits"),
        (b"\xef\xbb\xbf{}", "not JSON"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_beyond_a_limit_is_a_fault_that_says_which(line: bytes, message: str) -> None:
    with pytest.raises(AdapterFault) as raised:
        messages.parse_json(line)
    assert message in str(raised.value)
    assert len(str(raised.value)) < 600


def test_an_excerpt_cannot_disturb_a_terminal() -> None:
    shown = messages.excerpt(b"\x1b[2J\r\n\xe2\x80\xae" + b"x" * 500)
    assert shown.isprintable()
    assert len(shown) < 400


def test_the_id_due_is_accepted() -> None:
    messages.check_id({"id": 1}, {"id": 1, "op": "verify"})


@pytest.mark.parametrize("found", [2, "1", None, True, [1], "x" * 10_000])
def test_another_id_is_a_fault_that_names_both(found: object) -> None:
    with pytest.raises(AdapterFault, match=r"when id 1 was due \(op verify\)") as raised:
        messages.check_id({"id": found}, {"id": 1, "op": "verify"})
    assert len(str(raised.value)) < 300


def declaring(**changes: Any) -> Json:
    return {"id": 1, **HELLO, **changes}


def capable(**changes: Any) -> Json:
    return declaring(capabilities={"algorithms": ["ES256"], **changes})


def test_the_whole_declaration_is_read() -> None:
    declaration = read_declaration(declaring())
    assert declaration.name == "bearerproof-reference"
    assert (declaration.level, declaration.measure) == (3, Measure.STRICT)
    assert declaration.profiles == (*VERIFIERS, Profile.KEY_SERVER)
    assert declaration.audit.sinks == ("memory", "raises", "hangs", "slow")
    assert declaration.keys_url is not None
    assert declaration.missing_capability(Need("option", "replay")) is None


def test_what_is_not_declared_has_the_defaults_of_the_contract() -> None:
    declaration = read_declaration(capable())
    assert declaration.injected_clock
    assert declaration.key_set
    assert (declaration.key_form, declaration.max_line, declaration.max_token) == ("jwks", 60_000, None)
    assert declaration.options == ("leeway", "require")
    assert declaration.missing_capability(Need("option", "typ")) == "the implementation does not declare option:typ"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (declaring(protocol=2), "this harness speaks protocol 1"),
        (declaring(level=4), "level must be 0, 1, 2 or 3"),
        (declaring(level=True), "'level' must be an integer; it is True"),
        (declaring(implementation=None), "'implementation' must be an object"),
        (declaring(implementation={"name": "x", "version": "1"}), "'language' must be a string; it is absent"),
        (declaring(profiles=["jwtt"]), "'jwtt' is not one of jws, jwt"),
        (declaring(profiles="jwt"), "'profiles' must be a list"),
        (declaring(profiles=[["jwt"]]), "is not one of"),
        (declaring(measure="lax"), "'lax' is not one of base, strict"),
        (declaring(profile=["jwt"]), "unknown member 'profile'; known are"),
        (capable(algorithms=[]), "at least one algorithm"),
        (capable(algorithms=[1]), "algorithms must be a list of strings"),
        (capable(key_sets=True), "unknown member 'key_sets'"),
        (capable(key_set="yes"), "'key_set' must be true or false"),
        (capable(clock="sundial"), "clock must be 'injected', 'wall' or 'real'"),
        (capable(max_line="60k"), "'max_line' must be an integer"),
        (capable(keys_url={"ttl": 1, "stale": 1}), "cooldown must be a number of seconds, not None"),
        (capable(keys_url={"ttl": -1, "stale": 1, "cooldown": 1}), "ttl must be a number of seconds"),
        (capable(audit={"sink": ["memory"]}), "unknown member 'sink'"),
        (capable(audit={"bound": True}), "bound must be a number of seconds"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_declaration_is_a_fault_that_says_where(raw: Json, message: str) -> None:
    with pytest.raises(AdapterFault, match=r"^hello") as raised:
        read_declaration(raw)
    assert message in str(raised.value)


@pytest.mark.parametrize("answer", [{"errored": {"message": "KeyError: 'HOME'"}}, {"skipped": "KeyError: 'HOME'"}])
def test_an_adapter_that_fails_at_hello_is_told_with_its_own_words(answer: Json) -> None:
    with pytest.raises(AdapterFault, match=r"^hello: .*KeyError: 'HOME'"):
        read_declaration({"id": 1, **answer})


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("keyset", ""),
        ("clock", "injected"),
        ("option", ""),
        ("option", "typo"),
        ("algorithm", "ES265"),
        ("audit", "bound"),
        ("audit", "sinks"),
        ("sink", "hang"),
        ("key_server", "racing"),
        ("key_server", "prefix"),
        ("key_server", "setting"),
    ],
)
def test_a_need_that_nobody_can_declare_raises_where_it_is_written(kind: str, name: str) -> None:
    with pytest.raises(ValueError, match=f"no implementation can declare {kind}"):
        Need(kind, name)


NEEDS = [
    *map(Need, ("clock", "key_set", "mixed_algorithms", "token_b64", "max_token", "keys_url")),
    *(Need("option", name) for name in OPTIONS),
    *(Need("sink", name) for name in SINKS),
    *(Need("audit", name) for name in ("lines", "stats", "delivered", "limiter", "summaries")),
]


@pytest.mark.parametrize("need", NEEDS, ids=str)
def test_a_need_is_met_by_who_declares_everything(need: Need) -> None:
    assert read_declaration(declaring()).missing_capability(need) is None


def test_who_declares_least_lacks_all_but_the_usual_sink() -> None:
    least = read_declaration(capable(clock="real", key_set=False, options=[]))
    assert {need for need in NEEDS if least.missing_capability(need) is None} == {Need("sink", "memory")}


def test_options_and_sinks_are_those_of_the_schema() -> None:
    schema = json.loads((data.root() / "schemas" / "answer.schema.json").read_text("utf-8"))
    listed = {tuple(sorted(names)) for names in _enumerations(schema)}
    assert {tuple(sorted(OPTIONS)), tuple(sorted(SINKS))} <= listed


def _enumerations(schema: Any) -> Iterator[list[str]]:
    """What the elements of a list may be, of every list in a schema."""
    if isinstance(schema, dict):
        items = schema.get("items")
        for choice in items.get("oneOf", [items]) if isinstance(items, dict) else []:
            if "enum" in choice:
                yield choice["enum"]
        for inner in schema.values():
            yield from _enumerations(inner)


def test_each_kind_of_answer_is_read() -> None:
    accepted = messages.read_answer({"id": 1, "verdict": "accepted", "claims": {"sub": "u"}, "kid": "k"}, "verify")
    assert (accepted.outcome, accepted.claims, accepted.kid) == (Outcome.ACCEPTED, {"sub": "u"}, "k")
    rejected = messages.read_answer({"id": 1, "verdict": "rejected", "reason": "expired", "events": [{}]}, "verify")
    assert (rejected.describe(), rejected.events) == ("rejected (expired)", ({},))
    assert messages.read_answer({"id": 1, "skipped": "no RSA"}, "verify").describe() == "skipped: no RSA"
    errored = messages.read_answer({"id": 1, "errored": {"message": "KeyError"}}, "verify")
    assert errored.describe() == "errored: KeyError"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ({}, "due is a verdict"),
        ({"verdict": "maybe"}, "due is a verdict"),
        ({"verdict": True}, "due is a verdict"),
        ({"verdict": "rejected", "reasom": "expired"}, "unknown member 'reasom'"),
        ({"verdict": "rejected", "claims": {}}, "unknown member 'claims'"),
        ({"verdict": "accepted", "reason": "expired"}, "unknown member 'reason'"),
        ({"verdict": "rejected", "reason": "bad luck"}, "use 'other' where none fits"),
        ({"verdict": "rejected", "reason": 7}, "'reason' must be a string; it is 7"),
        ({"verdict": "rejected", "events": {}}, "'events' must be a list"),
        ({"verdict": "rejected", "events": ["x"]}, "every element of events must be an object"),
        ({"verdict": "rejected", "lines": [{}]}, "every element of lines must be a string"),
        ({"verdict": "rejected", "delivered": True}, "'delivered' must be an integer"),
        ({"skipped": True}, "'skipped' must be a string"),
        ({"skipped": "x", "verdict": "accepted"}, "unknown member 'verdict'"),
        ({"errored": "x"}, "'errored' must be an object"),
        ({"errored": {}}, "'message' must be a string; it is absent"),
    ],
    ids=str,
)
def test_a_wrong_answer_is_a_fault_that_says_what_was_due(raw: Json, message: str) -> None:
    with pytest.raises(AdapterFault, match=r"^verify: ") as raised:
        messages.read_answer({"id": 1, **raw}, "verify")
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        ({"reset": True}, None),
        ({"reset": False}, (Outcome.REJECTED, "refused")),
        ({"skipped": "none"}, (Outcome.SKIPPED, "none")),
        ({"errored": {"message": "no"}}, (Outcome.ERRORED, "errored: no")),
    ],
)
def test_a_reset_is_done_refused_or_skipped(raw: Json, found: tuple[Outcome, str] | None) -> None:
    assert messages.read_done({"id": 1, **raw}, "reset", "reset") == found


@pytest.mark.parametrize("raw", [{}, {"reset": 1}, {"configured": True}, {"reset": True, "more": 1}])
def test_another_answer_to_reset_is_a_fault(raw: Json) -> None:
    with pytest.raises(AdapterFault, match=r"^reset: "):
        messages.read_done({"id": 1, **raw}, "reset", "reset")


COUNTERS = {"buckets": 0, "submitted": 3, "admitted": 2, "dropped": 1, "lost": 0}


def test_the_five_counters_are_read() -> None:
    assert messages.read_stats({"id": 1, **COUNTERS}) == COUNTERS


@pytest.mark.parametrize("change", [{"lost": -1}, {"lost": True}, {"lost": 0.5}, {"lost": None}, {"gained": 1}])
def test_a_wrong_counter_is_a_fault(change: Json) -> None:
    with pytest.raises(AdapterFault, match=r"^stats: "):
        messages.read_stats({"id": 1, **COUNTERS, **change})


def test_equal_policies_have_equal_ids_whatever_the_order_of_their_members() -> None:
    policy = Policy({"issuer": "a", "leeway": 0})
    assert policy.id == Policy({"leeway": 0, "issuer": "a"}).id
    assert policy.id != policy.but(leeway=1).id
    assert policy.members["leeway"] == 0


def test_the_expectation_never_crosses_the_wire_and_the_instant_always_does() -> None:
    policy = Policy({"issuer": "a", "keys": {"keys": []}, "algorithms": ["ES256"]})
    request = Presentation("t", policy, Profile.JWT, 7, 3).request()
    assert set(request) == {"op", "now", "tick", "profile", "token", "policy_id", "policy"}
    assert (request["now"], request["tick"]) == (7, 3)
    raw = Presentation(b"\xff", policy, Profile.JWS, 7).request()
    assert raw == {
        "op": "verify-jws",
        "token_b64": "/w==",
        "policy_id": policy.id,
        "keys": {"keys": []},
        "algorithms": ["ES256"],
    }


@pytest.mark.parametrize(
    "claims", [b'{"exp": NaN}', b"[" * 80 + b"]" * 80, b'{"x": ' + b"9" * 5000 + b"}"], ids=["nan", "deep", "digits"]
)
def test_claims_that_json_cannot_carry_are_left_out_and_no_fault(claims: bytes) -> None:
    raw = messages.parse_json(b'{"id": 1, "verdict": "accepted", "claims": ' + claims + b"}")
    assert raw == {"id": 1, "verdict": "accepted", "claims": None}
