"""The forge: accepted base tokens of every profile, and drafts of tokens that differ from them on purpose.

A draft holds the token before it is written down: header and claims as members or as raw JSON, who signs, how the
segments are spelled. Edits are functions from draft to draft; ``Draft.presentation`` writes the token.
"""

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from types import MappingProxyType
from typing import Any

from bearerproof.contract.declaration import OPTIONS, Declaration
from bearerproof.contract.messages import Policy, Presentation
from bearerproof.contract.resource.resourceserver import ResourceServer
from bearerproof.contract.tokenrules import OPEN, TokenRules
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.keys import Key, b64

NOW = 1_800_000_000
"""The reference instant of every token with an injected clock: 15 January 2027, in seconds."""

ISSUER = "https://as.example"
AUDIENCE = "api://orders"
CLIENT = "app-1"
NONCE = "n-0S6_WzA2Mj"
LIFETIME = 600

Members = dict[str, Any]
Spelling = Callable[[str], str]
Signer = Callable[[bytes], bytes]


def unchanged(text: str) -> str:
    """Spell a segment as RFC 7515 says: leave it alone."""
    return text


@dataclass(frozen=True)
class Draft:
    """A token before it is written down, with the policy and the instant it is presented under.

    ``header_json`` and ``payload_json`` replace the members when a fault lies below the level of JSON values.
    The spellings of header and payload apply before signing, so that the signature covers what is sent; those of
    the signature and of the whole token apply after. What ``rules`` fix stands in every token, whatever an edit leaves.
    """

    profile: Profile
    key: Key
    header: Members
    claims: Members
    policy: Policy
    now: float
    signer: Signer
    tick: float = 0
    header_json: bytes | None = None
    payload_json: bytes | None = None
    spell_header: Spelling = unchanged
    spell_payload: Spelling = unchanged
    spell_signature: Spelling = unchanged
    spell_token: Spelling = unchanged
    rules: TokenRules = OPEN

    def but(self, **members: Any) -> "Draft":
        """Return the same draft with some of its own members set anew.

        It is ``dataclasses.replace`` at a tenth of its cost, and keeps the segments that were written and still hold:
        most edits change one of them.
        """
        changed = object.__new__(type(self))
        held = changed.__dict__
        held.update(self.__dict__)
        held.update(members)
        for segment, parts in _WRITTEN_FROM:
            if not parts.isdisjoint(members):
                held.pop(segment, None)
        return changed

    def with_header(self, **members: Any) -> "Draft":
        """Set JOSE header parameters."""
        return self.but(header={**self.header, **members})

    def without_header(self, name: str) -> "Draft":
        """Leave a JOSE header parameter out."""
        return self.but(header={k: v for k, v in self.header.items() if k != name})

    def with_claims(self, **members: Any) -> "Draft":
        """Set claims."""
        return self.but(claims={**self.claims, **members})

    def filled(self, text: str) -> "Draft":
        """Make it longer by a claim that means nothing."""
        return self.with_claims(**{self.rules.padding_claim or "filler": text})

    def without_claim(self, name: str) -> "Draft":
        """Leave a claim out."""
        return self.but(claims={k: v for k, v in self.claims.items() if k != name})

    def with_policy(self, **members: Any) -> "Draft":
        """Present it under a policy with some members set anew."""
        return self.but(policy=self.policy.but(**members))

    def with_keys(self, *held: Key) -> "Draft":
        """Present it under a policy that holds these keys."""
        return self.with_policy(keys={"keys": [key.public_jwk for key in held]})

    def with_signers_jwk(self, rewrite: Callable[[keys.Jwk], keys.Jwk]) -> "Draft":
        """Have the key that signs stand in the policy in another form."""
        held = self.policy.members["keys"]["keys"]
        return self.with_policy(keys={"keys": [rewrite(jwk) if jwk["kid"] == self.key.kid else jwk for jwk in held]})

    def signed_by(self, signer: Signer) -> "Draft":
        """Have somebody else sign."""
        return self.but(signer=signer)

    def with_signature(self, change: Callable[[bytes], bytes]) -> "Draft":
        """Change the signature's octets after signing."""
        signer = self.signer
        return self.but(signer=lambda signing_input: change(signer(signing_input)))

    def unsigned(self) -> "Draft":
        """Leave the signature empty."""
        return self.signed_by(lambda _: b"")

    def respelled(self, spell: Spelling) -> "Draft":
        """Change the text of the finished token, after any change made before."""
        before = self.spell_token
        return self.but(spell_token=lambda token: spell(before(token)))

    def header_bytes(self) -> bytes:
        """Return the octets of the JOSE header."""
        return _json(self.header) if self.header_json is None else self.header_json

    def payload_bytes(self) -> bytes:
        """Return the octets of the payload."""
        return _json(self.all_claims) if self.payload_json is None else self.payload_json

    @property
    def all_claims(self) -> Members:
        """The claims, with those that a product's rules put back after each edit."""
        return {**self.rules.claims, **self.claims}

    def token(self) -> str:
        """Write the token in compact serialisation (RFC 7515 §7.1)."""
        signing_input = f"{self.header_segment}.{self.payload_segment}"
        signature = self.spell_signature(b64(self.signer(signing_input.encode())))
        return self.spell_token(f"{signing_input}.{signature}")

    @cached_property
    def header_segment(self) -> str:
        """The header as it stands in the token."""
        return self.spell_header(b64(self.header_bytes()))

    @cached_property
    def payload_segment(self) -> str:
        """The payload as it stands in the token."""
        return self.spell_payload(b64(self.payload_bytes()))

    def presentation(self) -> Presentation:
        """Return the token as it is presented to the implementation."""
        return Presentation(self.token(), self.policy, self.profile, self.now, self.tick)


