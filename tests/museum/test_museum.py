"""``museum``: a weakness is caught by the row that names it, what the fixed release fails too shows nothing of it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bearerproof import data
from bearerproof.exceptions import BadInput
from bearerproof.members import Json
from bearerproof_fuzz.commands.museum.exhibits import Museum
from bearerproof_fuzz.commands.museum.results import Verdict

from ..conftest import ROOT, CommandLine

TINY = """
import json
import pathlib
import sys

import jwt
from loop import serve

FAULTS = json.loads(sys.argv[1])["call"]
VERSION = pathlib.Path(__file__).with_name("version").read_text()
HELLO = {
    "protocol": 1, "level": 0, "profiles": ["jwt"], "measure": "base",
    "implementation": {"name": "tiny", "version": VERSION, "language": "python"},
    "capabilities": {"algorithms": ["ES256"], "clock": "real"},
}

def handle(request):
    if request["op"] != "verify":
        return HELLO if request["op"] == "hello" else {"skipped": "nothing like it"}
    token, policy = request["token"], request["policy"]
    try:
        header = jwt.get_unverified_header(token)
        if header["alg"] in FAULTS[VERSION]:
            return {"verdict": "accepted", "claims": jwt.decode(token, options={"verify_signature": False})}
        claims = jwt.decode(
            token, jwt.PyJWKSet.from_dict(policy["keys"])[header["kid"]], algorithms=policy["algorithms"],
            issuer=policy["issuer"], audience=policy["audience"],
        )
    except (jwt.PyJWTError, KeyError, TypeError):
        return {"verdict": "rejected"}
    return {"verdict": "accepted", "claims": claims}

serve(handle)
"""
NOTE = "import sys; open('version', 'w').write(sys.argv[1])"
TABLE = f"""
[languages.tiny]
toolchain = [{json.dumps(sys.executable)}]
build = [[{json.dumps(sys.executable)}, "-c", {json.dumps(NOTE)}, "{{version}}", "{{beside}}"]]
run = [{json.dumps(sys.executable)}, "tiny.py"]
copies = {{ "loop.py" = {json.dumps(str(ROOT / "spec" / "bearerproof" / "adapter.py"))} }}

