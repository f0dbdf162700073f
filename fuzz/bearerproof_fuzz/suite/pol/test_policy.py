"""The rules of a policy: whom each is for, which of several decides, and whose address or issuer counts."""

from hypothesis import strategies as st

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyserver.rules import INVALID_SCOPE, askable, describe_sides, enforced, under
from bearerproof_fuzz.keyserver.setting import HOME, OTHER, Provider, rule
from bearerproof_fuzz.needs import CONFIGURE
from bearerproof_fuzz.oracles import policy

_NO_POLICY = "invalid_request"


# --- whom a rule is for

_STAFF: Json = {"groups": ["staff", "all"], "email": "alice@example.com", "email_verified": True}
_CRITERIA: dict[str, Json] = {
    "the group": {"group": "staff"},
    "the subject": {"subject": "alice"},
    "the address": {"email": "alice@example.com"},
    "the domain": {"domain": "example.com"},
}
_STRANGERS: dict[str, Json] = {
    "nothing of it": {"groups": None, "email": None, "email_verified": None},
    "another group": {"groups": ["staffing", "STAFF", "staf", "*", ""], "email": "bob@example.org"},
    "another domain": {"groups": [], "email": "bob@example.org"},
    "another address": {"groups": [], "email": "alice@example.com.example.org"},
}


@check("POL-1", needs=(CONFIGURE,))
def test_no_rule_matches(mark: CheckId, trial: Trial) -> None:
    """An identity that no rule is for is refused, whatever scope it asks for and however many rules there are."""
    for name, match in _CRITERIA.items():
        server = under(trial, rule(**match), rule(OTHER))
        server.issue(**_STAFF)
        for what, claims in _STRANGERS.items():
            for scope in (None, "backends:a tools:x", "backends:* tools:*"):
                decision = server.exchange(server.subject_token("mallory", **claims), scope)
                server.refused(decision, _NO_POLICY, f"a rule is for {name}; the identity has {what}, asks {scope!r}")


@check("POL-1", needs=(CONFIGURE,))
def test_criteria_hold_together(mark: CheckId, trial: Trial) -> None:
    """A rule with several criteria is for those who meet all of them."""
    everything = {name: value for match in _CRITERIA.values() for name, value in match.items()}
    server = under(trial, rule(**everything))
    server.issue(**_STAFF)
    lacking: dict[str, tuple[str, Json]] = {
        "the subject": ("bob", {}),
        "the group": ("alice", {"groups": ["all"]}),
        "the address": ("alice", {"email": "bob@example.com"}),
        "the domain": ("alice", {"email": "alice@example.org"}),
    }
    for name, (subject, claims) in lacking.items():
        decision = server.exchange(server.subject_token(subject, **{**_STAFF, **claims}))
        server.refused(decision, _NO_POLICY, f"all criteria of the rule are met but {name}")


_NO_GROUPS: dict[str, tuple[str, object]] = {
    "a text with the group in it": ("admin", "sysadmins"),
    "a text that begins with the group": ("admin", "administrators"),
    "a text of several groups": ("admin", "users admin"),
    "a text of several groups, with commas": ("admin", "users,admin"),
    "an object with the group as a name": ("admin", {"admin": True}),
    "an object with the group as a value": ("admin", {"0": "admin"}),
    "a list within a list": ("admin", [["admin"]]),
    "a list of objects": ("admin", [{"name": "admin"}]),
    "a list of one longer text": ("admin", ["sysadmins"]),
    "a list of texts with blanks": ("admin", ["admin ", " admin", "admin\n", "admin\0"]),
    "a list in another case": ("admin", ["Admin", "ADMIN"]),
    "a list of letters": ("admin", list("admin")),
    "a list that holds null": ("null", [None]),
    "a list that holds None": ("None", [None]),
    "a list that holds a number": ("1", [1]),
    "a list that holds a fraction": ("1", [1.0]),
    "a list that holds true": ("true", [True]),
    "a list that holds True": ("True", [True]),
    "a number": ("1", 1),
    "true": ("true", True),
    "false": ("false", False),
    "an empty list": ("[]", []),
    "an empty object": ("{}", {}),
}


