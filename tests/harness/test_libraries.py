"""``check --all``: libraries are built from their manifests, judged by their expectations, and never passed unseen."""

import importlib.util
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from bearerproof import data
from bearerproof.exceptions import BadInput
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.commands.firstlook import PROBES
from bearerproof_fuzz.commands.libraries import building
from bearerproof_fuzz.commands.libraries.building import BuildFailed, build
from bearerproof_fuzz.commands.libraries.manifest import Manifest, find
from bearerproof_fuzz.commands.libraries.verdicts import EXIT_CODES, LibraryResult, Verdict, exit_code
from bearerproof_fuzz.commands.smoke import smoke

from ..conftest import ROOT, CommandLine

ADAPTERS = ROOT / "tests" / "adapters"
SHIPPED = find([], ADAPTERS)

HELLO = {
    "protocol": 1,
    "level": 0,
    "profiles": ["jwt"],
    "measure": "base",
    "implementation": {"name": "tiny", "version": "1.0", "language": "python"},
    "capabilities": {"algorithms": ["ES256"], "clock": "real"},
}
TINY = f"""
import jwt
from loop import serve

def handle(request):
    if request["op"] != "verify":
        return {HELLO!r} if request["op"] == "hello" else {{"skipped": "nothing like it"}}
    policy = request["policy"]
    try:
        kid = jwt.get_unverified_header(request["token"])["kid"]
        claims = jwt.decode(
            request["token"], jwt.PyJWKSet.from_dict(policy["keys"])[kid], algorithms=policy["algorithms"],
            issuer=policy["issuer"], audience=policy["audience"],
        )
    except (jwt.PyJWTError, KeyError):
        return {{"verdict": "rejected"}}
    return {{"verdict": "accepted", "claims": claims}}

serve(handle)
"""
MANIFEST = {
    "library": "tiny",
    "version": "1.0",
    "language": "python",
    "toolchain": [sys.executable],
    "build": [[sys.executable, "-c", "open('built', 'a').write('x')"]],
    "run": [sys.executable, "tiny.py"],
}

CheckAll = Callable[..., tuple[int, dict[str, LibraryResult]]]
Make = Callable[..., Path]
"""Makes a folder with a tiny library; members of its manifest may be others, and its expectations given."""


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def made(name: str = "tiny", expectations: str | None = None, **members: object) -> Path:
        folder = tmp_path / "adapters" / name
        folder.mkdir(parents=True)
        rows = [f"{key} = {json.dumps(value)}" for key, value in {**MANIFEST, **members}.items()]
        copies = ["[copies]", f'"loop.py" = {json.dumps(str(ROOT / "spec" / "bearerproof" / "adapter.py"))}']
        (folder / "adapter.toml").write_text("\n".join([*rows, *copies]))
        (folder / "tiny.py").write_text(TINY)
        if expectations is not None:
            (folder / "expectations.toml").write_text(expectations)
        return folder

    return made


@pytest.fixture
def check_all(bearerproof: CommandLine, tmp_path: Path) -> CheckAll:
    """Runs the command on folders and returns its exit code and its rows, which its schema admits."""
    schema = json.loads((data.root() / "schemas" / "libraries.schema.json").read_text("utf-8"))

    def run(*words: object) -> tuple[int, dict[str, LibraryResult]]:
        ended = bearerproof("check", "--all", "--json", "--cache", tmp_path / "cache", *words)
        told = json.loads(ended.out)
        assert list(Draft202012Validator(schema).iter_errors(told)) == []
        rows = [LibraryResult(**{**row, "verdict": Verdict(row["verdict"])}) for row in told["libraries"]]
        assert told["exit_code"] == ended.code == exit_code(rows)
        return ended.code, {row.name: row for row in rows}

    return run


RED = "VER-7.header-json-utf-16"
EXPECTED = """
format = 1
[[expectation]]
requirement = "VER-7"
check = "header-json-utf-16"
reason = "Python's reader of JSON guesses the encoding (RFC 7515 §5.2 step 3)."
"""
MENDED = """
[[expectation]]
requirement = "VER-12"
reason = "Of an older version."
"""
"""The head of an entry whose checks pass; its checks are to be added."""


def test_a_library_is_built_once_and_judged_by_its_expectations(
    make: Make, check_all: CheckAll, tmp_path: Path
) -> None:
    folder = make()
    code, rows = check_all(folder, "-k", "VER-12.alg-none-without-kid,VER-7.header-json-nan")
    assert (code, rows["tiny"].verdict, rows["tiny"].unexpected) == (1, Verdict.DOES_NOT_CONFORM, 1)
    code, rows = check_all(folder, "-k", "VER-12.alg-none-without-kid")
    assert (code, rows["tiny"].verdict, rows["tiny"].unexpected) == (0, Verdict.CONFORMS, 0)
    (folder / "expectations.toml").write_text(EXPECTED)
    code, rows = check_all(folder, "-k", f"{RED}.jwt")
    assert (code, rows["tiny"].verdict, rows["tiny"].expected) == (0, Verdict.AS_EXPECTED, 1)
    assert (tmp_path / "cache" / "tiny" / "built").read_text() == "x"


def test_libraries_of_one_name_are_not_built_over_each_other(bearerproof: CommandLine, make: Make) -> None:
    ended = bearerproof("check", "--all", make(), make("other/tiny"))
    assert (ended.code, ended.out) == (3, "")
    assert "have one name: judge them one after the other" in ended.err


