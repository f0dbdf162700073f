"""Weak ways with the claims: times, issuer, audience, kinds of token, and what an ID token is held against."""

import ctypes
import json
import math
import re
import struct
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from bearerproof_fuzz.victims import claims, encoding, signatures
from bearerproof_fuzz.victims.claims import Check, for_id_tokens
from bearerproof_fuzz.victims.question import Facts
from bearerproof_fuzz.victims.refusal import Json, Refused
from bearerproof_fuzz.victims.variants import weak_claims, weak_header
from bearerproof_fuzz.victims.verifier import HONEST, Steps
from bearerproof_fuzz.victims.weaknesses.encoding import parsed_leniently

# --- times

_TIMES: Mapping[str, tuple[str, Check]] = {
    "exp": ("expiry", claims.expiry),
    "nbf": ("not before", claims.not_before),
    "iat": ("issue", claims.issue),
}


def _converted(convert: Callable[[float], float], *names: str) -> Steps:
    """Convert numbers before they are compared; what is no number is refused as ever."""
    return _read(lambda value: convert(value) if _is_number(value) else value, *names, lenient=False)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read(read: Callable[[Any], Any], *names: str, lenient: bool = True) -> Steps:
    """Read a time of any JSON type; what comes out as None is not compared."""

    def made(name: str, check: Check) -> Check:
        def read_first(facts: Facts) -> None:
            if name in facts.claims:
                value = read(facts.claims[name])
                others = {other: held for other, held in facts.claims.items() if other != name}
                facts = replace(facts, claims=others if value is None else {**others, name: value})
            check(facts)

        return read_first

    weak = weak_claims(changed={_TIMES[name][0]: made(name, _TIMES[name][1]) for name in names})
    return parsed_leniently(weak) if lenient else weak


def _wrapped(unit: int, bits: int = 64) -> Callable[[float], float]:
    """Put seconds into a signed integer of some unit, where they wrap, and take them out again."""
    kind = {32: ctypes.c_int32, 64: ctypes.c_int64}[bits]
    return lambda value: kind(int(value * unit) & (2**bits - 1)).value / unit


def _single(value: float) -> float:
    """Put a number into four octets of floating point."""
    try:
        packed: float = struct.unpack("<f", struct.pack("<f", value))[0]
    except OverflowError:
        return math.inf
    return packed


def _text_as_number(value: Any) -> Any:
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _true_as_one(value: Any) -> Any:
    return int(value) if isinstance(value, bool) else value


def _other_types_passed_over(value: Any) -> Any:
    return value if _is_number(value) else None


