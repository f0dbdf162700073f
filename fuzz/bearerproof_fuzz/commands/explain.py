"""``bearerproof explain``: a requirement, why it stands, what it rests on, and how it is attacked."""

import json
import textwrap
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace

from bearerproof.exceptions import BadInput
from bearerproof.judging.selection import Name, Selection
from bearerproof.specification.catalogue import FAMILIES, Requirement, requirements
from bearerproof_fuzz.commands.explanation import Explanation, Part, explanation
from bearerproof_fuzz.inventory import all_names, properties


def index(chosen: Collection[str] | None = None) -> str:
    """List every requirement, or those chosen, in one line each, by family."""
    lines: list[str] = []
    for family, title in FAMILIES.items():
        rows = [row for row in requirements().values() if row.family == family and (chosen is None or row.id in chosen)]
        lines += ["", f"{family}: {title}"] if rows else []
        lines += [f"  {row.id:<9}{row.level:<7}{row.origin:<10}{row.title}" for row in rows]
    return "\n".join(lines).lstrip("\n") + "\n"


def markdown_index() -> str:
    """List every requirement as the tables that stand in ``spec/README.md``."""
    lines: list[str] = []
    for family, title in FAMILIES.items():
        rows = [row for row in requirements().values() if row.family == family]
        lines += ["", f"### {family}: {title}", "", "| id | requirement | level | origin | profiles | from level |"]
        lines.append("|---|---|---|---|---|---|")
        lines += [_markdown_row(row) for row in rows]
    return "\n".join(lines).lstrip("\n") + "\n"


def _markdown_row(row: Requirement) -> str:
    profiles = ", ".join(row.profiles)
    return f"| {row.id} | {row.title} | {row.level} | {row.origin} | {profiles} | {row.contract} |"


def explain(what: str, width: int) -> str:
    """Tell one requirement whole, with the file and line of each thing that belongs to it; of several, list them.

    ``what`` is anything that ``check -k`` takes. The id of a check tells its requirement, and of its attacks that one.
    No sentence is wider than ``width`` columns.

    Raises:
        BadInput: there is nothing that is called so.
    """
    selection = Selection.parse(what)
    if _is_whole(selection):
        return _tell(explanation(selection.requirements[0]), width)
    chosen = _chosen(selection)
    named = {name.requirement for name in chosen}
    if len(named) != 1:
        return index(named)
    return _tell(_narrowed(explanation(named.pop()), {name.check for name in chosen}), width)


def _is_whole(selection: Selection) -> bool:
    """Whether it is the id of one requirement, or what would be one if there were such a one."""
    return len(selection.terms) == 1 and not selection.terms[0].excludes and selection.terms[0].is_requirement


def _chosen(selection: Selection) -> Collection[Name]:
    if all(term.text in FAMILIES or term.is_requirement for term in selection.terms):
        names = frozenset(Name(row.id, "", "") for row in requirements().values())
    else:
        names = all_names()
    unfound = selection.unfound(names)
    if unfound:
        raise BadInput("; ".join(unfound))
    return [name for name in names if selection.takes(name)]


def _narrowed(explained: Explanation, checks: Collection[str]) -> Explanation:
    """Leave of properties and edits those that are these checks."""
    held = {found.name: found.names for found in properties(explained.requirement.id)}
    return replace(
        explained,
        properties=tuple(part for part in explained.properties if not held[part.name].isdisjoint(checks)),
        edits=tuple(
            part
            for part in explained.edits
            if any(name == part.name or name.startswith(f"{part.name}.") for name in checks)
        ),
    )


def _tell(explained: Explanation, width: int) -> str:
    row, edits, faults = explained.requirement, explained.edits, explained.faults
    lines = [f"{row.id}  {row.title}", "", *_wrapped(row.text, width), ""]
    lines += _wrapped(row.rationale, width)
    lines += ["", *_facts(explained, width), ""]
    lines += _parts("properties", explained.properties, width)
    lines += _parts(f"edits ({len(edits)}; run one with: bearerproof check -k NAME)", edits, width)
    lines += _parts(f"seeded faults ({len(faults)}; try one with: bearerproof prove NAME)", faults, width)
    return "\n".join(lines).rstrip() + "\n"


def explain_as_json(requirement_id: str) -> str:
    """Return the same for a program: see ``spec/schemas/explanation.schema.json``.

    Raises:
        BadInput: there is none with this id.
    """
    return json.dumps(explanation(requirement_id).as_dict(), indent=2) + "\n"


def _facts(explained: Explanation, width: int) -> Iterator[str]:
    row = explained.requirement
    measures = "base and strict" if row.origin == "rfc" else "strict only"
    yield f"level      {row.level}, origin {row.origin}: {measures}"
    yield from _wrapped(
        f"profiles   {', '.join(row.profiles)}, from contract level {row.contract} on", width, indent=11
    )
    yield from _wrapped("sources    " + "; ".join(row.sources), width, indent=11)
    yield from _wrapped("answers    " + ", ".join(explained.answers), width, indent=11)
    yield f"row        {explained.row}"
    for file in explained.vectors:
        yield f"vectors    {file.file} ({file.count})"


def _parts(title: str, parts: Sequence[Part], width: int) -> Iterator[str]:
    if parts:
        yield title
        for part, following in zip(parts, [*parts[1:], None], strict=True):
            yield from _wrapped(f"  {part.name}: {part.says}", width, indent=4)
            if following is None or following.place != part.place:  # a table of edits stands in one place
                yield f"    {part.place}"
        yield ""


def _wrapped(text: str, width: int, indent: int = 0) -> list[str]:
    return textwrap.wrap(text, width, subsequent_indent=" " * indent, break_on_hyphens=False)