def test_whatever_hinders_a_verdict_is_named_and_no_pass(make: Make, check_all: CheckAll) -> None:
    make("absent", toolchain=["no-such-compiler"])
    make("lacking", probes=[[sys.executable, "-c", "raise SystemExit(1)"]])
    code, rows = check_all(make().parent / "absent")
    assert (code, rows["absent"].verdict) == (3, Verdict.NOT_RUN)
    make("unbuilt", build=[[sys.executable, "-c", "print('no such package'); raise SystemExit(7)"]])
    make("other", version="2.0")
    make("mute", run=[sys.executable, "-c", "pass"])
    make("invalid", expectations="format = 3")
    make("mended-1", expectations=f'format = 1\n{MENDED}check = "alg-none-without-kid"\n')
    make("mended-2", expectations=f'format = 2\n{MENDED}checks = ["alg-none-without-*"]\n')
    code, rows = check_all(make("good").parent, "-k", "VER-12.alg-none-without-kid")
    assert code == 3
    assert {name: row.verdict for name, row in rows.items()} == {
        "absent": Verdict.NOT_RUN,
        "good": Verdict.CONFORMS,
        "invalid": Verdict.STALE,
        "lacking": Verdict.NOT_RUN,
        "mended-1": Verdict.STALE,
        "mended-2": Verdict.STALE,
        "mute": Verdict.NOT_JUDGED,
        "other": Verdict.NOT_JUDGED,
        "tiny": Verdict.CONFORMS,
        "unbuilt": Verdict.BUILD_FAILED,
    }
    reasons = {name: row.reason or "" for name, row in rows.items()}
    assert reasons["absent"] == "no-such-compiler is not installed"
    assert reasons["lacking"].startswith("this does not succeed: ")
    assert "exit code 7" in reasons["unbuilt"]
    assert reasons["unbuilt"].endswith("\n  no such package")
    assert reasons["other"] == "it says that it is 1.0, its manifest says 2.0"
    assert "format must be 1 or 2" in reasons["invalid"]
    for name in ("mended-1", "mended-2"):
        assert "is not red any more (passed); remove it" in " ".join(reasons[name].split())
        assert EXIT_CODES[rows[name].verdict] == 2


def test_the_table_has_a_line_for_each_and_the_reasons_below(
    bearerproof: CommandLine, make: Make, tmp_path: Path
) -> None:
    make("absent", toolchain=["no-such-compiler"])
    ended = bearerproof(
        "check", "--all", make().parent, "--cache", tmp_path / "cache", "-k", "VER-12.alg-none-without-kid"
    )
    lines = [line.split() for line in ended.out.splitlines()]
    assert [line[0] for line in lines] == ["adapter", "absent", "tiny", "absent:"]
    assert lines[1][3:] == ["not", "run", "0", "0", "0.0"]
    assert "tiny: building, step 1 of 1: " in ended.err


def test_a_build_that_does_not_end_is_ended(make: Make, tmp_path: Path) -> None:
    [manifest] = find([str(make(build=[[sys.executable, "-c", "input()\nwhile True: pass"]]))], ADAPTERS)
    endless = replace(manifest, build=((sys.executable, "-c", "while True: pass"),), build_timeout=0.3)
    with pytest.raises(BuildFailed, match=r"no end within 0\.3 s"):
        build(endless, tmp_path / "cache", lambda _: None)


WRONG = {
    "no.toml": ("", "library is required"),
    "unknown.toml": ('bild = [["make"]]', "unknown key 'bild'; known are library"),
    "type.toml": ('build = ["make"]', "build must be a list of texts"),
    "empty.toml": ("run = []", "run must be a program and its arguments"),
    "time.toml": ("build_timeout = 0", "build_timeout must be a number of seconds"),
    "copies.toml": ("copies = 1", "copies must be a table of texts"),
    "syntax.toml": ("run =", "is not valid TOML"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_manifest_that_is_wrong_says_where(tmp_path: Path, name: str) -> None:
    text, message = WRONG[name]
    (tmp_path / name).write_text(text)
    with pytest.raises(BadInput) as caught:
        Manifest.load(tmp_path / name)
    assert message in str(caught.value)


@pytest.mark.parametrize("manifest", SHIPPED, ids=lambda manifest: manifest.name)
def test_each_library_is_pinned_and_its_deviations_are_on_record(manifest: Manifest) -> None:
    locks = ("requirements.txt", "package-lock.json", "go.sum", "Cargo.lock", "pom.xml", "lock.cmake")
    [lock] = [path for path in manifest.folder.iterdir() if path.name in locks]
    assert manifest.version in lock.read_text()
    assert manifest.expectations is not None
    assert all(path.is_file() for path in manifest.copies.values())


@pytest.mark.parametrize("manifest", SHIPPED, ids=lambda manifest: manifest.name)
def test_a_python_library_that_is_installed_answers_through_its_adapter(manifest: Manifest, tmp_path: Path) -> None:
    if manifest.language != "python":
        pytest.skip(f"{manifest.library} is built and judged by: bearerproof check --all {manifest.name}")
    modules = {"python-jose": "jose", "PyJWT": "jwt"}
    if importlib.util.find_spec(modules.get(manifest.library, manifest.library.lower())) is None:
        pytest.skip(f"{manifest.library} is not installed")
    place = build(replace(manifest, build=()), tmp_path, lambda _: None)
    code, page = smoke(RunConfig(target="", command=(sys.executable, str(place / "verifier.py"))), 80)
    assert manifest.expectations is not None
    known = manifest.expectations.read_text()
    deviations = [f"a token {what} is accepted" for edit, what, _ in PROBES.values() if f'"{edit}"' in known]
    assert code == 0 or any(each in " ".join(str(page).split()) for each in deviations), str(page)
    assert building.missing(manifest) is None