def _first_of_list(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value


def _compared(expired: Callable[[float, float, float], bool]) -> Steps:
    """Compare ``exp`` in another way: expiry, now and leeway, in seconds."""

    def check(facts: Facts) -> None:
        exp = claims.date(facts, "exp")
        if exp is not None and expired(exp, facts.question.now, facts.leeway):
            raise Refused("expired")

    return weak_claims(changed={"expiry": check})


def _compared_start(early: Callable[[float, float, float], bool]) -> Steps:
    def check(facts: Facts) -> None:
        nbf = claims.date(facts, "nbf")
        if nbf is not None and early(nbf, facts.question.now, facts.leeway):
            raise Refused("not-yet-valid")

    return weak_claims(changed={"not before": check})


def _guessed(per_second: float) -> Callable[[float], float]:
    """Take a number for a count of smaller units if it is too large for one of seconds."""
    return lambda value: value / per_second if value > 30 * per_second * 10**6 else value


def _lifetime_guessed(facts: Facts) -> None:
    """Take an exp that is too small for a time for seconds after iat."""
    exp, iat = claims.date(facts, "exp"), claims.date(facts, "iat")
    if exp is not None and iat is not None and 0 < exp < 10**7:
        facts = replace(facts, claims={**facts.claims, "exp": iat + exp})
    claims.expiry(facts)


def _expiry_where_required(facts: Facts) -> None:
    """Look at the expiry of a token if the policy names it."""
    if "exp" in facts.policy.get("require", []):
        claims.expiry(facts)


def _expiry_of_zero_where_required(facts: Facts) -> None:
    """Take an expiry of zero for none, which only those mind who require one."""
    if facts.claims.get("exp") != 0 or "exp" in facts.policy.get("require", []):
        claims.expiry(facts)


def _clock(check: str, read: Callable[[float], float]) -> Steps:
    """Read the clock in another way for one check."""

    def at_another_time(facts: Facts) -> None:
        claims.CHECKS[check](replace(facts, question=replace(facts.question, now=read(facts.question.now))))

    return weak_claims(changed={check: at_another_time})


def _minute(rounded: Callable[[float], float]) -> Callable[[float], float]:
    return lambda seconds: 60 * rounded(seconds / 60)


def _nearest(seconds: float) -> float:
    return math.floor(seconds + 0.5)


def _of_the_header(*checks: str, missing: bool = False) -> Steps:
    """Hold claims of the header against the policy, in place of those of the payload or of those that it lacks."""

    def made(check: Check) -> Check:
        def look(facts: Facts) -> None:
            members: Json = {name: facts.header[name] for name in ("iss", "aud", "exp", "nbf") if name in facts.header}
            check(replace(facts, claims={**members, **facts.claims} if missing else {**facts.claims, **members}))

        return look

    weak = weak_header()
    return replace(
        weak, claims={name: made(check) if name in checks else check for name, check in claims.CHECKS.items()}
    )


def _not_finite_too(name: str) -> Steps:
    """Compare whatever the parser takes for a number: NaN and Infinity are none of JSON."""

    def check(facts: Facts) -> None:
        value = facts.claims.get(name)
        if isinstance(value, float) and not math.isfinite(value):
            early = name == "nbf" and facts.question.now < value
            if early or (name == "exp" and facts.question.now >= value):
                raise Refused("expired")
            return
        _TIMES[name][1](facts)

    return parsed_leniently(weak_claims(changed={_TIMES[name][0]: check}))


# --- who it is from and for


def _issuer(same: Callable[[Any, str], bool]) -> Steps:
    def check(facts: Facts) -> None:
        if not same(facts.claims.get("iss"), facts.policy["issuer"]):
            raise Refused("issuer")

    return weak_claims(changed={"issuer": check})


def _audience(holds: Callable[[Any, str], bool]) -> Steps:
    """Look for us in ``aud`` in another way; the rest of an ID token's audience is looked at as ever."""

    def check(facts: Facts) -> None:
        if not holds(facts.claims.get("aud"), facts.policy["audience"]):
            raise Refused("audience")

    return weak_claims(changed={"audience": check, "authorized party": _lone(claims.authorized_party)})


def _lone(check: Check) -> Check:
    """Make a check of an ID token that passes over an audience that cannot be read."""

    def checked(facts: Facts) -> None:
        if isinstance(facts.claims.get("aud"), str | list):
            for_id_tokens(check)(facts)

    return checked


def _texts(test: Callable[[str, str], bool]) -> Callable[[Any, str], bool]:
    return lambda value, ours: isinstance(value, str) and test(value, ours)


def _any_text(test: Callable[[str, str], bool]) -> Callable[[Any, str], bool]:
    """Return what looks at a text or at each text of a list."""
    return lambda value, ours: any(_texts(test)(each, ours) for each in (value if isinstance(value, list) else [value]))


def _flattened(value: Any) -> list[Any]:
    return [each for part in value for each in _flattened(part)] if isinstance(value, list) else [value]


def _optional(*names: str, profiles: tuple[str, ...] = ("jwt", "access-token", "id-token")) -> Steps:
    """Ask for fewer claims: one of these may be absent, and is then not looked at."""

    def presence(facts: Facts) -> None:
        spared = names if facts.question.profile in profiles else ()
        claims.presence(replace(facts, claims={**dict.fromkeys(spared), **facts.claims}))

    def if_there(name: str, check: Check) -> Check:
        return lambda facts: check(facts) if name in facts.claims else None

    parts = {"iss": ("issuer", claims.issuer), "aud": ("audience", claims.audience)}
    spared = {parts[name][0]: if_there(name, parts[name][1]) for name in names if name in parts}
    party = {"authorized party": _lone(claims.authorized_party)} if "aud" in names else {}
    return weak_claims(changed={"presence": presence, **spared, **party})


def _required_by_profile_alone(facts: Facts) -> None:
    claims.presence(replace(facts, question=replace(facts.question, policy={**facts.policy, "require": []})))


def _names_in_any_case(*checks: str) -> Steps:
    """Look claims up without regard to case, the last one first, as decoders into structures do."""

    def made(check: Check) -> Check:
        return lambda facts: check(replace(facts, claims={name.lower(): value for name, value in facts.claims.items()}))

    return replace(
        HONEST, claims={name: made(check) if name in checks else check for name, check in claims.CHECKS.items()}
    )


def _date_text(value: Any) -> Any:
    """Read a text as the date that it writes down (RFC 3339)."""
    try:
        return datetime.fromisoformat(value).timestamp() if isinstance(value, str) else value
    except ValueError:
        return value


def _any_notation(value: Any) -> Any:
    """Read a text as the source of a program has its numbers: with a base, a sign, blanks or underscores."""
    if not isinstance(value, str) or (value.isascii() and value.isdigit()):
        return value
    try:
        return int(value, 0)
    except ValueError:
        return value


def _mail_date(value: Any) -> Any:
    """Read a text as the date that it writes down (RFC 5322 §3.3, RFC 9110 §5.6.7)."""
    try:
        return parsedate_to_datetime(value).timestamp() if isinstance(value, str) else value
    except ValueError:
        return value


def _json_list(value: str) -> list[Any]:
    try:
        read = json.loads(value)
    except ValueError:
        return []
    return read if isinstance(read, list) else []


def _subdomain(iss: str, ours: str) -> bool:
    (scheme, _, host), (our_scheme, _, our_host) = iss.partition("://"), ours.partition("://")
    return scheme == our_scheme and (host == our_host or host.endswith("." + our_host))


def _filled_in(names: Mapping[str, tuple[str, ...]]) -> Steps:
    """Take a claim that is missing from where other issuers have it."""

    def made(check: Check) -> Check:
        def look(facts: Facts) -> None:
            found = {
                name: facts.claims[other] for name, others in names.items() for other in others if other in facts.claims
            }
            check(replace(facts, claims={**found, **facts.claims}))

        return look

    return replace(HONEST, claims={name: made(check) for name, check in claims.CHECKS.items()})


def _first_in_the_text(name: str, check: str) -> Steps:
    """Look for a claim in the text, where one of its name may stand first in an object (RFC 8693 §4.1)."""

    def nested(value: Any) -> Iterator[Any]:
        for key, member in value.items() if isinstance(value, dict) else ():
            if key == name:
                yield member
            yield from nested(member)

    def look(facts: Facts) -> None:
        found = [(name, member) for member in nested(facts.claims)][:1]
        claims.CHECKS[check](replace(facts, claims={**facts.claims, **dict(found)}))

    return weak_claims(changed={check: look})


# --- kinds of token


def _kind_by_the_claims(facts: Facts) -> None:
    """Where the header says no kind or that of any JWT, believe the claims."""
    typ = facts.header.get("typ", "JWT")
    claims.kind(replace(facts, header={**facts.header, "typ": facts.claims.get("typ", typ) if typ == "JWT" else typ}))


def _kind_by_a_scope(facts: Facts) -> None:
    """Take any JWT that has a scope for an access token."""
    plain = facts.question.profile == "access-token" and facts.header.get("typ") == "JWT" and "scope" in facts.claims
    claims.kind(replace(facts, header={**facts.header, "typ": "at+jwt"}) if plain else facts)


def _kind(demanded: Callable[[object, str], bool]) -> Steps:
    """Compare ``typ`` with what is demanded in another way."""

    def check(facts: Facts) -> None:
        expected = "at+jwt" if facts.question.profile == "access-token" else facts.policy.get("typ")
        if expected is not None and not demanded(facts.header.get("typ"), expected):
            raise Refused("type")

    return weak_claims(changed={"kind": check})


def _no_access_token(facts: Facts) -> None:
    """Look for the type that is demanded, and in an ID token for that of an access token alone."""
    profile = facts.question.profile
    demanded = "at+jwt" if profile == "access-token" else facts.policy.get("typ")
    typ = claims.media_type(facts.header.get("typ"))
    if (demanded is not None and typ != claims.media_type(demanded)) or (profile == "id-token" and typ == "at+jwt"):
        raise Refused("type")


_KNOWN = {
    *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "sid", "sv"),
    *("nonce", "azp", "auth_time", "acr", "at_hash", "c_hash"),
}


