"""Edits of the token's declared type: one kind of token presented as another (RFC 8725 §3.11, RFC 9068 §2.1, §4)."""

from collections.abc import Callable
from dataclasses import replace

from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.edits.registry import ACCEPTED, EITHER, Change, Gate, edit, edits_for
from bearerproof_fuzz.forge import AUDIENCE, CLIENT, NONCE, Draft, Members
from bearerproof_fuzz.needs import TYP

TYPE = "type header malformed"

FOREIGN_TYPES = {
    "logout-token": "logout+jwt",
    "dpop-proof": "dpop+jwt",
    "security-event": "secevent+jwt",
    "request-object": "oauth-authz-req+jwt",
    "introspection": "token-introspection+jwt",
    "key-binding": "kb+jwt",
    "entity-statement": "entity-statement+jwt",
    "resolve-response": "resolve-response+jwt",
    "trust-mark": "trust-mark+jwt",
    "trust-mark-delegation": "trust-mark-delegation+jwt",
    "status-list": "statuslist+jwt",
    "client-authentication": "client-authentication+jwt",
    "credential": "vc+jwt",
    "selective-disclosure": "dc+sd-jwt",
}
"""Media types, without their prefix, of the JWTs that are neither an access token nor an ID token."""

_OTHER_KINDS: dict[str, object] = {
    **FOREIGN_TYPES,
    "empty": "",
    "prefix": "at",
    "extended": "at+jwt2",
    "other-tree": "text/at+jwt",
    "blank": " at+jwt",
    "parameter": "at+jwt; charset=utf-8",
    "number": 1,
    "true": True,
    "null": None,
    "list": ["at+jwt"],
    "object": {"typ": "at+jwt"},
}


@edits_for(_OTHER_KINDS, "VER-37", "RFC 8725 §3.11", TYPE, profiles=(Profile.ACCESS_TOKEN,))
def typ_is(draft: Draft, value: object) -> Draft:
    """`typ` is not the one that the profile demands: {name}."""
    return draft.with_header(typ=value)


@edit("VER-37", "RFC 9068 §4", TYPE, profiles=(Profile.ACCESS_TOKEN,))
def typ_missing(draft: Draft) -> Draft:
    """`typ` is missing where the profile demands it."""
    return draft.without_header("typ")


@edit("VER-37", "RFC 9068 §4", TYPE, profiles=(Profile.ACCESS_TOKEN,))
def typ_is_plain_jwt(draft: Draft) -> Draft:
    """`typ` is `JWT`, as on any other token of the same issuer."""
    return draft.with_header(typ="JWT")


_SAYS_ACCESS: Members = {
    "typ": "at+jwt",
    "token_use": "access",
    "token_type": "Bearer",
    "scope": "read",
    "scp": ["read"],
    "roles": ["user"],
}


@edits_for(
    {"missing": typ_missing, "that-of-any-jwt": typ_is_plain_jwt},
    "VER-37",
    "RFC 9068 §4",
    TYPE,
    profiles=(Profile.ACCESS_TOKEN,),
    alone=lambda draft, untyped: untyped(draft),
)
def claims_call_it_an_access_token_and_typ_is(draft: Draft, untyped: Change) -> Draft:
    """`typ` is not the one that the profile demands ({name}), and the claims say by all means what it is."""
    return untyped(draft).with_claims(**_SAYS_ACCESS)


def _typed(draft: Draft) -> Draft:
    return draft.with_policy(typ="example+jwt").with_header(typ="example+jwt")


@edits_for(
    {"another": "JWT", "access-token": "at+jwt", "number": 1, "null": None, "empty": ""},
    "VER-37",
    "RFC 8725 §3.11",
    TYPE,
    given=_typed,
    profiles=(Profile.JWT, Profile.ID_TOKEN),
    needs=(TYP,),
)
def explicit_typ_is(draft: Draft, value: object) -> Draft:
    """The policy names a type, the token has another one: {name}."""
    return draft.with_header(typ=value)


