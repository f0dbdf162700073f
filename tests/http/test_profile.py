"""Profiles of servers: everything in them is read, and whatever is wrong is told with its key and line."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bearerproof import PROTOCOL
from bearerproof.contract.declaration import read_declaration
from bearerproof.contract.http.connection import declared
from bearerproof.contract.http.profile import ServerProfile
from bearerproof.contract.http.profilefile import load
from bearerproof.exceptions import BadInput
from bearerproof.judging.settings import RunConfig
from bearerproof.specification.catalogue import Measure

DOCUMENT = Path(__file__).parents[2] / "spec" / "server-profile.md"

LEAST = """\
name = "least"
token_prefix = "t_"

[setting]
issuers = ["http://127.0.0.1:1/a", "http://127.0.0.1:1/b"]
audience = "audience"
admin_secret_env = "SECRET_OF_THE_TEST"

[audit]
file = "trail.jsonl"
"""

Load = Callable[[str], ServerProfile]


@pytest.fixture
def loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    for name in ("SECRET_OF_THE_TEST", "ACME_ADMIN_SECRET"):
        monkeypatch.setenv(name, "of the test")

    def load_text(text: str) -> ServerProfile:
        (tmp_path / "profile.toml").write_text(text, encoding="utf-8")
        return load(tmp_path / "profile.toml")

    return load_text


def test_the_least_profile(loaded: Load, tmp_path: Path) -> None:
    profile = loaded(LEAST)
    assert (profile.name, profile.version, profile.measure) == ("least", "unknown", Measure.BASE)
    assert profile.setting.issuers == ("http://127.0.0.1:1/a", "http://127.0.0.1:1/b")
    assert profile.setting.admin_secret == "of the test"
    assert profile.audit.file == tmp_path / "trail.jsonl"
    assert profile.identity_provider is None


def test_the_documented_example_says_everything_and_the_defaults(loaded: Load) -> None:
    example = re.search(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    profile, least = loaded(example[1]), loaded(LEAST)
    for part in ("requests", "headers", "names", "abilities", "algorithms", "measure"):
        assert getattr(profile, part) == getattr(least, part)
    assert (profile.audit.pattern, profile.audit.wait, profile.audit.quiet) == (
        least.audit.pattern,
        least.audit.wait,
        least.audit.quiet,
    )
    assert profile.codes.exchange == {**least.codes.exchange, "invalid_grant": "invalid_request"}
    assert profile.codes.revoke == {**least.codes.revoke, "410": "not-active"}
    assert profile.identity_provider is not None
    assert (profile.identity_provider.port, profile.identity_provider.tls_port) == (8765, 8766)


def test_the_secret_is_not_shown(loaded: Load) -> None:
    assert "of the test" not in repr(loaded(LEAST))


ADDED = {
    "[audits]": "audits is not known; did you mean audit?",
    "[abilities]\nconfigure = true": "line 13: abilities.configure is not known",
    '[abilities]\nforwarded = "all"': "abilities.forwarded must be one of nobody, listed, anybody, not 'all'",
    "[configure]\ntimeout = 1": "configure.command is missing",
    '[configure]\ncommand = ["x"]\nhonours = ["cup"]': "configure.honours names cup; members are",
    '[configure]\ncommand = ["x"]\nready = "/health"': "configure.ready must have the form 'GET /health'",
    "[clock]\nform = 'epoch'": "clock.file is missing",
    '[clock]\nfile = "no/such/clock.txt"': "clock.file cannot be written: there is no folder",
    '[clock]\nfile = "c"\nform = "unix"': "clock.form must be one of epoch, pair, faketime, offset",
    '[clock]\nfile = "c"\nform = "faketime"\nresolution = 0.5': "clock.resolution must be 1.0",
    "[keys]\nttl = 300": "keys.cooldown is missing",
    '[setting.narrow]\ngroup = "r"\nbackends = ["a"]': "setting.narrow.backends and tools must name at least one each",
    '[setting.narrow]\nbackends = ["a"]\ntools = ["x"]': "setting.narrow.group is missing",
    '[requests.exchange]\nline = "POST /a"': "the one for a resource alone can be a table",
    '[requests.resource]\nline = "POST /mcp"\nbody = "{tool}"': "must have {backend} in its line or its body",
    '[headers]\nalso = ["X-Key: ${NO_SUCH_VARIABLE}"]': "headers.also names NO_SUCH_VARIABLE, which is not set",
    '[headers]\nclient_certificate = "none.pem"': "headers.client_certificate is not there",
    '[[answers.resource]]\nis = "admitted"': "answers.resource.status or pointer is needed",
    '[[answers.resource]]\nstatus = 99\nis = "admitted"': "answers.resource.status must be a status from 100 to 599",
    '[[answers.resource]]\nstatus = 200\nis = "fine"': "answers.resource.is must be one of admitted,",
    '[alphabet]\nbackends = "A-Z"': "alphabet.backends and tools must both have the letters a to z",
    "[abilities]\nrace = 1": "line 13: abilities.race must be true or false",
    "[abilities]\nthrottle = true": "abilities.throttle needs forwarded",
    '[requests]\nexchange = "/auth/token"': "line 13: requests.exchange must have the form 'POST /auth/token'",
    '[requests]\nrevoke = "DELETE /auth/token"': "requests.revoke must have {jti} in it",
    '[requests]\nrevoke = "DELETE /auth/{token}/{jti}"': "requests.revoke must have {jti} in it",
    '[requests]\nexchange = "POST /{"': "requests.exchange must have no braces in it",
    '[headers]\nbearer = "Authorization"': "headers.bearer must have the form",
    '[headers]\nbearer = "X-Token: {secret}"': "headers.bearer must have {token} in it",
    '[names]\nerror = ""': "line 13: names.error must be a text that is not empty",
    '[codes.exchange]\n"400" = "wrong"': "line 13: codes.exchange.400 must be one of",
    "[codes]\nexchanges = {}": "codes.exchanges is not known; did you mean exchange?",
    "[codes]\nexchange = 1": "codes.exchange must be a table",
    "[identity_provider]": "line 12: identity_provider.port",
    "[identity_provider]\nport = 0": "line 13: identity_provider.port must be a whole number from 1 to 65535",
    "[identity_provider]\nport = 1\ntls_port = 2": "line 14: identity_provider.tls_port and certificate are needed",
}


@pytest.mark.parametrize(("added", "message"), ADDED.items())
def test_what_is_wrong_is_told_with_its_place(loaded: Load, added: str, message: str) -> None:
    with pytest.raises(BadInput, match=re.escape(message)):
        loaded(f"{LEAST}\n{added}\n")


CHANGED = {
    ('file = "trail.jsonl"', "fiel = 1"): "line 10: audit.fiel is not known; did you mean file?",
    ('file = "trail.jsonl"', ""): "line 9: audit.file or command is needed, and not both",
    ('file = "trail.jsonl"', 'file = "a"\ncommand = ["b"]'): "audit.file or command is needed, and not both",
    ('file = "trail.jsonl"', "command = []"): "audit.command must be a list of texts",
    ('file = "trail.jsonl"', 'command = "tail -f"'): "audit.command must be a list of texts",
    ('"trail.jsonl"', '"a"\npattern = "("'): "line 11: audit.pattern is no regular expression",
    ('"trail.jsonl"', '"a"\npattern = "{.*}"'): "audit.pattern needs a group",
    ('"trail.jsonl"', '"a"\nwait = "1"'): "audit.wait must be a number of seconds",
    ('"trail.jsonl"', '"a"\nwait = nan'): "audit.wait must be a number of seconds",
    ('"trail.jsonl"', '"a"\nquiet = -1'): "audit.quiet must be a number of seconds",
    ('name = "least"', "name = 1"): "line 1: name must be a text",
    ('name = "least"', ""): "name is missing",
    ('name = "least"', 'name = "x"\nmeasure = "lax"'): "line 2: measure must be base or strict, not 'lax'",
    ('"SECRET_OF_THE_TEST"', '"UNSET_IN_THE_TEST"'): "line 7: setting.admin_secret_env names 'UNSET_IN_THE_TEST'",
    ('"http://127.0.0.1:1/b"]', "]"): "line 5: setting.issuers must be two that differ",
    ("http://127.0.0.1:1/b", "http://127.0.0.1:1/a"): "setting.issuers must be two that differ",
    ("http://127.0.0.1:1/b", "urn:b"): "setting.issuers 'urn:b' is no http or https URL",
    ('audience = "audience"', 'audience = "a"\nttl = 0.5'): "line 7: setting.ttl must be a whole number",
    ('audience = "audience"', 'audience = "a"\ncap = true'): "line 7: setting.cap must be a whole number",
    ("[setting]", "[["): "not TOML",
}


@pytest.mark.parametrize(("change", "message"), CHANGED.items())
def test_what_was_changed_is_told_with_its_place(loaded: Load, change: tuple[str, str], message: str) -> None:
    assert change[0] in LEAST
    with pytest.raises(BadInput, match=re.escape(message)):
        loaded(LEAST.replace(*change))


def test_without_events_base_alone_is_judged(loaded: Load) -> None:
    without = LEAST.partition("[audit]")[0]
    declaration = read_declaration({"id": 1, "protocol": PROTOCOL, **declared(loaded(without))})
    assert not declaration.key_server.events
    with pytest.raises(BadInput, match="shows no events, and strict judges them"):
        RunConfig(measure=Measure.STRICT).resolve(declaration)
    with pytest.raises(BadInput, match="audit is missing: strict judges"):
        loaded('measure = "strict"\n' + without)


def test_a_wide_scope_has_the_narrow_one_in_it(loaded: Load) -> None:
    with pytest.raises(BadInput, match=r"scopes\.wide must have all words of narrow in it, and more"):
        loaded(LEAST + '[scopes]\nnarrow = "read"\nwide = "write"\n')


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot read the server profile"):
        load(tmp_path / "none.toml")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "profile.toml").write_bytes(b"\xff")
    with pytest.raises(BadInput, match="cannot read the server profile"):
        load(tmp_path / "profile.toml")
