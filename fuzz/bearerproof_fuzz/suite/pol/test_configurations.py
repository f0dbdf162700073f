"""Configurations that are refused at load: each differs in one place from one that is sound."""

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver.configurations import BLANKS, MISSING, NO_LIST, require_refused
from bearerproof_fuzz.keyserver.setting import HOME
from bearerproof_fuzz.needs import CONFIGURE


@check("POL-7", needs=(CONFIGURE,))
def test_empty_grants(mark: CheckId, trial: Trial) -> None:
    """A rule that grants an empty list, or none, is refused, and so is one whose values are no patterns."""
    values = {
        **NO_LIST,
        "a list with an empty text": [""],
        "a list with a blank": [" "],
        "a list with a pattern and an empty text": ["a", ""],
        "the pattern for all, not in a list": "*",
        "true": True,
        "an object": {"*": True},
    }
    for number in (0, 1):
        for side in ("backends", "tools"):
            require_refused(trial, ["policies", number, "grant", side], values)


@check("POL-7", needs=(CONFIGURE,))
def test_rule_without_grant(mark: CheckId, trial: Trial) -> None:
    """A rule that says nothing of what it grants is refused."""
    values = {"missing": MISSING, "null": None, "empty": {}, "a list": [], "the pattern for all": "*"}
    require_refused(trial, ["policies", 0, "grant"], values)


@check("POL-8", needs=(CONFIGURE,))
def test_texts_that_are_no_patterns(mark: CheckId, trial: Trial) -> None:
    """What has no one meaning as a pattern is refused at load."""
    texts = ("a*b", "*a", "**", "a**", "a?", "[ab]", "a,b", "a b", " a", "a\n", "a/b", "^a$", "a|b", "é", "\uff41")
    require_refused(trial, ["policies", 0, "grant", "tools"], {f"a list with {text!r}": [text] for text in texts})


@check("POL-10", needs=(CONFIGURE,))
def test_rules_without_criteria(mark: CheckId, trial: Trial) -> None:
    """A rule without criteria, or without an issuer among them, is refused."""
    matches: dict[str, object] = {
        "missing": MISSING,
        "null": None,
        "empty": {},
        "a list": [],
        "a text": "*",
        "a group alone": {"group": "staff"},
        "a subject alone": {"subject": "alice"},
        "a domain alone": {"domain": "example.com"},
        "an address alone": {"email": "alice@example.com"},
        "all but the issuer": {"group": "staff", "subject": "alice", "domain": "example.com"},
    }
    for number in (0, 1):
        require_refused(trial, ["policies", number, "match"], matches)


@check("POL-10", needs=(CONFIGURE,))
def test_rules_with_empty_criteria(mark: CheckId, trial: Trial) -> None:
    """A criterion that is empty, blank or no text at all is refused."""
    values: dict[str, object] = {
        **BLANKS,
        "null": None,
        "a list": ["staff"],
        "an empty list": [],
        "true": True,
        "one": 1,
    }
    for criterion in ("group", "subject", "domain", "email"):
        require_refused(trial, ["policies", 0, "match", criterion], values)


@check("POL-10", needs=(CONFIGURE,))
def test_rules_of_unknown_issuers(mark: CheckId, trial: Trial) -> None:
    """A rule whose issuer is not, to the letter, that of a provider is refused."""
    issuers: dict[str, object] = {
        "another's": "https://evil.example",
        "with a trailing slash": HOME.issuer + "/",
        "a prefix": HOME.issuer[:-1],
        "in upper case": HOME.issuer.upper(),
        "a star": "*",
        "a pattern": "https://*",
        "empty": "",
        "null": None,
        "a list": [HOME.issuer],
        "with a blank": HOME.issuer + " ",
        "plain http": "http://idp.example",
    }
    for number in (0, 1):
        require_refused(trial, ["policies", number, "match", "issuer"], issuers)
