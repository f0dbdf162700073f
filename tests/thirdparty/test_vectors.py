"""Vectors of third parties: loading, errata, and scoring by groups, on small files made up here."""

import hmac
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bearerproof.contract.connections import InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.exceptions import AdapterCrashed, BadInput
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.commands.thirdparty import jwsvectors, rfc7520, wycheproof
from bearerproof_fuzz.commands.thirdparty.jwsvectors import Expected, VectorGroup, VectorStatus
from bearerproof_fuzz.keys import b64

SECRET = b"k" * 32
KEY = {"kty": "oct", "kid": "k1", "use": "sig", "alg": "HS256", "k": b64(SECRET)}
SIGNATURES, KEYS = wycheproof.FILES


def compact(payload: bytes = b"hello", secret: bytes = SECRET) -> str:
    signed = f"{b64(json.dumps({'alg': 'HS256', 'kid': 'k1'}).encode())}.{b64(payload)}"
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), 'sha256'))}"


GOOD, BAD = compact(), compact(secret=b"x" * 32)


def case(number: int, result: str, jws: object, *flags: str) -> Json:
    return {"tcId": number, "comment": f"case{number}", "result": result, "jws": jws, "flags": list(flags)}


def group(*tests: Json, key: Json = KEY) -> Json:
    return {"type": "JsonWebSignature", "comment": "made up", "private": key, "tests": list(tests)}