def _known_claims(facts: Facts) -> None:
    claims.texts(facts)
    if facts.claims.keys() - _KNOWN:
        raise Refused("claim-malformed")


def _whole_times(facts: Facts) -> None:
    claims.texts(facts)
    if any(isinstance(facts.claims.get(name), float) for name in _TIMES):
        raise Refused("claim-malformed")


# --- ID tokens


def _id_token(name: str, check: Check) -> Steps:
    return weak_claims(changed={name: for_id_tokens(check)})


def _nonce(same: Callable[[Any, str], bool]) -> Steps:
    def check(facts: Facts) -> None:
        sent = facts.policy.get("nonce")
        if sent is not None and not same(facts.claims.get("nonce"), sent):
            raise Refused("nonce")

    return _id_token("nonce", check)


def _not_with_a_code(facts: Facts) -> None:
    """Compare the nonce where no code came, since it is the implicit flow that must have one."""
    if facts.policy.get("code") is None:
        claims.nonce(facts)


def _hash(name: str, came: str, same: Callable[[Any, str, str], bool]) -> Steps:
    """Compare one of the hashes in another way: the claim, what came, and the algorithm."""

    def check(facts: Facts) -> None:
        text = facts.policy.get(came)
        if text is not None and not same(facts.claims.get(name), text, facts.header["alg"]):
            raise Refused("token-hash")
        claims.token_hashes(replace(facts, question=replace(facts.question, policy={**facts.policy, came: None})))

    return _id_token("token hashes", check)


