"""The kill matrix as text for a terminal and as a picture: which requirement's checks see which fault."""

import textwrap
from collections.abc import Iterator, Sequence
from statistics import median
from xml.etree import ElementTree as ET

from bearerproof.specification.catalogue import FAMILIES, requirements
from bearerproof_fuzz.commands.faultrun import INSTALL, SEEN_BY_NOW, Attempt, Fate, Proof

MARKS = {
    Fate.KILLED: "■",
    Fate.EQUIVALENT: "≡",
    Fate.COLLATERAL: "▨",
    Fate.SURVIVED: "□",
    Fate.BROKEN: "x",
    Fate.UNSEEN: "◇",
    Fate.UNTRIED: "·",
}

WIDTH = 110


def render(proof: Proof) -> str:
    """Draw the matrix by requirement, one mark a fault and one a victim, and tell of all that did not die."""
    lines = ["", "  ".join(f"{mark} {fate}" for fate, mark in MARKS.items())]
    lines += (
        ["A mark for each seeded fault, then one for each victim.", ""] if proof.attempts and proof.victims else [""]
    )
    for family, title in FAMILIES.items():
        rows = list(_family(proof, family))
        lines += [f"{family}: {title}", *rows, ""] if rows else []
    lines += _degenerates(proof)
    lines += list(_without_victims(proof))
    lines += list(_exceptions(proof))
    return "\n".join([*lines, *_verdict(proof)]) + "\n"


def render_seeds(rows: Sequence[Sequence[Attempt]], untried: int = 0) -> str:
    """Tell for each fault how many tokens were asked up to the kill, and under how many seeds it was missed."""
    lines = [f"{'fault':<52}{'requirement':<12}{'median tokens':>14}{'most':>8}{'missed':>8}"]
    visible = [row for row in rows if row[0].fate is not Fate.EQUIVALENT]
    lines += [_seed_row(attempts) for attempts in visible]
    missed = sum(attempt.fate is not Fate.KILLED for row in visible for attempt in row)
    fixed = sum(not any(attempt.drawn for attempt in row) for row in visible)
    summary = f"{len(visible)} faults under {len(rows[0])} seeds each: {missed} misses."
    lines += ["", f"{summary} {fixed} of them die before anything is drawn from the seed."]
    lines += _untried(untried, len(rows))
    return "\n".join(lines) + "\n"


def as_svg(proof: Proof) -> str:
    """Return the matrix as a picture: a column a requirement, a row a fault, a cell for each sight of it."""
    columns = {name: place for place, name in enumerate(requirements())}
    rows = list(proof.attempts)
    width, height = _LEFT + _CELL * len(columns) + 10, _TOP + _CELL * len(rows) + 10
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "font-family": "sans-serif",
            "font-size": "7",
        },
    )
    ET.SubElement(svg, "rect", {"width": str(width), "height": str(height), "fill": "#ffffff"})
    for name, place in columns.items():
        x = _LEFT + _CELL * place + _CELL * 0.75
        label = ET.SubElement(svg, "text", {"transform": f"translate({x} {_TOP - 4}) rotate(-90)"})
        label.text = name
    for place, attempt in enumerate(rows):
        _draw_row(svg, attempt, columns, _TOP + _CELL * place)
    return ET.tostring(svg, encoding="unicode")


_LEFT, _TOP, _CELL = 230, 50, 9

_COLOURS = {Fate.KILLED: "#1b7837", Fate.COLLATERAL: "#d95f02", Fate.EQUIVALENT: "#999999"}


def _draw_row(svg: ET.Element, attempt: Attempt, columns: dict[str, int], top: float) -> None:
    label = ET.SubElement(svg, "text", {"x": str(_LEFT - 6), "y": str(top + 7), "text-anchor": "end"})
    label.text = attempt.fault
    for name in {attempt.requirement, *attempt.seen_by}:
        own, seen = name == attempt.requirement, name in attempt.seen_by
        colour = _COLOURS.get(attempt.fate, "#b2182b") if own else "#a6cee3"
        ET.SubElement(
            svg,
            "rect",
            {
                "x": str(_LEFT + _CELL * columns[name]),
                "y": str(top),
                "width": str(_CELL - 1),
                "height": str(_CELL - 1),
                "fill": colour if seen or attempt.fate is Fate.EQUIVALENT else "none",
                "stroke": colour,
            },
        )


