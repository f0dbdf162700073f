"""A product's own rules for its tokens, as data: what every honest token carries, and what one may be refused for.

A template can only add or fix values. It is applied to bases and edits alike, so that each rejection keeps its meaning;
where a token that the standards admit lies outside of it, a refusal says nothing, and neither does an acceptance that
a built-in leeway explains.
"""

import base64
import json
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
    ``leeway`` is built in for the claims that it names, and cannot be set.
    """

    claims: Json = field(default_factory=dict)
    subjects: tuple[str, ...] = ()
    closed_claims: tuple[str, ...] | None = None
    padding_claim: str | None = None
    max_lifetime: float | None = None
    leeway: Mapping[str, float] = field(default_factory=dict)
    nonce_required: bool = False

    def knows(self, claim: str) -> bool:
        """Say whether a token may have this claim."""
        return self.closed_claims is None or claim in self.closed_claims

    def excuse(self, answer: Answer, presented: Presentation) -> str | None:
        """Return why an answer proves nothing under these rules, or None if it is what it seems."""
        claims = _claims(presented.token)
        if answer.outcome is Outcome.ACCEPTED:
            return self._within_leeway(claims, presented.now)
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

    def _within_leeway(self, claims: Json, now: float) -> str | None:
        for name, sign in (("exp", -1), ("nbf", 1), ("iat", 1), ("auth_time", 1)):
            beyond = sign * (_number(claims.get(name), now) - now)
            if name in self.leeway and (beyond >= 0 if name == "exp" else beyond > 0) and beyond <= self.leeway[name]:
                return f"the implementation declares a built-in leeway of {self.leeway[name]:g} s for {name}"
        return None

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
    return {
        members.one_of(Profile, name, where): _read(members.get(raw, name, dict, where), f"{where}: {name}")
        for name in raw
    }


def _read(raw: Json, where: str) -> TokenRules:
    kinds: dict[str, type] = {"claims": dict, "padding_claim": str, "leeway": dict, "nonce_required": bool}
    lists, times = {"subjects", "closed_claims"}, {"max_lifetime"}
    members.refuse_unknown(raw, {*kinds, *lists, *times}, where)
    found: Json = {name: members.get(raw, name, kinds[name], where) for name in kinds if name in raw}
    found |= {name: members.strings(raw[name], f"{where}: {name}") for name in lists if name in raw}
    found |= {name: members.seconds(raw, name, where) for name in times if name in raw}
    if "leeway" in found:
        members.refuse_unknown(found["leeway"], {"exp", "nbf", "iat", "auth_time"}, f"{where}: leeway")
        found["leeway"] = {name: members.seconds(found["leeway"], name, f"{where}: leeway") for name in found["leeway"]}
    rules = TokenRules(**found)
    _look_at(rules, where)
    return rules


def _look_at(rules: TokenRules, where: str) -> None:
    if rules.subjects and len(set(rules.subjects)) < 4:
        raise AdapterFault(f"{where}: subjects must be at least four that differ")
    fixed = [name for name in _STANDARD if name in rules.claims]
    if fixed:
        raise AdapterFault(f"{where}: claims must leave {', '.join(fixed)} to the checks")
    unknown = [name for name in (*rules.claims, *filter(None, [rules.padding_claim])) if not rules.knows(name)]
    if unknown:
        raise AdapterFault(f"{where}: closed_claims must hold {', '.join(unknown)} as well")


_STANDARD = (
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "nonce",
    "azp",
    "at_hash",
    "c_hash",
    "auth_time",
    "acr",
    "sid",
    "sv",
)


def _claims(token: str | bytes) -> Json:
    """Read the claims as leniently as can be: a token that cannot be read breaks no rule of a product."""
    octets = token if isinstance(token, bytes) else token.encode(errors="replace")
    try:
        found: Any = json.loads(base64.urlsafe_b64decode(octets.split(b".")[1] + b"=="))
    except (IndexError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _lifetime(claims: Json, now: float) -> float:
    begun = [_number(claims.get(name), now) for name in ("iat", "nbf")]
    return _number(claims.get("exp"), now) - min(now, *begun)


def _number(value: object, default: float) -> float:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else default
