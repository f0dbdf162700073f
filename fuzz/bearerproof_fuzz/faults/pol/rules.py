"""Faults in whom a rule is for, and which one decides (POL-1, POL-2, POL-11, POL-12)."""

from collections.abc import Callable
from dataclasses import replace
from json import dumps
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.keyserver import policy, subjects
from bearerproof_reference.keyserver.exchange import Exchange
from bearerproof_reference.keyserver.policy import Match, Policy, Rule
from bearerproof_reference.keyserver.scopes import ScopeError, read
from bearerproof_reference.keyserver.tokens import Identity, Scopes

ALL = Scopes(("*",), ("*",))


@helper_by(Patch.wrap, Policy, "rule_for")
def _unmatched(
    fall_back: Callable[[Policy, Identity], Rule | None], rule_for: Any, self: Policy, identity: Identity
) -> Rule | None:
    """Have something decide about identities that no rule is for."""
    found: Rule | None = rule_for(self, identity)
    return found or fall_back(self, identity)


@fault("POL-1")
def no_rule_is_full_access(patch: Patch) -> None:
    """Where no rule matches nothing is restricted: everybody with an account at the provider is in (CWE-636)."""
    _unmatched(patch, lambda _, identity: Rule("default", Match(identity.issuer), ALL))


@fault("POL-1")
def last_rule_is_the_default(patch: Patch) -> None:
    """The last rule is taken for the default, whomever it is for."""
    _unmatched(patch, lambda self, _: self.rules[-1] if self.rules else None)


@fault_by("POL-1", _unmatched)
def provider_without_rules_is_open(self: Policy, identity: Identity) -> Rule | None:
    """A provider that no rule mentions is trusted as a whole: rules are meant to restrict, and there are none."""
    named = any(rule.match.issuer == identity.issuer for rule in self.rules)
    return None if named else Rule("open", Match(identity.issuer), ALL)


def _seen_by_match(patch: Patch, change: Callable[[Match, Identity], Identity]) -> None:
    """Have a rule see another identity than it is asked about."""
    patch.wrap(Match, "__call__", lambda call, self, identity: call(self, change(self, identity)))


@fault_by("POL-1", Patch.wrap, Match, "__call__")
def any_criterion_will_do(call: Any, self: Match, identity: Identity) -> bool:
    """The criteria of a rule are alternatives, so that a rule for one admin of a group is for the whole domain."""
    named = {name: getattr(self, name) for name in ("domain", "email", "group", "subject")}
    alone = [Match(self.issuer, **{name: value}) for name, value in named.items() if value is not None]
    return any(call(match, identity) for match in alone or [self])


@fault_by("POL-1", _seen_by_match)
def group_by_substring(match: Match, identity: Identity) -> Identity:
    """Groups are joined to one text and searched: `staffing` holds `staff`."""
    found = match.group is not None and match.group in ",".join(identity.groups)
    return replace(identity, groups=(*identity.groups, match.group)) if found and match.group else identity


@fault_by("POL-1", _seen_by_match)
def group_star_is_everybody(match: Match, identity: Identity) -> Identity:
    """A group called `*` is in the token of whoever may name groups, and matches every rule."""
    return replace(identity, groups=(match.group,)) if match.group and "*" in identity.groups else identity


@helper_by(Patch.wrap, Policy, "rule_for")
def _decided(choose: Callable[[list[Rule]], Rule], _: Any, self: Policy, identity: Identity) -> Rule | None:
    """Have another choice made among the rules that match."""
    matching = [rule for rule in self.rules if rule.match(identity)]
    return choose(matching) if matching else None


@fault("POL-2")
def last_rule_decides(patch: Patch) -> None:
    """Rules are put into a table by what they match, and the last one written wins."""
    _decided(patch, lambda rules: rules[-1])


