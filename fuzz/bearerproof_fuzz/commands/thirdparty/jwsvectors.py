"""JWS vectors of third parties: put to ``verify-jws``, and scored by groups with a positive control.

A rejection proves something only if the same key also had a token accepted. So an invalid vector is scored
when a valid one of its group was accepted, and else listed as without a control. Scored one by one, whatever
rejects everything would look almost perfect, since these suites consist mostly of invalid vectors.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bearerproof import PROTOCOL
from bearerproof.contract.connections import InProcess
from bearerproof.contract.declaration import Declaration
from bearerproof.contract.implementation import Implementation, PropertyEnded
from bearerproof.contract.keyforms import unspelled
from bearerproof.contract.messages import Answer, Outcome, Policy, Presentation
from bearerproof.exceptions import BadInput, LineTooLong
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz.needs import KEY_SET


class Expected(StrEnum):
    """What a vector says of its token; ``either`` where the standards leave the choice."""

    VALID = "valid"
    INVALID = "invalid"
    EITHER = "either"


class VectorStatus(StrEnum):
    """How a vector counts; the first three are scored."""

    PASSED = "passed"
    FAILED = "failed"
    ERRORED = "errored"
    EITHER = "either"
    NO_CONTROL = "no-control"
    NOT_APPLICABLE = "not-applicable"


@dataclass(frozen=True)
class Vector:
    """One token and what its suite expects of it; ``erratum`` says why that is not what the file has.

    ``control`` marks a token that is not of the file and is not scored: accepted, it is its group's positive control.
    """

    id: str
    comment: str
    token: str
    expected: Expected
    flags: tuple[str, ...] = ()
    erratum: str | None = None
    control: bool = False


@dataclass(frozen=True)
class VectorGroup:
    """Vectors under one key or key set; ``erratum`` says why the key is not as the file has it."""

    file: str
    comment: str
    keys: tuple[Json, ...]
    algorithms: tuple[str, ...]
    vectors: tuple[Vector, ...]
    erratum: str | None = None

    def presentations(self) -> list[Presentation]:
        """Return each token under the policy that holds the group's keys; a JWS knows no time."""
        policy = Policy({"keys": {"keys": list(self.keys)}, "algorithms": list(self.algorithms)})
        return [Presentation(vector.token, policy, Profile.JWS, now=0) for vector in self.vectors]


@dataclass(frozen=True)
class Result:
    """What became of one vector."""

    group: VectorGroup
    vector: Vector
    standing: VectorStatus
    got: str

    def __str__(self) -> str:
        """Say it in one line."""
        vector = self.vector
        return f"{self.group.file} {vector.id} {vector.comment}: expected {vector.expected}, got {self.got}"

    def as_dict(self) -> Json:
        """Return it as data."""
        return {
            "file": self.group.file,
            "group": self.group.comment,
            "id": self.vector.id,
            "comment": self.vector.comment,
            "flags": list(self.vector.flags),
            "expected": str(self.vector.expected),
            "got": self.got,
            "standing": str(self.standing),
        }


@dataclass(frozen=True)
class Scorecard:
    """How an implementation did, beside what accepting or rejecting everything would score."""

    name: str
    results: tuple[Result, ...]
    reject_all: int
    accept_all: int

    def conforms(self, measure: Measure) -> bool:
        """Say whether something passed and nothing failed; in strict, erroring is failing too."""
        counts = self.counts()
        red = counts[VectorStatus.FAILED] + (counts[VectorStatus.ERRORED] if measure is Measure.STRICT else 0)
        return counts[VectorStatus.PASSED] > 0 and not red

    def counts(self) -> Counter[VectorStatus]:
        """Count all results by standing."""
        return Counter(result.standing for result in self.results)

    @property
    def applicable(self) -> int:
        """How many vectors have one right answer and an algorithm that is declared."""
        return sum(self.counts()[standing] for standing in (*_SCORED, VectorStatus.NO_CONTROL))

    def of(self, *standings: VectorStatus) -> list[Result]:
        """Return the results of these standings, in the order of the files."""
        return [result for result in self.results if result.standing in standings]

    def errata(self) -> list[str]:
        """Say what was not judged as the files have it, and why."""
        return [
            f"{result.group.file} {result.vector.id}: {erratum}"
            for result in self.results
            for erratum in (result.group.erratum, result.vector.erratum)
            if erratum is not None
        ]

    def as_dict(self) -> Json:
        """Return it as data: the counts, every vector that did not simply pass, and the errata."""
        return {
            "implementation": self.name,
            "vectors": len(self.results),
            "applicable": self.applicable,
            **{str(standing): self.counts()[standing] for standing in VectorStatus},
            "reject_all": self.reject_all,
            "accept_all": self.accept_all,
            "results": [result.as_dict() for result in self.results if result.standing is not VectorStatus.PASSED],
            "errata": self.errata(),
        }


