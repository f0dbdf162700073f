"""A shape: something done to what an honest implementation is asked, to what it answers, or to what it declares."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from bearerproof.contract.connections import Handle, InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.judging.results import RED
from bearerproof.judging.runner import Run, RunOptions, run
from bearerproof.judging.settings import RunConfig
from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch
from bearerproof_fuzz.suite import SUITE
from bearerproof_reference.adapter import create as reference

Answering = Callable[[Json, Handle], Json]
"""Given a request and who would answer it else, returns the answer."""


def as_asked(request: Json, ask: Handle) -> Json:
    """Answer as is."""
    return ask(request)


def unpatched(_: Patch) -> None:
    """Leave the reference as it is."""


@dataclass(frozen=True)
class Shape:
    """What makes an implementation unusual, and what it declares of it.

    ``declares`` is put over the members of ``hello``, its ``capabilities`` over those, object by object. ``patches``
    changes the reference itself, where nothing less will do; such a shape cannot be given to a library.
    """

    answers: Answering = as_asked
    declares: Json = field(default_factory=dict)
    patches: Callable[[Patch], None] = unpatched


Shapes = Mapping[str, Shape]


def general() -> Handle:
    """Return the reference as an ordinary library, which declares no more than it has to."""
    answer = reference().handle

    def handle(request: Json) -> Json:
        if request["op"] != "hello":
            return answer(request)
        hello = answer(request)
        known = {name: value for name, value in hello["capabilities"].items() if name not in _UNUSUAL}
        return {**hello, "level": 0, "profiles": _PROFILES, "measure": "base", "capabilities": known}

    return handle


_PROFILES = ["jws", "jwt", "access-token", "id-token"]
_UNUSUAL = ("audit", "key_server", "keys_url", "max_line", "resource_server")


def shaped(shapes: Sequence[Shape], factory: Callable[[], Handle]) -> Callable[[], Handle]:
    """Return what makes an implementation of these shapes of what the factory makes, the first shape innermost."""

    def made() -> Handle:
        ask = factory()
        hello = ask({"id": 0, "op": "hello", "protocol": 1})
        for shape in shapes:
            ask = _around(shape.answers, ask)
            capabilities = _over(hello["capabilities"], shape.declares.get("capabilities", {}))
            hello = {**hello, **shape.declares, "capabilities": capabilities}

        def handle(request: Json) -> Json:
            if request["op"] == "hello":
                return {**hello, "id": request["id"]}
            beyond = [name for level, names in _FROM_LEVEL.items() if hello["level"] < level for name in names]
            return {name: value for name, value in ask(request).items() if name not in beyond}

        return handle

    return made


def _over(known: Json, declared: Json) -> Json:
    """Put members over those that are there, of an object each of its own."""
    whole = {name: {**known[name], **declared[name]} for name in declared if isinstance(known.get(name), dict)}
    return {**known, **declared, **whole}


def _around(answers: Answering, ask: Handle) -> Handle:
    return lambda request: answers(request, ask)


_FROM_LEVEL = {1: ("reason",), 2: ("events", "delivered", "summaries", "lines")}
"""The members of a verdict that are only answered from a level on."""


@contextmanager
def patched(shapes: Sequence[Shape]) -> Iterator[None]:
    """Change the reference as the shapes ask, for as long as this lasts."""
    patch = Patch()
    try:
        for shape in shapes:
            shape.patches(patch)
        yield
    finally:
        patch.restore()


def judged(
    shapes: Sequence[Shape],
    config: RunConfig,
    factory: Callable[[], Handle] = general,
) -> Run:
    """Run the suite on an implementation of these shapes."""
    with patched(shapes):
        started = Implementation(InProcess(shaped(shapes, factory)))
        return run(SUITE, config, RunOptions(report_findings=False), started=started)


def red(finished: Run) -> dict[str, str]:
    """Return what is red, each check with the reason, or with what was found."""
    return {
        record.id: record.reason or str(record.findings[0]["summary"] if record.findings else "")
        for record in finished.records
        if record.state in RED
    }