@fault_by("POL-2", _decided)
def rules_are_merged(rules: list[Rule]) -> Rule:
    """All rules that match are added up, so a narrow rule for contractors only adds to the wide one (CWE-863)."""
    grants = [rule.grant for rule in rules]
    backends = tuple(dict.fromkeys(name for grant in grants for name in grant.backends))
    tools = tuple(dict.fromkeys(name for grant in grants for name in grant.tools))
    return replace(rules[0], grant=Scopes(backends, tools, rules[0].grant.rate_limit))


@fault("POL-2")
def most_specific_rule_decides(patch: Patch) -> None:
    """The rule with the most criteria decides, in whatever order the administrator put them."""

    def criteria(rule: Rule) -> int:
        match = rule.match
        return sum(value is not None for value in (match.domain, match.email, match.group, match.subject))

    _decided(patch, lambda rules: max(rules, key=criteria))


@fault_by("POL-2", _decided)
def highest_rate_decides(rules: list[Rule]) -> Rule:
    """Of all rules that match the most generous rate limit is taken."""
    rates = [rule.grant.rate_limit for rule in rules]
    return replace(rules[0], grant=replace(rules[0].grant, rate_limit=0 if 0 in rates else max(rates)))


@fault_by("POL-2", Patch.wrap, Exchange, "_scopes")
def next_rule_steps_in(scopes: Any, self: Any, identity: Identity, scope: str | None, occasion: Any) -> Any:
    """Where the first rule leaves nothing of what was asked, the next one that matches is tried."""
    rules = vars(self)["_configuration"].policy.rules
    for rule in [rule for rule in rules if rule.match(identity)]:
        try:
            return policy.narrow(rule.grant, read(scope))
        except ScopeError:
            continue
    return scopes(self, identity, scope, occasion)


def _identified(patch: Patch, change: Callable[[Identity, dict[str, Any]], Identity]) -> None:
    """Have something else read from the claims about an identity."""
    patch.wrap(subjects, "_identity", lambda identity, claims: change(identity(claims), claims))


_IDENTIFIED: Rows[Callable[[Identity, dict[str, Any]], Identity]] = {
    "email-verified-ignored": (
        "`email_verified` is not looked at, and the provider lets users type in any address (§8 row 4).",
        lambda identity, _: replace(identity, email_verified=True),
    ),
    "email-verified-by-truth": (
        "Whatever is not empty is true, the text `false` among it.",
        lambda identity, claims: replace(identity, email_verified=bool(claims.get("email_verified"))),
    ),
    "email-verified-as-text": (
        "A provider is known to send the boolean as text, so text is taken from all of them.",
        lambda identity, claims: replace(identity, email_verified=claims.get("email_verified") in (True, "true")),
    ),
    "email-verified-by-default": (
        "A provider that does not say whether an address is verified is taken to have verified it.",
        lambda identity, claims: replace(identity, email_verified=claims.get("email_verified", True) is True),
    ),
    "address-trimmed": (
        "White space around an address is trimmed, and a line break with it.",
        lambda identity, _: replace(identity, email=identity.email.strip()),
    ),
}
faults_for("POL-11", _identified, _IDENTIFIED)


def _split(patch: Patch, split: Callable[[str], tuple[str, str] | None]) -> None:
    """Have addresses taken apart in another way."""
    patch(policy, "split_email", split)


@fault("POL-11")
def domain_behind_the_last_at(patch: Patch) -> None:
    """The domain is what stands behind the last `@`, though mail goes elsewhere (CWE-290)."""
    _split(patch, lambda text: (text.rpartition("@")[0], policy.fold(text.rpartition("@")[2])) if "@" in text else None)


@fault("POL-11")
def domain_before_the_second_at(patch: Patch) -> None:
    """The domain is the second piece between the `@`, however many there are."""
    _split(patch, lambda text: (text.split("@")[0], policy.fold(text.split("@")[1])) if "@" in text else None)


@fault("POL-11")
def address_without_at_is_a_domain(patch: Patch) -> None:
    """An address without `@` is all domain, and passes the check of the domain (§8 row 4)."""
    split = policy.split_email
    _split(patch, lambda text: split(text) or ((text, policy.fold(text)) if text and "@" not in text else None))