[languages.absent]
toolchain = ["no-such-compiler"]
run = ["no-such-compiler"]
"""
EXHIBIT = {
    "name": "tiny-none",
    "weakness": "CVE-0000-0000",
    "package": "tiny",
    "vulnerable": "1.0",
    "fixed": "2.0",
    "language": "tiny",
    "requirement": "VER-12",
    "adapter": "tiny",
}

Visit = Callable[..., tuple[int, list[Json]]]
"""Runs the command on exhibits, each given by what is other than usual; returns its exit code and its rows."""


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    (tmp_path / "adapters" / "tiny").mkdir(parents=True)
    (tmp_path / "adapters" / "tiny" / "tiny.py").write_text(TINY)

    def written(*exhibits: Json, head: str = TABLE) -> Path:
        path = tmp_path / "exhibits.toml"
        path.write_text(head + "".join(_rows({**EXHIBIT, **exhibit}) for exhibit in exhibits))
        return path

    return written


def _rows(exhibit: Json) -> str:
    return "\n[[exhibit]]\n" + "".join(f"{name} = {_toml(value)}\n" for name, value in exhibit.items())


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)} = {_toml(inner)}" for name, inner in value.items()) + "}"
    return json.dumps(value)


@pytest.fixture
def visit(bearerproof: CommandLine, table: Callable[..., Path], tmp_path: Path) -> Visit:
    schema = json.loads((data.root() / "schemas" / "museum.schema.json").read_text("utf-8"))

    def run(*exhibits: Json) -> tuple[int, list[Json]]:
        ended = bearerproof("museum", "--json", "--table", table(*exhibits), "--cache", tmp_path / "cache")
        told = json.loads(ended.out)
        assert list(Draft202012Validator(schema).iter_errors(told)) == []
        assert told["exit_code"] == ended.code
        return ended.code, told["exhibits"]

    return run


def _faults(vulnerable: list[str], fixed: list[str]) -> Json:
    return {"options": {"call": {"1.0": vulnerable, "2.0": fixed}}}


NONE, SPELLED = ["none"], ["None", "NONE", "nOnE"]


def test_a_weakness_is_caught_and_its_tokens_are_counted(visit: Visit) -> None:
    code, [row] = visit(_faults(NONE, []))
    assert (code, row["verdict"], row["fixed_is"]) == (0, "caught", "green")
    assert row["check"] == "VER-12.alg-none-unsigned-exact.jwt"
    assert row["tokens"] == 4


def test_what_the_fixed_release_fails_too_is_no_catch(visit: Visit) -> None:
    code, [row] = visit(_faults(SPELLED, SPELLED))
    assert (code, row["verdict"], row["fixed_is"]) == (1, "MISSED", "RED")
    assert "VER-12.alg-none-unsigned-upper-case.jwt" in row["fixed_red"]
    code, [row] = visit(_faults([*NONE, *SPELLED], SPELLED))
    assert (code, row["verdict"], row["fixed_is"]) == (1, "caught", "RED")


def test_what_is_known_to_remain_costs_nothing_until_it_is_mended(visit: Visit) -> None:
    remains = {"remains": {"VER-12.*-case.jwt": "RFC 8725 §3.2", "VER-12.*-capitalised.jwt": "RFC 8725 §3.2"}}
    code, [row] = visit({**_faults([*NONE, *SPELLED], SPELLED), **remains})
    assert (code, row["verdict"], row["fixed_is"]) == (0, "caught", "red, as known")
    code, [row] = visit({**_faults([*NONE, *SPELLED], []), **remains})
    assert (code, row["fixed_is"]) == (1, "RED")
    assert row["reason"].startswith("nothing red is left of what is said to remain: VER-12.*-case.jwt")


def test_whatever_hinders_a_verdict_is_named_and_no_pass(visit: Visit) -> None:
    refusing = _faults(NONE, []) | {"requirement": "KEY-10"}
    shown = {"name": "shown", "not_judged": "not a JWS verifier"}
    code, rows = visit(_faults(NONE, []), {**shown}, {**_faults([], []), "name": "absent", "language": "absent"})
    assert code == 3
    assert [row["verdict"] for row in rows] == [Verdict.CAUGHT, Verdict.NOT_JUDGED, Verdict.NOT_RUN]
    assert [row.get("reason") for row in rows] == [None, "not a JWS verifier", "no-such-compiler is not installed"]
    code, [row] = visit(refusing)
    assert (code, row["verdict"]) == (3, "not run")
    assert "no check" in row["reason"] or "nothing was judged" in row["reason"]
    assert visit({**shown})[0] == 3


def test_the_table_has_a_line_for_each_and_the_sum_below(
    bearerproof: CommandLine, table: Callable[..., Path], tmp_path: Path
) -> None:
    path = table(_faults(NONE, []), {"name": "other", "not_judged": "it decrypts"})
    ended = bearerproof("museum", "tiny-*", "--table", path, "--cache", tmp_path / "cache")
    lines = [line.split("  ") for line in ended.out.splitlines()]
    assert [line[0] for line in lines] == ["exhibit", "tiny-none", "1 caught"]
    assert "tiny-none: judging tiny 2.0 and 1.0" in ended.err


WRONG: dict[str, tuple[Json, str]] = {
    "requirement": ({"requirement": "VER-999"}, "no requirement has the id 'VER-999'"),
    "language": ({"language": "cobol"}, "language must be one of tiny, absent"),
    "adapter": ({"adapter": "none"}, "adapter must be a folder in"),
    "measure": ({"measure": "lax"}, "measure must be one of base, strict"),
    "unknown": ({"fixd": "2.0"}, "unknown key 'fixd'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_table_that_is_wrong_says_where(table: Callable[..., Path], name: str) -> None:
    exhibit, message = WRONG[name]
    with pytest.raises(BadInput) as caught:
        Museum.load(table(exhibit))
    assert message in str(caught.value)


def test_the_table_that_is_shipped_is_valid() -> None:
    museum = Museum.load(ROOT / "tests" / "museum" / "exhibits.toml")
    judged = [exhibit for exhibit in museum.exhibits if exhibit.not_judged is None]
    assert len({exhibit.name for exhibit in museum.exhibits}) == len(museum.exhibits)
    for exhibit in judged:
        manifest = museum.manifest(exhibit, exhibit.fixed)
        assert all(path.is_file() for path in manifest.copies.values())
    with pytest.raises(BadInput, match="no exhibit of"):
        museum.find(["no-such-exhibit"])
