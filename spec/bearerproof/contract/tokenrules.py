"""A product's own rules for its tokens, as data: what every honest token carries, and what one may be refused for.

A template can only add or fix values. It is applied to bases and edits alike, so that each rejection keeps its meaning;
where a token that the standards admit lies outside of it, a refusal says nothing, and neither does an acceptance that
a built-in leeway explains.
"""

import base64
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bearerproof import members
from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json
from bearerproof.specification.catalogue import Profile


@dataclass(frozen=True)
class TokenRules:
    """What a product demands of the tokens of one profile beyond the standards; times are in seconds.

    ``closed_claims`` are the only claims that it knows, None: any. ``padding_claim`` is where filler may go.
    ``leeway`` is built in for the claims that it names, and cannot be set; that of the policy may come on top of it.
    ``needed_claims`` are claims of honest tokens that the product may need for itself: whether it does is not known.
    """

    claims: Json = field(default_factory=dict)
    subjects: tuple[str, ...] = ()
    closed_claims: tuple[str, ...] | None = None
    padding_claim: str | None = None
    max_lifetime: float | None = None
    leeway: Mapping[str, float] = field(default_factory=dict)
    nonce_required: bool = False
    needed_claims: tuple[str, ...] = ()

    def knows(self, claim: str) -> bool:
        """Say whether a token may have this claim."""
        return self.closed_claims is None or claim in self.closed_claims

    def excuse(self, answer: Answer, presented: Presentation, base: Presentation | None = None) -> str | None:
        """Return why an answer proves nothing under these rules, or None if it is what it seems.

        A built-in leeway explains that a token is accepted of which nothing but a time differs from an accepted
        ``base``; whatever else is wrong with one, it does not.
        """
        if answer.outcome is Outcome.ACCEPTED:
            return None if base is None or _differs_beyond_times(presented, base) else self._within_leeway(presented)
        claims = _claims(presented.token)
        if answer.outcome in (Outcome.REJECTED, Outcome.ERRORED):
            lacking = [name for name in self.needed_claims if name not in claims]
            if lacking:
                return f"the product may need {', '.join(lacking)}, which this token does not have"
        if answer.outcome is not Outcome.REJECTED:
            return None
        if self.nonce_required and presented.policy.members.get("nonce", "") is None:
            return "the implementation declares that it verifies no ID token without a nonce"
        return self._outside(claims, presented.now)

    def _outside(self, claims: Json, now: float) -> str | None:
        unknown = sorted(name for name in claims if not self.knows(name))
        if unknown:
            return f"the implementation declares a closed list of claims, without {', '.join(unknown)[:100]}"
        if self.subjects and claims.get("sub") not in self.subjects:
            return "the implementation declares a form of subjects that this one has not"
        changed = [name for name, value in self.claims.items() if claims.get(name) != value]
        if changed:
            return f"the implementation declares that {', '.join(changed)} must be as in its template"
        if self.max_lifetime is not None and _lifetime(claims, now) > self.max_lifetime:
            return f"the implementation declares a lifetime of {self.max_lifetime:g} s at most"
        return None

    def _within_leeway(self, presented: Presentation) -> str | None:
        off, settable = _off(presented), presented.policy.members.get("leeway", 0)
        if not off or any(seconds > self.leeway.get(name, -math.inf) + settable for name, seconds in off.items()):
            return None
        return "the implementation declares a built-in leeway of " + " and ".join(
            f"{self.leeway[name]:g} s for {name}" for name in off
        )

    def describe(self) -> str:
        """Return the rules as they were declared, in one line."""
        said = {name: value for name, value in vars(self).items() if value not in ((), None, {}, False)}
        return json.dumps(said, ensure_ascii=True)


OPEN = TokenRules()
"""The rules of who declares none."""


def read_token_rules(raw: Json, where: str) -> dict[Profile, TokenRules]:
    """Read the member ``tokens`` of a declaration.

    Raises:
        AdapterFault: a member is unknown or of the wrong type, or the rules contradict one another.
    """
    members.refuse_unknown(raw, set(_WITH_CLAIMS), where)
    return {Profile(name): _read(members.get(raw, name, dict, where), f"{where}: {name}") for name in raw}


