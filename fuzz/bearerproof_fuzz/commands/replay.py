"""``bearerproof replay``: one vector or one finding again, with the token taken apart or step for step."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.implementation import Implementation, PropertyEnded
from bearerproof.contract.keyforms import lost
from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.exceptions import BadInput, LineTooLong
from bearerproof.judging.results import presentation_from_dict
from bearerproof.judging.selection import Name, Selection
from bearerproof.judging.tokens import token_apart
from bearerproof.judging.vectors import Vector, vectors
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz import vectormaker
from bearerproof_fuzz.campaign import renewal
from bearerproof_fuzz.campaign.candidate import Candidate
from bearerproof_fuzz.campaign.differing import DISAGREEMENT
from bearerproof_fuzz.campaign.judging import Judge
from bearerproof_fuzz.campaign.store import is_url, read_text
from bearerproof_fuzz.commands.replay_steps import StepReplay
from bearerproof_fuzz.edits.registry import edits
from bearerproof_fuzz.inventory import all_names


@dataclass(frozen=True)
class Replayed:
    """What is presented again: a title, the base accepted first if there is one, and what may happen.

    ``violations`` says what is wrong with an answer beside its outcome: the events that it left, the claims.
    """

    title: str
    presented: Presentation
    base: Presentation | None
    allowed: frozenset[Outcome]
    edit: str | None = None
    violations: Callable[[Answer], Iterator[str]] = lambda _: iter(())

    def again(self, implementation: Implementation) -> tuple[bool, str]:
        """Present it again; return whether what happened is acceptable, and a text that shows it."""
        lines = [self.title, ""]
        lack = self._inapplicable(implementation.declaration)
        if lack is not None:
            return True, f"{self.title}\n\n  not applicable: {lack}\n"
        conforms = True
        if self.base is not None:
            control = implementation.verify(self.base)
            lines.append(f"  base       {control.describe()} (due: accepted)")
            conforms = control.outcome is Outcome.ACCEPTED
        answer = implementation.verify(self.presented)
        conforms &= not self.allowed or answer.outcome in self.allowed
        expected = f" (due: {' or '.join(sorted(self.allowed))})" if self.allowed else ""
        lines.append(f"  presented  {answer.describe()}{expected}")
        wrong = [f"  wrong      {text}" for text in self.violations(answer)]
        conforms &= not wrong
        lines += [*wrong, *self._too_late(implementation.declaration, conforms=conforms), ""]
        beside = None if self.base is None else self.base.token
        lines += [f"  {line}" for line in token_apart(self.presented.token, beside)]
        return conforms, "\n".join(lines) + "\n"

    def _too_late(self, declaration: Declaration, *, conforms: bool) -> Iterator[str]:
        """Say so where a real clock may be the reason: the token's time is over."""
        if not conforms and not declaration.injected_clock and time.time() > self.presented.now + renewal.STALE:
            yield "  note       it was made for another time, and the clock here is a real one"

    def _inapplicable(self, declaration: Declaration) -> str | None:
        """Return why an edit's vector does not apply: what is not declared, or a change of the keys that is lost."""
        edit = edits().get(self.edit or "")
        lacks = filter(None, map(declaration.missing_capability, edit.needs if edit else ()))
        base, edited = ((shown or self.presented).policy.members.get("keys") for shown in (self.base, self.presented))
        return next(lacks, None) or lost(base, edited, declaration.key_form, by_kid=declaration.key_set)


def find(
    what: str, declaration: Declaration, measure: Measure, check: str | None = None
) -> Sequence[Replayed | StepReplay]:
    """Find what to replay: a vector by id, or the findings of a result stream, all or those of one check.

    For an implementation that reads the real clock a vector is made anew at this very second.

    Raises:
        BadInput: there is no such vector, file or check.
    """
    if is_url(what) or Path(what).is_file():
        found = list(_findings(what, None if check is None else Selection.parse(check), declaration))
        if not found:
            raise BadInput(f"{what} holds no finding with a token or steps" + (f" for check {check}" if check else ""))
        if any(isinstance(case, StepReplay) for case in found) and not declaration.key_server.configure:
            raise BadInput(
                f"{what} holds findings of a key server that is configured anew, and {declaration.name} cannot be: "
                "bearerproof check -k ID judges it again"
            )
        return found
    known = vectors() if declaration.injected_clock else _made_now()
    matching = [vector for name, vector in known.items() if what in (name, vector.row["edit"])]
    matching = matching or _selected(what, known)
    if not matching:
        raise BadInput(f"{what!r} is neither a result stream nor one of the {len(known)} vectors (bearerproof vectors)")
    return [_of_vector(vector, measure) for vector in matching]


