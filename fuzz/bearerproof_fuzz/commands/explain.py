"""``bearerproof explain``: a requirement, why it stands, what it rests on, and how it is attacked."""

import json
import textwrap
from collections.abc import Iterator, Sequence

from bearerproof.specification.catalogue import FAMILIES, Requirement, requirements
from bearerproof_fuzz.commands.explanation import Explanation, Part, explanation

WIDTH = 100


def index() -> str:
    """List every requirement in one line each, by family."""
    lines: list[str] = []
    for family, title in FAMILIES.items():
        lines += ["", f"{family}: {title}"]
        rows = [row for row in requirements().values() if row.family == family]
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


def explain(requirement_id: str) -> str:
    """Tell one requirement whole, with the file and line of each thing that belongs to it.

    Raises:
        BadInput: there is none with this id.
    """
    explained = explanation(requirement_id)
    row = explained.requirement
    lines = [f"{row.id}  {row.title}", "", *_wrapped(row.text), ""]
    lines += _wrapped(row.rationale)
    lines += ["", *_facts(explained), ""]
    lines += _parts("properties", explained.properties)
    lines += _parts(f"edits ({len(explained.edits)}; run one with: bearerproof check -k NAME)", explained.edits)
    lines += _parts(f"seeded faults ({len(explained.faults)}; try one with: bearerproof prove NAME)", explained.faults)
    return "\n".join(lines).rstrip() + "\n"


def explain_as_json(requirement_id: str) -> str:
    """Return the same for a program: see ``spec/schemas/explanation.schema.json``.

    Raises:
        BadInput: there is none with this id.
    """
    return json.dumps(explanation(requirement_id).as_dict(), indent=2) + "\n"


def _facts(explained: Explanation) -> Iterator[str]:
    row = explained.requirement
    measures = "base and strict" if row.origin == "rfc" else "strict only"
    yield f"level      {row.level}, origin {row.origin}: {measures}"
    yield f"profiles   {', '.join(row.profiles)}, from contract level {row.contract} on"
    yield from _wrapped("sources    " + "; ".join(row.sources), indent=11)
    yield from _wrapped("answers    " + ", ".join(explained.answers), indent=11)
    yield f"row        {explained.row}"
    for file in explained.vectors:
        yield f"vectors    {file.file} ({file.count})"


def _parts(title: str, parts: Sequence[Part]) -> Iterator[str]:
    if parts:
        yield title
        for part, following in zip(parts, [*parts[1:], None], strict=True):
            yield from _wrapped(f"  {part.name}: {part.says}", indent=4)
            if following is None or following.place != part.place:  # a table of edits stands in one place
                yield f"    {part.place}"
        yield ""


def _wrapped(text: str, indent: int = 0) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)
