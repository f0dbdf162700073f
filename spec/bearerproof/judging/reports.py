"""Reports for people: the text of a failure and the summary of a run, as plain text that a log can hold."""

import base64
import difflib
import json
import shlex
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bearerproof.contract.declaration import Declaration
from bearerproof.judging.exercised import NOTHING_UNTRIED, TwoWay, Untried
from bearerproof.judging.results import RED, Record, State, tally
from bearerproof.judging.settings import RunConfig, Scope
from bearerproof.members import Json
from bearerproof.specification import coverage
from bearerproof.specification.catalogue import FAMILIES, requirement

WIDTH = 110
_LABEL = 13
_SHOWN = 400


def failure_text(record: Record, settings: RunConfig) -> str:
    """Tell one failed check: what is wrong, by which sentence, the token that shows it, how to run just this."""
    row = requirement(record.requirement)
    lines = [f"{record.id}: {record.state}", ""]
    for finding in record.findings:
        lines += [*textwrap.wrap(finding["summary"], WIDTH), ""]
        lines += _labelled("requirement", f"{row.id} ({row.level}, {row.clause}) {row.text}")
        lines += _labelled("expected", finding["expected"])
        lines += _labelled("got", finding["got"])
        if record.reason:
            lines += _labelled("note", record.reason)
        lines += _evidence(finding)
    lines += _labelled("run again", rerun_command(record, settings))
    lines += _labelled("read more", f"bearerproof explain {row.id}")
    return "\n".join(lines) + "\n"


def rerun_command(record: Record, settings: RunConfig) -> str:
    """Return the command that runs just this check on the same implementation."""
    options = ["-k", record.id]
    if settings.measure is not None:
        options += ["--measure", str(settings.measure)]
    if settings.seed is not None:
        options += ["--seed", str(settings.seed)]
    words = ["bearerproof", "check", *options]
    if settings.url is not None:
        words += ["--url", settings.url, "--server-profile", str(settings.server_profile)]
        words += [] if settings.owned is None else ["--i-own-this", settings.owned]
    else:
        words += ["--", *settings.command] if settings.command else [settings.target]
    return shlex.join(words)


def token_apart(token: str | bytes, beside: str | bytes | None = None) -> list[str]:
    """Take a token apart; beside another one, the two stand in columns with the change marked."""
    parts = _parts(token)
    other = None if beside is None else _parts(beside)
    lines: list[str] = []
    for name in ("header", "payload", "signature"):
        here, there = parts.get(name, ["(no such segment)"]), None if other is None else other.get(name)
        lines.append(name)
        lines += _side_by_side(there, here) if there is not None else [f"    {text}" for text in here]
    if "rest" in parts:
        lines += ["further segments", *(f"    {text}" for text in parts["rest"])]
    return lines


def summary(
    records: Sequence[Record],
    declaration: Declaration,
    scope: Scope,
    *,
    troubles: Sequence[str] = (),
    partial: str | None = None,
    incomplete: bool = False,
    untried: Untried = NOTHING_UNTRIED,
    unseen: Sequence[str] = (),
    out_of_scope: Sequence[str] = (),
    two_way: TwoWay | None = None,
) -> str:
    """Sum a run up: what was judged, a row for each family, what is red, and the verdict in one sentence."""
    lines = [
        "",
        *_head(records, declaration, scope),
        *([str(two_way)] if two_way else []),
        *_token_rules(declaration),
        *_untried(untried),
        "",
        *_families(records),
        "",
    ]
    lines += _red(records)
    lines += _warned(records)
    lines += [f"foreseen, and not drawn in this run: {name}" for name in unseen]
    lines += _errors(records)
    lines += _skipped(records)
    lines += _never_judged(records, out_of_scope)
    lines += [f"fault: {trouble}{_times(number)}" for trouble, number in Counter(troubles).items()]
    judged = not (incomplete or troubles or any(record.state is State.ERRORED for record in records))
    lines.append(verdict(records, declaration, scope, judged=judged, partial=partial, untried=untried.unjudged))
    return "\n".join(lines) + "\n"