class Folder:
    """A folder of vectors that can be written piece by piece."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.errata = path / "errata.toml"
        self.errata.write_text("")
        self.write(SIGNATURES)
        self.write(KEYS)

    def write(self, name: str, *groups: Json) -> None:
        (self.path / name).write_text(json.dumps({"testGroups": list(groups)}))

    def erratum(self, table: str = "erratum", **members: Any) -> None:
        entry = {"file": SIGNATURES, "reason": "proved", "source": "RFC 7515 §5.2", **members}
        lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in entry.items()]
        self.errata.write_text("\n".join([f"[[{table}]]", *lines]), encoding="utf-8")

    def load(self) -> list[VectorGroup]:
        return wycheproof.load(self.path, self.errata)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def connection(answer: Callable[[Json], Json], **hello: Any) -> InProcess:
    said: Json = {
        "protocol": 1,
        "level": 0,
        "profiles": ["jws"],
        "implementation": {"name": "made up", "version": "1", "language": "python"},
        "capabilities": {"algorithms": ["HS256"]},
        **hello,
    }

    def handle(request: Json) -> Json:
        return {"id": request["id"], **(said if request["op"] == "hello" else answer(request))}

    return InProcess(lambda: handle)


def answering(answer: Callable[[Json], Json], **hello: Any) -> Implementation:
    return Implementation(connection(answer, **hello))


def accept(_: Json) -> Json:
    return {"verdict": "accepted", "payload_b64": ""}


def reject(_: Json) -> Json:
    return {"verdict": "rejected"}


def honest(request: Json) -> Json:
    return accept(request) if request["token"] == GOOD else reject(request)


def standings(implementation: Implementation, groups: list[VectorGroup]) -> list[VectorStatus]:
    return [result.standing for result in jwsvectors.score(implementation, groups).results]


# --- loading


def test_a_group_is_loaded_with_its_public_key_and_the_algorithm_of_the_key(folder: Folder) -> None:
    public = {"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}
    folder.write(SIGNATURES, {**group(case(1, "valid", GOOD, "Flag")), "public": public})
    folder.write(KEYS, group(case(1, "acceptable", {"payload": "Zm9v"}), key={"keys": [KEY, public]}))
    signatures, key_sets = folder.load()
    assert (signatures.file, signatures.keys, signatures.algorithms) == (SIGNATURES, (public,), ("ES384",))
    assert signatures.vectors[0].flags == ("Flag",)
    assert (key_sets.keys, key_sets.algorithms) == ((KEY, public), ("HS256", "ES384"))
    assert (key_sets.vectors[0].token, key_sets.vectors[0].expected) == ('{"payload": "Zm9v"}', Expected.EITHER)


def test_the_policy_is_the_keys_and_their_algorithms(folder: Folder) -> None:
    folder.write(SIGNATURES, group(case(1, "valid", GOOD)))
    (presented,) = folder.load()[0].presentations()
    request = presented.request()
    assert request["op"] == "verify-jws"
    assert (request["keys"], request["algorithms"]) == ({"keys": [KEY]}, ["HS256"])


def test_a_missing_folder_or_file_is_said_plainly(folder: Folder) -> None:
    with pytest.raises(BadInput, match=r"no such folder: .*nowhere"):
        wycheproof.load(folder.path / "nowhere")
    with pytest.raises(BadInput, match="no such folder"):
        rfc7520.load(folder.path / "nowhere")
    (folder.path / KEYS).unlink()
    with pytest.raises(BadInput, match=f"holds no {KEYS}"):
        folder.load()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a Wycheproof JOSE file"),
        ('{"tests": []}', "is not a Wycheproof JOSE file: KeyError 'testGroups'"),
        ('{"testGroups": [{"comment": "", "private": {"kty": "oct"}, "tests": [{"tcId": 1}]}]}', "'result'"),
        (json.dumps({"testGroups": [group(case(1, "perhaps", GOOD))]}), "'perhaps' is not a valid"),
    ],
)
def test_a_file_that_is_something_else_is_said_plainly(folder: Folder, text: str, message: str) -> None:
    (folder.path / SIGNATURES).write_text(text)
    with pytest.raises(BadInput, match=message):
        folder.load()


# --- errata


def test_an_erratum_changes_what_is_expected_and_says_why(folder: Folder) -> None:
    folder.write(SIGNATURES, group(case(7, "valid", BAD), case(8, "valid", GOOD)))
    folder.erratum(tcId=7, says="valid", instead="invalid")
    groups = folder.load()
    assert [vector.expected for vector in groups[0].vectors] == [Expected.INVALID, Expected.VALID]
    card = jwsvectors.score(answering(honest), groups)
    assert card.conforms(Measure.STRICT)
    assert card.errata() == [f"{SIGNATURES} 7: 'invalid' instead of 'valid': proved (RFC 7515 §5.2)"]


def test_a_key_erratum_changes_the_algorithm_of_the_group(folder: Folder) -> None:
    folder.write(SIGNATURES, group(case(7, "valid", GOOD), key={**KEY, "alg": "HS255"}))
    folder.erratum("key_erratum", tcId=7, says="HS255", instead="HS256")
    groups = folder.load()
    assert (groups[0].keys, groups[0].algorithms) == ((KEY,), ("HS256",))
    assert jwsvectors.score(answering(honest), groups).errata()


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"tcId": 8, "says": "valid", "instead": "invalid"}, "no vector 8 in"),
        ({"tcId": 7, "says": "invalid", "instead": "either"}, "says 'valid' of vector 7, not 'invalid'"),
        ({"tcId": 7, "says": "valid", "instead": "maybe"}, "instead must be valid, invalid, either"),
        ({"tcId": 7, "says": "valid", "instaed": "invalid"}, "instaed"),
        ({"table": "erata", "tcId": 7, "says": "valid", "instead": "invalid"}, "unknown table 'erata'"),
        ({"table": "key_erratum", "tcId": 7, "says": "HS255", "instead": "HS256"}, "says 'HS256' of"),
    ],
)
def test_an_erratum_that_does_not_fit_is_an_error(folder: Folder, members: Json, message: str) -> None:
    folder.write(SIGNATURES, group(case(7, "valid", GOOD)))
    folder.erratum(**members)
    with pytest.raises(BadInput, match=message):
        folder.load()


def test_a_table_of_errata_that_cannot_be_read_is_said_plainly(folder: Folder) -> None:
    folder.errata.write_text("[[")
    with pytest.raises(BadInput, match="is not TOML"):
        folder.load()
    folder.errata.unlink()
    with pytest.raises(BadInput, match="cannot read"):
        folder.load()


# --- scoring


def test_a_rejection_counts_only_beside_an_accepted_token_of_its_group(folder: Folder) -> None:
    folder.write(SIGNATURES, group(case(1, "valid", GOOD), case(2, "invalid", BAD)), group(case(3, "invalid", BAD)))
    groups = folder.load()
    passed, failed, alone = VectorStatus.PASSED, VectorStatus.FAILED, VectorStatus.NO_CONTROL
    assert standings(answering(honest), groups) == [passed, passed, alone]
    assert standings(answering(reject), groups) == [failed, alone, alone]
    assert standings(answering(accept), groups) == [passed, failed, alone]


def test_what_the_standards_leave_open_passes_nothing(folder: Folder) -> None:
    folder.write(SIGNATURES, group(case(1, "acceptable", GOOD), case(2, "invalid", BAD)))
    groups = folder.load()
    assert standings(answering(honest), groups) == [VectorStatus.EITHER, VectorStatus.NO_CONTROL]
    assert not jwsvectors.score(answering(honest), groups).conforms(Measure.BASE)


def test_erroring_is_no_rejection_and_no_acceptance(folder: Folder) -> None:
    def errs_on(token: str) -> Callable[[Json], Json]:
        return lambda request: (
            {"errored": {"message": "KeyError: 'kid'"}} if request["token"] == token else honest(request)
        )

    folder.write(SIGNATURES, group(case(1, "valid", GOOD), case(2, "invalid", BAD)))
    groups = folder.load()
    assert standings(answering(errs_on(BAD)), groups) == [VectorStatus.PASSED, VectorStatus.ERRORED]
    assert standings(answering(errs_on(GOOD)), groups) == [VectorStatus.FAILED, VectorStatus.NO_CONTROL]
    card = jwsvectors.score(answering(errs_on(BAD)), groups)
    assert (card.conforms(Measure.BASE), card.conforms(Measure.STRICT)) == (True, False)
    text = jwsvectors.render(card)
    assert f"errored instead of rejecting\n  {SIGNATURES} 2 case2: expected invalid, got errored: KeyError" in text


def test_a_skip_is_a_failure_and_an_undeclared_algorithm_is_not_applicable(folder: Folder) -> None:
    folder.write(SIGNATURES, group(case(1, "valid", GOOD)), group(case(2, "valid", GOOD), key={**KEY, "alg": "HS512"}))
    skips = answering(lambda _: {"skipped": "not today"})
    assert standings(skips, folder.load()) == [VectorStatus.FAILED, VectorStatus.NOT_APPLICABLE]


def test_an_algorithm_that_the_contract_does_not_know_is_not_applicable_and_says_which(folder: Folder) -> None:
    unknown = group(case(2, "valid", GOOD), case(3, "invalid", BAD), key={**KEY, "alg": "XS999"})
    folder.write(SIGNATURES, group(case(1, "valid", GOOD), case(4, "invalid", BAD)), unknown)
    card = jwsvectors.score(answering(honest), folder.load())
    assert [result.vector.id for result in card.of(VectorStatus.PASSED)] == ["1", "4"]
    why_not = "the implementation does not declare algorithm:XS999"
    assert [(result.vector.id, result.got) for result in card.of(VectorStatus.NOT_APPLICABLE)] == [
        ("2", why_not),
        ("3", why_not),
    ]
    assert jwsvectors.render(card).startswith("made up 1: passed 2 of 2 scored (2 not-applicable)\n")


def test_a_key_set_is_not_put_to_what_takes_one_key(folder: Folder) -> None:
    folder.write(SIGNATURES, group(case(1, "valid", GOOD), key={"keys": [KEY, {**KEY, "kid": "k2"}]}))
    one_key = answering(honest, capabilities={"algorithms": ["HS256"], "key_set": False})
    assert standings(one_key, folder.load()) == [VectorStatus.NOT_APPLICABLE]


class Dying:
    """A connection that dies whenever it sees one token."""

    def __init__(self, deadly: str) -> None:
        self._deadly = deadly
        self._inner = connection(honest)

    def ask(self, requests: Sequence[Json], seconds: float) -> Iterator[Json]:
        for request in requests:
            if request.get("token") == self._deadly:
                raise AdapterCrashed("ended with an answer due (exit code 7)")
            yield from self._inner.ask([request], seconds)

    max_line: int | None = None

    def restart(self) -> None:
        self._inner.restart()

    def close(self) -> None:
        self._inner.close()


def test_a_crash_fails_its_vector_and_no_other(folder: Folder) -> None:
    other = compact(b"other", b"x" * 32)
    tests = (case(1, "valid", GOOD), case(2, "invalid", BAD), case(3, "invalid", other))
    folder.write(SIGNATURES, group(*tests))
    card = jwsvectors.score(Implementation(Dying(BAD)), folder.load())
    assert [result.standing for result in card.results] == [
        VectorStatus.PASSED,
        VectorStatus.FAILED,
        VectorStatus.PASSED,
    ]
    assert "crashed: ended with an answer due (exit code 7)" in str(card.of(VectorStatus.FAILED)[0])


def test_crash_upon_crash_gives_the_group_up(folder: Folder) -> None:
    folder.write(
        SIGNATURES, group(*(case(number, "invalid", BAD) for number in range(30))), group(case(99, "valid", GOOD))
    )
    card = jwsvectors.score(Implementation(Dying(BAD)), folder.load())
    assert card.counts() == {VectorStatus.FAILED: 30, VectorStatus.PASSED: 1}
    assert "the group was given up" in card.results[0].got


def test_an_implementation_without_profile_jws_is_refused(folder: Folder) -> None:
    with pytest.raises(BadInput, match="does not declare profile jws"):
        jwsvectors.score(answering(honest, profiles=["jwt"]), folder.load())


def test_the_scorecard_tells_what_stand_ins_would_score(folder: Folder) -> None:
    folder.write(
        SIGNATURES,
        group(case(1, "valid", GOOD), case(2, "invalid", BAD, "Mac"), case(3, "invalid", BAD, "Mac")),
        group(case(4, "acceptable", GOOD)),
    )
    card = jwsvectors.score(answering(honest), folder.load())
    text = jwsvectors.render(card)
    assert text.startswith("made up 1: passed 3 of 3 scored (1 either)\n")
    assert text.endswith("\nreject-all would score 0 of 3, accept-all 1 of 3\n")
    assert row(text, "flag Mac") == ["2", "2", "-", "-", "-", "-", "-"]
    assert row(text, SIGNATURES) == ["4", "3", "-", "-", "1", "-", "-"]
    as_dict = json.loads(json.dumps(card.as_dict()))
    assert (as_dict["passed"], as_dict["failed"], as_dict["applicable"], as_dict["accept_all"]) == (3, 0, 3, 1)
    assert [result["id"] for result in as_dict["results"]] == ["4"]


def row(text: str, label: str) -> list[str]:
    return next(line[len(label) :].split() for line in text.splitlines() if line.startswith(label))


def test_nothing_scored_is_not_passed() -> None:
    card = jwsvectors.score(answering(honest), [])
    assert not card.conforms(Measure.BASE)
    assert jwsvectors.render(card).startswith("made up 1: passed 0 of 0 scored")


# --- RFC 7520


def test_rfc_7520_examples_share_a_group_with_their_control(tmp_path: Path) -> None:
    for number, name in enumerate(rfc7520.FILES):
        token = GOOD if number < 4 else f"{GOOD.split('.')[0]}..{GOOD.split('.')[2]}"
        key = {name: value for name, value in KEY.items() if name != "alg"} | {"d": "private"}
        example = {"title": name, "input": {"key": key, "alg": "HS256"}, "output": {"compact": token}}
        (tmp_path / name).write_text(json.dumps(example))
    (found,) = rfc7520.load(tmp_path)
    assert found.keys == (KEY,)
    assert [vector.id for vector in found.vectors] == ["4.1", "4.2", "4.3", "4.4", "4.5"]
    assert [vector.expected for vector in found.vectors] == [Expected.VALID] * 4 + [Expected.INVALID]
    (tmp_path / rfc7520.FILES[0]).write_text("{}")
    with pytest.raises(BadInput, match="is not an RFC 7520 signature example: KeyError 'input'"):
        rfc7520.load(tmp_path)
