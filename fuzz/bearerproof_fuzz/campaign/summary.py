"""What a campaign comes to, as JSON (campaign.schema.json) and as one page that needs nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10
from xml.etree import ElementTree as ET

from bearerproof import __version__
from bearerproof.members import Json
from bearerproof_fuzz.campaign.campaign import Ended, Sum
from bearerproof_fuzz.campaign.htmlpage import opened, put, put_details, put_facts, put_troubles, text_of
from bearerproof_fuzz.campaign.keeping import Kept, this_second

FORMAT = 1

POINTS = 300
"""Points of a curve that are told: as many as a picture has room for."""


@dataclass(frozen=True)
class Head:
    """What a campaign was: the implementation, by which measure, for how long, with how many workers, which seed."""

    implementation: str
    version: str
    measure: str
    asked: float
    workers: int
    seed: int
    directory: str


def as_json(head: Head, ended: Ended) -> Json:
    """Return the summary for a program."""
    last = ended.history[-1] if ended.history else None
    return {
        "format": FORMAT,
        "bearerproof": __version__,
        "ended": this_second(),
        "implementation": {"name": head.implementation, "version": head.version},
        "measure": head.measure,
        "directory": head.directory,
        "seed": head.seed,
        "workers": head.workers,
        "exit_code": ended.exit_code,
        "interrupted": ended.interrupted,
        "seconds": round(last.seconds, 1) if last else 0,
        "counts": {name: getattr(last, name) if last else 0 for name in COUNTS},
        "restarts": ended.restarts,
        "recycled": ended.recycled,
        "history": [_point(before, after) for before, after in pairwise(thinned(ended.history))],
        "findings": [
            _finding(found, state)
            for state, group in (
                ("new", ended.new),
                ("known", ended.known),
                ("expected", ended.foreseen),
                ("mended", ended.mended),
            )
            for found in group
        ],
        "troubles": ended.troubles,
    }


COUNTS = ("tokens", "checks", "inputs", "features", "findings", "foreseen", "flaky", "deaths", "faults", "unreadable")


def thinned(history: Sequence[Sum]) -> list[Sum]:
    """Return some of the sums, evenly, the last one among them."""
    if not history:
        return []
    step = -(-len(history) // POINTS)
    return [*history[:-1:step], history[-1]]


def rate(before: Sum, after: Sum) -> float:
    """Return the tokens a second between two sums."""
    passed = after.seconds - before.seconds
    return max(0, after.tokens - before.tokens) / passed if passed > 0 else 0.0


def _point(before: Sum, after: Sum) -> Json:
    return {
        "seconds": round(after.seconds, 1),
        "features": after.features,
        "rate": round(rate(before, after), 1),
        "mib": round(after.mib, 1),
        "findings": after.findings,
    }


def _finding(found: Kept, state: str) -> Json:
    return {
        "state": state,
        "requirement": found.key[0],
        "kind": found.key[1],
        "recurs": found.recurs,
        "file": found.name,
        "replay": found.replay,
        **({"found": found.found} if found.found else {}),
    }


_WIDTH, _HEIGHT, _LEFT, _RIGHT, _PLOT = 900, 170, 70, 20, 120
_TICKS = 6

_CURVES: tuple[tuple[str, Callable[[Sum, Sum], float], str], ...] = (
    ("behaviours seen", lambda _, after: after.features, "#1b7837"),
    ("tokens a second", rate, "#2166ac"),
    ("memory, MiB", lambda _, after: after.mib, "#762a83"),
)


def page(head: Head, ended: Ended) -> str:
    """Return one HTML page: plots of novelty, speed and memory over time, and the findings. Nothing is loaded."""
    title = f"bearerproof fuzz: {head.implementation} {head.version}"
    html, body = opened(title)
    put(body, "p", _told(head, ended), "told")
    _facts(body, ended)
    put_troubles(body, ended.troubles)
    groups = (("new", ended.new), ("known", ended.known), ("expected", ended.foreseen), ("mended", ended.mended))
    put(body, "h2", "Findings")
    _table(body, [(state, found) for state, group in groups for found in group])
    put(body, "h2", "Over time")
    body.append(plot(ended.history))
    return text_of(html)


def _told(head: Head, ended: Ended) -> str:
    passed = ended.history[-1].seconds if ended.history else 0.0
    cut = ", interrupted" if ended.interrupted else ""
    workers = "1 worker" if head.workers == 1 else f"{head.workers} workers"
    return f"By {head.measure}, {passed:,.0f} of {head.asked:,.0f} s{cut}, {workers}, seed {head.seed}."


def _facts(body: ET.Element, ended: Ended) -> None:
    """Put the counts beside each other: those that are always of interest, and of the others what is not nothing."""
    if not ended.history:
        return
    counts = {name: getattr(ended.history[-1], name) for name in COUNTS}
    always = ("tokens", "checks", "features", "findings")
    put_facts(body, {_WORDS.get(name, name): number for name, number in counts.items() if number or name in always})


_WORDS = {"features": "behaviours", "findings": "new findings", "foreseen": "expected", "deaths": "restarts"}


def plot(history: Sequence[Sum]) -> ET.Element:
    """Draw the curves below each other, over the same seconds."""
    points = list(pairwise(thinned(history)))
    size = {"viewBox": f"0 0 {_WIDTH} {_HEIGHT * len(_CURVES) + 10}", "font-family": "sans-serif", "font-size": "11"}
    svg = ET.Element("svg", {"role": "img", "aria-label": "behaviours, speed and memory over time", **size})
    longest = max((after.seconds for _, after in points), default=0.0) or 1.0
    for place, (name, value, colour) in enumerate(_CURVES):
        values = [value(before, after) for before, after in points]
        _curve(
            svg, _HEIGHT * place + _PLOT + 25, name, values, [after.seconds / longest for _, after in points], colour
        )
        for tick in range(_TICKS + 1):
            x = _LEFT + (_WIDTH - _LEFT - _RIGHT) * tick / _TICKS
            _text(svg, x, _HEIGHT * place + _PLOT + 40, _time(longest * tick / _TICKS, longest), anchor="middle")
    return svg


def _curve(
    svg: ET.Element, base: int, name: str, values: Sequence[float], places: Sequence[float], colour: str
) -> None:
    """Draw one curve above its base line, each value at its place between 0 and 1."""
    most, right = _round_up(max(values, default=0.0)), _WIDTH - _RIGHT
    last = f", {values[-1]:,.0f} at the end, {max(values):,.0f} at most" if values else ""
    _text(svg, _LEFT, base - _PLOT - 8, name + last, weight="bold")
    for share in (0, 0.5, 1):
        height = base - _PLOT * share
        line = {"x1": str(_LEFT), "x2": str(right), "y1": f"{height:g}", "y2": f"{height:g}", "stroke": "#ddd"}
        ET.SubElement(svg, "line", line)
        _text(svg, _LEFT - 8, height + 4, f"{most * share:,.0f}" if most > 2 else f"{most * share:g}", anchor="end")
    across = right - _LEFT
    drawn = " ".join(
        f"{_LEFT + place * across:.1f},{base - _PLOT * value / most:.1f}"
        for place, value in zip(places, values, strict=True)
    )
    ET.SubElement(svg, "polyline", {"points": drawn, "fill": "none", "stroke": colour, "stroke-width": "1.5"})


def _round_up(most: float) -> float:
    """Return a round number that is not less: 1, 2 or 5 times a power of ten."""
    power = 10.0 ** floor(log10(most)) if most > 0 else 1.0
    return next(step * power for step in (1, 2, 5, 10) if step * power >= most)


def _time(seconds: float, longest: float) -> str:
    """Say seconds in the unit in which the longest are few."""
    if longest < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if longest < 7200 else f"{seconds / 3600:.1f} h"


def _table(body: ET.Element, rows: Sequence[tuple[str, Kept]]) -> None:
    if not rows:
        put(body, "p", "Nothing was found.")
        return
    table = ET.SubElement(body, "table")
    head = ET.SubElement(table, "tr")
    for name in ("", "requirement", "what", "again"):
        put(head, "th", name)
    for state, found in rows:
        line = ET.SubElement(table, "tr")
        doubt = "" if found.recurs else " (not so when asked again)"
        put(line, "td", state + doubt, state)
        for text in found.key:
            put(line, "td", text)
        again = ET.SubElement(line, "td")
        put(again, "code", found.replay)
        details = put_details(again, "the token, taken apart")
        put(details, "pre", "\n".join(map(str, found.row.get("apart", ()))))


def _text(svg: ET.Element, x: float, y: float, text: str, **style: str) -> None:
    named = {{"anchor": "text-anchor", "weight": "font-weight"}[name]: value for name, value in style.items()}
    ET.SubElement(svg, "text", {"x": f"{x:g}", "y": f"{y:g}", **named}).text = text
