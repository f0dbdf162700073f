"""Rooterberg's vectors: loading and controls on a file made up here, and the real files where they are to be had."""

import json
import os
from pathlib import Path

import pytest

from bearerproof.contract.connections import connect
from bearerproof.contract.implementation import Implementation
from bearerproof.exceptions import BadInput
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz import keys
from bearerproof_fuzz.commands.thirdparty import rooterberg
from bearerproof_fuzz.commands.thirdparty.jwsvectors import Expected, VectorStatus, score
from bearerproof_fuzz.keys import b64


def token(key: keys.Key, header: str) -> str:
    signing_input = f"{b64(header.encode())}.{b64(b'hello')}"
    return f"{signing_input}.{b64(key.sign(signing_input.encode()))}"


def write(folder: Path, *tests: Json, algorithm: str = "ES512") -> None:
    numbered = [{"tcId": number, "flags": [], **test} for number, test in enumerate(tests, 1)]
    content = {"algorithm": {"jwa": algorithm}, "tests": numbered}
    (folder / "jwt_made_up.json").write_text(json.dumps(content))


def standings(folder: Path) -> list[VectorStatus]:
    card = score(Implementation(connect("reference")), rooterberg.load(folder))
    return [result.standing for result in card.results]


def test_an_edited_signature_gives_a_key_without_valid_tokens_its_control(tmp_path: Path) -> None:
    key = keys.Key("any", "ES512", "p521", "zero-x")
    short = {**key.public_jwk, "kid": "another", "x": b64(keys.unb64(key.public_jwk["x"]).lstrip(b"\0"))}
    good = token(key, '{"kid":"k-1","alg":"ES512"}')
    edited = good[:-5] + "*" + good[-5:]
    write(tmp_path, {"publicKeyJwk": short, "sig": edited, "valid": False, "comment": "junk"})
    (group,) = rooterberg.load(tmp_path)
    assert (group.keys[0]["kid"], group.keys[0]["x"]) == ("k-1", key.public_jwk["x"])
    assert "leading zeros" in str(group.erratum)
    assert [(vector.token, vector.control) for vector in group.vectors] == [(good, True), (edited, False)]
    assert standings(tmp_path) == [VectorStatus.EITHER, VectorStatus.PASSED]


def test_an_hmac_secret_is_the_octets_and_a_name_given_twice_is_open(tmp_path: Path) -> None:
    key = keys.key("HS256")
    raw = {"key": keys.secret(key.pool_name).hex(), "keyJwk": {"kty": "oct", "k": "00"}}
    write(
        tmp_path,
        {**raw, "sig": token(key, '{"kid":"k","alg":"HS256"}'), "valid": True, "comment": "normal"},
        {**raw, "sig": token(key, '{"kid":"k","kid":"k","alg":"HS256"}'), "valid": False, "comment": "Duplicate kid"},
        algorithm="HS256",
    )
    assert standings(tmp_path) == [VectorStatus.PASSED, VectorStatus.EITHER]
    assert rooterberg.load(tmp_path)[0].vectors[1].expected is Expected.EITHER


@pytest.mark.parametrize("content", ["{}", '{"algorithm": {"jwa": "ES256"}, "tests": [{}]}', "[1]"])
def test_what_is_no_such_file_is_told(tmp_path: Path, content: str) -> None:
    with pytest.raises(BadInput, match="jwt_"):
        rooterberg.load(tmp_path)
    (tmp_path / "jwt_x.json").write_text(content)
    with pytest.raises(BadInput, match="not a Rooterberg"):
        rooterberg.load(tmp_path)


def test_the_reference_passes_everything_that_is_scored() -> None:
    folder = os.environ.get("BEARERPROOF_ROOTERBERG")
    if folder is None:
        pytest.skip("name Rooterberg's test_vectors/jws in BEARERPROOF_ROOTERBERG")
    card = score(Implementation(connect("reference")), rooterberg.load(Path(folder)))
    assert card.conforms(Measure.STRICT), card.of(VectorStatus.FAILED, VectorStatus.ERRORED)
    assert card.reject_all == 0
