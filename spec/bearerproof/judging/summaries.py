"""The summary of a run: its deviations by requirement, the worst first, what was not judged, and the verdict last."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from bearerproof import __version__
from bearerproof.contract.declaration import Declaration
from bearerproof.judging.changes import show_change
from bearerproof.judging.exercised import NOTHING_UNTRIED, TwoWay, Untried
from bearerproof.judging.grouping import Cause, Group, by_requirement, groups, name_of
from bearerproof.judging.page import WIDTH, Page, Style, clipped
from bearerproof.judging.reports import failure_page, rerun_command
from bearerproof.judging.results import RED, Record, State, tally
from bearerproof.judging.settings import RunConfig, Scope
from bearerproof.judging.tokens import token_text
from bearerproof.judging.verdicts import PLAIN, Circumstances, RequirementVerdict, counted, not_run, unproven, verdict
from bearerproof.members import Json
from bearerproof.specification import coverage
from bearerproof.specification.catalogue import FAMILIES, digest, requirement

SHORT = 70
"""Lines up to which examples are shown in full: with the heading, three screens. What is beyond is in fewer words."""

IN_FULL = 10
"""Failing requirements of which an example is shown."""

_FEW = 3


@dataclass(frozen=True)
class Facts:
    """All that a report is made of; every form of report says the same of it.

    ``remarks`` are lines that the command has to add, ``stale`` the entries of the expectations file that are stale.
    """

    records: Sequence[Record]
    declaration: Declaration
    scope: Scope
    settings: RunConfig = field(default_factory=RunConfig)
    circumstances: Circumstances = PLAIN
    exit_code: int = 0
    troubles: Sequence[str] = ()
    untried: Untried = NOTHING_UNTRIED
    unseen: Sequence[str] = ()
    out_of_scope: Sequence[str] = ()
    two_way: TwoWay | None = None
    stale: Sequence[str] = ()
    remarks: Sequence[str] = ()

    @property
    def verdict(self) -> str:
        """The one sentence."""
        return verdict(self.records, self.declaration, self.scope, self.circumstances)


def heading(declaration: Declaration, scope: Scope, settings: RunConfig, width: int = WIDTH) -> Page:
    """Return what stands above a run: who is judged, by what, from which draw."""
    page = Page(width)
    seed = "the fixed draw" if settings.seed is None else f"seed {settings.seed}"
    depth = ", quick" if scope.quick else ""
    page.say(
        f"{declaration.name} {declaration.version} ({declaration.language}): {scope.measure} in "
        f"{', '.join(scope.profiles)}, level {scope.level}. bearerproof {__version__}, spec {digest()[:8]}, "
        f"{seed}{depth}",
        Style.HEAD,
        hang=2,
    )
    for profile, rules in declaration.tokens.items():
        page.say(f"{profile} tokens are judged under the product's own rules: {rules.describe()}", hang=2)
    return page


def summary(facts: Facts, width: int = WIDTH, *, verbose: bool = False) -> Page:
    """Return what stands below a run; ``verbose`` adds the whole report of each check that deviates."""
    page, end = Page(width), _end(facts, width, verbose=verbose)
    if verbose:
        for record in facts.records:
            if record.state in RED - {State.NOT_RUN} or record.state in (State.EXPECTED, State.WARNED):
                page.keep("─" * width, Style.FAINT)
                page.take(failure_page(record, facts.settings, width))
        _add_families(facts.records, page)
    rest = _rest(facts, width, verbose=verbose)
    is_in_full = _add_groups(facts, page, len(rest.lines) + len(end.lines) + 5, verbose=verbose)
    page.take(rest)
    page.blank()
    if not is_in_full:
        _add_commands(facts, page)
    page.take(end)
    return page


def _add_groups(facts: Facts, page: Page, others: int, *, verbose: bool) -> bool:
    """Add what is red: each with an example, the worst in full while the whole is short, those beyond ten in a line.

    ``others`` are the lines that stand around it. Returns whether the worst one was in full, or there is none.
    """
    found = groups(facts.records)
    passed = _passed(facts.records)
    briefly = [_brief(group, page.width) for group in found[:IN_FULL]]
    room = SHORT - others - sum(len(block.lines) for block in briefly) - max(len(found) - IN_FULL, 0)
    is_full, first_brief = True, 0
    for number, group in enumerate(found):
        full = _in_full(group, facts.settings, passed, page.width) if is_full or verbose else Page()
        more = len(full.lines) + 1 - (len(briefly[number].lines) if number < IN_FULL else 1)
        first_brief = number if is_full and more > room else first_brief
        is_full = is_full and number < IN_FULL and more <= room
        room -= more if is_full else 0
        if is_full or verbose:
            page.blank()
            page.take(full)
        else:
            if number in (first_brief, IN_FULL):
                page.blank()
            page.take(briefly[number] if number < IN_FULL else _title(group, page.width))
    left_out = sum(record.state is State.NOT_RUN for record in facts.records)
    if left_out:
        page.blank()
        page.say(f"{_checks(left_out)} not run, left out after too many hangs or crashes", Style.BAD)
    page.blank()
    return not found or verbose or first_brief > 0 or is_full


def _add_title(group: Group, page: Page) -> None:
    number = group.failing if group.failing == group.judged else f"{group.failing} of {group.judged}"
    checks = "check FAILS" if group.judged == 1 else "checks FAIL"
    page.row(f"{group.requirement.id:<7} {group.requirement.title}", f"{number} {checks}", Style.BAD)


def _title(group: Group, width: int) -> Page:
    page = Page(width)
    _add_title(group, page)
    return page


def _brief(group: Group, width: int) -> Page:
    """Return a requirement with its smallest example in a few lines."""
    page, cause = _title(group, width), group.causes[0]
    example = cause.example
    only = example.findings[0].get("only") if example.findings else None
    page.clip(f"{name_of(example)}.{example.profile}: {cause.what}", Style.BAD, indent=2)
    if only:
        page.clip(f"only with {' and '.join(only)}, not otherwise", indent=4)
    if example.findings:
        show_change(example.findings[0], page, most=3)
    others = list(dict.fromkeys(name for each in group.causes for name in each.names if name != name_of(example)))
    if others:
        page.clip(f"{len(others)} more: {', '.join(others)}", Style.FAINT, indent=2)
    return page


def _in_full(group: Group, settings: RunConfig, passed: Mapping[str, set[str]], width: int) -> Page:
    page, row = Page(width), group.requirement
    _add_title(group, page)
    page.say(f"{_rule(row.text)} ({row.clause})", indent=2, most=2)
    for number, cause in enumerate(group.causes):
        if number > 1:
            others = sum(len(each.records) for each in group.causes[number:])
            page.clip(f"and {_checks(others)} failing in other ways (-v)", Style.FAINT, indent=2)
            break
        _add_cause(cause, group, passed, page, brief=bool(number))
    page.both(rerun_command(row.id, settings), f"bearerproof explain {row.id}")
    return page


def _add_cause(cause: Cause, group: Group, passed: Mapping[str, set[str]], page: Page, *, brief: bool) -> None:
    example = cause.example
    where = "" if len(cause.profiles) == 1 and not brief else f" ({', '.join(cause.profiles)})"
    elsewhere = sorted(set().union(*(passed.get(f"{group.requirement.id}.{name}", set()) for name in cause.names)))
    beside = f"; not in {', '.join(elsewhere)}" if elsewhere else ""
    page.say(f"{'also: ' if brief else ''}{cause.what}{where}{beside}", Style.BAD, indent=2, hang=2, most=2)
    if example.findings and not brief:
        page.say(example.findings[0]["summary"], indent=2, hang=2, most=2)
        show_change(example.findings[0], page, most=6)
    first, *others = cause.names
    lead = f"first: {first}.{example.profile}"
    if others and brief:
        page.say(f"{lead}   {len(others)} more (-v)", indent=2, hang=2)
    else:
        page.say(lead + (f"   {len(others)} more: {', '.join(others)}" if others else ""), indent=2, hang=2, most=2)


def _rule(text: str) -> str:
    """Leave out who it is that must: it is always the implementation."""
    must = text.find("MUST") if "MUST" in text else text.find("SHOULD")
    return text[must:] if 0 <= must <= 40 else text


def _passed(records: Iterable[Record]) -> Mapping[str, set[str]]:
    found: dict[str, set[str]] = {}
    for record in records:
        if record.state in (State.PASSED, State.WARNED):
            found.setdefault(f"{record.requirement}.{name_of(record)}", set()).add(record.profile)
    return found


def _rest(facts: Facts, width: int, *, verbose: bool) -> Page:
    page = Page(width)
    _add_expected(facts.records, page, verbose=verbose)
    _add_warned(facts.records, page, verbose=verbose)
    _add_errors(facts.records, page, verbose=verbose)
    _add_skipped(facts.records, page, verbose=verbose)
    if facts.unseen:
        page.say(f"foreseen, and not drawn in this run: {'; '.join(facts.unseen)}", hang=2, most=None if verbose else 3)
    for part in facts.circumstances.left_out:
        number = f", {part.checks} checks not judged" if part.checks else ", not judged"
        page.say(
            f"{part.part.partition(' ')[2]}: honest tokens refused{number} ({part.why})", Style.BAD, hang=2, most=3
        )
    for trouble, times in Counter(facts.troubles).items():
        page.say(f"fault: {trouble}" + (f" ({times} times)" if times > 1 else ""), Style.BAD, hang=2, most=6)
    for text in facts.stale:
        page.say(f"stale  {text}", Style.BAD, hang=7)
    return page


def _add_expected(records: Sequence[Record], page: Page, *, verbose: bool) -> None:
    found = by_requirement(records, State.EXPECTED)
    rows = sorted(found.items(), key=lambda item: -len(item[1]))
    for name, held in rows if verbose or len(rows) <= _FEW + 1 else rows[:_FEW]:
        reasons = "; ".join(dict.fromkeys(record.reason or "" for record in held))
        page.clip(f"expected  {name:<7} {_checks(len(held)):<11} {reasons}", Style.FAINT)
    if not verbose and len(rows) > _FEW + 1:
        number = sum(len(held) for _, held in rows[_FEW:])
        page.clip(f"          {len(rows) - _FEW} more requirements, {_checks(number)} (-v)", Style.FAINT)


def _checks(number: int) -> str:
    return "1 check" if number == 1 else f"{number} checks"


def _add_warned(records: Sequence[Record], page: Page, *, verbose: bool) -> None:
    """Tell what was only warned of, by requirement: the check, what came, by which token."""
    found = by_requirement(records, State.WARNED)
    rows = [(name, held) for name, held in found.items() if not all(record.errors for record in held)]
    for name, held in rows if verbose else rows[:_FEW]:
        record = held[0]
        finding: Json = record.findings[0] if record.findings else {"summary": "", "got": requirement(name).title}
        told = "; ".join(str(finding[member]) for member in ("got", "summary") if finding[member])
        page.say(f"warned  {name:<7} {name_of(record)}.{record.profile}: {told}", Style.WARN, hang=8, most=2)
        if len(held) > 1 or "presented" in finding:
            by = f", by {token_text(finding['presented'])}" if "presented" in finding else ""
            page.clip(f"in {_checks(len(held))}{by}", indent=8)
    if not verbose and len(rows) > _FEW:
        page.clip(f"        {len(rows) - _FEW} more requirements (-v)", Style.WARN)


def _add_errors(records: Sequence[Record], page: Page, *, verbose: bool) -> None:
    """Tell what was thrown in place of verdicts, by exception: how often, where first, and by which token."""
    by_type: dict[str, list[tuple[Record, str]]] = {}
    for record in records:
        for text in record.errors:
            by_type.setdefault(text.partition(":")[0], []).append((record, text))
    if by_type:
        page.say("errors that nobody handled, in place of a verdict (no refusal, so no proof of one):", Style.WARN)
    rows = sorted(by_type.items(), key=lambda item: -sum(record.errors[text] for record, text in item[1]))
    for name, places in rows if verbose else rows[:_FEW]:
        first, text = min(places, key=lambda place: (not _thrown(*place), place[0].id))
        number = sum(record.errors[each] for record, each in places)
        checks = len({record.id for record, _ in places})
        page.say(
            f"{name}: {number} in {_checks(checks)}, as {clipped(text, 200)}", Style.WARN, indent=2, hang=2, most=2
        )
        page.clip(f"in {first.id}" + "".join(f" by {thrown}" for thrown in _thrown(first, text)[:1]), indent=4)
    if not verbose and len(rows) > _FEW:
        page.clip(f"{len(rows) - _FEW} other errors (-v)", Style.WARN, indent=2)


def _thrown(record: Record, text: str) -> list[str]:
    """Return the tokens among a record's findings that met with an error."""
    found = [finding for finding in record.findings if text in str(finding["got"]) and "presented" in finding]
    return [token_text(finding["presented"]) for finding in found]