@edit("VER-37", "RFC 8725 §3.11", TYPE, given=_typed, profiles=(Profile.JWT, Profile.ID_TOKEN), needs=(TYP,))
def explicit_typ_missing(draft: Draft) -> Draft:
    """The policy names a type, the token has none."""
    return draft.without_header("typ")


_SPELLINGS: dict[str, Callable[[str], str]] = {
    "": lambda name: name,
    "-in-capitals": str.upper,
    "-as-a-whole-media-type": lambda name: f"application/{name}",
}


@edits_for(
    {
        f"{kind}{suffix}": spell(name)
        for suffix, spell in _SPELLINGS.items()
        for kind, name in {"access-token": "at+jwt", **FOREIGN_TYPES}.items()
    },
    "IDT-12",
    "RFC 8725 §3.12",
    TYPE,
    profiles=(Profile.ID_TOKEN,),
)
def typed_as(draft: Draft, typ: str) -> Draft:
    """The policy leaves the type open, and the token says that it is of another kind: {name}."""
    return draft.with_header(typ=typ)


@edits_for(
    {
        f"{kind}{suffix}": _SPELLINGS[suffix](FOREIGN_TYPES[kind])
        for kind in ("logout-token", "security-event")
        for suffix in ("-in-capitals", "-as-a-whole-media-type")
    },
    "VER-37",
    "RFC 7515 §4.1.9",
    TYPE,
    profiles=(Profile.ACCESS_TOKEN,),
)
def typ_is_a(draft: Draft, typ: str) -> Draft:
    """`typ` is another than the one that the profile demands, in another spelling: {name}."""
    return draft.with_header(typ=typ)


_HAPPENED: Members = {"http://schemas.openid.net/event/backchannel-logout": {}}


def _without_nonce(draft: Draft) -> Draft:
    """Ask for no nonce: a logout token may have none."""
    return draft.without_claim("nonce").with_policy(nonce=None)


@edits_for(
    {"typed": "logout+jwt", "untyped": "JWT"},
    "IDT-12",
    "OpenID Connect Back-Channel Logout 1.0 §2.6",
    TYPE + " claim-malformed",
    profiles=(Profile.ID_TOKEN,),
    given=_without_nonce,
)
def logout_token(draft: Draft, typ: str) -> Draft:
    """A logout token signs somebody in: {name}, its `events` say what it is."""
    return draft.with_claims(sid="sid-1", events=_HAPPENED).with_header(typ=typ)


@edit("IDT-12", "RFC 8417 §2.2", TYPE + " claim-malformed", profiles=(Profile.ID_TOKEN,))
def security_event_without_a_type(draft: Draft) -> Draft:
    """`events` say that the token tells of what happened, and no `typ` says anything."""
    return draft.with_claims(events={"https://as.example/changed": {}}).without_header("typ")


@edits_for(
    {"in-small-letters": "jwt", "as-a-whole-media-type": "application/JWT"},
    "IDT-12",
    "RFC 7515 §4.1.9",
    strict=ACCEPTED,
    profiles=(Profile.ID_TOKEN,),
)
def typed_as_any_jwt(draft: Draft, typ: str) -> Draft:
    """`typ` is that of every JWT, {name}, and says nothing against an ID token."""
    return draft.with_header(typ=typ)


@edit("IDT-12", "RFC 7519 §5.1", strict=ACCEPTED, profiles=(Profile.ID_TOKEN,))
def untyped_id_token(draft: Draft) -> Draft:
    """An ID token need not say its type."""
    return draft.without_header("typ")


_SPELLED_ALIKE = {"in-capitals": "EXAMPLE+JWT", "as-a-whole-media-type": "application/example+jwt"}


