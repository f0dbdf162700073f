"""What a program reads: the messages of the contract, the events, and the lines of a result stream."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion

from bearerproof.contract.connections import InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Request
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.forge import NOW, Forge
from bearerproof_reference import __version__
from bearerproof_reference.adapter import create
from bearerproof_reference.audit.events import Kind, KindClass, VerifyFailureEvent, one_line
from bearerproof_reference.audit.hints import Hints

from ..conftest import CommandLine
from ..harness import degenerate


class Recording(InProcess):
    """The reference in this process, with every message of both sides written down."""

    def __init__(self) -> None:
        super().__init__(lambda: create().handle)
        self.lines: list[str] = []

    def ask(self, requests: Sequence[Request], seconds: float) -> Iterator[Json]:
        for request, answer in zip(requests, super().ask(requests, seconds), strict=True):
            self.lines += [f"→ {json.dumps({'id': answer['id'], **request})}", f"← {json.dumps(answer)}"]
            yield answer


def test_transcript_of_the_contract(snapshot: SnapshotAssertion) -> None:
    connection = Recording()
    implementation = Implementation(connection)
    base = Forge(implementation.declaration).base(Profile.JWT)
    base = base.with_policy(keys={"keys": [base.key.public_jwk]})
    implementation.configure(
        {"sink": "memory", "limiter": {"capacity": 3, "window": 60, "sources": 8, "strangers": 20}}
    )
    implementation.verify(base.presentation())
    implementation.verify(base.with_claims(exp=NOW).presentation())
    implementation.verify(Forge(implementation.declaration).base(Profile.JWS).presentation())
    implementation.stats()
    implementation.reset()
    implementation.stats()
    assert "\n".join(connection.lines).replace(f'"version": "{__version__}"', '"version": "VERSION"') == snapshot


VALUES = {
    KindClass.MISSING_CLAIM: ("aud", "x" * 128),
    KindClass.ID_TOKEN: (
        "AzpMissing",
        "AzpMismatch",
        "NonceMissing",
        "NonceMismatch",
        "AtHashMissing",
        "AtHashMismatch",
        "CHashMissing",
        "CHashMismatch",
        "AuthTimeMissing",
        "AuthTimeStale",
        "AcrMissing",
        "AcrNotAllowed",
    ),
}


@pytest.mark.parametrize("kind", KindClass)
def test_event_of_each_kind(snapshot: SnapshotAssertion, kind: KindClass) -> None:
    hints = Hints(client_id="app-1", kid="k1")
    kinds = [Kind(kind, value) for value in VALUES.get(kind, (None,))]
    assert (
        "\n".join(one_line(VerifyFailureEvent.from_hints(each, NOW, hints, {}).as_dict()) for each in kinds) == snapshot
    )


HINTS = {
    "all": Hints(client_id="app-1", azp="app-2", aud="api://orders", kid="k1"),
    "none": Hints(),
    "sentinels": Hints(client_id="anon", azp="nokid", aud="noaud", kid="nokid"),
    "hostile": Hints(client_id="a::b\r\n\x1b[2J", azp="\u202e\u2028é%/=", aud="x\x00", kid="\U0001f511"),
    "long": Hints(client_id="c" * 65, azp="é" * 33, aud="a" * 10_000, kid="k" * 64),
    "unpaired": Hints(client_id="\ud800", azp="\udfff", aud="ok", kid="ok"),
    "no-strings": Hints(client_id=7, azp=None, aud=["first", "second"], kid={}),
}


@pytest.mark.parametrize("name", HINTS)
def test_event_with_hints(snapshot: SnapshotAssertion, name: str) -> None:
    kind = Kind(KindClass.SIGNATURE_INVALID)
    metadata = {"engine_msg": "bad\nline", "alg": "none"}
    access = VerifyFailureEvent.from_hints(kind, NOW + 0.5, HINTS[name], metadata)
    identity = VerifyFailureEvent.from_id_token_hints(kind, NOW, HINTS[name], {})
    assert f"{one_line(access.as_dict())}\n{one_line(identity.as_dict())}" == snapshot


def test_result_stream(bearerproof: CommandLine, snapshot: SnapshotAssertion, tmp_path: Path) -> None:
    report = tmp_path / "results.jsonl"
    bearerproof("check", f"python:{degenerate.__name__}:accept_all", "-k", "alg-none-without-kid", "--report", report)
    rows = [json.loads(line) for line in report.read_text().splitlines()]
    rows[0] |= {
        "bearerproof": "VERSION",
        "revision": "REVISION",
        "specification": {"requirements": 0, "digest": "DIGEST"},
    }
    rows[-1]["counts"] |= {"checked": 0, "excluded": 0}
    assert [json.dumps(row, indent=2) for row in rows] == snapshot


def test_public_keys_of_the_pool(snapshot: SnapshotAssertion) -> None:
    """The vectors are signed with them, so a changed key is a changed vector."""
    assert {name: keys.key(name).public_jwk for name in keys.MATERIAL if name != "HS256"} == snapshot
