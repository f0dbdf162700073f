"""Configurations that are refused at load: each differs in one place from one that is sound."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from bearerproof.judging.harness import Mark
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyservers.setting import DEFAULT, HOME, OTHER, rule
from bearerproof_fuzz.keyservers.world import World

CONFIGURED = ("key_server:configure",)

Place = Sequence[str | int]

_MISSING = object()
"""In place of a member: it is left out."""


def _sound() -> Json:
    """Return a sound configuration with all there is in it."""
    rules = (rule(HOME, backends=("a", "b*"), tools=("*",), rate_limit=60, group="staff"), rule(OTHER))
    return DEFAULT.but(policies=rules).as_json()


def _but(place: Place, value: object) -> Json:
    """Return the sound configuration with this at one place."""
    whole = copy.deepcopy(_sound())
    *way, last = place
    inside: Any = whole
    for step in way:
        inside = inside[step]
    if value is _MISSING:
        del inside[last]
    else:
        inside[last] = value
    return whole


def _require_refused(trial: Trial, place: Place, values: Mapping[str, object]) -> None:
    """Require that each value at the place is refused at load, between sound configurations that are taken."""
    world = World(trial)
    where = ".".join(map(str, place))
    world.good(world.configure(_sound()), "the sound configuration is refused")
    for name, value in values.items():
        answer = world.configure(_but(place, value))
        if answer.good:
            world.fail(f"a configuration is taken in which {where} is {name}", "configured: false", answer)
    world.good(world.configure(_sound()), "the sound configuration is refused after bad ones")


_NO_LIST: dict[str, object] = {
    "missing": _MISSING, "empty": [], "null": None, "a text": "key-server", "a list with a number": [1],
    "a list with null": [None],
}  # fmt: skip
_BLANKS = {"an empty text": "", "a blank": " ", "a tab": "\t", "a newline": "\n"}


@check("EXC-16", needs=CONFIGURED)
def test_provider_without_audience(mark: Mark, trial: Trial) -> None:
    """A provider whose audience is missing, empty or blank is refused, alone and beside a good one."""
    blank = {f"a list with {name}": [text] for name, text in _BLANKS.items()}
    beside = {f"a list with ours and {name}": [HOME.audience, text] for name, text in _BLANKS.items()}
    for number in (0, 1):
        _require_refused(trial, ["providers", number, "audiences"], {**_NO_LIST, **blank, **beside})


@check("EXC-16", needs=CONFIGURED)
def test_issuer_without_https(mark: Mark, trial: Trial) -> None:
    """An issuer that is no https URL is refused, and what merely looks like a loopback host is none."""
    issuers = {
        "plain http": "http://idp.example",
        "a host without scheme": "idp.example",
        "another scheme": "ftp://idp.example",
        "no scheme": "//idp.example",
        "a scheme that begins so": "httpsx://idp.example",
        "a scheme that ends so": "xhttps://idp.example",
        "a scheme without host": "https://",
        "a file": "file:///etc/idp.example",
        "http at a name with localhost in it": "http://localhost.evil.example",
        "http at a name with a loopback address in it": "http://127.0.0.1.evil.example",
        "http at a user called localhost": "http://localhost@evil.example",
        "an empty text": "",
        "a blank": " ",
        "missing": _MISSING,
        "null": None,
        "a number": 1,
        "a list": [HOME.issuer],
    }
    world = World(trial)
    world.good(world.configure(_sound()), "the sound configuration is refused")
    for name, issuer in issuers.items():
        whole = _but(["providers", 0, "issuer"], issuer)
        if isinstance(issuer, str):  # so that the rule is not what is wrong
            whole["policies"][0]["match"]["issuer"] = issuer
        else:
            whole["policies"] = [rule(OTHER)]
        answer = world.configure(whole)
        if answer.good:
            world.fail(f"a configuration is taken whose issuer is {name}", "configured: false", answer)
    world.good(world.configure(_sound()), "the sound configuration is refused after bad ones")


_NO_NUMBER: dict[str, object] = {
    "a text": "60", "true": True, "null": None, "a list": [60], "an empty text": "",
}  # fmt: skip


@check("EXC-16", needs=CONFIGURED)
def test_numbers_out_of_range(mark: Mark, trial: Trial) -> None:
    """A lifetime, cap, capacity, retention or age that is no number, or none that makes sense, is refused."""
    for name in ("ttl", "cap", "capacity", "retention", "max_age"):
        least: dict[str, object] = {} if name == "retention" else {"zero": 0}
        out: dict[str, object] = {"minus one": -1, "ten to the 15": 10**15, "two to the 64": 2**64}
        _require_refused(trial, [name], {**_NO_NUMBER, **least, **out})


@check("EXC-16", needs=CONFIGURED)
def test_unknown_members(mark: Mark, trial: Trial) -> None:
    """A member that nobody knows is refused wherever it stands, misspelt, in another case, or made up."""
    places: dict[tuple[str | int, ...], tuple[str, ...]] = {
        (): ("max-age", "maxAge", "TTL", "lifetime", "policy", "adminSecret", "x"),
        ("providers", 0): ("audience", "algorithm", "jwks", "jwks_uri", "Issuer", "x"),
        ("policies", 0): ("grants", "Match", "deny", "x"),
        ("policies", 0, "match"): ("groups", "domains", "sub", "Subject", "iss", "x"),
        ("policies", 0, "grant"): ("backend", "Tools", "rate-limit", "scopes", "x"),
        ("throttle",): ("admin_failure", "exchanges", "x"),
    }
    for place, names in places.items():
        for name in names:
            _require_refused(trial, [*place, name], {"there": "x"})


@check("POL-7", needs=CONFIGURED)
def test_empty_grants(mark: Mark, trial: Trial) -> None:
    """A rule that grants an empty list, or none, is refused, and so is one whose values are no patterns."""
    values = {
        **_NO_LIST,
        "a list with an empty text": [""],
        "a list with a blank": [" "],
        "a list with a pattern and an empty text": ["a", ""],
        "the pattern for all, not in a list": "*",
        "true": True,
        "an object": {"*": True},
    }
    for number in (0, 1):
        for side in ("backends", "tools"):
            _require_refused(trial, ["policies", number, "grant", side], values)


@check("POL-7", needs=CONFIGURED)
def test_rule_without_grant(mark: Mark, trial: Trial) -> None:
    """A rule that says nothing of what it grants is refused."""
    values = {"missing": _MISSING, "null": None, "empty": {}, "a list": [], "the pattern for all": "*"}
    _require_refused(trial, ["policies", 0, "grant"], values)


@check("POL-8", needs=CONFIGURED)
def test_texts_that_are_no_patterns(mark: Mark, trial: Trial) -> None:
    """What has no one meaning as a pattern is refused at load."""
    texts = ("a*b", "*a", "**", "a**", "a?", "[ab]", "a,b", "a b", " a", "a\n", "a/b", "^a$", "a|b", "é", "\uff41")
    _require_refused(trial, ["policies", 0, "grant", "tools"], {f"a list with {text!r}": [text] for text in texts})


@check("POL-10", needs=CONFIGURED)
def test_rules_without_criteria(mark: Mark, trial: Trial) -> None:
    """A rule without criteria, or without an issuer among them, is refused."""
    matches: dict[str, object] = {
        "missing": _MISSING, "null": None, "empty": {}, "a list": [], "a text": "*",
        "a group alone": {"group": "staff"},
        "a subject alone": {"subject": "alice"}, "a domain alone": {"domain": "example.com"},
        "an address alone": {"email": "alice@example.com"},
        "all but the issuer": {"group": "staff", "subject": "alice", "domain": "example.com"},
    }  # fmt: skip
    for number in (0, 1):
        _require_refused(trial, ["policies", number, "match"], matches)


@check("POL-10", needs=CONFIGURED)
def test_rules_with_empty_criteria(mark: Mark, trial: Trial) -> None:
    """A criterion that is empty, blank or no text at all is refused."""
    values: dict[str, object] = {
        **_BLANKS,
        "null": None,
        "a list": ["staff"],
        "an empty list": [],
        "true": True,
        "one": 1,
    }
    for criterion in ("group", "subject", "domain", "email"):
        _require_refused(trial, ["policies", 0, "match", criterion], values)


@check("POL-10", needs=CONFIGURED)
def test_rules_of_unknown_issuers(mark: Mark, trial: Trial) -> None:
    """A rule whose issuer is not, to the letter, that of a provider is refused."""
    issuers: dict[str, object] = {
        "another's": "https://evil.example", "with a trailing slash": HOME.issuer + "/", "a prefix": HOME.issuer[:-1],
        "in upper case": HOME.issuer.upper(), "a star": "*", "a pattern": "https://*", "empty": "", "null": None,
        "a list": [HOME.issuer], "with a blank": HOME.issuer + " ", "plain http": "http://idp.example",
    }  # fmt: skip
    for number in (0, 1):
        _require_refused(trial, ["policies", number, "match", "issuer"], issuers)