class NoVector(BadInput):
    """What is named are checks that draw what they present, so that there is no vector of theirs."""


def _selected(what: str, known: Mapping[str, Vector]) -> list[Vector]:
    """Return the vectors that a selection names, each whatever its profile: a vector stands for all of them.

    Raises:
        BadInput: it names nothing. NoVector: it names checks, of which there are no vectors.
    """
    selection = Selection.parse(what)
    found = [
        vector
        for name, vector in known.items()
        if any(selection.takes(each) for each in _names(name, vector.row["requirement"]))
    ]
    if found:
        return found
    names = all_names()
    if any(map(selection.takes, names)):
        raise NoVector(f"{what!r} has no vector, since it draws what it presents")
    unfound = [problem for problem in selection.unfound(names) if "did you mean" in problem]
    if unfound:
        raise BadInput("; ".join(unfound))
    return []


def _names(vector_id: str, requirement_id: str) -> Iterator[Name]:
    check = vector_id.removeprefix(f"{requirement_id}.")
    return (Name(requirement_id, check, str(profile)) for profile in Profile)


def replay(case: Replayed | StepReplay, implementation: Implementation) -> tuple[bool, str]:
    """Present or ask it again; return whether what happened is acceptable, and a text that shows it.

    An implementation that dies of it is what the text then says, and is not acceptable.
    """
    try:
        return case.again(implementation)
    except LineTooLong as too_long:
        return True, f"{case.title}\n\n  not applicable: {too_long}\n"
    except PropertyEnded as ended:
        return False, f"{case.title}\n\n  {ended}\n"


def _made_now() -> Mapping[str, Vector]:

    return {row["id"]: Vector(row) for row in vectormaker.rows(int(time.time()))}


def _of_vector(vector: Vector, measure: Measure) -> Replayed:
    title = f"{vector.id}: {vector.row['title']} [{vector.row['clause']}]"
    return Replayed(title, vector.presented, vector.base, vector.allowed(measure), vector.row["edit"])


def _findings(path: str, chosen: Selection | None, declaration: Declaration) -> Iterator[Replayed | StepReplay]:
    for number, line in enumerate(_lines(path), 1):
        try:
            row = json.loads(line)
        except ValueError:
            raise BadInput(f"{path}:{number} is not a line of a result stream") from None
        if (
            isinstance(row, dict)
            and row.get("type") in ("check", DISAGREEMENT)
            and _is_chosen(str(row.get("id")), chosen)
        ):
            yield from _of_row(row, path, number, declaration)


def _is_chosen(check_id: str, chosen: Selection | None) -> bool:
    name = Name.of(check_id)
    return chosen is None or (name is not None and chosen.takes(name)) or str(chosen) == check_id


def _of_row(row: Json, path: str, number: int, declaration: Declaration) -> list[Replayed | StepReplay]:
    try:
        if "candidate" in row:
            return [_of_candidate(row, renewal.again(row, path, declaration), declaration)]
        return [_of_finding(row, finding) for finding in row["findings"] if finding.keys() & {"presented", "steps"}]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise BadInput(f"{path}:{number} is not a line of a result stream") from None


def _of_candidate(row: Json, made: Candidate, declaration: Declaration) -> Replayed:
    """Return what a campaign found, to be judged as it was then."""
    judge = Judge(declaration, renewal.measure_of(row))

    def violations(answer: Answer) -> Iterator[str]:
        for each in judge.violations(made, answer):
            yield f"{each.requirement} {each.kind}: due {each.expected}, got {each.got}"

    return Replayed(f"{row['id']}: {made.how}", made.presented, made.honest, frozenset(), violations=violations)


def _lines(path: str) -> list[str]:
    text = read_text(path)
    if text is None:
        raise BadInput(f"cannot read {path}")
    try:
        return text.decode().splitlines()
    except UnicodeDecodeError as error:
        raise BadInput(f"cannot read {path}: {error}") from None


def _of_finding(row: Json, finding: Json) -> Replayed | StepReplay:
    title = f"{row['id']}: {finding['summary']}"
    if "presented" not in finding:
        return StepReplay(title, _steps(finding["steps"]), finding["expected"], finding["got"])
    base = finding.get("base")
    named = finding["expected"].split(" or ")
    outcomes = frozenset(Outcome(name) for name in named) if set(named) <= set(Outcome) else frozenset()
    return Replayed(
        title,
        presentation_from_dict(finding["presented"]),
        None if base is None else presentation_from_dict(base),
        outcomes,
    )


def _steps(steps: list[Json]) -> tuple[Json, ...]:
    requests = [*steps, *(request for step in steps for request in step.get("requests", ()))]
    if not all(isinstance(request["op"], str) for request in requests):
        raise ValueError("a step is a request")
    return tuple(steps)