_SCORED = frozenset({VectorStatus.PASSED, VectorStatus.FAILED, VectorStatus.ERRORED})


def score(implementation: Implementation, groups: Sequence[VectorGroup]) -> Scorecard:
    """Put every applicable vector to the implementation and score what it answers.

    Raises:
        BadInput: it does not declare profile ``jws``. AdapterFault: it broke the contract.
    """
    declaration = implementation.declaration
    if Profile.JWS not in declaration.profiles:
        raise BadInput(f"{declaration.name} does not declare profile jws, and JWS vectors need it")
    return Scorecard(
        f"{declaration.name} {declaration.version}",
        tuple(_results(implementation, groups)),
        reject_all=_would_pass(declaration, groups, {"verdict": "rejected"}),
        accept_all=_would_pass(declaration, groups, {"verdict": "accepted", "payload_b64": ""}),
    )


def _results(implementation: Implementation, groups: Iterable[VectorGroup]) -> Iterator[Result]:
    for group in groups:
        why_not = _not_applicable(group, implementation)
        try:
            answers = _answers(implementation, group) if why_not is None else []
        except LineTooLong as too_long:
            why_not = str(too_long)
        if why_not is None:
            yield from judge(group, answers)
        else:
            yield from (Result(group, vector, VectorStatus.NOT_APPLICABLE, why_not) for vector in group.vectors)


def _not_applicable(group: VectorGroup, implementation: Implementation) -> str | None:
    declaration = implementation.declaration
    for name in group.algorithms:  # not as a need: a file may name an algorithm that the contract does not know
        if name not in declaration.algorithms:
            return f"the implementation does not declare algorithm:{name}"
    if unspelled({"keys": list(group.keys)}, declaration.key_form):
        return f"a key of it cannot be given as {declaration.key_form}"
    return declaration.missing_capability(KEY_SET) if len(group.keys) > 1 else None


def _answers(implementation: Implementation, group: VectorGroup) -> list[Answer]:
    """Ask for a whole group; a hang, or a crash upon crash, gives the group up and fails all of it."""
    implementation.begin_property()
    try:
        return implementation.verify_all(group.presentations())
    except PropertyEnded as ended:
        return [Answer(ended.outcome, detail=f"{ended}; the group was given up")] * len(group.vectors)


def judge(group: VectorGroup, answers: Sequence[Answer]) -> list[Result]:
    """Judge the answers to one group: pure, and the only place that knows of positive controls."""
    pairs = list(zip(group.vectors, answers, strict=True))
    controlled = any(
        (vector.control or vector.expected is Expected.VALID) and answer.outcome is Outcome.ACCEPTED
        for vector, answer in pairs
    )
    return [
        Result(group, vector, _standing(vector.expected, answer.outcome, controlled), answer.describe())
        for vector, answer in pairs
    ]


def _standing(expected: Expected, outcome: Outcome, controlled: bool) -> VectorStatus:
    if outcome in (Outcome.CRASHED, Outcome.HUNG, Outcome.SKIPPED):
        return VectorStatus.FAILED
    if expected is Expected.VALID:
        return VectorStatus.PASSED if outcome is Outcome.ACCEPTED else VectorStatus.FAILED
    if expected is Expected.EITHER:
        return VectorStatus.EITHER
    if not controlled:
        return VectorStatus.NO_CONTROL
    return _OF_INVALID[outcome]


