"""Faults in reading a configuration: its rules (POL-7, POL-10)."""

from collections.abc import Callable
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.configurations import mended
from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_reference.keyserver import configuration, patterns


@helper_by(mended)
def _mended_grants(change: Callable[[Json, str], None], whole: Json) -> None:
    for rule in whole["policies"]:
        if isinstance(rule.get("grant"), dict):
            for side in ("backends", "tools"):
                change(rule["grant"], side)


@helper_by(mended)
def _mended_matches(change: Callable[[Json, Json], None], whole: Json) -> None:
    for rule in whole["policies"]:
        if isinstance(rule.get("match"), dict):
            change(rule["match"], whole)


@fault("POL-7")
def empty_grant_is_all(patch: Patch) -> None:
    """An empty list in a rule is full access: a template that renders nothing grants everything (§8 row 1)."""
    _mended_grants(patch, lambda grant, side: grant.update({side: grant[side] or ["*"]}) if side in grant else None)


@fault("POL-7")
def missing_grant_is_all(patch: Patch) -> None:
    """A side that a rule does not mention is not restricted (CWE-1188)."""
    _mended_grants(patch, lambda grant, side: grant.setdefault(side, ["*"]))


@fault_by("POL-7", _mended_grants)
def blank_grants_dropped(grant: Json, side: str) -> None:
    """Blank values are dropped from a grant, and it stands with what is left."""
    if isinstance(grant.get(side), list):
        grant[side] = [pattern for pattern in grant[side] if not isinstance(pattern, str) or pattern.strip()]


@fault("POL-7")
def rule_without_grant_is_all(patch: Patch) -> None:
    """A rule that only says for whom it is grants everything, since nothing in it forbids anything."""
    grant = {"backends": ["*"], "tools": ["*"]}

    def fill(whole: Json) -> None:
        for rule in whole["policies"]:
            rule["grant"] = rule.get("grant") or grant

    mended(patch, fill)


@fault("POL-7")
def word_for_all(patch: Patch) -> None:
    """`all` is understood as well, as in the predecessor's configuration; there is a backend of that name."""
    patch.wrap(patterns, "covers", lambda covers, pattern, name: pattern == "all" or covers(pattern, name))


@fault("POL-7")
def regex_for_all(patch: Patch) -> None:
    """`.*` is taken for all by whoever thinks of patterns as regular expressions."""
    patch.wrap(patterns, "covers", lambda covers, pattern, name: covers("*" if pattern == ".*" else pattern, name))


@fault("POL-10")
def rule_without_issuer_is_for_the_first(patch: Patch) -> None:
    """A rule without issuer is for the first provider, which was the only one when it was written (§8 row 4)."""
    _mended_matches(patch, lambda match, whole: match.setdefault("issuer", whole["providers"][0]["issuer"]))


@fault_by("POL-10", mended)
def rule_without_match_is_for_all(whole: Json) -> None:
    """A rule without criteria is a default, and the one forgotten line opens the server to everybody."""
    for rule in whole["policies"]:
        rule["match"] = rule.get("match") or {"issuer": whole["providers"][0]["issuer"]}


@fault_by("POL-10", _mended_matches)
def empty_criteria_dropped(match: Json, _: Json) -> None:
    """A criterion that is empty or null is none, so a template that renders nothing matches everybody (CWE-1188)."""
    for name in [name for name, value in match.items() if name != "issuer" and not value]:
        del match[name]


@fault_by("POL-10", Patch.wrap, configuration, "_rule")
def rule_for_an_unknown_issuer(read: Any, value: Any, place: str, issuers: list[str]) -> Any:
    """A rule whose issuer is no provider's is loaded and hides the typing error in it."""
    return read(value, place, [*issuers, value["match"].get("issuer")])


@fault_by("POL-10", _mended_matches)
def issuer_of_a_rule_trimmed(match: Json, _: Json) -> None:
    """White space and slashes around the issuer of a rule are trimmed before it is looked for."""
    if isinstance(match.get("issuer"), str):
        match["issuer"] = match["issuer"].strip().rstrip("/")
