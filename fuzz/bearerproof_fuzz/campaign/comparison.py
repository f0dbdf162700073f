"""What a comparison of implementations comes to, as JSON (comparison.schema.json) and as one page."""

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as ET

from bearerproof import __version__
from bearerproof.contract.declaration import Declaration
from bearerproof.judging.tokens import token_apart
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, requirement
from bearerproof_fuzz.campaign.differing import Differential, Disagreement
from bearerproof_fuzz.campaign.htmlpage import opened, put, put_details, put_facts, put_troubles, text_of
from bearerproof_fuzz.campaign.keeping import file_name, this_second

FORMAT = 1


@dataclass(frozen=True)
class Comparison:
    """What was compared, from which seed and for how many seconds, and what came of it.

    ``crowd`` is what each declares, by the name it was given under. ``folder`` is where the classes are, in
    ``directory``; ``new`` are those that were not there before.
    """

    crowd: Mapping[str, Declaration]
    directory: str
    folder: Path
    seed: int
    asked: float
    found: Differential
    new: Collection[tuple[str, str]]
    troubles: Sequence[str] = ()

    @property
    def classes(self) -> list[Disagreement]:
        """All classes, in the order in which they are told."""
        return sorted(self.found.found.values(), key=lambda each: (each.requirement, each.kind, each.accept))

    @property
    def groups(self) -> dict[str, list[Disagreement]]:
        """The classes by what the specification says of them, without a group that is empty."""
        titles = {False: "the specification says who is right", True: "it leaves these open"}
        groups = {
            title: [each for each in self.classes if each.is_open == is_open] for is_open, title in titles.items()
        }
        return {title: group for title, group in groups.items() if group}

    @property
    def exit_code(self) -> int:
        """Return 1 when a class is new, 3 when not all could be compared or kept, else 0."""
        return 1 if self.new else 3 if self.troubles or not self.found.tokens else 0

    def state(self, found: Disagreement) -> str:
        """Say whether a class was in the folder before."""
        return "new" if found.key in self.new else "known"

    def replay(self, found: Disagreement) -> str:
        """Return the command that shows a class again, by one who is wrong, or else one who accepts."""
        path = self.folder / file_name(found.key)
        return shlex.join(["bearerproof", "replay", str(path), (found.wrong or found.accept)[0]])


def as_json(compared: Comparison) -> Json:
    """Return the summary for a program."""
    return {
        "format": FORMAT,
        "bearerproof": __version__,
        "ended": this_second(),
        "implementations": [
            {"given": given, "name": declared.name, "version": declared.version}
            for given, declared in compared.crowd.items()
        ],
        "directory": compared.directory,
        "seed": compared.seed,
        "asked": compared.asked,
        "seconds": round(compared.found.seconds, 1),
        "tokens": compared.found.tokens,
        "exit_code": compared.exit_code,
        "interrupted": compared.found.interrupted,
        "classes": [_class(compared, found) for found in compared.classes],
        "troubles": list(compared.troubles),
    }


def _class(compared: Comparison, found: Disagreement) -> Json:
    return {
        "state": compared.state(found),
        "requirement": found.requirement,
        "kind": found.kind,
        "accept": list(found.accept),
        "refuse": list(found.refuse),
        "wrong": list(found.wrong),
        "open": found.is_open,
        "specification": found.spoken_of,
        "times": found.times,
        "file": file_name(found.key),
        "replay": compared.replay(found),
    }


_STYLE = """
body{max-width:76em}h1{overflow-wrap:anywhere}
.scroll{overflow:auto;max-height:90vh;width:fit-content;max-width:100%;border:1px solid #ddd}
th,td{padding:.45em .6em}thead th{position:sticky;top:0;z-index:2;min-width:6em;overflow-wrap:anywhere}
thead th,.group th{background:#f4f4f4}
th.first{position:sticky;left:0;z-index:1;min-width:11em}thead .first{z-index:3}
tbody .first{background:#fff;font-weight:400}.kept .first{width:99%}.first small,.number{color:#555}
.number{font-variant-numeric:tabular-nums}
.accepted,.refused{white-space:nowrap;border-left:1px solid #ddd}
.accepted{background:#dcebf8;color:#0b3d66}.refused{background:#f6f6f6;color:#444}
.wrong{background:#fbdcd8;color:#8c1020}.wrong b{display:block}
.kept th,.kept td{border-bottom:0}.apart td{padding-top:0}.apart details{contain:inline-size}
.about{max-width:56em;margin:.5em 0}
@media(max-width:40em){body{padding:0 .6em;margin:1em auto}th,td{padding:.4em .35em}
thead th{min-width:4.5em}th.first{min-width:8em}tbody .first{overflow-wrap:anywhere}
pre{white-space:pre-wrap;overflow-wrap:anywhere}}
@media print{.scroll{max-height:none}}
"""