def _right_half(value: Any, text: str, algorithm: str) -> bool:
    return value in (None, claims.half_hash(algorithm, text))


def _begins(value: Any, text: str, algorithm: str) -> bool:
    expected = claims.half_hash(algorithm, text)
    return isinstance(value, str) and bool(value) and (expected.startswith(value) or value.startswith(expected))


def _of_sha256(value: Any, text: str, algorithm: str) -> bool:
    return value in (claims.half_hash("HS256", text), claims.half_hash(algorithm, text))


def _whole_hash(value: Any, text: str, algorithm: str) -> bool:
    whole = encoding.encode(signatures.digest(algorithm, text))
    return value in (whole, claims.half_hash(algorithm, text))


def _age(stale: Callable[[Any, float, float, float], bool]) -> Steps:
    """Judge ``auth_time`` in another way: the claim, now, what is allowed, and leeway."""

    def check(facts: Facts) -> None:
        allowed = facts.policy.get("max_age")
        if allowed is not None and stale(facts.claims.get("auth_time"), facts.question.now, allowed, facts.leeway):
            raise Refused("auth-time")

    return _id_token("authentication time", check)


def _old(value: Any, now: float, allowed: float, leeway: float) -> bool:
    return not _is_number(value) or now - value > allowed + leeway


def _party(check: Callable[[Facts], bool]) -> Steps:
    def judged(facts: Facts) -> None:
        if not check(facts):
            raise Refused("authorized-party")

    return _id_token("authorized party", judged)


def _among_the_audiences(facts: Facts) -> bool:
    audiences = claims.audiences_of(facts)
    return facts.claims["azp"] in audiences if "azp" in facts.claims else len(audiences) == 1


