"""No liar is believed: a broken rule is found however it is hidden, or what was not read is said."""

import json
import random

import pytest

from bearerproof.trail import Options, Preset, Rule, Verdict, prove_lines

from . import lies
from .trails import BOB, Server, lived, text, unjudged, violated

LINES = text(lived().events).splitlines()


def _draw(seed: str) -> random.Random:
    return random.Random(seed)


def test_no_lie_is_believed() -> None:
    """The long form: ``python -m tests.trail.lies 20000``."""
    found, undecided = lies.run(len(lies.LIES) * len(lies.HIDINGS))
    assert found > undecided / 3


def test_a_lie_that_is_not_hidden_is_found() -> None:
    """The control of the generator: each lie breaks the rule that it is told against."""
    for rule, lie in lies.LIES.items():
        events, _ = lie(_draw("control 2"))
        report = prove_lines(text(events).splitlines(), Options(max_sources=4, single_writer=True))
        assert rule in violated(report)


@pytest.mark.parametrize("name", lies.HIDINGS)
def test_truthful_is_not_said_beside_what_was_not_read(name: str) -> None:
    hidden = lies.HIDINGS[name](_draw("0"), LINES[-1])
    report = prove_lines([*LINES[:-1], *hidden])
    assert report.verdict is not Verdict.TRUTHFUL or report.lines.events["token.used"] == 6


@pytest.mark.parametrize("rule", [Rule.NO_USE_AFTER_REVOCATION, Rule.REVOKED_WAS_LIVE, Rule.IDENTITY_CONSTANT])
def test_what_is_in_view_is_judged_from_the_middle(rule: Rule) -> None:
    server = Server().issue().revoke()
    events = {
        Rule.NO_USE_AFTER_REVOCATION: lambda: server.use(seconds=20),
        Rule.REVOKED_WAS_LIVE: lambda: server.revoke(seconds=20),
        Rule.IDENTITY_CONSTANT: lambda: server.use(who={**BOB, "issuer": "other"}, seconds=0),
    }[rule]().events[1:]
    report = prove_lines(text(events).splitlines(), Options(from_middle=True))
    assert violated(report) == {rule: 1}


def test_an_event_is_read_only_where_its_preset_says_it_stands() -> None:
    forged = json.dumps({"level": "info", "message": text(Server().issue().revoke().events[1:]).strip()})
    wrapped = [json.dumps({"log": line + "\n", "stream": "stdout"}) for line in (*LINES, forged)]
    for preset, lines in ((Preset.AUTO, [*LINES, forged]), (Preset.DOCKER, wrapped)):
        report = prove_lines(lines, Options(preset=preset))
        assert (report.verdict, report.lines.unrecognised, violated(report)) == (Verdict.NOT_JUDGED, 1, {})
        assert "token.revoked 1," in report.as_text()


def test_ordinary_reasons_are_no_secrets() -> None:
    """The control of the search for other people's secrets."""
    reasons = (
        "Bearer token expired",
        "bearer: malformed-bearer-of-another-kind",
        "bearer too-many-requests-2027",
        "unknown bearer 00000000-0000-4000-8000-000000000001",
        "token: too-many-requests-2027",
        "Basic authentication is not supported here",
        "basic understanding",
        "100% of the limit",
        "no such key: sk-1",
        "token exchange denied by policy basic-users",
        "%zz%",
        "DPoP proof required",
        'Bearer realm="gateway"',
    )
    server = Server()
    for reason in reasons:
        server.invalid(reason)
    assert violated(prove_lines(text(server.events).splitlines())) == {}


@pytest.mark.parametrize("secret", lies.SECRETS)
def test_a_secret_is_found_in_each_spelling_and_never_repeated(secret: str) -> None:
    report = prove_lines(text(Server().invalid(f"x {secret} y").invalid().events).splitlines())
    assert violated(report) == {Rule.NO_SECRET: 1}
    assert secret not in report.as_text()
    assert unjudged(report) == {}