_OF_INVALID = {
    Outcome.ACCEPTED: VectorStatus.FAILED,
    Outcome.REJECTED: VectorStatus.PASSED,
    Outcome.ERRORED: VectorStatus.ERRORED,
}


def _would_pass(declaration: Declaration, groups: Sequence[VectorGroup], verdict: Json) -> int:
    """Count what a stand-in passes that declares the same and answers every token alike."""
    hello = {
        "protocol": PROTOCOL,
        "level": 0,
        "profiles": ["jws"],
        "implementation": {"name": "stand-in", "version": "1", "language": "python"},
        "capabilities": {"algorithms": list(declaration.algorithms), "key_set": declaration.key_set},
    }

    def handle(request: Json) -> Json:
        return {"id": request["id"], **(hello if request["op"] == "hello" else verdict)}

    answered = _results(Implementation(InProcess(lambda: handle)), groups)
    return sum(result.standing is VectorStatus.PASSED for result in answered)


def render(card: Scorecard) -> str:
    """Return the scorecard as plain text."""
    lines = [
        _headline(card),
        *_table(card),
        *_listed("failed", card.of(VectorStatus.FAILED)),
        *_listed("errored instead of rejecting", card.of(VectorStatus.ERRORED)),
        *_listed("no control: not scored, a rejection would prove nothing", card.of(VectorStatus.NO_CONTROL)),
        *_listed("errata", card.errata()),
        "",
        _stand_ins(card),
    ]
    return "\n".join(lines) + "\n"


def _stand_ins(card: Scorecard) -> str:
    total = card.applicable
    return f"reject-all would score {card.reject_all} of {total}, accept-all {card.accept_all} of {total}"


def _headline(card: Scorecard) -> str:
    counts = card.counts()
    scored = sum(counts[standing] for standing in _SCORED)
    rest = ", ".join(f"{counts[name]} {name}" for name in VectorStatus if name not in _SCORED and counts[name])
    return f"{card.name}: passed {counts[VectorStatus.PASSED]} of {scored} scored" + (f" ({rest})" if rest else "")


def _table(card: Scorecard) -> list[str]:
    """Count the results by file, by group within it, and by flag."""
    rows = {
        **_rows(card, lambda result: [(result.group.file, ""), (result.group.file, f"  {result.group.comment}")]),
        **_rows(card, lambda result: [("flag", f"flag {flag}") for flag in result.vector.flags]),
    }
    labels = {row: row[1] or row[0] for row in rows}
    width = max(map(len, labels.values()), default=0)
    header = " " * width + "".join(f"  {name:>7}" for name in _COLUMNS)
    return ["", header, *(f"{labels[row]:<{width}}{_cells(counts)}" for row, counts in rows.items())]


_Row = tuple[str, str]


def _rows(card: Scorecard, belongs_to: Callable[[Result], Iterable[_Row]]) -> dict[_Row, Counter[VectorStatus]]:
    rows: dict[_Row, Counter[VectorStatus]] = {}
    for result in card.results:
        for row in belongs_to(result):
            rows.setdefault(row, Counter())[result.standing] += 1
    return rows


_COLUMNS = ("vectors", *VectorStatus)


def _cells(counts: Counter[VectorStatus]) -> str:
    numbers = (counts.total(), *(counts[standing] for standing in VectorStatus))
    return "".join(f"  {number or '-':>{max(7, len(name))}}" for name, number in zip(_COLUMNS, numbers, strict=True))


def _listed(title: str, entries: Sequence[object]) -> list[str]:
    return ["", title, *(f"  {entry}" for entry in entries)] if entries else []


def read_json(path: Path) -> Any:
    """Read a vector file.

    Raises:
        BadInput: its folder or the file is missing, or it holds no JSON.
    """
    if not path.parent.is_dir():
        raise BadInput(f"no such folder: {path.parent}")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadInput(f"{path.parent} holds no {path.name}") from None
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except ValueError as error:
        raise BadInput(f"{path} is not JSON: {error}") from None