def _one_of_several(facts: Facts) -> bool:
    """Ask who the authorised party is where there are several audiences, and nowhere else."""
    return len(claims.audiences_of(facts)) == 1 or facts.claims.get("azp") == facts.policy["client_id"]


def _since_issue(facts: Facts) -> None:
    """Take the time of the token for that of the sign-in."""
    allowed = facts.policy.get("max_age")
    if allowed is not None and _old(facts.claims.get("iat"), facts.question.now, allowed, facts.leeway):
        raise Refused("auth-time")


def _context(holds: Callable[[Any, list[str]], bool]) -> Steps:
    def check(facts: Facts) -> None:
        asked = facts.policy.get("acr_values")
        if asked is not None and not holds(facts.claims.get("acr"), list(asked)):
            raise Refused("acr")

    return _id_token("context class", check)


def _untrusted_audiences(facts: Facts) -> None:
    """Look for the client, and at nobody else."""
    audiences = claims.audiences_of(facts)
    if facts.policy["audience"] not in audiences:
        raise Refused("audience")


def _nobody_named(names: tuple[str, ...]) -> Check:
    def check(facts: Facts) -> None:
        claims.texts(replace(facts, claims={name: value for name, value in facts.claims.items() if name not in names}))

    return check


def _own_kind_of(profile: str) -> Check:
    """Demand the type of an access token, and let a token of another kind pass for this one."""

    def check(facts: Facts) -> None:
        if facts.question.profile != profile:
            claims.kind(facts)

    return check


