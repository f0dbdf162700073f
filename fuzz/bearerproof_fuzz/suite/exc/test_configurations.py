"""Configurations that are refused at load: each differs in one place from one that is sound."""

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver.configurations import BLANKS, MISSING, NO_LIST, but, require_refused, sound
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.setting import HOME, OTHER, rule
from bearerproof_fuzz.needs import CONFIGURE


@check("EXC-16", needs=(CONFIGURE,))
def test_provider_without_audience(mark: CheckId, trial: Trial) -> None:
    """A provider whose audience is missing, empty or blank is refused, alone and beside a good one."""
    blank = {f"a list with {name}": [text] for name, text in BLANKS.items()}
    beside = {f"a list with ours and {name}": [HOME.audience, text] for name, text in BLANKS.items()}
    for number in (0, 1):
        require_refused(trial, ["providers", number, "audiences"], {**NO_LIST, **blank, **beside})


@check("EXC-16", needs=(CONFIGURE,))
def test_issuer_without_https(mark: CheckId, trial: Trial) -> None:
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
        "missing": MISSING,
        "null": None,
        "a number": 1,
        "a list": [HOME.issuer],
    }
    server = KeyServerDriver(trial)
    server.good(server.configure(sound()), "the sound configuration is refused")
    for name, issuer in issuers.items():
        whole = but(["providers", 0, "issuer"], issuer)
        if isinstance(issuer, str):  # so that the rule is not what is wrong
            whole["policies"][0]["match"]["issuer"] = issuer
        else:
            whole["policies"] = [rule(OTHER)]
        answer = server.configure(whole)
        if answer.good:
            server.fail(f"a configuration is taken whose issuer is {name}", "configured: false", answer)
    server.good(server.configure(sound()), "the sound configuration is refused after bad ones")


_NO_NUMBER: dict[str, object] = {
    "a text": "60",
    "true": True,
    "null": None,
    "a list": [60],
    "an empty text": "",
}


@check("EXC-16", needs=(CONFIGURE,))
def test_numbers_out_of_range(mark: CheckId, trial: Trial) -> None:
    """A lifetime, cap, capacity, retention or age that is no number, or none that makes sense, is refused."""
    for name in ("ttl", "cap", "capacity", "retention", "max_age"):
        least: dict[str, object] = {} if name == "retention" else {"zero": 0}
        out: dict[str, object] = {"minus one": -1, "ten to the 15": 10**15, "two to the 64": 2**64}
        require_refused(trial, [name], {**_NO_NUMBER, **least, **out})


@check("EXC-16", needs=(CONFIGURE,))
def test_unknown_members(mark: CheckId, trial: Trial) -> None:
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
            require_refused(trial, [*place, name], {"there": "x"})
