"""A run as JUnit XML: for the dashboards of CI servers, which know passed, failed, error and skipped.

What is expected or does not apply is skipped, with its reason, so that a green run is green there too. An error is what
costs the run its verdict, or a check that could not come to one.
"""

from collections.abc import Iterator, Mapping
from xml.etree import ElementTree as ET

from bearerproof.judging.grouping import name_of
from bearerproof.judging.reports import failure_text
from bearerproof.judging.results import Record, State
from bearerproof.judging.summaries import Facts
from bearerproof.members import Json
from bearerproof.visible import visible

_ERRORS = frozenset({State.ERRORED, State.UNTESTABLE, State.CRASHED, State.HUNG, State.NOT_RUN})
_SKIPPED = {State.EXPECTED: "expected", State.NOT_APPLICABLE: "n/a"}


def document(facts: Facts, header: Json, seconds: Mapping[str, float]) -> str:
    """Return the document; ``seconds`` are what each check took, by its id."""
    cases = [*_cases(facts, seconds), *_others(facts)]
    profiles = " ".join(facts.scope.profiles)
    suite = ET.Element(
        "testsuite",
        {
            "name": f"bearerproof {facts.scope.measure} {profiles}",
            "tests": str(len(cases)),
            "failures": _count(cases, "failure"),
            "errors": _count(cases, "error"),
            "skipped": _count(cases, "skipped"),
            "time": f"{sum(seconds.values()):.3f}",
        },
    )
    properties = ET.SubElement(suite, "properties")
    for name, value in _properties(facts, header).items():
        ET.SubElement(properties, "property", {"name": name, "value": visible(value)})
    suite.extend(cases)
    root = ET.Element("testsuites")
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _count(cases: list[ET.Element], kind: str) -> str:
    return str(sum(case.find(kind) is not None for case in cases))


def _properties(facts: Facts, header: Json) -> Mapping[str, str]:
    declared = facts.declaration
    return {
        "implementation": f"{declared.name} {declared.version} ({declared.language})",
        "bearerproof": str(header["bearerproof"]),
        "specification": str(header["specification"]["digest"]),
        "measure": str(facts.scope.measure),
        "profiles": ", ".join(facts.scope.profiles),
        "level": str(facts.scope.level),
        "seed": "fixed draw" if header["seed"] is None else str(header["seed"]),
        "depth": str(header["depth"]),
        "verdict": facts.verdict,
        "exit": str(facts.exit_code),
    }


def _cases(facts: Facts, seconds: Mapping[str, float]) -> Iterator[ET.Element]:
    for record in sorted(facts.records, key=lambda record: record.id):
        case = _case(record.requirement, f"{name_of(record)}.{record.profile}", seconds.get(record.id, 0.0))
        _tell(case, record, facts)
        yield case


def _tell(case: ET.Element, record: Record, facts: Facts) -> None:
    if record.state in _SKIPPED:
        _add(case, "skipped", f"{_SKIPPED[record.state]}: {record.reason or record.state}")
    elif record.state is State.WARNED:
        _text(case, "system-out", failure_text(record, facts.settings))
    elif record.state is not State.PASSED:
        summary = record.findings[0]["summary"] if record.findings else record.reason or str(record.state)
        told = _add(case, "error" if record.state in _ERRORS else "failure", summary)
        told.set("type", record.requirement if record.state is State.FAILED else str(record.state))
        told.text = failure_text(record, facts.settings)


def _others(facts: Facts) -> Iterator[ET.Element]:
    """Yield what costs the run its verdict and is no check."""
    left_out = [(f"honest tokens of {part.part}", part.why) for part in facts.circumstances.left_out]
    named = {
        "expectations": [(entry.partition(":")[0], entry) for entry in facts.stale],
        "first-look": left_out,
        "declared": [(name, "declared and not tried") for name in facts.untried.unjudged],
        "run": [("fault", trouble) for trouble in facts.troubles if not _is_of_a_record(trouble, facts)],
    }
    for class_name, cases in named.items():
        for name, message in cases:
            case = _case(class_name, name, 0.0)
            _add(case, "error", message)
            yield case


def _is_of_a_record(trouble: str, facts: Facts) -> bool:
    return any(trouble.startswith(f"{record.id}: ") for record in facts.records if record.state is State.ERRORED)


def _case(class_name: str, name: str, seconds: float) -> ET.Element:
    return ET.Element("testcase", {"classname": visible(class_name), "name": visible(name), "time": f"{seconds:.3f}"})


def _add(case: ET.Element, kind: str, message: str) -> ET.Element:
    return ET.SubElement(case, kind, {"message": visible(message)})


def _text(case: ET.Element, kind: str, text: str) -> None:
    ET.SubElement(case, kind).text = text
