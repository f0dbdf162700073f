"""One page that needs nothing else: nothing is loaded, all is escaped, and what cannot be printed is replaced."""

from collections.abc import Iterable, Mapping
from xml.etree import ElementTree as ET

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


def opened(title: str, style: str = "") -> tuple[ET.Element, ET.Element]:
    """Return a page that bears its title, and what is to be filled; ``style`` is added to that of all pages."""
    html = ET.Element("html", {"lang": "en"})
    top = ET.SubElement(html, "head")
    ET.SubElement(top, "meta", {"charset": "utf-8"})
    ET.SubElement(top, "meta", {"name": "viewport", "content": "width=device-width"})
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    ET.SubElement(top, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    put(top, "title", title)
    put(top, "style", _STYLE + style)
    main = ET.SubElement(ET.SubElement(html, "body"), "main")
    put(main, "h1", title)
    return html, main


def text_of(html: ET.Element) -> str:
    """Return a page as it is written down."""
    return "<!DOCTYPE html>\n" + ET.tostring(html, encoding="unicode", method="html") + "\n"


def put(parent: ET.Element, tag: str, text: str, name: str = "") -> ET.Element:
    """Put a text into an element of its own, which ``name`` is the class of."""
    element = ET.SubElement(parent, tag, {"class": name} if name else {})
    element.text = "".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text)
    return element


def put_facts(parent: ET.Element, facts: Mapping[str, int]) -> None:
    """Put numbers beside each other, each above what it is the number of."""
    listed = ET.SubElement(parent, "ul", {"class": "facts"})
    for what, number in facts.items():
        fact = ET.SubElement(listed, "li")
        put(fact, "b", f"{number:,}")
        put(fact, "span", what)


def put_troubles(parent: ET.Element, troubles: Iterable[str]) -> None:
    """Put what did not go well where it is seen."""
    for trouble in troubles:
        put(parent, "p", f"Trouble: {trouble}", "trouble")


def put_details(parent: ET.Element, summary: str) -> ET.Element:
    """Return what is shown when it is asked for, to be filled."""
    details = ET.SubElement(parent, "details")
    put(details, "summary", summary)
    return details
