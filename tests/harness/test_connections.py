"""Connections: order, pipelining, limits, and an end that leaves no process behind."""

import json
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import NamedTuple

import pytest

from bearerproof.contract import connections
from bearerproof.contract.connections import MAX_OUTSTANDING, STDERR_KEPT, InProcess, Stdio, connect
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import MAX_LINE, request_line
from bearerproof.exceptions import AdapterCrashed, AdapterFault, AdapterHung, BadInput, BearerproofError, LineTooLong
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.commands import replay
from bearerproof_fuzz.forge import Forge

from ..conftest import ROOT, CommandLine
from .conftest import Misbehaving, Processes

COUNTS_WAITING = """
import json, os, select, sys, time
pending = b""
while True:
    select.select([0], [], [])
    time.sleep(0.1)  # all that may be sent ahead has come by now
    more = os.read(0, 1 << 20)
    if not more:
        break
    *lines, pending = (pending + more).split(b"\\n")
    for line in lines:
        print(json.dumps({"id": json.loads(line)["id"], "skipped": str(len(lines))}), flush=True)
"""

ANSWERS_AT_LENGTH = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"id": json.loads(line)["id"], "skipped": "x" * 1_000_000}), flush=True)
"""


def speaking(program: str) -> Stdio:
    return Stdio([sys.executable, "-c", program])


def test_answers_come_in_order_with_eight_requests_outstanding() -> None:
    connection = speaking(COUNTS_WAITING)
    answers = list(connection.ask([{"op": "x", "number": number} for number in range(8 * 3)], 5))
    connection.close()
    assert [answer["id"] for answer in answers] == list(range(1, 25))
    waiting = {int(answer["skipped"]) for answer in answers}
    assert max(waiting) == MAX_OUTSTANDING == 8


def test_long_lines_both_ways_do_not_block_each_other() -> None:
    connection = speaking(ANSWERS_AT_LENGTH)
    answers = list(connection.ask([{"op": "x", "token": "t" * 1_000_000}] * 10, 5))
    connection.close()
    assert [len(answer["skipped"]) for answer in answers] == [1_000_000] * 10


def test_ids_are_never_used_twice_even_after_a_restart() -> None:
    connection = speaking(COUNTS_WAITING)
    (first,) = connection.ask([{"op": "x"}], 5)
    connection.restart()
    (second,) = connection.ask([{"op": "x"}], 5)
    connection.close()
    assert (first["id"], second["id"]) == (1, 2)


def test_the_end_of_stderr_is_kept_and_told() -> None:
    connection = speaking("import sys; sys.stderr.write('x' * 100_000 + 'no key file'); sys.exit(3)")
    with pytest.raises(AdapterCrashed, match=r"exit code 3") as raised:
        list(connection.ask([{"op": "hello"}], 5))
    connection.close()
    assert raised.value.describe().endswith("no key file")
    assert len(connection.stderr) == STDERR_KEPT


@pytest.mark.parametrize("mode", ["hangs", "hangs-and-ignores-sigterm", "hangs-with-child"])
@pytest.mark.parametrize("restarts", [0, 1])
def test_no_process_outlives_its_connection(
    misbehaving: Misbehaving, processes: Processes, mode: str, restarts: int
) -> None:
    connection = Stdio(misbehaving(mode))
    for life in range(restarts + 1):
        list(connection.ask([{"op": "hello"}], 10))
        assert len(processes.alive()) == 1, "the control: a living adapter is seen, and one only"
        with pytest.raises(AdapterHung, match=r"gave no answer within 0\.1 s"):
            list(connection.ask([{"op": "verify", "token": "t"}], 0.1))
        if life < restarts:
            connection.restart()
    connection.close()
    assert processes.left_over() == []


def test_an_adapter_that_ended_by_itself_leaves_no_child(processes: Processes) -> None:
    connection = speaking("import os, time\nif os.fork() == 0: time.sleep(60)")
    with pytest.raises(AdapterHung):  # the child holds the pipe, so no end is seen
        list(connection.ask([{"op": "hello"}], 0.5))
    assert len(processes.alive()) == 1
    connection.close()
    assert processes.left_over() == []


@pytest.mark.parametrize("command", [["no-such-adapter-anywhere"], ["/dev/null"], ["/"]])
def test_a_command_that_cannot_be_started_is_named(command: list[str]) -> None:
    with pytest.raises(AdapterFault, match=f"cannot start '{command[0]}': "):
        connect("", command)


def answering(answer: object) -> InProcess:
    return InProcess(lambda: lambda _: answer)  # type: ignore[arg-type, return-value]  # wrong on purpose


def test_a_callable_is_asked_in_this_process() -> None:
    assert list(answering({"reset": True}).ask([{"op": "reset"}], 1)) == [{"id": 1, "reset": True}]


@pytest.mark.parametrize("answer", [None, "accepted", [], 1])
def test_a_callable_that_answers_no_dict_is_a_fault(answer: object) -> None:
    with pytest.raises(AdapterFault, match="due is a dict"):
        list(answering(answer).ask([{"op": "verify"}], 1))


def test_a_callable_with_another_id_is_a_fault() -> None:
    with pytest.raises(AdapterFault, match="answered id 7"):
        list(answering({"id": 7, "reset": True}).ask([{"op": "reset"}], 1))


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(0), RecursionError()])
def test_what_escapes_a_callable_is_an_error_and_not_the_end(error: BaseException) -> None:
    def handle(_: Json) -> Json:
        raise error

    (answer,) = InProcess(lambda: handle).ask([{"op": "verify"}], 1)
    assert answer["errored"]["message"].startswith(f"{type(error).__name__}: ")


def test_a_restart_makes_a_fresh_implementation() -> None:
    def create() -> connections.Handle:
        seen: list[Json] = []

        def handle(request: Json) -> Json:
            seen.append(request)
            return {"skipped": str(len(seen))}

        return handle

    connection = InProcess(create)
    assert [answer["skipped"] for answer in connection.ask([{"op": "x"}] * 2, 1)] == ["1", "2"]
    connection.restart()
    assert [answer["skipped"] for answer in connection.ask([{"op": "x"}], 1)] == ["1"]


def test_a_factory_beside_the_caller_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own_verifier.py").write_text("def create():\n    return lambda request: {'reset': True}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    connection = connect("python:my_own_verifier:create")
    assert list(connection.ask([{"op": "reset"}], 1)) == [{"id": 1, "reset": True}]


BROKEN = {
    "raises": "def create(): raise ValueError('no configuration')",
    "returns-none": "def create(): return None",
    "wants-arguments": "def create(path): return path",
    "exits": "def create(): raise SystemExit(0)",
    "does-not-parse": "def (",
    "needs-a-package": "import no_such_package",
    "fails-on-import": "1 / 0",
    "has-another-name": "def make(): return dict",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_factory_that_makes_nothing_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    module = "broken_" + name.replace("-", "_")
    (tmp_path / f"{module}.py").write_text(BROKEN[name])
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(BearerproofError) as raised:
        connect(f"python:{module}:create")
    assert raised.value.exit_code == 3


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("refrence", "name an installed one .authlib, fault, joserfc, pyjwt, reference."),
        ("python:json", "must have the form python:module:factory"),
        ("python::x", "must have the form python:module:factory"),
        ("python:json:", "must have the form python:module:factory"),
        ("python:no_such_module:x", "No module named 'no_such_module'"),
        ("python:json:nothing", "module json has no callable 'nothing'"),
        ("python:json:__version__", "module json has no callable"),
        ("python:.relative:x", "relative"),
    ],
)
def test_a_name_that_is_none_says_what_may_be_given(target: str, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        connect(target)


class Package(NamedTuple):
    """A distribution, as far as an entry point knows it."""

    name: str


def registered(monkeypatch: pytest.MonkeyPatch, *named: tuple[str, str, str]) -> None:
    """Have only these implementations installed: name, target, and the package that brings it."""
    points = [EntryPoint(name, value, connections.GROUP) for name, value, _ in named]
    for point, (_, _, package) in zip(points, named, strict=True):
        vars(point)["dist"] = Package(package)
    monkeypatch.setattr(connections, "_entry_points", lambda: tuple(points))


def test_a_library_that_is_not_installed_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    registered(monkeypatch, ("joserfc", "no_such_package.module:create", "bearerproof"))
    with pytest.raises(BadInput, match=r"pip install 'bearerproof\[subjects\]'"):
        connect("joserfc")


def test_another_package_can_give_its_implementation_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "theirs.py").write_text("def create(mood='calm'):\n    return lambda request: {'skipped': mood}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    registered(monkeypatch, ("theirs", "theirs:create", "their-package"))
    assert list(connect("theirs").ask([{"op": "x"}], 1)) == [{"id": 1, "skipped": "calm"}]
    assert list(connect("theirs:grim: indeed").ask([{"op": "x"}], 1)) == [{"id": 1, "skipped": "grim: indeed"}]


def test_a_package_that_theirs_needs_is_not_said_to_be_an_extra_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    registered(monkeypatch, ("theirs", "no_such_package.module:create", "their-package"))
    with pytest.raises(BadInput, match=r"'theirs': No module named 'no_such_package'$"):
        connect("theirs")


def test_a_name_that_two_packages_give_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    target = "bearerproof_reference.adapter:create"
    registered(monkeypatch, ("reference", target, "bearerproof"), ("reference", "theirs:create", "their-package"))
    with pytest.raises(BadInput, match="more than one package: bearerproof, their-package"):
        connect("reference")


def test_where_nothing_is_installed_the_message_says_how_to(monkeypatch: pytest.MonkeyPatch) -> None:
    registered(monkeypatch)
    with pytest.raises(BadInput, match=r"pip install -e \. .* python:module:factory"):
        connect("reference")


def test_a_fault_has_to_be_named() -> None:
    with pytest.raises(BadInput, match="no seeded fault is called ''; hmac-over-pem is one of"):
        connect("fault")


# --- no line that is longer than promised

SHORT_LINES = [sys.executable, ROOT / "tests" / "adapters" / "short_lines.py"]


def _short_lines(limit: int, *, declared: bool = True) -> Implementation:
    return Implementation(Stdio([*map(str, SHORT_LINES), str(limit), *(["declared"] if declared else [])]))


@pytest.mark.parametrize("text", ["t", "\N{KEY}", "é", "\ud800", '"', "\0"])
def test_a_request_is_as_long_as_its_line_is_in_octets(text: str) -> None:
    def line_of(request: Json) -> bytes:
        return request_line({"id": 1_000_000_000, **request})

    implementation = _short_lines(5_000)
    honest = Forge(implementation.declaration).base(Profile.JWT).presentation()
    each = len(line_of({"t": text})) - len(line_of({"t": ""}))
    room = (5_000 - len(line_of(honest.request()))) // each
    longest, longer, longest_of_all = (
        replace(honest, token=str(honest.token) + text * number) for number in (room, room + 1, room + 20)
    )
    assert (implementation.fits(longest), implementation.fits(longer)) == (True, False)
    assert implementation.verify(longest).reason is not None
    with pytest.raises(LineTooLong, match="than the 5,000 bytes"):
        implementation.verify_all([longest, longest_of_all])
    assert implementation.restarts == 0
    implementation.close()


def test_nothing_of_several_requests_is_written_if_one_is_too_long() -> None:
    implementation = _short_lines(MAX_LINE, declared=False)
    with pytest.raises(LineTooLong):
        implementation.decide({"op": "exchange", "now": 0, "tick": 0, "form": [["x", "x" * MAX_LINE]]})
    assert implementation.stats()["submitted"] == 0
    implementation.close()


def test_in_process_only_a_declared_limit_binds() -> None:
    connection = InProcess(lambda: lambda request: {"id": request["id"]})
    long: Json = {"op": "x", "token": "t" * 1_000_000}
    assert len(list(connection.ask([long], 5))) == 1
    connection.max_line = 1_000_000
    with pytest.raises(LineTooLong):
        list(connection.ask([{"op": "x"}, long], 5))


@pytest.mark.parametrize(("limit", "declared"), [(6_000, True), (MAX_LINE, False)])
def test_a_reader_of_short_lines_is_never_killed(
    bearerproof: CommandLine, tmp_path: Path, limit: int, declared: bool
) -> None:
    """Whatever is drawn, composed or sent to a key server: what is too long is not applicable, and nothing is red."""
    report = tmp_path / "results.jsonl"
    command = [*SHORT_LINES, limit, *(["declared"] if declared else [])]
    ended = bearerproof("check", "--quick", "-k", _LONG, "--report", report, "--no-baselines", "--", *command)
    assert ended.code == 0
    assert ended.err == ""
    rows = [json.loads(line) for line in report.read_text("utf-8").splitlines()]
    checks = [row for row in rows if row["type"] == "check"]
    left_out = [row["reason"] for row in checks if row["outcome"] == "not-applicable"]
    assert {row["outcome"] for row in checks} <= {"passed", "not-applicable"}
    assert any(f"than the {limit:,} bytes that the implementation reads" in reason for reason in left_out)
    assert "answered when the same was asked again" not in ended.out


_LONG = "VER-6,VER-7,VER-22,VER-45,VER-17,HINT,EXC-6,HTTP-2,TOK-5"
"""Where lines are long: sizes, names, reasons, compositions, hints, forms."""


def test_a_vector_that_does_not_fit_is_not_applicable_and_no_first_look_is_taken(bearerproof: CommandLine) -> None:
    implementation = _short_lines(6_000)
    (case,) = replay.find("kid-injects-very-long", implementation.declaration, implementation.declaration.measure)
    conforms, text = replay.replay(case, implementation)
    assert conforms
    assert "not applicable: needs a longer request line than" in text
    implementation.close()
    ended = bearerproof("smoke", "--", *SHORT_LINES, 500, "declared")
    assert ended.code == 1
    assert ended.out.startswith(
        "wrong: jwt: no honest token is accepted: needs a longer request line than the 500 bytes"
    )