def verdict(
    records: Sequence[Record],
    declaration: Declaration,
    scope: Scope,
    *,
    judged: bool = True,
    partial: str | None = None,
    untried: Sequence[str] = (),
) -> str:
    """Say in one sentence whether the implementation conforms, and to what; or that it was not judged whole."""
    what = f"{scope.measure} in {_and(scope.profiles)}" + (f" ({partial})" if partial else "")
    broken = {record.requirement for record in records if record.state in RED}
    if broken:
        return f"{declaration.name} does NOT conform to {what}: {_number(len(broken), 'requirement')} red."
    if judged and not any(record.judged for record in records):
        return f"{declaration.name} was NOT judged by {what}: no check came to a verdict."
    lacking = [*unproven(records), *untried]
    if not judged or lacking:
        without = f": nothing is known of {_and(lacking)}" if lacking else ""
        return f"{declaration.name} was NOT judged whole by {what}{without}; nothing is red so far."
    return f"{declaration.name} conforms to {what}."


def unproven(records: Iterable[Record]) -> list[str]:
    """Return the requirements of which nothing is known, since only errors came where they ask for a refusal."""
    judged, errored = set[str](), dict[str, None]()
    for record in records:
        if record.judged:
            judged.add(record.requirement)
        elif record.unproven and record.state is not State.EXPECTED:
            errored[record.requirement] = None
    return [name for name in errored if name not in judged]


def _number(count: int, noun: str) -> str:
    return f"{count} {noun} is" if count == 1 else f"{count} {noun}s are"


def _token_rules(declaration: Declaration) -> list[str]:
    """Show a product's own rules for its tokens: all that is said of it holds under them."""
    made = declaration.tokens.items()
    return [f"{profile} tokens are judged under the product's own rules: {rules.describe()}" for profile, rules in made]


def _head(records: Sequence[Record], declaration: Declaration, scope: Scope) -> list[str]:
    states = {record.requirement: set[State]() for record in records}
    for record in records:
        states[record.requirement].add(record.state)
    whole = sum(found == {State.NOT_APPLICABLE} for found in states.values())
    counts = ", ".join(f"{number} {state}" for state, number in tally(records).items())
    covered = coverage.counts()
    who = f"{declaration.name} {declaration.version} ({declaration.language})"
    return [
        f"{who}: {scope.measure} measure, {_and(scope.profiles)}, contract level {scope.level}",
        f"{len(states)} requirements, {whole} of them not applicable; {len(records)} checks: {counts or 'none'}",
        f"sources: {covered['checked']} clauses, attacks and weaknesses checked, {covered['excluded']} excluded",
    ]


def _families(records: Sequence[Record]) -> Iterator[str]:
    for family, title in FAMILIES.items():
        rows = [record for record in records if record.requirement.startswith(family + "-")]
        if rows:
            yield f"  {family:<6}{title:<31}{_bar(rows)}  {_counts(rows)}"


_MARKS = {
    State.PASSED: "█", State.EXPECTED: "▓", State.WARNED: "▒", State.NOT_APPLICABLE: "·",
}  # fmt: skip


def _bar(rows: Sequence[Record], width: int = 30) -> str:
    """Draw how the checks ended, red ones first and never rounded away."""
    shares = {state: number * width / len(rows) for state, number in tally(rows).items()}
    red = sum(share for state, share in shares.items() if state not in _MARKS)
    bar = "x" * (max(1, round(red)) if red else 0)
    for state in (State.EXPECTED, State.WARNED, State.NOT_APPLICABLE):
        share = shares.get(state, 0)
        bar += _MARKS[state] * (max(1, round(share)) if share else 0)
    return bar[:width] + _MARKS[State.PASSED] * (width - len(bar))


def _counts(rows: Sequence[Record]) -> str:
    return ", ".join(f"{number} {state}" for state, number in tally(rows).items())


def _times(number: int) -> str:
    return f" ({number} times)" if number > 1 else ""


def _red(records: Sequence[Record]) -> Iterator[str]:
    red = sorted((record for record in records if record.state in RED), key=lambda record: record.id)
    left_out = sum(record.state is State.NOT_RUN for record in red)
    if red:
        yield "red:"
        yield from (f"  {record.state:<11} {record.id}" for record in red if record.state is not State.NOT_RUN)
    if left_out:
        yield f"  {State.NOT_RUN:<11} {left_out} checks, left out after too many hangs or crashes"
    if red:
        yield ""


def _warned(records: Sequence[Record]) -> Iterator[str]:
    warned = sorted({record.requirement for record in records if record.state is State.WARNED})
    if warned:
        yield f"warned of: {', '.join(warned)} (a SHOULD row, or an error that is not the library's own type)"


def _untried(untried: Untried) -> Iterator[str]:
    if untried.unjudged:
        yield f"declared, not judged: {_by_kind(untried.unjudged)}"
    if untried.deselected:
        yield f"declared, not presented by what was selected: {_by_kind(untried.deselected)}"