_WITH_CLAIMS = (Profile.JWT, Profile.ACCESS_TOKEN, Profile.ID_TOKEN)
"""The profiles whose tokens carry claims, so that there can be rules for them."""


def _read(raw: Json, where: str) -> TokenRules:
    kinds: dict[str, type] = {"claims": dict, "padding_claim": str, "leeway": dict, "nonce_required": bool}
    lists, times = {"subjects", "closed_claims", "needed_claims"}, {"max_lifetime"}
    members.refuse_unknown(raw, {*kinds, *lists, *times}, where)
    found: Json = {name: members.get(raw, name, kinds[name], where) for name in kinds if name in raw}
    found |= {name: members.strings(raw[name], f"{where}: {name}") for name in lists if name in raw}
    found |= {name: members.seconds(raw, name, where) for name in times if name in raw}
    if "leeway" in found:
        members.refuse_unknown(found["leeway"], set(_TIMES), f"{where}: leeway")
        found["leeway"] = {name: members.seconds(found["leeway"], name, f"{where}: leeway") for name in found["leeway"]}
    rules = TokenRules(**found)
    _look_at(rules, where)
    return rules


def _look_at(rules: TokenRules, where: str) -> None:
    if rules.subjects and len(set(rules.subjects)) < 4:
        raise AdapterFault(f"{where}: subjects must be at least four that differ")
    fixed = [name for name in rules.claims if name in STANDARD]
    if fixed:
        raise AdapterFault(f"{where}: claims must leave {', '.join(fixed)} to the checks")
    unknown = [name for name in (*rules.claims, *filter(None, [rules.padding_claim])) if not rules.knows(name)]
    if unknown:
        raise AdapterFault(f"{where}: closed_claims must hold {', '.join(unknown)} as well")


STANDARD = frozenset(
    {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "events", "nonce", "azp"}
    | {"at_hash", "c_hash", "auth_time", "acr", "sid", "sv"}
)
"""The claims that checks are about."""


def _claims(token: str | bytes) -> Json:
    """Read the claims as leniently as can be: a token that cannot be read breaks no rule of a product."""
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(_octets(token).split(b".")[1] + b"=="))
    except (IndexError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _octets(token: str | bytes) -> bytes:
    return token if isinstance(token, bytes) else token.encode(errors="replace")


def _differs_beyond_times(presented: Presentation, base: Presentation) -> bool:
    """Say whether a token, or what it is held to, differs from another in more than what its times and leeway are."""
    claims, others = _claims(presented.token), _claims(base.token)
    sides = [
        (_octets(each.token).partition(b".")[0], _but_times(told), {**each.policy.members, "leeway": None})
        for each, told in ((presented, claims), (base, others))
    ]
    return not claims or sides[0] != sides[1] or not _times(others).keys() <= _times(claims).keys()


def _off(presented: Presentation) -> dict[str, float]:
    """Return by how many seconds each time of a token is wrong beyond the leeway of the policy, where it is."""
    claims, policy = _claims(presented.token), presented.policy.members
    leeway, now, max_age = policy.get("leeway", 0), presented.now, policy.get("max_age")
    times = _times(claims)
    off = {name: at - now for name, at in times.items() if name != "exp" and at - now > leeway}
    if "exp" in times and now - times["exp"] >= leeway:
        off["exp"] = now - times["exp"]
    if "auth_time" in times and max_age is not None and now - times["auth_time"] - max_age > leeway:
        off["auth_time"] = now - times["auth_time"] - max_age
    return off


_TIMES = ("exp", "nbf", "iat", "auth_time")


def _times(claims: Json) -> dict[str, float]:
    numbers = {name: claims[name] for name in _TIMES if isinstance(claims.get(name), int | float)}
    return {name: value for name, value in numbers.items() if not isinstance(value, bool)}


def _but_times(claims: Json) -> Json:
    return {name: value for name, value in claims.items() if name not in _times(claims)}


def _lifetime(claims: Json, now: float) -> float:
    begun = [_number(claims.get(name), now) for name in ("iat", "nbf")]
    return _number(claims.get("exp"), now) - min(now, *begun)


def _number(value: object, default: float) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else default