# Many libraries compare the text; RFC 7515 §4.1.9 only recommends the short form.
@edits_for(
    _SPELLED_ALIKE,
    "VER-37",
    "RFC 7515 §4.1.9",
    base=EITHER,
    strict=ACCEPTED,
    given=_typed,
    profiles=(Profile.JWT, Profile.ID_TOKEN),
    needs=(TYP,),
)
def explicit_typ_spelled(draft: Draft, typ: str) -> Draft:
    """The policy names a type, and the token has it in another spelling: {name}."""
    return draft.with_header(typ=typ)


_MISSING = "claim-missing claim-malformed issuer audience expired"


@edits_for({name: name for name in ("iss", "exp", "aud")}, "VER-38", "RFC 9068 §4", _MISSING)
def access_token_without(draft: Draft, name: str) -> Draft:
    """The access token lacks a claim that a resource server has to check: {name}."""
    return draft.without_claim(name)


@edits_for(
    {name: name for name in ("sub", "client_id", "iat", "jti")}, "VER-38", "RFC 9068 §2.2", _MISSING, base=EITHER
)
def access_token_lacks(draft: Draft, name: str) -> Draft:
    """The access token lacks a claim that its issuer has to put in: {name}."""
    return draft.without_claim(name)


_SAME_TYPE = {
    "upper-case": "AT+JWT",
    "mixed-case": "At+Jwt",
    "prefix-in-upper-case": "APPLICATION/AT+JWT",
}


@edits_for({"application-prefix": "application/at+jwt"}, "VER-39", "RFC 9068 §4", base=ACCEPTED, strict=ACCEPTED)
def typ_spelled_with(draft: Draft, value: str) -> Draft:
    """`typ` is the right media type in another spelling: {name}."""
    return draft.with_header(typ=value)


# RFC 9068 §4 names two values and has any other refused; that the letters' case means nothing, RFC 7515 §4.1.9 says.
edits_for(_SAME_TYPE, "VER-39", "RFC 7515 §4.1.9", base=EITHER, strict=ACCEPTED)(typ_spelled_with)


@edit(
    "IDT-11",
    "RFC 9068 §4",
    TYPE + " audience claim-missing",
    profiles=(Profile.ACCESS_TOKEN,),
    also_breaks=(Gate.CLAIMS,),
)
def id_token_as_access_token(draft: Draft) -> Draft:
    """An honest ID token of the same issuer is presented as an access token."""
    claims: Members = {name: value for name, value in draft.claims.items() if name in ("iss", "sub", "iat", "exp")}
    return replace(draft, claims={**claims, "aud": CLIENT, "nonce": NONCE}).with_header(typ="JWT")


@edit("IDT-11", "RFC 9068 §4", TYPE, profiles=(Profile.ACCESS_TOKEN,))
def id_token_with_our_audience(draft: Draft) -> Draft:
    """An ID token whose audience happens to be ours is presented as an access token."""
    return draft.with_claims(nonce=NONCE).with_header(typ="JWT")


@edit("IDT-11", "RFC 9068 §2.1", TYPE, profiles=(Profile.ID_TOKEN,), base=EITHER)
def access_token_with_our_nonce(draft: Draft) -> Draft:
    """A token that is typed as an access token, but whose audience and nonce happen to be right."""
    return draft.with_header(typ="at+jwt").with_claims(client_id=CLIENT, jti="jti-1")


@edit(
    "IDT-11",
    "OpenID Connect Core §3.1.3.7",
    TYPE + " audience nonce",
    profiles=(Profile.ID_TOKEN,),
    also_breaks=(Gate.CLAIMS,),
)
def access_token_as_id_token(draft: Draft) -> Draft:
    """An honest access token of the same issuer is presented as an ID token."""
    claims = {name: value for name, value in draft.claims.items() if name not in ("nonce", "azp")}
    other = replace(draft, claims={**claims, "aud": AUDIENCE, "client_id": CLIENT, "jti": "jti-1"})
    return other.with_header(typ="at+jwt")