_WRITTEN_FROM = (
    ("header_segment", frozenset({"header", "header_json", "spell_header"})),
    ("payload_segment", frozenset({"claims", "payload_json", "spell_payload", "rules"})),
)
"""Segments that a draft keeps once they are written, and the members that they are written from."""


def _json(members: Members) -> bytes:
    return _ENCODER.encode(members).encode("utf-8", "surrogatepass")


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)


@dataclass(frozen=True)
class Forge:
    """Makes base tokens that an implementation with this declaration has to accept."""

    declaration: Declaration
    now: float = NOW

    @classmethod
    def at_present(cls, declaration: Declaration) -> "Forge":
        """Return a forge at the reference instant, or at this very second where the clock cannot be injected."""
        return cls(declaration, NOW if declaration.injected_clock else int(time.time()))

    def algorithm(self, among: tuple[str, ...] = ()) -> str | None:
        """Return the first algorithm that is wanted and declared, in our order of preference."""
        wanted = among or tuple(keys.MATERIAL)
        return next((name for name in wanted if name in self.declaration.algorithms), None)

    def base(self, profile: Profile, algorithm: str | None = None) -> Draft:
        """Return an honest token of the profile with the policy that accepts it.

        Raises:
            LookupError: the implementation declares no algorithm that the forge can sign with.
        """
        name = algorithm or self.algorithm()
        if name is None:
            raise LookupError("the implementation declares no algorithm that the forge can sign with")
        key, rules = keys.key(name), self.declaration.rules(profile)
        return Draft(
            profile=profile,
            key=key,
            header=_header(profile, key, self.declaration.resource_server),
            claims=_under(rules, _claims(profile, int(self.now), self.declaration.resource_server)),
            policy=self._policy(profile, key),
            now=self.now,
            signer=key.sign,
            rules=rules,
        )

    def _policy(self, profile: Profile, key: Key) -> Policy:
        members = {"algorithms": [key.algorithm], **_honoured(_POLICIES[profile], profile, self.declaration)}
        server = self.declaration.resource_server
        if server is not None and profile in _OF_RESOURCES:
            members |= {"issuer": server.issuer, "audience": server.audience}
        if "require" in members:
            members["require"] = self.declaration.requirable(members["require"])
        siblings = [key, keys.key(key.algorithm, "b")] if self.declaration.key_set else [key]
        return Policy({**members, "keys": {"keys": [sibling.public_jwk for sibling in siblings]}})


