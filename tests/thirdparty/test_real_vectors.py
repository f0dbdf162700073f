"""The vectors themselves, where they are to be had: the reference passes them, and each erratum is proved."""

import base64
import hmac
import json
import os
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bearerproof import data
from bearerproof.contract.connections import connect
from bearerproof.contract.implementation import Implementation
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.commands.thirdparty import jwsvectors, rfc7520, wycheproof
from bearerproof_fuzz.commands.thirdparty.jwsvectors import VectorStatus

ROOT = Path(__file__).resolve().parents[2]
ERRATA = data.root() / "errata" / "wycheproof.toml"
SIGNATURES = wycheproof.FILES[0]


@pytest.fixture(scope="module")
def folder() -> Path:
    found = Path(os.environ.get("BEARERPROOF_VECTORS", ROOT.parent / "shared" / "vectors"))
    if not (found / "wycheproof").is_dir() or not (found / "rfc7520").is_dir():
        pytest.skip(f"{found} holds no wycheproof/ and rfc7520/; name such a folder in BEARERPROOF_VECTORS")
    return found


def test_the_reference_passes_everything_that_is_scored(folder: Path) -> None:
    for groups in (wycheproof.load(folder / "wycheproof"), rfc7520.load(folder / "rfc7520")):
        card = jwsvectors.score(Implementation(connect("reference")), groups)
        assert not card.of(VectorStatus.FAILED, VectorStatus.ERRORED), jwsvectors.render(card)
        assert card.conforms(Measure.STRICT)
        assert card.reject_all == 0


def test_few_vectors_are_left_unscored(folder: Path) -> None:
    """The four of the signature file that have no control: a key for encryption, used to verify."""
    card = jwsvectors.score(Implementation(connect("reference")), wycheproof.load(folder / "wycheproof"))
    alone = [result for result in card.of(VectorStatus.NO_CONTROL) if result.group.file == SIGNATURES]
    assert [result.vector.id for result in alone] == ["353", "354", "355", "356"]


@pytest.fixture(scope="module")
def vectors(folder: Path) -> dict[int, tuple[Json, Json]]:
    """The vectors of the signature file by number, each with its key, read without the code under test."""
    raw = json.loads((folder / "wycheproof" / SIGNATURES).read_text(encoding="utf-8"))
    return {test["tcId"]: (group["private"], test) for group in raw["testGroups"] for test in group["tests"]}


def numbers(table: str, **members: Any) -> list[int]:
    entries = tomllib.loads(ERRATA.read_text(encoding="utf-8"))[table]
    return [entry["tcId"] for entry in entries if members.items() <= entry.items()]


def mac_covers_the_text(key: Json, token: str) -> bool:
    signed, _, tag = token.rpartition(".")
    mac = hmac.digest(decoded(key["k"]), signed.encode(), "sha256")
    return base64.urlsafe_b64encode(mac).rstrip(b"=").decode() == tag


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def is_canonical(segment: str) -> bool:
    return base64.urlsafe_b64encode(decoded(segment)).rstrip(b"=").decode() == segment


def test_errata_that_say_valid_are_tokens_with_a_right_mac_over_canonical_text(
    vectors: dict[int, tuple[Json, Json]],
) -> None:
    assert numbers("erratum", instead="valid") == [367, 370]
    for number in (367, 370):
        key, test = vectors[number]
        assert test["jws"] == vectors[357][1]["jws"]
        assert vectors[357][1]["result"] == "valid"
        assert mac_covers_the_text(key, test["jws"])
        assert all(is_canonical(segment) for segment in test["jws"].split("."))


def test_errata_that_say_invalid_have_a_mac_of_some_other_text(vectors: dict[int, tuple[Json, Json]]) -> None:
    assert numbers("erratum", instead="invalid") == [372, 373]
    for number in (372, 373):
        key, test = vectors[number]
        assert "?" in test["jws"]
        assert not mac_covers_the_text(key, test["jws"])
        assert mac_covers_the_text(key, test["jws"].replace("?", ""))


def test_errata_that_leave_the_choice_differ_from_valid_ones_in_unused_bits_only(
    vectors: dict[int, tuple[Json, Json]],
) -> None:
    assert numbers("erratum", instead="either") == [375]
    key, test = vectors[375]
    assert mac_covers_the_text(key, test["jws"])
    header, payload, tag = test["jws"].split(".")
    assert [is_canonical(segment) for segment in (header, payload, tag)] == [True, False, True]


def test_key_errata_name_the_algorithm_of_the_header(vectors: dict[int, tuple[Json, Json]]) -> None:
    entries = tomllib.loads(ERRATA.read_text(encoding="utf-8"))["key_erratum"]
    for entry in entries:
        key, test = vectors[entry["tcId"]]
        header = json.loads(decoded(test["jws"].partition(".")[0]))
        assert (test["result"], key["alg"], header["alg"]) == ("valid", entry["says"], entry["instead"])
    assert [entry["tcId"] for entry in entries] == [346, 350, 347, 351]
