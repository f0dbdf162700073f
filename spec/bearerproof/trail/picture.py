"""Findings over time as strips: for the terminal, and as an SVG file."""

from collections.abc import Iterator
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from bearerproof.trail.findings import Timeline
from bearerproof.trail.rules import TITLES

_LEVELS = " ▁▂▃▄▅▆▇█"

_LEFT, _TOP, _CELL, _ROW, _RIGHT = 380, 40, 12, 26, 80
_COLOUR = "#b2182b"


def strips(timeline: Timeline) -> Iterator[str]:
    """Return one strip a rule, each as high as its own most, and the scale below them."""
    width = 0
    for rule, counts in timeline.counts.items():
        most, width = max(counts), len(counts)
        strip = "".join(_LEVELS[-(-number * (len(_LEVELS) - 1) // most)] for number in counts)
        yield f"  {rule:<9}|{strip}| at most {most:,}"
    left, right = _label(timeline, timeline.start), _label(timeline, timeline.end)
    yield f"            {left}{' ' * max(1, width - len(left) - len(right))}{right}".rstrip()


def as_svg(timeline: Timeline | None) -> str:
    """Return the strips as a picture; without findings a picture that says so."""
    counts = {} if timeline is None else timeline.counts
    bins = max(map(len, counts.values()), default=40)
    width, height = _LEFT + _CELL * bins + _RIGHT, _TOP + _ROW * max(1, len(counts)) + 30
    svg = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {height}",
            "font-family": "sans-serif",
            "font-size": "11",
        },
    )
    ET.SubElement(svg, "rect", {"width": str(width), "height": str(height), "fill": "#ffffff"})
    _text(svg, 10, 22, "Findings in the trail" if counts else "No findings in the trail", size="14")
    for place, (rule, numbers) in enumerate(counts.items()):
        base = _TOP + _ROW * (place + 1) - 6
        _text(svg, 10, base - 4, f"{rule}: {TITLES[rule]}")
        _draw_strip(svg, numbers, base)
    if timeline is not None:
        _text(svg, _LEFT, height - 14, _label(timeline, timeline.start))
        _text(svg, width - _RIGHT, height - 14, _label(timeline, timeline.end), anchor="end")
    return ET.tostring(svg, encoding="unicode")


def instant(seconds: float) -> str:
    """Return seconds since 1970 as a time of day in UTC, to the second; before year 1 and after 9999 the nearest."""
    moment = datetime.fromtimestamp(min(max(seconds, _FIRST), _LAST), UTC)
    return f"{moment.replace(tzinfo=None).isoformat(timespec='seconds')}Z"


_FIRST = datetime.min.replace(tzinfo=UTC).timestamp()
_LAST = datetime.max.replace(tzinfo=UTC, microsecond=0).timestamp()


def _draw_strip(svg: ET.Element, counts: tuple[int, ...], base: float) -> None:
    most = max(counts)
    for place, number in enumerate(counts):
        if number:
            tall = max(2.0, (_ROW - 8) * number / most)
            bar = ET.SubElement(
                svg,
                "rect",
                {
                    "x": str(_LEFT + _CELL * place),
                    "y": f"{base - tall:.1f}",
                    "width": str(_CELL - 1),
                    "height": f"{tall:.1f}",
                    "fill": _COLOUR,
                },
            )
            ET.SubElement(bar, "title").text = f"{number:,}"
    _text(svg, _LEFT + _CELL * len(counts) + 6, base, f"at most {most:,}")


def _text(svg: ET.Element, x: float, y: float, text: str, *, size: str = "11", anchor: str = "start") -> None:
    label = ET.SubElement(svg, "text", {"x": str(x), "y": str(y), "font-size": size, "text-anchor": anchor})
    label.text = text


def _label(timeline: Timeline, at: float) -> str:
    return instant(at) if timeline.unit == "seconds" else f"line {int(at):,}"
