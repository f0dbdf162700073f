"""Edits of the claims, all of them well signed: time, issuer, audience, presence, types (RFC 7519 §4.1)."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache

from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.edits.registry import ACCEPTED, ECDSA, EITHER, JWTS, Change, edit, edits_for
from bearerproof_fuzz.forge import Draft
from bearerproof_fuzz.needs import CLOCK, LENIENT, REQUIRE

EXPIRED = "expired"
MALFORMED = "claim-malformed malformed"
LEEWAY = 30


def _lenient(draft: Draft) -> Draft:
    return draft.with_policy(leeway=LEEWAY)


# --- exp: RFC 7519 §4.1.4, "on or after which the JWT MUST NOT be accepted"


@edits_for({"an-hour": 3600, "a-day": 86_400, "decades": 1_700_000_000}, "VER-29", "RFC 7519 §4.1.4", EXPIRED)
def expired_since(draft: Draft, seconds: int) -> Draft:
    """`exp` has passed: {name} ago."""
    return draft.with_claims(exp=draft.now - seconds)


@edits_for(
    {"now": 0, "a-second-ago": 1, "half-a-second-ago": 0.5}, "VER-29", "RFC 7519 §4.1.4", EXPIRED, needs=(CLOCK,)
)
def expires(draft: Draft, seconds: float) -> Draft:
    """`exp` is {name}: the token must not be accepted on or after it."""
    return draft.with_claims(exp=draft.now - seconds)


@edits_for(
    {"at-its-end": LEEWAY, "a-second-past-it": LEEWAY + 1, "twice-past-it": 2 * LEEWAY},
    "VER-29",
    "RFC 7519 §4.1.4",
    EXPIRED,
    given=_lenient,
    needs=LENIENT,
)
def expired_beyond_leeway(draft: Draft, seconds: int) -> Draft:
    """`exp` has passed and the leeway with it: {name}."""
    return draft.with_claims(exp=draft.now - seconds)


@edits_for(
    {"zero": 0, "minus-one": -1, "minus-two-to-the-63": -(2**63), "a-lifetime": 600, "a-lifetime-in-ms": 600_000},
    "VER-29",
    "RFC 7519 §4.1.4",
    EXPIRED + " " + MALFORMED,
)
def exp_is(draft: Draft, value: int) -> Draft:
    """`exp` lies before the epoch, or so soon after it that somebody may take it for a lifetime: {name}."""
    return draft.with_claims(exp=value)


_SOON: dict[str, float] = {"a-second": 1}


@edits_for(_SOON, "VER-29", "RFC 7519 §4.1.4", base=ACCEPTED, strict=ACCEPTED, needs=(CLOCK,))
def expires_in(draft: Draft, seconds: float) -> Draft:
    """`exp` is {name} ahead: the token still holds."""
    return draft.with_claims(exp=draft.now + seconds)


# Who counts in whole seconds refuses up to a second early, and no clause says that a token must be accepted until then.
edits_for({"half-a-second": 0.5}, "VER-29", "RFC 7519 §4.1.4", base=EITHER, strict=ACCEPTED, needs=(CLOCK,))(expires_in)


@edit("VER-29", "RFC 7519 §4.1.4", base=ACCEPTED, strict=ACCEPTED, given=_lenient, needs=LENIENT)
def expired_within_leeway(draft: Draft) -> Draft:
    """`exp` has passed, but one second of the leeway is left."""
    return draft.with_claims(exp=draft.now - LEEWAY + 1)


# --- nbf: RFC 7519 §4.1.5

EARLY = "not-yet-valid"


@edits_for({"an-hour": 3600, "a-century": 3_200_000_000}, "VER-30", "RFC 7519 §4.1.5", EARLY)
def not_valid_for(draft: Draft, seconds: int) -> Draft:
    """`nbf` lies ahead: {name}."""
    return draft.with_claims(nbf=draft.now + seconds, exp=draft.now + seconds + 600)


@edits_for({"a-second": 1, "half-a-second": 0.5}, "VER-30", "RFC 7519 §4.1.5", EARLY, needs=(CLOCK,))
def not_valid_for_another(draft: Draft, seconds: float) -> Draft:
    """`nbf` lies {name} ahead."""
    return draft.with_claims(nbf=draft.now + seconds)


def _beyond(bits: int, per_second: int, *, signed: bool) -> Callable[[float], int]:
    """Return what, added to a time, wraps around where it is counted in integers of so many bits.

    With a sign the next number after the largest is the smallest. Without, it is zero, and the time is what it was.
    """
    around = -(-(2**bits) // per_second)
    return lambda time: 2 ** (bits - 1) // per_second + 1 if signed else int(time) + around


def _counted_in(per_second: int) -> Callable[[float], int]:
    """Return what somebody takes for the time itself who guesses by the size of a number what it counts."""
    return lambda time: int(time) * per_second


_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}

AHEAD: dict[str, Callable[[float], object]] = {
    "signed-32-bits-of-seconds": _beyond(32, 1, signed=True),
    "unsigned-32-bits-of-seconds": _beyond(32, 1, signed=False),
    **{f"signed-64-bits-of-{unit}": _beyond(64, number, signed=True) for unit, number in _UNITS.items()},
    **{f"unsigned-64-bits-of-{unit}": _beyond(64, number, signed=False) for unit, number in _UNITS.items()},
    **{unit: _counted_in(number) for unit, number in _UNITS.items() if number > 1},
    "a-double-of-seconds": lambda _: 2**53 + 1,
    "a-double-of-milliseconds": lambda _: 2**53 // 1000 + 1,
    "any-integer-as-a-double": lambda _: 1e19,
    "any-integer-as-a-large-double": lambda _: 1e300,
}
"""Times to come, named for the counter in which they are past: given a time past, each returns one."""


def _before(bits: int, per_second: int, *, signed: bool) -> Callable[[float], int]:
    """Return what wraps around to a time to come, as ``_beyond`` does to one past."""
    around = -(-(2**bits) // per_second)
    return lambda time: -(2 ** (bits - 1)) // per_second - 1 if signed else int(time) - around


LONG_PAST: dict[str, Callable[[float], object]] = {
    **{f"signed-64-bits-of-{unit}": _before(64, number, signed=True) for unit, number in _UNITS.items()},
    **{f"unsigned-64-bits-of-{unit}": _before(64, number, signed=False) for unit, number in _UNITS.items()},
    "unsigned-32-bits-of-seconds": _before(32, 1, signed=False),
    "any-integer-as-a-double": lambda _: -1e19,
    "any-integer-as-a-large-double": lambda _: -1e300,
}
"""Times long past, named for the counter in which they are still to come: given a time to come, each returns one."""


@edits_for(LONG_PAST, "VER-29", "RFC 7519 §4.1.4", EXPIRED + " " + MALFORMED)
def expired_beyond(draft: Draft, write: Callable[[float], object]) -> Draft:
    """`exp` is so long past that it overflows to the future: {name}."""
    return draft.with_claims(exp=write(draft.now + 600))


@edits_for(AHEAD, "VER-30", "RFC 7519 §4.1.5", EARLY + " " + MALFORMED)
def not_valid_beyond(draft: Draft, write: Callable[[float], object]) -> Draft:
    """`nbf` lies so far ahead that it overflows to the past: {name}."""
    return draft.with_claims(nbf=write(draft.now - 60))


@edits_for(AHEAD, "VER-31", "RFC 7519 §4.1.6", "issued-in-future " + MALFORMED)
def issued_beyond(draft: Draft, write: Callable[[float], object]) -> Draft:
    """`iat` lies so far ahead that it overflows to the past: {name}."""
    return draft.with_claims(iat=write(draft.now - 60))


# No RFC bounds a lifetime from above, and none makes anybody take one without bound.
@edits_for(AHEAD, "VER-40", "RFC 7519 §4.1.4", base=EITHER, strict=ACCEPTED)
def expires_beyond(draft: Draft, write: Callable[[float], object]) -> Draft:
    """`exp` is a number that lies ahead, however large: {name}."""
    return draft.with_claims(exp=write(draft.now - 60))


@edit("VER-30", "RFC 7519 §4.1.5", EARLY, given=_lenient, needs=LENIENT)
def not_valid_beyond_leeway(draft: Draft) -> Draft:
    """`nbf` lies one second further ahead than the leeway."""
    return draft.with_claims(nbf=draft.now + LEEWAY + 1)


# "After or equal" (RFC 7519 §4.1.5) is a condition of acceptance and no duty to accept: base leaves the edge open.
@edit("VER-30", "RFC 7519 §4.1.5", base=EITHER, strict=ACCEPTED, needs=(CLOCK,))
def valid_from_now(draft: Draft) -> Draft:
    """`nbf` is this very second: the token holds from it on."""
    return draft.with_claims(nbf=draft.now)


@edit("VER-30", "RFC 7519 §4.1.5", base=EITHER, strict=ACCEPTED, given=_lenient, needs=LENIENT)
def valid_within_leeway(draft: Draft) -> Draft:
    """`nbf` lies exactly the leeway ahead."""
    return draft.with_claims(nbf=draft.now + LEEWAY)


@edit("VER-30", "RFC 7519 §4.1.5", base=ACCEPTED, strict=ACCEPTED, given=_lenient, needs=LENIENT)
def valid_a_second_within_leeway(draft: Draft) -> Draft:
    """`nbf` lies ahead, by one second less than the leeway."""
    return draft.with_claims(nbf=draft.now + LEEWAY - 1)


@edit("VER-30", "RFC 7519 §4.1.5", base=ACCEPTED, strict=ACCEPTED, needs=(CLOCK,))
def valid_since_a_second_ago(draft: Draft) -> Draft:
    """`nbf` was a second ago."""
    return draft.with_claims(nbf=draft.now - 1)


# --- iat: a future one is refused in strict only


@edits_for({"an-hour": 3600, "a-century": 3_200_000_000}, "VER-31", "RFC 7519 §4.1.6", "issued-in-future")
def issued_in_the_future_by(draft: Draft, seconds: int) -> Draft:
    """`iat` lies ahead: {name}."""
    return draft.with_claims(iat=draft.now + seconds, exp=draft.now + seconds + 600)


@edit("VER-31", "RFC 7519 §4.1.6", "issued-in-future", given=_lenient, needs=LENIENT)
def issued_beyond_leeway(draft: Draft) -> Draft:
    """`iat` lies one second further ahead than the leeway."""
    return draft.with_claims(iat=draft.now + LEEWAY + 1)


@edit("VER-31", "RFC 7519 §4.1.6", base=EITHER, strict=ACCEPTED, given=_lenient, needs=LENIENT)
def issued_within_leeway(draft: Draft) -> Draft:
    """`iat` lies exactly the leeway ahead."""
    return draft.with_claims(iat=draft.now + LEEWAY)


# --- exp, nbf and iat within the second, the minute and the hour that now is in

_AFTER: dict[str, tuple[float, float]] = {"earlier": (17.25, 17.4375), "later": (17.5625, 17.75)}
"""Seconds after a full hour, of what is earlier and what is later, in either half of a second."""


def _at(draft: Draft, now: float, **times: float) -> Draft:
    """Present it at so many seconds after the instant of the base, claiming times of so many."""
    shifted = {name: draft.now + seconds for name, seconds in times.items()}
    return replace(draft.with_claims(**shifted), now=draft.now + now)


@edit("VER-29", "RFC 7519 §4.1.4", EXPIRED, needs=(CLOCK,))
def expired_a_second_ago_within_the_minute(draft: Draft) -> Draft:
    """`exp` was a second ago, and neither is the full minute: whoever rounds a time to one finds that it holds."""
    return _at(draft, 17.5, exp=16.5)


@edit("VER-30", "RFC 7519 §4.1.5", EARLY, needs=(CLOCK,))
def not_valid_for_a_second_within_the_minute(draft: Draft) -> Draft:
    """`nbf` lies a second ahead, and neither is the full minute: whoever rounds a time to one finds it past."""
    return _at(draft, 17.5, nbf=18.5)


@edit("VER-31", "RFC 7519 §4.1.6", "issued-in-future", needs=(CLOCK,))
def issued_a_second_ahead_within_the_minute(draft: Draft) -> Draft:
    """`iat` lies a second ahead, and neither is the full minute: whoever rounds a time to one finds it past."""
    return _at(draft, 17.5, iat=18.5)


# RFC 7519 §2 has fractions, and no clause has a clock with any: who reads whole seconds is less than one off.
@edits_for(_AFTER, "VER-29", "RFC 7519 §2", EXPIRED, base=EITHER, needs=(CLOCK,))
def expired_within_a_second(draft: Draft, times: tuple[float, float]) -> Draft:
    """`exp` has passed within this very second, in its {name} half."""
    return _at(draft, times[1], exp=times[0])


@edits_for(_AFTER, "VER-29", "RFC 7519 §2", base=EITHER, strict=ACCEPTED, needs=(CLOCK,))
def expires_within_a_second(draft: Draft, times: tuple[float, float]) -> Draft:
    """`exp` is still to come within this very second, in its {name} half."""
    return _at(draft, times[0], exp=times[1])


@edits_for(_AFTER, "VER-30", "RFC 7519 §2", EARLY, base=EITHER, needs=(CLOCK,))
def not_valid_within_a_second(draft: Draft, times: tuple[float, float]) -> Draft:
    """`nbf` is still to come within this very second, in its {name} half."""
    return _at(draft, times[0], nbf=times[1])


@edits_for(_AFTER, "VER-30", "RFC 7519 §2", base=EITHER, strict=ACCEPTED, needs=(CLOCK,))
def valid_within_a_second(draft: Draft, times: tuple[float, float]) -> Draft:
    """`nbf` has come within this very second, in its {name} half."""
    return _at(draft, times[1], nbf=times[0])


@edits_for(_AFTER, "VER-31", "RFC 7519 §2", "issued-in-future", needs=(CLOCK,))
def issued_within_a_second(draft: Draft, times: tuple[float, float]) -> Draft:
    """`iat` is still to come within this very second, in its {name} half."""
    return _at(draft, times[0], iat=times[1])


@edits_for(_AFTER, "VER-31", "RFC 7519 §2", base=EITHER, strict=ACCEPTED, needs=(CLOCK,))
def was_issued_within_a_second(draft: Draft, times: tuple[float, float]) -> Draft:
    """`iat` has come within this very second, in its {name} half."""
    return _at(draft, times[1], iat=times[0])


# --- NumericDate: RFC 7519 §2, a JSON numeric value


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)


_ARABIC_DIGITS = str.maketrans("0123456789", "".join(chr(0x660 + digit) for digit in range(10)))

_NOT_A_NUMBER: dict[str, Callable[[float], object]] = {
    "text": lambda seconds: str(int(seconds)),
    "text-with-fraction": lambda seconds: f"{seconds:.1f}",
    "rfc-3339-text": lambda seconds: _instant(seconds).strftime("%Y-%m-%dT%H:%M:%SZ"),
    "http-date-text": lambda seconds: format_datetime(_instant(seconds), usegmt=True),
    "empty-text": lambda _: "",
    "true": lambda _: True,
    "false": lambda _: False,
    "list": lambda seconds: [int(seconds)],
    "empty-list": lambda _: [],
    "object": lambda seconds: {"seconds": int(seconds)},
}


_NOTATIONS: dict[str, Callable[[float], object]] = {
    "text-with-exponent": lambda seconds: f"{seconds:.9e}",
    "text-with-sign": lambda seconds: f"+{int(seconds)}",
    "text-with-blanks": lambda seconds: f" {int(seconds)}\n",
    "text-with-underscores": lambda seconds: f"{int(seconds):_}",
    "text-in-hexadecimal": lambda seconds: hex(int(seconds)),
    "text-in-other-digits": lambda seconds: str(int(seconds)).translate(_ARABIC_DIGITS),
}
"""Texts that some languages convert to a number, besides plain digits: who takes those is found by them."""


def requiring_exp(draft: Draft) -> Draft:
    """Require `exp`, of those who can be told which claims a token needs."""
    return draft.with_policy(require=["exp"])


_NULL: dict[str, Callable[[float], object]] = {"null": lambda _: None}


@edits_for(_NOT_A_NUMBER, "VER-32", "RFC 7519 §4.1.4", MALFORMED + " expired claim-missing")
def exp_is_no_number(draft: Draft, write: Callable[[float], object]) -> Draft:
    """`exp` is not a JSON number: {name}."""
    return draft.with_claims(exp=write(draft.now + 600))


edits_for(
    _NOTATIONS,
    "VER-32",
    "RFC 7519 §4.1.4",
    MALFORMED + " expired claim-missing",
    alone=lambda draft, _: exp_is_no_number(draft, _NOT_A_NUMBER["text"]),
)(exp_is_no_number)


# Some parsers cannot tell null from absent, and `exp` may be absent unless the policy requires it.
edits_for(
    _NULL, "VER-32", "RFC 7519 §4.1.4", MALFORMED + " expired claim-missing", given=requiring_exp, needs=(REQUIRE,)
)(exp_is_no_number)


@edits_for(_NOT_A_NUMBER, "VER-32", "RFC 7519 §4.1.5", MALFORMED + " not-yet-valid claim-missing")
def nbf_is_no_number(draft: Draft, write: Callable[[float], object]) -> Draft:
    """`nbf` is not a JSON number: {name}."""
    return draft.with_claims(nbf=write(draft.now - 60))


edits_for(
    _NOTATIONS,
    "VER-32",
    "RFC 7519 §4.1.5",
    MALFORMED + " not-yet-valid claim-missing",
    alone=lambda draft, _: nbf_is_no_number(draft, _NOT_A_NUMBER["text"]),
)(nbf_is_no_number)


# To the same parsers this one is absent, as it may always be.
edits_for(_NULL, "VER-32", "RFC 7519 §4.1.5", MALFORMED + " not-yet-valid claim-missing", base=EITHER)(nbf_is_no_number)


# RFC 7519 §4.1.6 binds the issuer; that a recipient must read a claim it does not use, no clause says.
@edits_for(
    _NOT_A_NUMBER | _NULL, "VER-32", "RFC 7519 §4.1.6", MALFORMED + " issued-in-future claim-missing", base=EITHER
)
def iat_is_no_number(draft: Draft, write: Callable[[float], object]) -> Draft:
    """`iat` is not a JSON number: {name}."""
    return draft.with_claims(iat=write(draft.now - 60))


def spelled(draft: Draft, name: str, number: bytes) -> Draft:
    """Spell a claim as the given text, which need not be JSON."""
    raw = draft.without_claim(name).payload_bytes()
    return replace(draft, payload_json=raw[:-1] + b',"' + name.encode() + b'":' + number + b"}")


@edits_for(
    {"nan": b"NaN", "infinity": b"Infinity", "minus-infinity": b"-Infinity"},
    "VER-32",
    "RFC 7519 §2",
    MALFORMED + " expired",
)
def exp_is_not_finite(draft: Draft, number: bytes) -> Draft:
    """`exp` is no finite number, so the token would never expire: {name}."""
    return spelled(draft, "exp", number)


@edits_for({"nan": b"NaN", "minus-infinity": b"-Infinity"}, "VER-32", "RFC 7519 §2", MALFORMED + " not-yet-valid")
def nbf_is_not_finite(draft: Draft, number: bytes) -> Draft:
    """`nbf` is no finite number, so that it has passed or compares with nothing: {name}."""
    return spelled(draft, "nbf", number)


# RFC 8259 §6 has it a number, which lies ahead, and lets a parser limit the range of numbers.
edits_for({"beyond-double": b"1e400"}, "VER-32", "RFC 8259 §6", MALFORMED + " expired", base=EITHER)(exp_is_not_finite)


# --- iss: RFC 7519 §4.1.1, compared code point by code point

ISSUER_REASONS = "issuer claim-malformed malformed claim-missing"


def _issuers(ours: str) -> dict[str, object]:
    scheme, _, rest = ours.partition("://")
    authority, slash, path = rest.partition("/")
    label, dot, domain = authority.partition(".")

    def at(host: str) -> str:
        return f"{scheme}://{host}{slash}{path}"

    return {
        "another": "https://evil.example",
        "trailing-slash": ours + "/",
        "prefix": ours[:-1],
        "extended": ours + ".evil.example",
        "upper-case-host": at(label.upper() + dot + domain),
        "upper-case-scheme": f"{scheme.upper()}://{rest}",
        "plain-http": f"http://{rest}",
        "without-scheme": rest,
        "subdomain": at("www." + authority),
        "below-ours": ours + "/tenant",
        "userinfo": ours + "@evil.example",
        "explicit-port": at(authority + ":443"),
        "fragment": ours + "#",
        "query": ours + "?",
        "trailing-dot": at(authority + "."),
        "percent-encoded": at(authority.replace(".", "%2e", 1)),
        "leading-blank": " " + ours,
        "trailing-newline": ours + "\n",
        "trailing-nul": ours + "\0",
        "text-after-a-nul": ours + "\0.evil.example",
        "fullwidth": at(chr(ord(authority[:1] or "a") + 0xFEE0) + authority[1:]),
        "punycode": at("xn--" + authority.replace(".", "-")),
        "soft-hyphen": at(authority[:1] + "\u00ad" + authority[1:]),
        "another-letter-for-a-period": ours.replace(".", "x"),
        "wildcard": f"{scheme}://*",
        "pattern": f"{scheme}://.*",
        "empty": "",
        "comma-joined": f"https://evil.example,{ours}",
        "blank-joined": f"https://evil.example {ours}",
        "json-text": json.dumps([ours]),
        "list-with-ours": [ours],
        "list-with-ours-first": [ours, "https://evil.example"],
        "list-with-ours-last": ["https://evil.example", ours],
        "object": {ours: True},
        "object-with-ours-as-value": {"iss": ours},
        "number": 1,
        "true": True,
        "null": None,
    }


@edits_for({name: name for name in _issuers("x")}, "VER-33", "RFC 7519 §4.1.1", ISSUER_REASONS)
def iss_is(draft: Draft, name: str) -> Draft:
    """`iss` is not the issuer that the policy names: {name}."""
    return draft.with_claims(iss=_issuers(draft.policy.members["issuer"])[name])


# --- aud: RFC 7519 §4.1.3

AUDIENCE_REASONS = "audience claim-malformed malformed claim-missing authorized-party"


@cache
def _audiences(ours: str) -> dict[str, object]:
    return {
        "another": "api://other",
        "prefix": ours[:-1],
        "extended": ours + "0",
        "suffix": ours[1:],
        "inside-longer": f"x{ours}x",
        "upper-case": ours.upper(),
        "trailing-slash": ours + "/",
        "below-ours": ours + "/admin",
        "leading-blank": " " + ours,
        "trailing-blank": ours + " ",
        "trailing-newline": ours + "\n",
        "text-after-a-nul": ours + "\0evil",
        "percent-encoded": f"%{ord(ours[0]):02X}{ours[1:]}",
        "soft-hyphen": ours[0] + "\u00ad" + ours[1:],
        "fullwidth": chr(ord(ours[0]) + 0xFEE0) + ours[1:],
        "json-text": json.dumps(["api://other", ours]),
        "semicolon-joined": f"api://other;{ours}",
        "comma-joined": f"api://other,{ours}",
        "blank-joined": f"api://other {ours}",
        "wildcard": "*",
        "pattern": ".*",
        "empty": "",
        "empty-list": [],
        "list-of-others": ["api://other", "api://another"],
        "list-with-prefix": [ours[:-1]],
        "list-of-characters": list(ours),
        "nested-list": [[ours]],
        "object-with-ours-as-name": {ours: True},
        "object-with-ours-as-value": {"aud": ours},
        "list-with-object": [{"aud": ours}],
        "number": 1,
        "true": True,
        "null": None,
        "list-with-null": [None],
    }


@edits_for({name: name for name in _audiences("x")}, "VER-34", "RFC 7519 §4.1.3", AUDIENCE_REASONS)
def aud_is(draft: Draft, name: str) -> Draft:
    """`aud` does not name us: {name}."""
    return draft.with_claims(aud=_audiences(draft.policy.members["audience"])[name])


def _called_by_a_host(draft: Draft) -> Draft:
    """Have us called by a name with periods in it."""
    return draft.with_policy(audience="https://api.example").with_claims(aud="https://api.example")


@edit(
    "VER-34", "RFC 7519 §4.1.3", AUDIENCE_REASONS, given=_called_by_a_host, profiles=(Profile.JWT, Profile.ACCESS_TOKEN)
)
def aud_has_another_letter_for_our_period(draft: Draft) -> Draft:
    """`aud` is our name but for one letter that stands in place of a period."""
    return draft.with_claims(aud="https://apixexample")


@edit("VER-34", "RFC 7519 §4.1.3", AUDIENCE_REASONS, base=EITHER)
def aud_holds_a_number_beside_ours(draft: Draft) -> Draft:
    """`aud` is a list that names us, but holds something beside strings."""
    return draft.with_claims(aud=[draft.policy.members["audience"], 1])


_ODD: dict[str, Callable[[str], list[object]]] = {
    "null-before-ours": lambda ours: [None, ours],
    "number-before-ours": lambda ours: [1, ours],
    "object-behind-ours": lambda ours: [ours, {}],
    "list-behind-ours": lambda ours: [ours, [ours]],
}


@edits_for(_ODD, "VER-34", "RFC 7519 §4.1.3", AUDIENCE_REASONS, base=EITHER)
def aud_list_with(draft: Draft, written: Callable[[str], list[object]]) -> Draft:
    """`aud` is a list that names us, beside something that is no string: {name}."""
    return draft.with_claims(aud=written(draft.policy.members["audience"]))


# --- presence


MISSING = "claim-missing claim-malformed issuer audience expired"


@edits_for({name: name for name in ("iss", "aud")}, "VER-35", "RFC 7519 §4", MISSING)
def claim_missing(draft: Draft, name: str) -> Draft:
    """A claim that the policy demands is missing: {name}."""
    return draft.without_claim(name)


_OTHER_CASES: dict[str, Callable[[str], str]] = {"capitals": str.upper, "a-capital": str.capitalize}


def _without_it(draft: Draft, spelling: tuple[str, Callable[[str], str]]) -> Draft:
    return draft.without_claim(spelling[0])


@edits_for(
    {f"{name}-in-{case}": (name, spell) for name in ("iss", "aud") for case, spell in _OTHER_CASES.items()},
    "VER-35",
    "RFC 7519 §10.1.1",
    MISSING,
    alone=_without_it,
)
def claim_under_another_name(draft: Draft, spelling: tuple[str, Callable[[str], str]]) -> Draft:
    """A claim that has to be there is missing, and stands there under a name of another case: {name}."""
    name, spell = spelling
    return draft.without_claim(name).with_claims(**{spell(name): draft.claims[name]})


edits_for(
    {f"exp-in-{case}": ("exp", spell) for case, spell in _OTHER_CASES.items()},
    "VER-35",
    "RFC 7519 §10.1.1",
    MISSING,
    given=requiring_exp,
    needs=(REQUIRE,),
    alone=_without_it,
)(claim_under_another_name)


_SYNONYMS = {
    "iss": ("issuer", "idp", "realm"),
    "aud": ("audience", "resource", "azp", "client_id"),
    "exp": ("expires", "expires_at", "expiry", "valid_until"),
    "sub": ("subject", "user_id", "uid", "oid", "username", "email"),
    "iat": ("issued_at", "auth_time", "nbf"),
    "client_id": ("azp", "appid", "cid"),
    "jti": ("uti", "id", "token_id"),
}
"""What some issuers call a claim, or write its value into besides."""


def claim_under_its_synonyms(draft: Draft, name: str) -> Draft:
    """A claim that has to be there is missing, and its value stands where other issuers have it: {name}."""
    return draft.without_claim(name).with_claims(**dict.fromkeys(_SYNONYMS[name], draft.claims[name]))


edits_for({name: name for name in ("iss", "aud")}, "VER-35", "RFC 7519 §4.1", MISSING, alone=Draft.without_claim)(
    claim_under_its_synonyms
)
edits_for(
    {"exp": "exp"}, "VER-35", "RFC 7519 §4.1", MISSING, given=requiring_exp, needs=(REQUIRE,), alone=Draft.without_claim
)(claim_under_its_synonyms)

edits_for(
    {"client-id": "client_id", "jti": "jti", "sub": "sub", "iat": "iat"},
    "VER-38",
    "RFC 9068 §2.2",
    MISSING,
    base=EITHER,
)(claim_under_its_synonyms)
edits_for({"sub-of-a-user": "sub", "iat-of-a-sign-in": "iat"}, "IDT-5", "OpenID Connect Core §2", MISSING, base=EITHER)(
    claim_under_its_synonyms
)


@edit("VER-35", "RFC 7519 §4", MISSING, given=requiring_exp, needs=(REQUIRE,))
def claim_missing_exp(draft: Draft) -> Draft:
    """A claim that the policy demands is missing: exp, which a token may lack where no policy requires it."""
    return claim_missing(draft, "exp")


def _requiring_sub_and_iat(draft: Draft) -> Draft:
    return draft.with_policy(require=["exp", "sub", "iat"])


@edits_for(
    {name: name for name in ("sub", "iat")},
    "VER-35",
    "RFC 7519 §4",
    "claim-missing claim-malformed",
    given=_requiring_sub_and_iat,
    needs=(REQUIRE,),
)
def required_claim_missing(draft: Draft, name: str) -> Draft:
    """A claim that the policy requires by name is missing: {name}."""
    return draft.without_claim(name)


# --- claims that the header repeats: those that are signed as claims are the claims (RFC 7519 §4, §5.3)


def _at_fault(draft: Draft, claims: dict[str, object]) -> Draft:
    kept = {name: value for name, value in draft.claims.items() if claims.get(name, value) is not None}
    return replace(draft, claims={**kept, **{name: value for name, value in claims.items() if value is not None}})


def header_is_right_about(draft: Draft, claims: dict[str, object]) -> Draft:
    """A claim is at fault, and the header repeats it as it ought to be: {name}."""
    repeated = {name: draft.claims.get(name, draft.now - 60) for name in claims}
    return _at_fault(draft, claims).with_header(**repeated)


_AT_FAULT: dict[str, dict[str, dict[str, object]]] = {
    "VER-29": {"exp": {"exp": 1}},
    "VER-30": {"nbf": {"nbf": 4_000_000_000}},
    "VER-33": {"iss": {"iss": "https://evil.example"}},
    "VER-34": {"aud": {"aud": "api://other"}},
    "VER-35": {"missing-iss": {"iss": None}, "missing-aud": {"aud": None}},
}
for _requirement, _faults in _AT_FAULT.items():
    edits_for(
        _faults,
        _requirement,
        "RFC 7519 §5.3",
        f"{EXPIRED} {EARLY} {ISSUER_REASONS} {AUDIENCE_REASONS} header",
        alone=_at_fault,
    )(header_is_right_about)


# --- claims that an object within the claims has as well: they are said of somebody else (RFC 8693 §4.1)


def members_are_right_about(draft: Draft, claims: dict[str, object]) -> Draft:
    """A claim is at fault, and objects before it and behind it have a member of its name as it ought to be: {name}."""
    right = {name: draft.claims.get(name, draft.now - 60) for name in claims}
    return replace(draft, claims={"act": right, **_at_fault(draft, claims).claims, "may_act": right})


for _requirement, _faults in _AT_FAULT.items():
    edits_for(
        _faults,
        _requirement,
        "RFC 8693 §4.1",
        f"{EXPIRED} {EARLY} {ISSUER_REASONS} {AUDIENCE_REASONS}",
        alone=_at_fault,
    )(members_are_right_about)


# --- types

_NOT_TEXT: dict[str, object] = {"number": 1, "true": True, "list": ["user-1"], "object": {"id": "user-1"}, "null": None}
TYPES = "claim-malformed malformed claim-missing"


@edits_for(_NOT_TEXT, "VER-36", "RFC 7519 §4.1.2", TYPES)
def sub_is(draft: Draft, value: object) -> Draft:
    """`sub` is not a string: {name}."""
    return draft.with_claims(sub=value)


@edits_for(_NOT_TEXT, "VER-36", "RFC 7519 §4.1.7", TYPES, profiles=(Profile.JWT, Profile.ACCESS_TOKEN))
def jti_is(draft: Draft, value: object) -> Draft:
    """`jti` is not a string: {name}."""
    return draft.with_claims(jti=value)


@edits_for(_NOT_TEXT, "VER-36", "RFC 9068 §2.2", TYPES, profiles=(Profile.ACCESS_TOKEN,))
def client_id_is(draft: Draft, value: object) -> Draft:
    """`client_id` is not a string: {name}."""
    return draft.with_claims(client_id=value)


# --- accept-controls


def _accept(clause: str, **options: object) -> Callable[[Change], Change]:
    return edit("VER-40", clause, base=ACCEPTED, strict=ACCEPTED, **options)  # type: ignore[arg-type]  # options of edit


@_accept("RFC 7519 §4")
def claim_not_understood(draft: Draft) -> Draft:
    """Claims that nobody knows are ignored."""
    return draft.with_claims(**{"x-unheard-of": {"a": [1, None]}, "https://as.example/groups": ["a"]})


@_accept("RFC 7519 §4")
def claim_without_name(draft: Draft) -> Draft:
    """A claim whose name is the empty text, which JSON has as any other (RFC 8259 §4), is one that nobody knows."""
    return draft.with_claims(**{"": "x"})


@_accept("RFC 7519 §2")
def fractional_times(draft: Draft) -> Draft:
    """NumericDates may be fractional."""
    return draft.with_claims(exp=draft.now + 600.25, iat=draft.now - 60.5, nbf=draft.now - 60.75)


@_accept("RFC 7519 §2")
def exponent_times(draft: Draft) -> Draft:
    """A NumericDate may be spelled with an exponent."""
    return spelled(draft, "exp", f"{draft.now + 600:.10e}".encode())


@_accept("RFC 7519 §4.1.3", profiles=(Profile.JWT, Profile.ACCESS_TOKEN))
def aud_lists_ours_last(draft: Draft) -> Draft:
    """`aud` may be an array that holds ours among others."""
    return draft.with_claims(aud=["api://other", draft.policy.members["audience"]])


@_accept("RFC 7519 §4.1.3")
def aud_lists_ours_alone(draft: Draft) -> Draft:
    """`aud` may be an array of one."""
    return draft.with_claims(aud=[draft.policy.members["audience"]])


# A parser may set limits on what it reads (RFC 8259 §9), and some set one on how many values there are.
@edit("VER-40", "RFC 8259 §9", base=EITHER, strict=ACCEPTED)
def many_values_side_by_side(draft: Draft) -> Draft:
    """Lists and objects may stand beside each other in any number, and brackets in any number within a string."""
    return draft.with_claims(lists=[[]] * 200, objects=[{}] * 200, text="[{" * 200)


# Which claims a JWT must contain is for its context to say (RFC 7519 §4): a library may need more, such as `iat`.
@edit("VER-40", "RFC 7519 §4", base=EITHER, strict=ACCEPTED, profiles=(Profile.JWT,))
def nothing_but_what_is_required(draft: Draft) -> Draft:
    """A token may have the claims that the policy demands and no other."""
    required = draft.policy.members.get("require") or ()
    return replace(draft, claims={n: v for n, v in draft.claims.items() if n in ("iss", "aud", "exp", *required)})


@_accept("RFC 8259 §2")
def white_space_in_json(draft: Draft) -> Draft:
    """White space between JSON tokens means nothing."""
    return replace(draft, payload_json=draft.payload_bytes().replace(b",", b" ,\r\n\t "))


@_accept("RFC 8259 §7")
def escaped_names(draft: Draft) -> Draft:
    """A JSON string may be spelled with escapes."""
    return replace(draft, payload_json=draft.payload_bytes().replace(b'"iss"', b'"\\u0069ss"'))


@_accept("RFC 7519 §4.1.2", profiles=(Profile.JWT, Profile.ACCESS_TOKEN))
def subject_in_other_scripts(draft: Draft) -> Draft:
    """A subject may hold any Unicode text."""
    return draft.with_claims(sub="用户-é-\U0001f511")


# OpenID Connect Core §2 gives a subject 255 ASCII characters, and a relying party may hold its provider to that.
@edit("VER-40", "RFC 7519 §4.1.2", base=EITHER, strict=ACCEPTED, profiles=(Profile.ID_TOKEN,))
def subject_of_a_user_in_other_scripts(draft: Draft) -> Draft:
    """A subject of an ID token holds other than ASCII characters."""
    return subject_in_other_scripts(draft)


# A cap on lifetimes offends no RFC.
@edit("VER-40", "RFC 7519 §4.1.4", base=EITHER, strict=ACCEPTED, profiles=JWTS)
def expires_in_the_year_2100(draft: Draft) -> Draft:
    """`exp` may lie beyond what 32 bits hold."""
    return draft.with_claims(exp=4_102_444_800)


@_accept("RFC 7518 §3.4", algorithms=ECDSA)
def ecdsa_s_negated(draft: Draft) -> Draft:
    """An ECDSA signature with n - s in place of s is as valid as the other."""

    def negate(signature: bytes) -> bytes:
        size = len(signature) // 2
        s = keys.GROUP_ORDER[draft.key.material] - int.from_bytes(signature[size:], "big")
        return signature[:size] + s.to_bytes(size, "big")

    return draft.with_signature(negate)