_OF_RESOURCES = (Profile.JWT, Profile.ACCESS_TOKEN)
"""The profiles of tokens that a resource server takes."""


def _header(profile: Profile, key: Key, server: ResourceServer | None) -> Members:
    typ = _TYP[profile] if server is None or server.typ is None else server.typ
    return {"alg": key.algorithm, **({"typ": typ} if typ else {}), "kid": key.kid}


def _claims(profile: Profile, now: int, server: ResourceServer | None) -> Members:
    """Return the claims of an honest token; those for a server that runs have a `jti` that no token had before."""
    claims = _CLAIMS[profile](now)
    if server is None or profile not in _OF_RESOURCES:
        return claims
    own = {"iss": server.issuer, "aud": server.audience, **server.claims}
    return {**claims, **own, **({"jti": f"jti-{next(_NUMBERS)}"} if server.running else {})}


_NUMBERS = count(int(time.time() * 1000))
"""Numbers of tokens: a server that runs may have seen those of a run before."""


def _under(rules: TokenRules, claims: Members) -> Members:
    """Return the claims of a token under a product's own rules."""
    subject = {"sub": rules.subjects[0]} if rules.subjects else {}
    return {**{name: value for name, value in {**claims, **subject}.items() if rules.knows(name)}, **rules.claims}


def _honoured(policy: Mapping[str, Any], profile: Profile, declaration: Declaration) -> Members:
    """Leave out the options that are not declared: nobody can be blamed for what he said he does not read.

    The type of an access token is the profile's own demand, not an option (RFC 9068 §4).
    """
    unread = set(OPTIONS) - set(declaration.options) - ({"typ"} if profile is Profile.ACCESS_TOKEN else set())
    return {name: value for name, value in policy.items() if name not in unread}


_TYP = {
    Profile.JWS: "JOSE",
    Profile.JWT: "JWT",
    Profile.ACCESS_TOKEN: "at+jwt",
    Profile.ID_TOKEN: "JWT",
}


def _jwt_claims(now: int) -> Members:
    return {
        "iss": ISSUER,
        "sub": "user-1",
        "aud": AUDIENCE,
        "client_id": CLIENT,
        "jti": "jti-1",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + LIFETIME,
    }


def _id_token_claims(now: int) -> Members:
    return {
        "iss": ISSUER,
        "sub": "user-1",
        "aud": CLIENT,
        "azp": CLIENT,
        "nonce": NONCE,
        "iat": now - 60,
        "exp": now + LIFETIME,
    }


_CLAIMS: Mapping[Profile, Callable[[int], Members]] = {
    Profile.JWS: _jwt_claims,
    Profile.JWT: _jwt_claims,
    Profile.ACCESS_TOKEN: _jwt_claims,
    Profile.ID_TOKEN: _id_token_claims,
}

_VERIFY: Members = {"issuer": ISSUER, "leeway": 0, "typ": None, "require": ["exp"]}

_POLICIES: Mapping[Profile, Mapping[str, Any]] = MappingProxyType(
    {
        Profile.JWS: {},
        Profile.JWT: {**_VERIFY, "audience": AUDIENCE},
        Profile.ACCESS_TOKEN: {**_VERIFY, "audience": AUDIENCE, "typ": "at+jwt"},
        Profile.ID_TOKEN: {
            **_VERIFY,
            "audience": CLIENT,
            "client_id": CLIENT,
            "trusted_audiences": [],
            "nonce": NONCE,
            "access_token": None,
            "code": None,
            "max_age": None,
            "acr_values": None,
        },
    }
)