@check("POL-1", needs=(CONFIGURE,))
def test_groups_of_another_type(mark: CheckId, trial: Trial) -> None:
    """Groups that are no list of texts meet no rule for a group: they are refused, or there is no rule for them."""
    for name, (group, groups) in _NO_GROUPS.items():
        server = under(trial, rule(group=group), rule(OTHER))
        server.issue(groups=[group])
        decision = server.exchange(server.subject_token("mallory", groups=groups))
        server.refused(decision, _NO_POLICY, f"a rule is for the group {group!r}, and groups is {name}")


@check("POL-1", needs=(CONFIGURE,))
def test_no_rules_at_all(mark: CheckId, trial: Trial) -> None:
    """Where there are no rules for a provider nobody of it gets anything."""
    server = under(trial, rule(HOME))
    server.issue()
    for provider_rules in ((rule(OTHER),), (rule(OTHER, group="staff"), rule(OTHER))):
        server = under(trial, *provider_rules)
        server.issue(provider=OTHER)
        decision = server.exchange(server.subject_token())
        server.refused(decision, _NO_POLICY, "there is no rule for the provider")


@check("POL-2", needs=(CONFIGURE,))
def test_first_of_several_rules(mark: CheckId, trial: Trial) -> None:
    """Of several rules that match the first decides: nothing of the others is added, nor do they step in."""
    narrow = rule(name="narrow", backends=("a",), tools=("a",), group="staff")
    middle = rule(name="middle", backends=("a", "b"), tools=("b",), subject="alice")
    wide = rule(name="wide")
    for rules in ((narrow, wide), (wide, narrow), (narrow, middle, wide), (middle, wide, narrow), (middle, narrow)):
        server = under(trial, *rules)
        expected = askable(server, policy.rule_sides(rules[0]))
        opened = enforced(server, server.issue(**_STAFF))
        if opened != expected:
            named = ", ".join(policy_rule["name"] for policy_rule in rules)
            server.fail(
                f"rules that all match, in this order: {named}", describe_sides(expected), describe_sides(opened)
            )
    server = under(trial, narrow, wide)
    server.issue(**_STAFF)
    decision = server.exchange(server.subject_token(**_STAFF), "backends:b")
    server.refused(decision, INVALID_SCOPE, "only the second rule that matches grants what is asked")


@check("POL-2", needs=(CONFIGURE,))
def test_rate_of_the_first_rule(mark: CheckId, trial: Trial) -> None:
    """The rate limit is that of the rule that decides."""
    for rates in ((60, 0), (0, 60), (5, 600)):
        first, second = (rule(name=f"rule {number}", rate_limit=rate) for number, rate in enumerate(rates))
        server = under(trial, first, second)
        scopes = server.admitted(server.issue()).scopes
        if scopes.get("rate_limit") != rates[0]:
            server.fail(f"rules with the rate limits {rates}", str(rates[0]), str(scopes.get("rate_limit")))


_MATCHES: tuple[Json, ...] = (
    {},
    {"group": "staff"},
    {"group": "admins"},
    {"subject": "alice"},
    {"subject": "bob"},
    {"domain": "example.com"},
    {"email": "bob@example.com"},
    {"domain": "example.com", "group": "admins"},
    {"domain": "Partner.example"},
)
_PEOPLE: tuple[tuple[str, Json], ...] = (
    ("alice", {"groups": ["staff"], "email": "alice@example.com"}),
    ("alice", {"groups": ["admins", "staff"], "email": "alice@EXAMPLE.com"}),
    ("bob", {"groups": [], "email": "bob@example.com"}),
    ("bob", {"groups": ["admins"], "email": "bob@example.com", "email_verified": False}),
    ("carol", {"groups": ["Staff"], "email": "carol@partner.example"}),
    ("carol", {"groups": None, "email": None, "email_verified": None}),
)


