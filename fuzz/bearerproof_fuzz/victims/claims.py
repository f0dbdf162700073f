"""The claims, one check each: RFC 7519 §4.1, RFC 9068 §4, OpenID Connect Core §3.1.3.7, and the contract's ports."""

import hmac
import math
from collections.abc import Callable, Mapping

from bearerproof_fuzz.victims import encoding, signatures
from bearerproof_fuzz.victims.question import Facts
from bearerproof_fuzz.victims.refusal import Refused

Check = Callable[[Facts], None]

REQUIRED: Mapping[str, tuple[str, ...]] = {
    "jwt": ("iss", "aud"),
    "access-token": ("iss", "exp", "aud", "sub", "client_id", "iat", "jti"),
    "id-token": ("iss", "sub", "aud", "exp", "iat"),
}
"""What is always there: RFC 9068 §2.2, OpenID Connect Core §2, and what the contract says of every policy."""


def media_type(typ: object) -> str | None:
    """Return a ``typ`` in the one spelling of all that mean the same (RFC 7515 §4.1.9); None if it is no text."""
    if not isinstance(typ, str):
        return None
    lowered = typ.lower()
    short = lowered.removeprefix("application/")
    return lowered if "/" in short else short


def kind(facts: Facts) -> None:
    """RFC 8725 §3.11: the type that the policy or the profile demands, and in an ID token no other kind's."""
    typ, demanded = media_type(facts.header.get("typ")), facts.policy.get("typ")
    if facts.question.profile == "access-token":
        demanded = "at+jwt"
    if demanded is not None and typ != media_type(demanded):
        raise Refused("type")
    if facts.question.profile == "id-token" and ("events" in facts.claims or (demanded is None and is_foreign(typ))):
        raise Refused("type")


def is_foreign(typ: str | None) -> bool:
    """Say whether a type names a kind of JWT of its own, as explicit typing does; no such name is an ID token's."""
    return typ is not None and typ != "jwt" and typ.endswith("jwt")


def presence(facts: Facts) -> None:
    """RFC 7519 §4: the claims that profile and policy require."""
    required = (*REQUIRED[facts.question.profile], *facts.policy.get("require", []))
    if any(name not in facts.claims for name in required):
        raise Refused("claim-missing")


def texts(facts: Facts) -> None:
    """RFC 7519 §4.1.2 and §4.1.7, RFC 8693 §4.3: what names somebody is a text; a subject is not empty (Core §2)."""
    names = ("sub", "jti", "client_id") if facts.question.profile == "access-token" else ("sub", "jti")
    if any(name in facts.claims and not isinstance(facts.claims[name], str) for name in names):
        raise Refused("claim-malformed")


def issuer(facts: Facts) -> None:
    """RFC 7519 §4.1.1: the same text, code point by code point."""
    iss = facts.claims["iss"]
    if not isinstance(iss, str) or iss != facts.policy["issuer"]:
        raise Refused("issuer")


def audience(facts: Facts) -> None:
    """RFC 7519 §4.1.3: we are ``aud`` or stand in it; of an ID token nobody else does whom we do not trust."""
    audiences = audiences_of(facts)
    if facts.policy["audience"] not in audiences:
        raise Refused("audience")
    if facts.question.profile == "id-token":
        client = facts.policy["client_id"]
        trusted = {client, *(facts.policy.get("trusted_audiences") or [])}
        if client not in audiences or not trusted.issuperset(audiences):
            raise Refused("audience")


def audiences_of(facts: Facts) -> list[str]:
    """Return ``aud`` as the list that it is in the general case."""
    aud = facts.claims["aud"]
    audiences = [aud] if isinstance(aud, str) else aud
    if not isinstance(audiences, list) or not all(isinstance(each, str) for each in audiences):
        raise Refused("audience")
    return audiences


def date(facts: Facts, name: str) -> float | None:
    """Return a NumericDate (RFC 7519 §2), or None if it is absent."""
    if name not in facts.claims:
        return None
    value = facts.claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise Refused("claim-malformed")
    return value


def expiry(facts: Facts) -> None:
    """RFC 7519 §4.1.4: not on or after it."""
    exp = date(facts, "exp")
    if exp is not None and facts.question.now - facts.leeway >= exp:
        raise Refused("expired")


def not_before(facts: Facts) -> None:
    """RFC 7519 §4.1.5: not before it."""
    nbf = date(facts, "nbf")
    if nbf is not None and facts.question.now + facts.leeway < nbf:
        raise Refused("not-yet-valid")


def issue(facts: Facts) -> None:
    """RFC 7519 §4.1.6: a date, and none that has not come."""
    iat = date(facts, "iat")
    if iat is not None and facts.question.now + facts.leeway < iat:
        raise Refused("issued-in-future")


# --- ID tokens


