"""A run as Markdown: for the step summary of a CI server, or a comment."""

import re
from collections.abc import Iterator

from bearerproof.judging.grouping import Group, groups
from bearerproof.judging.page import WIDTH
from bearerproof.judging.summaries import Facts, heading, summary
from bearerproof.visible import visible


def document(facts: Facts) -> str:
    """Return the document: the verdict, a table of what fails, and the text of the run."""
    text = f"{heading(facts.declaration, facts.scope, facts.settings)}{summary(facts, WIDTH)}"
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 3)
    lines = [
        f"### {escaped(facts.verdict)}",
        "",
        *_table(groups(facts.records)),
        f"{fence}text",
        text.rstrip("\n"),
        fence,
    ]
    return "\n".join(lines) + "\n"


def _table(found: list[Group]) -> Iterator[str]:
    if not found:
        return
    yield from ("| requirement | checks that fail | what came |", "|---|---|---|")
    for group in found:
        row = group.requirement
        what = escaped(group.causes[0].what)
        yield f"| {row.id} {escaped(row.title)} | {group.failing} of {group.judged} | {what} |"
    yield ""


def escaped(text: str) -> str:
    """Write a text so that nothing in it means anything in Markdown or HTML, neither markup, link nor mention."""
    spelled = "".join(f"&#{ord(char)};" if char in _MEANS_SOMETHING else char for char in visible(text))
    return spelled.replace("://", "&#58;//").replace("www.", "www&#46;")


_MEANS_SOMETHING = frozenset("\\`*_{}[]<>|#~@&!$")