@check("POL-2", needs=(CONFIGURE,))
def test_any_rules_any_identity(mark: CheckId, trial: Trial) -> None:
    """Whatever the rules and the identity, the first rule that matches decides, and without one nothing is granted."""

    def decided(matches: list[tuple[Provider, Json]], person: tuple[str, Json]) -> None:
        rules = [
            rule(provider, backends=("b" + "abcd"[number],), tools=("*",), name=f"rule {number}", **match)
            for number, (provider, match) in enumerate(matches)
        ]
        server = under(trial, *rules)
        subject, claims = person
        known = {"email_verified": True, **{name: value for name, value in claims.items() if value is not None}}
        for provider in (HOME, OTHER):
            expected = policy.first_match(rules, provider.issuer, subject, known)
            decision = server.exchange(server.subject_token(subject, provider, **claims))
            shown = f"{subject} of {provider.issuer} under {[policy_rule['match'] for policy_rule in rules]}"
            if expected is None:
                server.refused(decision, _NO_POLICY, f"no rule matches {shown}")
                continue
            server.good(decision, f"{expected['name']} matches {shown}")
            backends = server.admitted(server.grant(decision, subject, provider)).scopes["backends"]
            if backends != expected["grant"]["backends"]:
                server.fail(f"another rule decides than the first: {shown}", expected["name"], f"that of {backends}")

    matches = st.tuples(st.sampled_from((HOME, HOME, OTHER)), st.sampled_from(_MATCHES))
    explore(decided, st.lists(matches, min_size=1, max_size=4), st.sampled_from(_PEOPLE), share=2)


# --- e-mail

_ADDRESSES = {
    "two @": "alice@evil.example@example.com",
    "two @, ours first": "alice@example.com@evil.example",
    "two @ side by side": "alice@@example.com",
    "a quoted @": '"alice@evil.example"@example.com',
    "no @": "example.com",
    "no local part": "@example.com",
    "no domain": "alice@",
    "nothing": "",
    "a subdomain": "alice@sub.example.com",
    "a longer label": "alice@evilexample.com",
    "a domain before ours": "alice@evil.example-example.com",
    "a domain behind ours": "alice@example.com.evil.example",
    "a trailing dot": "alice@example.com.",
    "a leading dot": "alice@.example.com",
    "a trailing blank": "alice@example.com ",
    "a trailing newline": "alice@example.com\n",
    "a NUL behind it": "alice@example.com\0.evil.example",
    "the parent domain": "alice@com",
    "our domain in the local part": "example.com@evil.example",
    "a percent route": "alice%example.com@evil.example",
    "a Kelvin sign": "alice@examp\u212ae.com",
    "a dotless i": "alice@example.c\u0131m",
    "a full-width letter": "alice@\uff45xample.com",
    "a list": ["alice@example.com"],
    "an object": {"address": "alice@example.com"},
    "an object with it as a name": {"alice@example.com": True},
    "a list within a list": [["alice@example.com"]],
    "a number": 1,
    "true": True,
    "an object that is empty": {},
}
_UNVERIFIED: dict[str, object] = {
    "false": False,
    "missing": None,
    "the text true": "true",
    "the text True": "True",
    "one": 1,
    "the text 1": "1",
    "a list": [True],
    "an object": {"verified": True},
    "an empty text": "",
}
_BY_ADDRESS: tuple[Json, ...] = ({"domain": "example.com"}, {"email": "alice@example.com"})


@check("POL-11", needs=(CONFIGURE,))
def test_unverified_address(mark: CheckId, trial: Trial) -> None:
    """An address counts only if the provider says with the boolean true that it is verified."""
    for match in _BY_ADDRESS:
        server = under(trial, rule(**match))
        server.issue()
        for name, said in _UNVERIFIED.items():
            decision = server.exchange(server.subject_token(email_verified=said))
            server.refused(decision, _NO_POLICY, f"a rule is for {match}, and email_verified is {name}")


