"""``bearerproof explain``: a requirement, why it stands, what it rests on, and how it is attacked."""

import textwrap
from collections.abc import Iterator

from bearerproof.specification.catalogue import FAMILIES, Requirement, requirement, requirements
from bearerproof.specification.coverage import answered_by
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.inventory import properties

WIDTH = 100


def index() -> str:
    """List every requirement in one line each, by family."""
    lines: list[str] = []
    for family, title in FAMILIES.items():
        lines += ["", f"{family}: {title}"]
        rows = [row for row in requirements().values() if row.family == family]
        lines += [f"  {row.id:<8}{row.level:<7}{row.origin:<10}{row.title}" for row in rows]
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
    """Tell one requirement whole.

    Raises:
        BadInput: there is none with this id.
    """
    row = requirement(requirement_id)
    lines = [f"{row.id}  {row.title}", "", *_wrapped(row.text), ""]
    lines += _wrapped(row.rationale)
    lines += ["", *_facts(row), *_answers(row), "", *_checks(row), *_edits(row)]
    return "\n".join(lines).rstrip() + "\n"


def _facts(row: Requirement) -> Iterator[str]:
    measures = "base and strict" if row.origin == "rfc" else "strict only"
    yield f"level      {row.level}, origin {row.origin}: {measures}"
    yield f"profiles   {', '.join(row.profiles)}, from contract level {row.contract} on"
    yield from _wrapped("sources    " + "; ".join(row.sources), indent=11)


def _answers(row: Requirement) -> Iterator[str]:
    rows = ", ".join(f"{source.document} {source.row}" for source in answered_by(row.id))
    yield from _wrapped("answers    " + rows, indent=11)


def _checks(row: Requirement) -> Iterator[str]:
    named = properties(row.id)
    if named:
        yield "properties"
        for found in named:
            yield from _wrapped(f"  {found.name}: {found.docstring}", indent=4)
        yield ""


def _edits(row: Requirement) -> Iterator[str]:
    attacks = [one for one in registry.edits().values() if one.requirement_id == row.id]
    if attacks:
        yield f"edits ({len(attacks)}; run one with: bearerproof check -k NAME)"
        for one in attacks:
            yield from _wrapped(f"  {one.id}: {one.description} [{one.clause}]", indent=4)


def _wrapped(text: str, indent: int = 0) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=" " * indent, break_on_hyphens=False)