def _add_skipped(records: Sequence[Record], page: Page, *, verbose: bool) -> None:
    """Name what the adapter said it cannot do: to count it is what keeps it from being abused."""
    counts = Counter(words for record in records for words in record.skips)
    if counts:
        number = sum(bool(record.skips) for record in records)
        page.say(f"skipped by the adapter in {_checks(number)}, in its words:")
    for words, number in counts.most_common(None if verbose else _FEW):
        page.say(f"{number:>5}  {words}", indent=2, hang=7, most=None if verbose else 2)
    if not verbose and len(counts) > _FEW:
        page.clip(f"{len(counts) - _FEW} other reasons (-v)", indent=9)


def _end(facts: Facts, width: int, *, verbose: bool) -> Page:
    page, counts = Page(width), counted(facts.records)
    found = [f"{number} {_STANDING[standing]}" for standing, number in counts.items() if number]
    page.labelled("requirements", ", ".join(found) or "none", indent=0, column=_COLUMN)
    states = [f"{number} {state}" for state, number in tally(facts.records).items()]
    page.labelled("checks", ", ".join(states) or "none", indent=0, column=_COLUMN)
    unjudged = "; ".join(_never_judged(facts.records, facts.out_of_scope))
    most = None if verbose else 3
    if unjudged:
        page.say(f"{'not judged':<{_COLUMN}}{unjudged}", hang=_COLUMN, most=most)
    for label, names in (("not judged", facts.untried.unjudged), ("not presented", facts.untried.deselected)):
        if names and (verbose or label == "not judged" or not facts.circumstances.partial):
            page.say(f"declared, {label}: {_by_kind(names)}", hang=2, most=most)
    if verbose or not facts.circumstances.partial:
        _add_coverage(facts, page)
    for text in facts.remarks:
        page.say(text, hang=2)
    deviates = any(record.state in RED or record.state in (State.EXPECTED, State.WARNED) for record in facts.records)
    hint = "every report: -v" if deviates and not verbose else ""
    page.row(hint, f"exit {facts.exit_code}", Style.FAINT, Style.FAINT)
    page.say(facts.verdict, Style.GOOD if facts.exit_code == 0 else Style.BAD)
    return page