def _family(proof: Proof, family: str) -> Iterator[str]:
    for row in requirements().values():
        if row.family == family:
            faults, victims = (_marks(attempts, row.id) for attempts in (proof.attempts, proof.victims))
            if faults or victims or proof.whole:
                columns = [f"{faults or 'no fault':<14}"] if proof.attempts else []
                columns += [f"{victims or '-':<12}"] if proof.victims else []
                yield f"  {row.id:<8} {' '.join(columns)} {row.title}"


def _marks(attempts: Sequence[Attempt], requirement_id: str) -> str:
    return "".join(MARKS[attempt.fate] for attempt in attempts if attempt.requirement == requirement_id)


def _without_victims(proof: Proof) -> Iterator[str]:
    """Name the requirements that nothing but seeded faults shows to be falsifiable; a family without any as such."""
    if not (proof.whole and proof.victims):
        return
    have = {attempt.requirement for attempt in proof.victims}
    rows_of = {family: [row.id for row in requirements().values() if row.family == family] for family in FAMILIES}
    named = [
        family if have.isdisjoint(rows) else ", ".join(row for row in rows if row not in have)
        for family, rows in rows_of.items()
        if not have.issuperset(rows)
    ]
    yield from textwrap.wrap(f"no victim for {', '.join(named)}", WIDTH, subsequent_indent="    ")
    yield ""


def _degenerates(proof: Proof) -> Iterator[str]:
    if not proof.degenerates:
        return
    yield "degenerate implementations, by a check of each requirement:"
    for judged in proof.degenerates:
        seen = " ".join(judged.failed_in) or "the contract itself"
        mark = MARKS[Fate.KILLED] if judged.caught else MARKS[Fate.SURVIVED]
        yield f"  {mark} {judged.name:<24}{judged.passed:>5} of {judged.applicable:<5} fails {seen}"
        if judged.unseen_by:
            yield f"      not seen by {' '.join(judged.unseen_by)}, which can see that it {judged.story}"
    yield ""


def _exceptions(proof: Proof) -> Iterator[str]:
    named = [("", attempt) for attempt in proof.attempts] + [("victim ", attempt) for attempt in proof.victims]
    for kind, attempt in named:
        if attempt.fate is not Fate.KILLED or attempt.detail == SEEN_BY_NOW:
            seen = f"; seen by {', '.join(attempt.seen_by)}" if attempt.seen_by else ""
            line = f"{kind}{attempt.fault} ({attempt.requirement}): {attempt.fate}{seen}. {attempt.detail}"
            yield from textwrap.wrap(line, WIDTH, subsequent_indent="    ")


def _verdict(proof: Proof) -> Iterator[str]:
    if not proof.reference_passes:
        yield "VOID: the unmodified reference does not pass, so the death of a fault shows nothing."
    if not proof.control_dies:
        yield "VOID: the control fault was not killed, so the suite finds nothing."
    if not proof.plain_passes:
        yield "VOID: the plain verifier of the victims does not pass, so the death of a victim shows nothing."
    if proof.attempts:
        yield f"{_counted(proof.attempts)}."
    if proof.victims:
        yield f"Victims: {_counted(proof.victims)}."
    if not proof.whole:
        kind = "faults" if proof.attempts else "victims"
        yield f"Of the {kind} that were named, " + ("all" if proof.clean else "NOT all") + " ended as they have to."
        return
    yield from _untried(proof.untried, len(proof.attempts))
    if proof.unfalsified and not proof.untried:
        yield from textwrap.wrap("no fault was killed for " + ", ".join(proof.unfalsified), WIDTH)
    yield "The proof is complete." if proof.complete else "The proof is NOT complete."


def _counted(attempts: Sequence[Attempt]) -> str:
    counts = {fate: sum(attempt.fate is fate for attempt in attempts) for fate in Fate}
    return ", ".join(f"{number} {fate}" for fate, number in counts.items() if number)


def _untried(number: int, tried: int) -> list[str]:
    return [f"{number} of {number + tried:,} faults not tried: {INSTALL}"] if number else []


def _seed_row(attempts: Sequence[Attempt]) -> str:
    killed = [attempt.tokens for attempt in attempts if attempt.fate is Fate.KILLED]
    missed = len(attempts) - len(killed)
    middle, most = (f"{median(killed):g}", str(max(killed))) if killed else ("-", "-")
    return f"{attempts[0].fault:<52}{attempts[0].requirement:<12}{middle:>14}{most:>8}{missed:>8}"