@check("POL-11", needs=(CONFIGURE,))
def test_address_that_is_not_ours(mark: CheckId, trial: Trial) -> None:
    """A domain is met by an address of one @ whose domain it is, not by one that looks like it."""
    for match in _BY_ADDRESS:
        server = under(trial, rule(**match))
        server.issue()
        for name, address in _ADDRESSES.items():
            decision = server.exchange(server.subject_token(email=address))
            server.refused(decision, _NO_POLICY, f"a rule is for {match}, and the address has {name}")


@check("POL-11", needs=(CONFIGURE,))
def test_domain_in_any_case(mark: CheckId, trial: Trial) -> None:
    """A domain is met in any case of its letters, on either side, and no letter beyond ASCII is folded into it."""
    for domain in ("example.com", "EXAMPLE.com", "Example.Com"):
        server = under(trial, rule(domain=domain))
        for address in ("alice@example.com", "alice@EXAMPLE.COM", "alice@eXample.coM"):
            server.good(server.exchange(server.subject_token(email=address)), f"{address} under a rule for {domain}")
    server = under(trial, rule(domain="kiosk.example"))
    server.issue(email="alice@KIOSK.example")
    for address in ("alice@\u212aiosk.example", "alice@kio\u017fk.example", "alice@k\u0130osk.example"):
        decision = server.exchange(server.subject_token(email=address))
        server.refused(decision, _NO_POLICY, f"a letter that folds into one of ours: {address!a}")


@check("POL-11", needs=(CONFIGURE,))
def test_unverified_address_falls_through(mark: CheckId, trial: Trial) -> None:
    """Who has no verified address still gets what the rules give that do not ask for one."""
    narrow = rule(backends=("b",), tools=("b",), group="staff")
    server = under(trial, rule(domain="example.com"), narrow)
    server.good(server.authenticate(server.issue().bearer, "z", "z"), "the rule for the domain, met")
    unproven: tuple[Json, ...] = ({"email_verified": False}, {"email": "alice@evil.example"}, {"email": None})
    for claims in unproven:
        opened = enforced(server, server.issue(**claims))
        if opened != askable(server, policy.rule_sides(narrow)):
            server.fail(
                f"with {claims} the second rule decides",
                describe_sides(policy.rule_sides(narrow)),
                describe_sides(opened),
            )


# --- issuers


@check("POL-12", needs=(CONFIGURE,))
def test_rule_of_another_issuer(mark: CheckId, trial: Trial) -> None:
    """A rule is for nobody of another issuer, though everything else about them is the same."""
    for name, match in {**_CRITERIA, "everybody": Json()}.items():
        for mine, theirs in ((HOME, OTHER), (OTHER, HOME)):
            elsewhere = rule(theirs, group="nobody-at-all")
            for rules in ((rule(mine, **match), elsewhere), (elsewhere, rule(mine, **match))):
                server = under(trial, *rules)
                server.issue(provider=mine, **_STAFF)
                decision = server.exchange(server.subject_token("alice", theirs, **_STAFF))
                server.refused(
                    decision, _NO_POLICY, f"a rule of {mine.issuer} for {name}, an identity of {theirs.issuer}"
                )


@check("POL-12", needs=(CONFIGURE,))
def test_each_issuer_its_rule(mark: CheckId, trial: Trial) -> None:
    """Where two issuers have rules alike each identity is granted by that of its own."""
    rules = [
        rule(HOME, backends=("a",), tools=("a",), group="staff"),
        rule(OTHER, backends=("b",), tools=("b",), group="staff"),
    ]
    for ordered in (rules, rules[::-1]):
        server = under(trial, *ordered)
        for provider, own in zip((HOME, OTHER), rules, strict=True):
            opened = enforced(server, server.issue("alice", provider=provider, **_STAFF))
            if opened != askable(server, policy.rule_sides(own)):
                server.fail(
                    f"the rule for {provider.issuer}", describe_sides(policy.rule_sides(own)), describe_sides(opened)
                )