@fault("POL-11")
def address_without_local_part(patch: Patch) -> None:
    """That something stands before the `@` is not checked."""
    split = policy.split_email
    _split(patch, lambda text: split("nobody" + text if text.startswith("@") else text))


@fault_by("POL-11", Patch.wrap, Match, "__call__")
def domain_by_its_end(call: Any, self: Match, identity: Identity) -> bool:
    """A domain that ends like ours is ours: `evilexample.com` (CWE-187)."""
    domain = (self.domain or "").lower()
    email = identity.email
    alike = domain and email.lower().endswith(domain) and email.count("@") == 1 and email[0] != "@"
    return bool(call(self, replace(identity, email=f"somebody@{domain}") if alike else identity))


@fault_by("POL-11", _seen_by_match)
def domain_with_its_subdomains(match: Match, identity: Identity) -> Identity:
    """A rule for a domain is for its subdomains too, which are given to customers."""
    below = match.domain is not None and identity.email.lower().endswith("." + match.domain.lower())
    return replace(identity, email=f"somebody@{match.domain}") if below else identity


@fault("POL-11")
def domain_folded_beyond_ascii(patch: Patch) -> None:
    """Domains are lowered as text of any script, where the Kelvin sign becomes a k (CWE-178)."""
    patch(policy, "fold", str.lower)


@fault("POL-11")
def domain_in_its_case(patch: Patch) -> None:
    """Domains are compared to the letter, so that users are locked out who write theirs in capitals."""
    patch(policy, "fold", lambda domain: domain)


_SEEN_BY_MATCH: Rows[Callable[[Match, Identity], Identity]] = {
    "rules-blind-to-the-issuer": (
        "The issuer of a rule is not compared: a partner's administrator makes a group named like ours (§8 row 4).",
        lambda match, identity: replace(identity, issuer=match.issuer),
    ),
    "groups-are-everywhere-the-same": (
        "Groups are matched whoever says them; only addresses and subjects are tied to their issuer (§8 row 4).",
        lambda match, identity: replace(identity, issuer=match.issuer) if match.group else identity,
    ),
    "addresses-are-everywhere-the-same": (
        "A verified address is thought to be the same person at every provider (OpenID Connect Core §5.7).",
        lambda match, identity: replace(identity, issuer=match.issuer) if match.email or match.domain else identity,
    ),
    "subjects-are-everywhere-the-same": (
        "A subject is taken for a name of its own, without the issuer that gave it.",
        lambda match, identity: replace(identity, issuer=match.issuer) if match.subject else identity,
    ),
}
faults_for("POL-12", _seen_by_match, _SEEN_BY_MATCH)


@helper_by(Patch.wrap, subjects, "_identity")
def _grouped(change: Callable[[Any], Any], identity: Any, claims: Any) -> Any:
    """Have groups of another type taken for something."""
    groups = claims.get("groups")
    listed = isinstance(groups, list) and all(isinstance(group, str) for group in groups)
    found = identity({**claims, "groups": groups if listed or groups is None else []})
    return found if listed or groups is None else replace(found, groups=change(groups))


_GROUPED: Rows[Callable[[Any], Any]] = {
    "group-in-a-text": (
        "`group in groups` is a look into a text where the provider sends one: sysadmins are admins.",
        lambda groups: groups if isinstance(groups, str | dict) else (),
    ),
    "groups-turned-into-text": (
        "Whatever stands in the list is turned into text: true is the group `true`.",
        lambda groups: tuple(map(str, groups)) + tuple(map(dumps, groups)) if isinstance(groups, list) else (),
    ),
    "groups-split-at-blanks": (
        "A text is split at blanks and commas, as a scope would be.",
        lambda groups: tuple(groups.replace(",", " ").split()) if isinstance(groups, str) else (),
    ),
}
faults_for("POL-1", _grouped, _GROUPED)