def for_id_tokens(check: Check) -> Check:
    """Make a check that looks at ID tokens alone."""
    return lambda facts: check(facts) if facts.question.profile == "id-token" else None


def authorized_party(facts: Facts) -> None:
    """OpenID Connect Core §3.1.3.7 steps 4 and 5."""
    azp = facts.claims.get("azp")
    if "azp" in facts.claims and azp != facts.policy["client_id"]:
        raise Refused("authorized-party")
    if "azp" not in facts.claims and len(audiences_of(facts)) > 1:
        raise Refused("authorized-party")


def nonce(facts: Facts) -> None:
    """OpenID Connect Core §3.1.3.7 step 11: the very nonce that was sent."""
    sent = facts.policy.get("nonce")
    if sent is not None and facts.claims.get("nonce") != sent:
        raise Refused("nonce")


def half_hash(algorithm: str, text: str) -> str:
    """OpenID Connect Core §3.1.3.6: the left half of the hash of the algorithm, in base64url."""
    whole = signatures.digest(algorithm, text)
    return encoding.encode(whole[: len(whole) // 2])


def token_hashes(facts: Facts) -> None:
    """OpenID Connect Core §3.1.3.8 and §3.3.2.10: what came with the token is what its hashes are of."""
    for name, came in (("at_hash", "access_token"), ("c_hash", "code")):
        text = facts.policy.get(came)
        if text is not None and not _is_text(facts.claims.get(name), half_hash(facts.header["alg"], text)):
            raise Refused("token-hash")


def _is_text(value: object, expected: str) -> bool:
    return isinstance(value, str) and hmac.compare_digest(value.encode(), expected.encode())


def authentication_time(facts: Facts) -> None:
    """OpenID Connect Core §3.1.3.7 step 13: the user's authentication is no longer ago than was asked for."""
    allowed = facts.policy.get("max_age")
    if allowed is None:
        return
    try:
        time = date(facts, "auth_time")
    except Refused:
        raise Refused("auth-time") from None
    now = facts.question.now
    if time is None or now - time > allowed + facts.leeway or time > now + facts.leeway:
        raise Refused("auth-time")


def context_class(facts: Facts) -> None:
    """OpenID Connect Core §3.1.3.7 step 12: one of the contexts that were asked for."""
    asked = facts.policy.get("acr_values")
    if asked is not None and facts.claims.get("acr") not in list(asked):
        raise Refused("acr")


# --- state


def sessions(facts: Facts) -> None:
    """Contract, State: a look-up that fails refuses; a revoked session and an older version are refused."""
    ports = facts.policy.get("ports") or {}
    unavailable = set(ports.get("unavailable", []))
    if unavailable & {"sessions", "session_versions"}:
        raise Refused("unavailable")
    if "sessions" in ports and "sid" in facts.claims:
        sid = facts.claims["sid"]
        if not isinstance(sid, str) or ports["sessions"].get(sid) == "revoked":
            raise Refused("session")
    current = (ports.get("session_versions") or {}).get(facts.claims.get("sub"))
    version = facts.claims.get("sv")
    if current is not None and (isinstance(version, bool) or not isinstance(version, int) or version < current):
        raise Refused("session")


def replay(facts: Facts) -> None:
    """RFC 7519 §4.1.7: one issuer's id is presented once; it is remembered as long as the token lives."""
    replay_by(facts, lambda facts: (facts.claims["iss"], facts.claims["jti"]))


def replay_by(facts: Facts, name: Callable[[Facts], object], *, without_jti: bool = False) -> None:
    """Refuse what was presented under this name before; without `jti` it is refused, unless that may be missing."""
    if not facts.policy.get("replay"):
        return
    if "replay" in (facts.policy.get("ports") or {}).get("unavailable", []):
        raise Refused("unavailable")
    if "jti" in facts.claims:
        remember(facts, name(facts))
    elif not without_jti:
        raise Refused("claim-missing")


def remember(facts: Facts, name: object) -> None:
    """Refuse what was presented before under this name, else keep the name until the token has expired."""
    now, seen = facts.question.now, facts.memory.seen
    if seen.get(name, -math.inf) > now:
        raise Refused("replay")
    seen[name] = facts.claims.get("exp", math.inf) + facts.leeway


CHECKS: Mapping[str, Check] = {
    "kind": kind,
    "presence": presence,
    "texts": texts,
    "issuer": issuer,
    "audience": audience,
    "expiry": expiry,
    "not before": not_before,
    "issue": issue,
    "authorized party": for_id_tokens(authorized_party),
    "nonce": for_id_tokens(nonce),
    "token hashes": for_id_tokens(token_hashes),
    "authentication time": for_id_tokens(authentication_time),
    "context class": for_id_tokens(context_class),
    "sessions": sessions,
    "replay": replay,
}
"""Every check by name, in the order in which they are made."""
