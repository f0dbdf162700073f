"""What a campaign comes to, as JSON (campaign.schema.json) and as one page that needs nothing else."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import floor, log10
from xml.etree import ElementTree as ET

from bearerproof import __version__
from bearerproof.members import Json
from bearerproof_fuzz.campaign.campaign import Ended, Sum
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

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2.5em auto;max-width:60em;padding:0 1.5em;color:#222;background:#fff}
h1{font-size:1.5em;margin:0}h2{font-size:1.1em;margin:2em 0 .5em}.told{color:#555;margin:.2em 0 1.5em}
.facts{display:flex;flex-wrap:wrap;gap:.6em;margin:0;padding:0;list-style:none}
.facts li{border:1px solid #ddd;border-radius:6px;padding:.35em .8em;min-width:6.5em}
.facts b{display:block;font-size:1.25em;font-variant-numeric:tabular-nums}
.trouble{border-left:4px solid #b2182b;padding:.3em .8em;background:#fdf1f0}
svg{width:100%;height:auto;margin-top:1em}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #ddd;padding:.45em .6em .45em 0;text-align:left;vertical-align:top}
code,pre{font:13px/1.4 ui-monospace,monospace}code{word-break:break-all}pre{overflow:auto;max-width:56em}
.new{color:#b2182b;font-weight:600}
"""


def page(head: Head, ended: Ended) -> str:
    """Return one HTML page: plots of novelty, speed and memory over time, and the findings. Nothing is loaded."""
    html = ET.Element("html", {"lang": "en"})
    top = ET.SubElement(html, "head")
    ET.SubElement(top, "meta", {"charset": "utf-8"})
    ET.SubElement(top, "meta", {"name": "viewport", "content": "width=device-width"})
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    ET.SubElement(top, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    title = f"bearerproof fuzz: {head.implementation} {head.version}"
    _in(top, "title", title)
    _in(top, "style", _STYLE)
    body = ET.SubElement(html, "body")
    _in(body, "h1", title)
    _in(body, "p", _told(head, ended), "told")
    _facts(body, ended)
    for trouble in ended.troubles:
        _in(body, "p", f"Trouble: {trouble}", "trouble")
    groups = (("new", ended.new), ("known", ended.known), ("expected", ended.foreseen), ("mended", ended.mended))
    _in(body, "h2", "Findings")
    _table(body, [(state, found) for state, group in groups for found in group])
    _in(body, "h2", "Over time")
    body.append(plot(ended.history))
    return "<!DOCTYPE html>\n" + ET.tostring(html, encoding="unicode", method="html") + "\n"


def _told(head: Head, ended: Ended) -> str:
    passed = ended.history[-1].seconds if ended.history else 0.0
    cut = ", interrupted" if ended.interrupted else ""
    workers = "1 worker" if head.workers == 1 else f"{head.workers} workers"
    return f"By {head.measure}, {passed:,.0f} of {head.asked:,.0f} s{cut}, {workers}, seed {head.seed}."


def _facts(body: ET.Element, ended: Ended) -> None:
    """Put the counts beside each other: those that are always of interest, and of the others what is not nothing."""
    if not ended.history:
        return
    facts = ET.SubElement(body, "ul", {"class": "facts"})
    last = ended.history[-1]
    for name in COUNTS:
        number = getattr(last, name)
        if number or name in ("tokens", "checks", "features", "findings"):
            fact = ET.SubElement(facts, "li")
            _in(fact, "b", f"{number:,}")
            _in(fact, "span", _WORDS.get(name, name))


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
        _in(body, "p", "Nothing was found.")
        return
    table = ET.SubElement(body, "table")
    head = ET.SubElement(table, "tr")
    for name in ("", "requirement", "what", "again"):
        _in(head, "th", name)
    for state, found in rows:
        line = ET.SubElement(table, "tr")
        doubt = "" if found.recurs else " (not so when asked again)"
        _in(line, "td", state + doubt, state)
        for text in found.key:
            _in(line, "td", text)
        again = ET.SubElement(line, "td")
        _in(again, "code", found.replay)
        details = ET.SubElement(again, "details")
        _in(details, "summary", "the token, taken apart")
        _in(details, "pre", "\n".join(map(str, found.row.get("apart", ()))))


def _in(parent: ET.Element, tag: str, text: str, name: str = "") -> None:
    element = ET.SubElement(parent, tag, {"class": name} if name else {})
    element.text = "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)


def _text(svg: ET.Element, x: float, y: float, text: str, **style: str) -> None:
    named = {{"anchor": "text-anchor", "weight": "font-weight"}[name]: value for name, value in style.items()}
    ET.SubElement(svg, "text", {"x": f"{x:g}", "y": f"{y:g}", **named}).text = text