def _add_commands(facts: Facts, page: Page) -> None:
    """Say once how to see the worst requirement again, and to read of it."""
    found = groups(facts.records)
    if found:
        worst = found[0].requirement.id
        page.both(rerun_command(worst, facts.settings), f"bearerproof explain {worst}", indent=0)


_COLUMN = 14

_STANDING = {
    RequirementVerdict.FAIL: "fail",
    RequirementVerdict.EXPECTED: "deviate as expected",
    RequirementVerdict.CONFORM: "conform",
    RequirementVerdict.UNJUDGED: "not judged",
}


def _add_coverage(facts: Facts, page: Page) -> None:
    covered = coverage.counts()
    text = f"{covered['checked']} clauses, attacks and weaknesses checked, {covered['excluded']} excluded"
    page.labelled("sources", text, indent=0, column=_COLUMN)
    if facts.two_way is not None:
        page.say(str(facts.two_way), hang=_COLUMN)


def never_judged(records: Sequence[Record]) -> Mapping[str, list[str]]:
    """Return by reason the requirements of which no check came to a verdict."""
    reasons: dict[str, list[str]] = {}
    judged = {record.requirement for record in records if record.judged or record.state in RED}
    first: dict[str, Record] = {}
    for record in records:
        first.setdefault(record.requirement, record)
    for name in unproven(records):
        reasons.setdefault("only errors came where it asks for a refusal", []).append(name)
    for name, record in first.items():
        if name not in judged and not record.unproven and record.state is State.NOT_APPLICABLE:
            reasons.setdefault(record.reason or "not applicable", []).append(name)
    if left_out := not_run(records):
        reasons["left out after too many hangs or crashes"] = left_out
    return reasons


def _never_judged(records: Sequence[Record], out_of_scope: Sequence[str]) -> Iterator[str]:
    """Name the requirements that were never judged, and why, and those that were named for nothing."""
    yield from out_of_scope
    for reason, names in never_judged(records).items():
        yield f"{', '.join(names)} ({reason.removeprefix('the implementation ')})"


def _by_kind(names: Sequence[str]) -> str:
    """Word many names with the kind of each group said once."""
    by_kind: dict[str, list[str]] = {}
    for name in names:
        kind, _, rest = name.rpartition(":" if ":" in name else " ")
        by_kind.setdefault(kind, []).append(rest)
    return "; ".join(f"{kind} {', '.join(rest)}" for kind, rest in by_kind.items())


def _add_families(records: Sequence[Record], page: Page) -> None:
    page.blank()
    for family, title in FAMILIES.items():
        rows = [record for record in records if record.requirement.startswith(family + "-")]
        if rows:
            counts = ", ".join(f"{number} {state}" for state, number in tally(rows).items())
            page.say(f"{family:<6}{title:<36}{counts}", indent=2, hang=8)
    page.blank()
