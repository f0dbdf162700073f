"""What a campaign comes to, as JSON (campaign.schema.json) and as one page that needs nothing else."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
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
            for state, group in (("new", ended.new), ("known", ended.known), ("expected", ended.foreseen),
                                 ("mended", ended.mended))
            for found in group
        ],
        "troubles": ended.troubles,
    }  # fmt: skip


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
        "seconds": round(after.seconds, 1), "features": after.features, "rate": round(rate(before, after), 1),
        "mib": round(after.mib, 1), "findings": after.findings,
    }  # fmt: skip


def _finding(found: Kept, state: str) -> Json:
    return {
        "state": state, "requirement": found.key[0], "kind": found.key[1], "recurs": found.recurs,
        "file": found.name, "replay": found.replay, **({"found": found.found} if found.found else {}),
    }  # fmt: skip


_WIDTH, _HEIGHT, _LEFT, _PLOT = 900, 150, 90, 110

_CURVES: tuple[tuple[str, Callable[[Sum, Sum], float], str], ...] = (
    ("behaviours seen", lambda _, after: after.features, "#1b7837"),
    ("tokens a second", rate, "#2166ac"),
    ("memory, MiB", lambda _, after: after.mib, "#762a83"),
)

_STYLE = (
    "body{font:14px sans-serif;margin:2em;max-width:60em}table{border-collapse:collapse}"
    "td,th{border:1px solid #ccc;padding:.3em .6em;text-align:left;vertical-align:top}"
    "code{word-break:break-all}pre{overflow:auto}"
)


def page(head: Head, ended: Ended) -> str:
    """Return one HTML page: plots of novelty, speed and memory over time, and the findings. Nothing is loaded."""
    html = ET.Element("html", {"lang": "en"})
    top = ET.SubElement(html, "head")
    ET.SubElement(top, "meta", {"charset": "utf-8"})
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    ET.SubElement(top, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    title = f"bearerproof fuzz: {head.implementation} {head.version}"
    _in(top, "title", title)
    _in(top, "style", _STYLE)
    body = ET.SubElement(html, "body")
    _in(body, "h1", title)
    for line in _facts(head, ended):
        _in(body, "p", line)
    body.append(plot(ended.history))
    groups = (("new", ended.new), ("known", ended.known), ("expected", ended.foreseen), ("mended", ended.mended))
    _table(body, [(state, found) for state, group in groups for found in group])
    return "<!DOCTYPE html>\n" + ET.tostring(html, encoding="unicode", method="html") + "\n"


def _facts(head: Head, ended: Ended) -> Iterator[str]:
    last = ended.history[-1] if ended.history else None
    cut = " (interrupted)" if ended.interrupted else ""
    passed = last.seconds if last else 0.0
    yield f"By {head.measure}, {passed:,.0f} of {head.asked:,.0f} s{cut}, {head.workers} workers, seed {head.seed}."
    if last is not None:
        yield ", ".join(f"{getattr(last, name):,} {name}" for name in COUNTS) + "."
    yield from (f"Trouble: {trouble}" for trouble in ended.troubles)


def plot(history: Sequence[Sum]) -> ET.Element:
    """Draw the curves below each other, over the same seconds."""
    points = list(pairwise(thinned(history)))
    size = {"viewBox": f"0 0 {_WIDTH} {_HEIGHT * len(_CURVES) + 20}", "font-family": "sans-serif", "font-size": "11"}
    svg = ET.Element("svg", {"width": str(_WIDTH), "role": "img", **size})
    longest = max((after.seconds for _, after in points), default=0.0) or 1.0
    for place, (name, value, colour) in enumerate(_CURVES):
        base = _HEIGHT * place + _PLOT + 20
        values = [value(before, after) for before, after in points]
        most = max(values, default=0.0) or 1.0
        _text(svg, _LEFT, base - _PLOT - 5, name)
        _text(svg, _LEFT - 8, base - _PLOT + 10, f"{most:,.0f}", anchor="end")
        _text(svg, _LEFT - 8, base, "0", anchor="end")
        frame = {"x": str(_LEFT), "y": str(base - _PLOT), "width": str(_WIDTH - _LEFT - 10), "height": str(_PLOT)}
        ET.SubElement(svg, "rect", {**frame, "fill": "none", "stroke": "#ccc"})
        across = (_WIDTH - _LEFT - 10) / longest
        line = " ".join(
            f"{_LEFT + after.seconds * across:.1f},{base - _PLOT * number / most:.1f}"
            for (_, after), number in zip(points, values, strict=True)
        )
        ET.SubElement(svg, "polyline", {"points": line, "fill": "none", "stroke": colour, "stroke-width": "1.5"})
    _text(svg, _LEFT, _HEIGHT * len(_CURVES) + 12, "0 s")
    _text(svg, _WIDTH - 10, _HEIGHT * len(_CURVES) + 12, f"{longest:,.0f} s", anchor="end")
    return svg


def _table(body: ET.Element, rows: Sequence[tuple[str, Kept]]) -> None:
    if not rows:
        _in(body, "p", "Nothing was found.")
        return
    table = ET.SubElement(body, "table")
    head = ET.SubElement(table, "tr")
    for name in ("", "requirement", "what", "again", "token"):
        _in(head, "th", name)
    for state, found in rows:
        line = ET.SubElement(table, "tr")
        doubt = "" if found.recurs else " (not so when asked again)"
        for text in (state + doubt, found.key[0], found.key[1]):
            _in(line, "td", text)
        _in(ET.SubElement(line, "td"), "code", found.replay)
        details = ET.SubElement(ET.SubElement(line, "td"), "details")
        _in(details, "summary", "taken apart")
        _in(details, "pre", "\n".join(map(str, found.row.get("apart", ()))))


def _in(parent: ET.Element, tag: str, text: str) -> None:
    ET.SubElement(parent, tag).text = "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)


def _text(svg: ET.Element, x: float, y: float, text: str, *, anchor: str = "start") -> None:
    ET.SubElement(svg, "text", {"x": str(x), "y": str(y), "text-anchor": anchor}).text = text
