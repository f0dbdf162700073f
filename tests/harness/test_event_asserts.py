"""What is wrong with the events of several scenarios is told in one finding, whatever ends the rest of them."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, NoReturn

import pytest

from bearerproof.judging.judgement import Finding, Nonconforming, Untestable
from bearerproof_fuzz.keyserver import event_asserts
from bearerproof_fuzz.keyserver.event_asserts import require_each

LEFT: dict[str, list[dict[str, str]]] = {
    "a silent one": [],
    "a good one": [{"event": "token.used"}],
    "another silent one": [],
}


def fail(summary: str, expected: str, got: str) -> NoReturn:
    raise Nonconforming(Finding(summary, expected, got))


def scenarios_then(end: Exception | None, names: list[str]) -> Any:
    def brought_about(*_: Any) -> Iterator[Any]:
        for name in names:
            decision = SimpleNamespace(events=LEFT[name])
            yield SimpleNamespace(name=name), SimpleNamespace(fail=fail), decision, ()
        if end is not None:
            raise end

    return brought_about


def silent(decision: Any, _: Any) -> str | None:
    return None if decision.events else " leaves 0 events"


UNTESTABLE = Untestable(Finding("an honest exchange is refused", "granted", "refused"))


@pytest.mark.parametrize("end", [None, UNTESTABLE])
def test_all_that_is_wrong_is_named(monkeypatch: pytest.MonkeyPatch, end: Exception | None) -> None:
    monkeypatch.setattr(event_asserts, "brought_about", scenarios_then(end, list(LEFT)))
    with pytest.raises(Nonconforming) as found:
        require_each(None, silent)  # type: ignore[arg-type]  # which the scenarios above have no use for
    finding = found.value.finding
    assert finding.summary == "a silent one leaves 0 events; wrong as well, 1 more: another silent one"
    assert "another" not in finding.key, "an expectation pins it, however many others there are"


def test_what_ends_it_is_told_where_nothing_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_asserts, "brought_about", scenarios_then(UNTESTABLE, ["a good one"]))
    with pytest.raises(Untestable):
        require_each(None, silent)  # type: ignore[arg-type]  # likewise
