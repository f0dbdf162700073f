"""The page in a browser: filters, deep links, keyboard, colour schemes, a phone; axe-core has nothing against it.

It is driven in Debian's Chromium, found as ``chromium`` or by BEARERPROOF_CHROMIUM. axe-core is an npm package, used
where it is installed into the environment that runs the tests:

    npm install --ignore-scripts --no-save --prefix "$VIRTUAL_ENV" axe-core@4.14.1
"""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bearerproof_fuzz.commands.report import page
from bearerproof_fuzz.commands.report.rendering import report_of

from . import samples
from .samples import stream
from .test_page import hostile_stream

CHROMIUM = os.environ.get("BEARERPROOF_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
AXE = Path(sys.prefix) / "node_modules" / "axe-core" / "axe.min.js"

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium here (apt-get install chromium)")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("page") / "report.html"
    made = report_of([stream(samples.RED, 1), stream(samples.HELD), hostile_stream()])
    file.write_text(page.render(made), encoding="utf-8")
    return file.as_uri()


class Opened:
    """A page that was opened, and what went wrong in it: messages, exceptions, requests."""

    def __init__(self, browser: Any, address: str, *, width: int = 1280, scheme: str = "light") -> None:
        self.page = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme).new_page()
        self.wrong: list[str] = []
        self.page.on("console", lambda message: self.wrong.append(message.text))
        self.page.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.page.on("dialog", lambda dialog: self.wrong.append(dialog.message))
        self.page.on("request", self._note)
        self.page.goto(address)

    def _note(self, request: Any) -> None:
        if not request.url.partition("#")[0].partition("?")[0].endswith("report.html"):
            self.wrong.append(request.url)

    def rows(self) -> list[str]:
        """The requirements that are shown."""
        shown: list[str] = self.page.locator("#matrix tbody tr:not([hidden])").evaluate_all(
            "rows => rows.map(row => row.id)"
        )
        return shown


def test_filters_narrow_the_matrix_and_stay_in_the_address(browser: Any, address: str) -> None:
    opened = Opened(browser, address)
    everything = opened.rows()
    opened.page.locator("form [name=outcome]").select_option("s-fails")
    assert [name for name in opened.rows() if name.startswith("VER")] == ["VER-17", "VER-40"]
    opened.page.locator("form [name=text]").fill("crit")
    assert opened.rows() == ["VER-17"]
    again = Opened(browser, opened.page.url)
    assert again.rows() == ["VER-17"]
    again.page.get_by_role("button", name="Clear").click()
    again.page.locator("#matrix tbody tr:not([hidden])").nth(1).wait_for()
    assert again.rows() == everything
    again.page.get_by_label("also what no run looked at").check()
    assert len(again.rows()) >= 240
    assert opened.wrong + again.wrong == []


def test_a_deep_link_opens_what_it_names(browser: Any, address: str) -> None:
    opened = Opened(browser, f"{address}#acme-jwt.VER-17")
    opened.page.locator("[id='acme-jwt.VER-17'][open]").wait_for()
    opened.page.locator("summary:focus").wait_for()
    other = opened.page.locator('[id="acme-jwt.VER-40"]')
    assert other.get_attribute("open") is None, "the control: what is not named stays closed"
    opened.page.locator("#VER-40 a[href='#acme-jwt.VER-40']").click()
    opened.page.locator("[id='acme-jwt.VER-40'][open]").wait_for()
    assert opened.wrong == []


def test_the_keyboard_is_enough(browser: Any, address: str) -> None:
    opened = Opened(browser, address)
    opened.page.keyboard.press("Tab")
    assert opened.page.evaluate("document.activeElement.className") == "skip"
    opened.page.keyboard.press("/")
    opened.page.keyboard.type("VER-17")
    assert opened.rows() == ["VER-17"]
    opened.page.locator("#VER-17 td a").first.focus()
    opened.page.keyboard.press("Enter")
    opened.page.locator("[id='acme-jwt.VER-17'][open]").wait_for()


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_has_nothing_against_it_and_nothing_runs_over_the_edge(
    browser: Any, address: str, width: int, scheme: str
) -> None:
    if not AXE.exists():
        pytest.skip(f"axe-core is not installed: {AXE}")
    opened = Opened(browser, f"{address}#acme-jwt.VER-17", width=width, scheme=scheme)
    assert opened.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    opened.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    opened.page.evaluate(AXE.read_text("utf-8"))
    found = opened.page.evaluate("axe.run()")
    assert [(each["id"], each["nodes"][0]["html"][:160]) for each in found["violations"]] == []
    assert len(found["passes"]) > 15, "the control: it did look"
    assert opened.wrong == []