def page(compared: Comparison) -> str:
    """Return one HTML page: a row for each class, a column for each implementation. Nothing is loaded."""
    html, body = opened(f"bearerproof fuzz: {', '.join(compared.crowd)}", _STYLE)
    put(body, "p", _told(compared), "told")
    classes = compared.classes
    put_facts(
        body,
        {
            "tokens to each": compared.found.tokens,
            "classes of disagreement": len(classes),
            "new": len(compared.new),
            "the specification says who is right": sum(not each.is_open for each in classes),
            "it leaves open": sum(each.is_open for each in classes),
        },
    )
    put_troubles(body, compared.troubles)
    if not classes:
        put(body, "p", "They disagree about none of these tokens.")
        return text_of(html)
    put(body, "h2", "Implementations")
    _pairs(body, compared)
    put(body, "h2", "Classes of disagreement")
    _matrix(_scrolling(body), compared)
    return text_of(html)


def _told(compared: Comparison) -> str:
    found = compared.found
    cut = ", interrupted" if found.interrupted else ""
    passed = f"{found.seconds:,.0f} of {compared.asked:,.0f} s{cut}"
    return f"By {Measure.BASE}, the same tokens to each, {passed}, seed {compared.seed}."


def _scrolling(body: ET.Element) -> ET.Element:
    return ET.SubElement(ET.SubElement(body, "div", {"class": "scroll", "tabindex": "0"}), "table")


def _pairs(body: ET.Element, compared: Comparison) -> None:
    """Put for each in how many classes it is wrong, and in how many it and each of the others disagree."""
    classes, others = compared.classes, compared.crowd if len(compared.crowd) > 2 else ()
    told = ", and in how many it disagrees with each of the others" if others else ""
    put(body, "p", f"In how many classes each is wrong{told}.", "told")
    table = _scrolling(body)
    _header(table, ("name", "wrong", *others))
    rows = ET.SubElement(table, "tbody")
    for given, declared in compared.crowd.items():
        line = ET.SubElement(rows, "tr")
        named = put(line, "th", f"{given} ", "first")
        named.set("scope", "row")
        put(named, "small", f"{declared.name} {declared.version}")
        put(line, "td", f"{sum(given in each.wrong for each in classes):,}", "number")
        for other in others:
            differ = sum((given in each.accept) != (other in each.accept) for each in classes)
            put(line, "td", "" if other == given else f"{differ:,}", "number")


def _header(table: ET.Element, names: Sequence[str]) -> None:
    line = ET.SubElement(ET.SubElement(table, "thead"), "tr")
    for place, name in enumerate(names):
        put(line, "th", name, "" if place else "first").set("scope", "col")


def _matrix(table: ET.Element, compared: Comparison) -> None:
    _header(table, ("class", *compared.crowd))
    width = str(len(compared.crowd) + 1)
    for title, group in compared.groups.items():
        rows = ET.SubElement(table, "tbody")
        head = ET.SubElement(rows, "tr", {"class": "group"})
        put(head, "th", title[0].upper() + title[1:]).attrib.update(colspan=width, scope="rowgroup")
        for found in group:
            _verdicts(ET.SubElement(rows, "tr", {"class": "kept"}), compared, found)
            apart = ET.SubElement(ET.SubElement(rows, "tr", {"class": "apart"}), "td", {"colspan": width})
            _explained(apart, compared, found)


def _verdicts(line: ET.Element, compared: Comparison, found: Disagreement) -> None:
    named = ET.SubElement(line, "th", {"class": "first", "scope": "row"})
    put(named, "b", f"{found.requirement} ")
    put(named, "span", f"{found.kind} ")
    put(named, "small", "once " if found.times == 1 else f"{found.times:,} times ")
    state = compared.state(found)
    put(named, "small", state, state)
    for name in compared.crowd:
        verdict, wrong = "accepted" if name in found.accept else "refused", name in found.wrong
        cell = put(line, "td", verdict, f"{verdict} wrong" if wrong else verdict)
        if wrong:
            put(cell, "b", "wrong")


def _explained(cell: ET.Element, compared: Comparison, found: Disagreement) -> None:
    smallest, row = found.smallest, requirement(found.requirement)
    details = put_details(cell, smallest.how.removeprefix(f"{found.kind}: "))
    put(details, "p", f"{found.spoken_of}. {row.text} [{row.clause}]", "about")
    put(details, "pre", "\n".join(token_apart(smallest.presented.token, smallest.honest.token)))
    put(details, "code", compared.replay(found))
