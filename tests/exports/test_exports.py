"""What every export keeps to, whatever the format."""

import copy
import json
from collections.abc import Iterator

import pytest
from hypothesis import given
from syrupy.assertion import SnapshotAssertion

from bearerproof import __version__
from bearerproof.exports import EXPORTS, Unexportable
from bearerproof.members import Json

from .conftest import THOROUGH
from .drawn import events, failures
from .examples import AT, DENIED, INVALID, ISSUED, MARKED, REJECTED, REVOKED, TIMELESS

every_format = pytest.mark.parametrize("form", EXPORTS)


def exported(form: str, event: Json) -> Json | None:
    try:
        return EXPORTS[form](event)
    except Unexportable:
        return None


def strings(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a record with the way to it; an attribute of OpenTelemetry is named by its key."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from strings(inner, f"{path}/{value['key'] if 'key' in value and name == 'value' else name}")
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner, path)


@every_format
@THOROUGH
@given(event=events())
def test_record_is_plain_json_that_utf8_holds_and_the_event_is_left_alone(form: str, event: Json) -> None:
    before = copy.deepcopy(event)
    record = exported(form, event)
    assert event == before
    assert record == exported(form, event)
    text = json.dumps(record, ensure_ascii=False, allow_nan=False)
    assert json.loads(text.encode()) == record


USED = TIMELESS | {"occurred_at": AT}
EACH_KIND = [ISSUED, DENIED, INVALID, REVOKED, USED, USED | {"event": "token.expired"}, TIMELESS, REJECTED]


@every_format
def test_record_of_each_kind(form: str, snapshot: SnapshotAssertion) -> None:
    records = "\n".join(json.dumps(exported(form, event)) for event in EACH_KIND)
    assert records.replace(f'"version": "{__version__}"', '"version": "VERSION"') == snapshot


@every_format
def test_untrusted_text_stands_where_it_is_marked_and_nowhere_else(form: str) -> None:
    hostile = {**REJECTED, **dict.fromkeys(["client_id_hint", "kid_hint", "source_id"], "CANARY")}
    hostile["metadata"] = {"aud_hint": "CANARY", "engine_msg": "CANARY", "other": "CANARY"}
    hostile["kind"] = {"IdToken": {"UnknownClaim": "CANARY"}}
    found = [path for path, text in strings(EXPORTS[form](hostile)) if "CANARY" in text]
    assert len(found) == len(MARKED)
    assert all("untrusted" in path for path in found)


@every_format
@THOROUGH
@given(event=failures())
def test_rejection_never_names_a_user(form: str, event: Json) -> None:
    users = {path: text for path, text in strings(exported(form, event)) if "user" in path and "untrusted" not in path}
    assert set(users.values()) <= {"Unknown"}


@every_format
def test_hints_of_a_rejection_are_kept(form: str) -> None:
    kept = {text for path, text in strings(EXPORTS[form](REJECTED)) if "untrusted" in path}
    assert kept >= set(MARKED.values())


@every_format
def test_additions_of_others_are_not_carried(form: str) -> None:
    identity = {**ISSUED["identity"], "secret": "CANARY"}
    record = EXPORTS[form](
        {**ISSUED, "identity": identity, "bearer": "CANARY", "kind": "CANARY", "note": {"x": ["CANARY"]}}
    )
    assert record == EXPORTS[form](ISSUED)


@every_format
@pytest.mark.parametrize("number", [2**63, 10**40])
def test_sequence_beyond_64_bits_is_left_out(form: str, number: int) -> None:
    without = {name: value for name, value in DENIED.items() if name != "seq"}
    assert EXPORTS[form]({**DENIED, "seq": number}) == EXPORTS[form](without)


@every_format
def test_address_is_an_address_or_left_out(form: str) -> None:
    spelt = EXPORTS[form]({**DENIED, "client_ip": "2001:DB8:0:0::1"})
    assert spelt == EXPORTS[form]({**DENIED, "client_ip": "2001:db8::1"}) != EXPORTS[form](DENIED)
    assert EXPORTS[form]({**DENIED, "client_ip": "1.2.3"}) == EXPORTS[form](DENIED)


@every_format
def test_what_is_no_event_is_refused(form: str) -> None:
    with pytest.raises(Unexportable, match="neither `kind`"):
        EXPORTS[form]({"level": "INFO", "message": "started"})