STEPS: Mapping[str, Steps] = {
    "exp-not-looked-at": weak_claims("expiry"),
    "exp-to-the-second-itself": _compared(lambda exp, now, leeway: now - leeway > exp),
    "exp-without-fractions": _compared(lambda exp, now, leeway: math.floor(now - leeway) > exp),
    "exp-rounded-up": _compared(lambda exp, now, leeway: now - leeway >= math.ceil(exp)),
    "exp-rounded-to-the-nearest-second": _converted(_nearest, "exp"),
    "exp-rounded-up-to-the-minute": _converted(_minute(math.ceil), "exp"),
    "exp-rounded-down": _converted(math.floor, "exp"),
    "exp-by-a-clock-of-whole-seconds": _clock("expiry", math.floor),
    "exp-by-a-clock-of-whole-minutes": _clock("expiry", _minute(math.floor)),
    "exp-small-is-a-lifetime": weak_claims(changed={"expiry": _lifetime_guessed}),
    "exp-in-milliseconds-guessed": _converted(_guessed(10**3), "exp"),
    "nbf-rounded-to-the-nearest-second": _converted(_nearest, "nbf"),
    "nbf-rounded-up": _converted(math.ceil, "nbf"),
    "nbf-by-a-clock-that-is-rounded": _clock("not before", _nearest),
    "nbf-by-a-clock-of-whole-minutes": _clock("not before", _minute(math.ceil)),
    "nbf-in-microseconds-guessed": _converted(_guessed(10**6), "nbf"),
    "iat-rounded-down": _converted(math.floor, "iat"),
    "iat-by-a-clock-of-whole-minutes": _clock("issue", _minute(math.ceil)),
    "iat-in-milliseconds-guessed": _converted(_guessed(10**3), "iat"),
    "iss-of-the-header": _of_the_header("issuer"),
    "aud-of-the-header": _of_the_header("audience"),
    "exp-of-the-header": _of_the_header("expiry"),
    "nbf-of-the-header": _of_the_header("not before"),
    "header-fills-what-is-missing": _of_the_header("presence", "issuer", "audience", missing=True),
    "exp-with-ten-times-the-leeway": _compared(lambda exp, now, leeway: now - 10 * leeway >= exp),
    "exp-with-a-minute-of-grace": _compared(lambda exp, now, leeway: now - leeway - 60 >= exp),
    "exp-zero-is-none": _compared(lambda exp, now, leeway: bool(exp) and now - leeway >= exp),
    "exp-compared-where-required": weak_claims(changed={"expiry": _expiry_where_required}),
    "exp-zero-is-none-where-not-required": weak_claims(changed={"expiry": _expiry_of_zero_where_required}),
    "exp-negative-is-none": _compared(lambda exp, now, leeway: exp >= 0 and now - leeway >= exp),
    "exp-in-single-precision": _converted(_single, "exp"),
    "times-in-int32": _converted(_wrapped(1, 32), "nbf"),
    "times-in-int64-seconds": _converted(_wrapped(1), "nbf"),
    "times-in-int64-milliseconds": _converted(_wrapped(1_000), "nbf"),
    "times-in-int64-microseconds": _converted(_wrapped(1_000_000), "nbf"),
    "times-in-int64-nanoseconds": _converted(_wrapped(1_000_000_000), "nbf"),
    "nbf-not-looked-at": weak_claims("not before"),
    "nbf-half-a-second-early": _compared_start(lambda nbf, now, leeway: now + leeway < math.floor(nbf)),
    "nbf-with-ten-times-the-leeway": _compared_start(lambda nbf, now, leeway: now + 10 * leeway < nbf),
    "nbf-in-milliseconds-guessed": _converted(lambda nbf: nbf / 1000 if nbf > 1e11 else nbf, "nbf"),
    "iat-in-the-future": weak_claims("issue"),
    "exp-as-text": _read(_text_as_number, "exp"),
    "nbf-as-text": _read(_text_as_number, "nbf"),
    "nbf-true-is-one": _read(_true_as_one, "nbf"),
    "exp-of-other-types-passed-over": _read(_other_types_passed_over, "exp"),
    "exp-as-text-in-any-notation": _read(_any_notation, "exp"),
    "exp-as-the-text-of-a-date-in-mail": _read(_mail_date, "exp"),
    "exp-as-the-text-of-a-date": _read(_date_text, "exp"),
    "claim-names-in-any-case": _names_in_any_case("presence", "issuer", "audience", "expiry"),
    "exp-null-is-none": _read(lambda value: value, "exp"),
    "exp-list-first-taken": _read(_first_of_list, "exp"),
    "exp-nan-never-comes": _not_finite_too("exp"),
    "nbf-nan-has-passed": _not_finite_too("nbf"),
    "iss-not-looked-at": weak_claims("issuer"),
    "iss-contains-ours": _issuer(_texts(lambda iss, ours: ours in iss)),
    "iss-within-ours": _issuer(_texts(lambda iss, ours: bool(iss) and iss in ours)),
    "iss-begins-with-ours": _issuer(_texts(lambda iss, ours: iss.startswith(ours))),
    "iss-in-any-case": _issuer(_texts(lambda iss, ours: iss.casefold() == ours.casefold())),
    "iss-with-a-slash-behind": _issuer(_texts(lambda iss, ours: iss.rstrip("/") == ours.rstrip("/"))),
    "iss-trimmed": _issuer(_texts(lambda iss, ours: iss.strip() == ours)),
    "iss-normalised": _issuer(_texts(lambda iss, ours: unicodedata.normalize("NFKC", iss) == ours)),
    "iss-by-its-host": _issuer(_texts(lambda iss, ours: iss.split("/")[2:3] == ours.split("/")[2:3])),
    "iss-list-with-ours": _issuer(lambda iss, ours: iss == ours or (isinstance(iss, list) and ours in iss)),
    "iss-as-a-pattern": _issuer(_texts(lambda iss, ours: re.fullmatch(ours, iss) is not None)),
    "iss-below-ours": _issuer(_texts(lambda iss, ours: iss == ours or iss.startswith(ours + "/"))),
    "iss-without-its-scheme": _issuer(_texts(lambda iss, ours: iss in (ours, ours.removeprefix("https://")))),
    "iss-of-a-subdomain": _issuer(_texts(_subdomain)),
    "iss-within-an-object": _issuer(lambda iss, ours: iss == ours or (isinstance(iss, dict) and ours in iss.values())),
    "iss-up-to-a-zero": _issuer(_texts(lambda iss, ours: iss.partition("\0")[0] == ours)),
    "iss-missing-passes": _optional("iss"),
    "aud-not-looked-at": _audience(lambda *_: True),
    "aud-contains-ours": _audience(_any_text(lambda aud, ours: ours in aud)),
    "aud-within-ours": _audience(_any_text(lambda aud, ours: bool(aud) and aud in ours)),
    "aud-begins-with-ours": _audience(_any_text(lambda aud, ours: aud.startswith(ours))),
    "aud-in-any-case": _audience(_any_text(lambda aud, ours: aud.casefold() == ours.casefold())),
    "aud-trimmed": _audience(_any_text(lambda aud, ours: aud.strip() == ours)),
    "aud-with-a-slash-behind": _audience(_any_text(lambda aud, ours: aud.rstrip("/") == ours)),
    "aud-parted-at-blanks": _audience(_any_text(lambda aud, ours: ours in aud.split())),
    "aud-parted-at-commas": _audience(_any_text(lambda aud, ours: ours in aud.split(","))),
    "aud-members-of-an-object": _audience(
        lambda aud, ours: (
            isinstance(aud, str | list | dict) and (aud == ours or (not isinstance(aud, str) and ours in aud))
        )
    ),
    "aud-nested-list": _audience(lambda aud, ours: ours in _flattened(aud)),
    "aud-list-of-other-types-too": _audience(lambda aud, ours: aud == ours or (isinstance(aud, list) and ours in aud)),
    "aud-star-is-everybody": _audience(_any_text(lambda aud, ours: fnmatchcase(ours, aud.replace("[", "")))),
    "aud-as-a-pattern": _audience(_any_text(lambda aud, ours: re.fullmatch(ours, aud) is not None)),
    "aud-parted-at-semicolons": _audience(_any_text(lambda aud, ours: ours in aud.split(";"))),
    "aud-in-json-text": _audience(_any_text(lambda aud, ours: aud == ours or ours in _json_list(aud))),
    "aud-below-ours": _audience(_any_text(lambda aud, ours: aud == ours or aud.startswith(ours + "/"))),
    "aud-up-to-a-zero": _audience(_any_text(lambda aud, ours: aud.partition("\0")[0] == ours)),
    "aud-percent-decoded": _audience(_any_text(lambda aud, ours: unquote(aud) == ours)),
    "claims-filled-in-from-others": _filled_in({"iss": ("issuer",), "aud": ("resource",), "exp": ("expires_at",)}),
    "client-is-whom-azp-names": _filled_in({"client_id": ("azp",)}),
    "subject-is-whom-email-names": _filled_in({"sub": ("email",)}),
    "exp-first-in-the-text": _first_in_the_text("exp", "expiry"),
    "iss-first-in-the-text": _first_in_the_text("iss", "issuer"),
    "nbf-first-in-the-text": _first_in_the_text("nbf", "not before"),
    "aud-first-in-the-text": _first_in_the_text("aud", "audience"),
    "aud-missing-passes": _optional("aud"),
    "aud-empty-passes": _audience(lambda aud, ours: not aud or ours == aud or (isinstance(aud, list) and ours in aud)),
    "require-not-looked-at": weak_claims(changed={"presence": _required_by_profile_alone}),
    "names-of-any-type": weak_claims("texts"),
    "sub-of-any-type": weak_claims(changed={"texts": _nobody_named(("sub",))}),
    "jti-of-any-type": weak_claims(changed={"texts": _nobody_named(("jti",))}),
    "client-id-of-any-type": weak_claims(changed={"texts": _nobody_named(("client_id",))}),
    "typ-not-looked-at": weak_claims("kind"),
    "typ-missing-passes": _kind(lambda typ, ours: typ is None or claims.media_type(typ) == claims.media_type(ours)),
    "typ-contains-ours": _kind(lambda typ, ours: isinstance(typ, str) and ours in typ.lower()),
    "typ-jwt-passes": _kind(lambda typ, ours: claims.media_type(typ) in ("jwt", claims.media_type(ours))),
    "typ-of-the-claims": weak_claims(changed={"kind": _kind_by_the_claims}),
    "typ-jwt-passes-with-a-scope": weak_claims(changed={"kind": _kind_by_a_scope}),
    "typ-in-one-case-only": _kind(lambda typ, ours: typ in (ours, f"application/{ours}")),
    "typ-in-short-only": _kind(lambda typ, ours: isinstance(typ, str) and typ.lower() == ours),
    "access-token-claims-not-asked-for": _optional("client_id", "iat", "jti", "sub", profiles=("access-token",)),
    "access-token-without-exp": _optional("exp", profiles=("access-token",)),
    "id-token-passes-for-access-token": weak_claims(
        changed={"kind": _own_kind_of("access-token"), "presence": _required_by_profile_alone}
    ),
    "access-token-passes-for-id-token": weak_claims(changed={"kind": _own_kind_of("id-token")}),
    "logout-token-passes-for-id-token": weak_claims(changed={"kind": _no_access_token}),
    "aud-of-one-only": _audience(lambda aud, ours: aud == ours),
    "unknown-claims-refused": weak_claims(changed={"texts": _known_claims}),
    "whole-numbers-only": weak_claims(changed={"texts": _whole_times}),
    "untrusted-audiences-pass": weak_claims(changed={"audience": _untrusted_audiences}),
    "several-audiences-without-azp": _party(
        lambda facts: facts.claims.get("azp", facts.policy["client_id"]) == facts.policy["client_id"]
    ),
    "azp-not-looked-at": _party(lambda facts: "azp" in facts.claims or len(claims.audiences_of(facts)) == 1),
    "azp-looked-at-among-several-alone": _party(_one_of_several),
    "azp-among-the-audiences": _party(_among_the_audiences),
    "nonce-not-looked-at": weak_claims("nonce"),
    "nonce-missing-passes": _nonce(lambda nonce, sent: nonce in (None, sent)),
    "nonce-in-any-case": _nonce(lambda nonce, sent: isinstance(nonce, str) and nonce.lower() == sent.lower()),
    "nonce-begins-alike": _nonce(lambda nonce, sent: isinstance(nonce, str) and bool(nonce) and sent.startswith(nonce)),
    "nonce-list-with-ours": _nonce(lambda nonce, sent: nonce == sent or (isinstance(nonce, list) and sent in nonce)),
    "nonce-trimmed": _nonce(lambda nonce, sent: isinstance(nonce, str) and nonce.strip() == sent),
    "nonce-not-looked-at-with-a-code": _id_token("nonce", _not_with_a_code),
    "sub-missing-passes": _optional("sub", profiles=("id-token",)),
    "iat-missing-passes": _optional("iat", profiles=("id-token",)),
    "auth-time-not-looked-at": weak_claims("authentication time"),
    "auth-time-missing-passes": _age(lambda value, *others: value is not None and _old(value, *others)),
    "auth-time-in-the-future": _age(_old),
    "auth-time-is-that-of-the-token": _id_token("authentication time", _since_issue),
    "max-age-zero-is-none": _age(
        lambda value, now, allowed, leeway: (
            bool(allowed) and (_old(value, now, allowed, leeway) or value > now + leeway)
        )
    ),
    "acr-not-looked-at": weak_claims("context class"),
    "acr-missing-passes": _context(lambda acr, asked: acr is None or acr in asked),
    "acr-within-a-text": _context(lambda acr, asked: isinstance(acr, str) and any(acr in each for each in asked)),
    "at-hash-not-looked-at": _hash("at_hash", "access_token", lambda *_: True),
    "at-hash-missing-passes": _hash("at_hash", "access_token", _right_half),
    "at-hash-begins-alike": _hash("at_hash", "access_token", _begins),
    "at-hash-of-sha256-too": _hash("at_hash", "access_token", _of_sha256),
    "at-hash-whole": _hash("at_hash", "access_token", _whole_hash),
    "c-hash-not-looked-at": _hash("c_hash", "code", lambda *_: True),
    "c-hash-missing-passes": _hash("c_hash", "code", _right_half),
    "c-hash-begins-alike": _hash("c_hash", "code", _begins),
}