def _by_kind(names: Sequence[str]) -> str:
    """Word many names with the kind of each group said once."""
    by_kind: dict[str, list[str]] = {}
    for name in names:
        kind, _, rest = name.rpartition(":" if ":" in name else " ")
        by_kind.setdefault(kind, []).append(rest)
    return "; ".join(f"{kind} {_and(rest)}" for kind, rest in by_kind.items())


def _errors(records: Sequence[Record]) -> Iterator[str]:
    """Tell what was thrown in place of verdicts, by exception: how often, where first, and by which token."""
    by_type: dict[str, list[tuple[Record, str]]] = {}
    for record in records:
        for text in record.errors:
            by_type.setdefault(text.partition(":")[0], []).append((record, text))
    if by_type:
        yield "errors that nobody handled, in place of a verdict (no refusal, so no proof of one):"
    for name, places in sorted(by_type.items()):
        first, text = min(places, key=lambda place: (not _thrown(*place), place[0].id))
        number = sum(record.errors[each] for record, each in places)
        checks = len({record.id for record, _ in places})
        yield f"  {name}: {number} in {checks} {'check' if checks == 1 else 'checks'}, as {_clipped(text)}"
        yield f"    in {first.id}" + "".join(f" by {_shortened(thrown)}" for thrown in _thrown(first, text)[:1])
    if by_type:
        yield ""


def _thrown(record: Record, text: str) -> list[str]:
    """Return the tokens among a record's findings that met with an error."""
    found = [finding for finding in record.findings if text in finding["got"] and "presented" in finding]
    return [_token_text(finding["presented"]) for finding in found]


def _shortened(token: str) -> str:
    return token if len(token) <= WIDTH else f"{token[:WIDTH]}… ({len(token):,} characters)"


def _skipped(records: Sequence[Record]) -> Iterator[str]:
    """Name what the adapter said it cannot do: to count it is what keeps it from being abused."""
    counts = Counter(words for record in records for words in record.skips)
    if counts:
        yield f"skipped by the adapter in {sum(bool(record.skips) for record in records)} checks, in its words:"
        yield from (f"  {number:>5}  {_clipped(words)}" for words, number in counts.most_common())
        yield ""


def _never_judged(records: Sequence[Record], out_of_scope: Sequence[str]) -> Iterator[str]:
    """Name the requirements of which no check came to a verdict, and why, and those that were named for nothing."""
    reasons: dict[str, list[str]] = {}
    judged = {record.requirement for record in records if record.judged or record.state in RED}
    by_requirement: dict[str, Record] = {}
    for record in records:
        by_requirement.setdefault(record.requirement, record)
    for name in unproven(records):
        reasons.setdefault("only errors came where it asks for a refusal", []).append(name)
    for name, record in by_requirement.items():
        if name not in judged and not record.unproven and record.state is State.NOT_APPLICABLE:
            reasons.setdefault(record.reason or "not applicable", []).append(name)
    if reasons or out_of_scope:
        yield "never judged:"
        yield from (f"  {text}" for text in out_of_scope)
        yield from (f"  {_and(names)}: {_clipped(reason)}" for reason, names in reasons.items())
        yield ""


def _labelled(label: str, text: str) -> list[str]:
    lead = f"  {label:<{_LABEL}}"
    return textwrap.wrap(
        text, WIDTH, initial_indent=lead, subsequent_indent=" " * len(lead), break_on_hyphens=False,
        break_long_words=False,
    )  # fmt: skip


def _evidence(finding: Mapping[str, Any]) -> Iterator[str]:
    presented, base = finding.get("presented"), finding.get("base")
    if presented is not None:
        yield ""
        title = "  the token presented" if base is None else "  the accepted base (left) and what was presented (right)"
        yield title
        beside = None if base is None else _token_of(base)
        yield from (f"    {line}" for line in token_apart(_token_of(presented), beside))
        yield ""
        yield from _labelled("policy", _policy(presented["policy"]))
        yield from _labelled(
            "now", f"{presented['now']}" + (f", tick {presented['tick']}" if presented["tick"] else "")
        )
        yield from _labelled("token", _token_text(presented))
    for number, step in enumerate(finding.get("steps", ()), 1):
        yield from _labelled(f"step {number}", _step(step))
    for event in finding.get("events", ()):
        yield from _labelled("event", json.dumps(event))
    yield ""


def _step(step: Json) -> str:
    """Word one request of many: the operation, then its members, the long ones cut."""
    text = " ".join(f"{name}={_clipped(json.dumps(value))}" for name, value in step.items() if name != "op")
    return f"{step['op']} {text}"


def _token_of(presented: Json) -> str | bytes:
    return presented["token"] if "token" in presented else base64.b64decode(presented["token_b64"])


def _token_text(presented: Json) -> str:
    token = _token_of(presented)
    text = token if isinstance(token, str) and token.isascii() and token.isprintable() else ascii(token)
    return text if len(text) <= 2_000 else f"{text[:2_000]}… ({len(token):,} long; the result stream has it whole)"


def _policy(policy: Json) -> str:
    """Word a policy without its keys, which are too long to read and are in the result stream."""
    shown = {name: value for name, value in policy.items() if name not in ("keys", "key_texts") and value is not None}
    kids = [key.get("kid") for key in policy.get("keys", {}).get("keys", ()) if isinstance(key, dict)]
    return json.dumps({**shown, "keys": kids})


def _parts(token: str | bytes) -> dict[str, list[str]]:
    text = token if isinstance(token, str) else token.decode("latin-1")
    names = ("header", "payload", "signature")
    segments = text.split(".", 3)
    parts = {name: _segment(name, segment) for name, segment in zip(names, segments, strict=False)}
    if len(segments) > 3:
        parts["rest"] = [_clipped(segments[3])]
    return parts


def _segment(name: str, segment: str) -> list[str]:
    decoded = _decoded(segment)
    if decoded is None:
        return [f"not base64url: {_clipped(segment)}"]
    if name == "signature":
        return textwrap.wrap(f"{len(decoded)} octets {decoded.hex()[:_SHOWN]}", 48) or ["0 octets"]
    return _json_lines(decoded)


def _decoded(segment: str) -> bytes | None:
    try:
        return base64.b64decode(segment.encode("ascii") + b"==", altchars=b"-_")
    except ValueError:
        return None


def _json_lines(raw: bytes) -> list[str]:
    """Show JSON a member a line; anything else, and what nests too deep to be shown, as the octets it is."""
    try:
        return _members(
            json.loads(raw, object_pairs_hook=_Pairs, parse_int=_Raw, parse_float=_Raw, parse_constant=_Raw)
        )
    except (ValueError, RecursionError):
        return [_clipped(repr(raw)[1:])]


def _members(value: object) -> list[str]:
    if not isinstance(value, _Pairs):
        return [_clipped(_member(value))]
    return [_clipped(f"{json.dumps(name)}: {_member(inner)}") for name, inner in value]


class _Pairs(list[tuple[str, Any]]):
    """An object's members in order, duplicates kept."""


class _Raw(str):
    """A number as it is spelled: 1e400 and NaN are what a reader has to see."""

    __slots__ = ()


def _member(value: object) -> str:
    if isinstance(value, _Pairs):
        return "{" + ", ".join(f"{json.dumps(name)}: {_member(inner)}" for name, inner in value) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_member(inner) for inner in value) + "]"
    return str(value) if isinstance(value, _Raw) else json.dumps(value)


def _clipped(text: str) -> str:
    safe = text if text.isascii() and text.isprintable() else ascii(text)[1:-1]
    return safe if len(safe) <= _SHOWN else f"{safe[:_SHOWN]}… ({len(safe):,} characters)"


_COLUMN = 48


def _side_by_side(left: Sequence[str], right: Sequence[str]) -> Iterator[str]:
    if list(left) == list(right):
        yield "    the same"
        return
    matcher = difflib.SequenceMatcher(None, left, right, autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        ours, theirs = list(left[a:b]), list(right[c:d])
        for position in range(max(len(ours), len(theirs))):
            left_line = ours[position] if position < len(ours) else ""
            right_line = theirs[position] if position < len(theirs) else ""
            yield from _row(left_line, right_line, " " if tag == "equal" else "≠")


def _row(left: str, right: str, mark: str) -> Iterator[str]:
    lefts, rights = textwrap.wrap(left, _COLUMN) or [""], textwrap.wrap(right, _COLUMN) or [""]
    for position in range(max(len(lefts), len(rights))):
        left_part = lefts[position] if position < len(lefts) else ""
        right_part = rights[position] if position < len(rights) else ""
        yield f"  {mark} {left_part:<{_COLUMN}}  {right_part}".rstrip()


def _and(words: Iterable[object]) -> str:
    return ", ".join(str(word) for word in words)
