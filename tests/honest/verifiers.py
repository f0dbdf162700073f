"""Shapes that real verifiers have; each is a row of ``SHAPES``, and ``COMPANIES`` says which go together."""

import binascii
import json
import math
import re
import time
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable, Mapping
from typing import Any

from bearerproof.contract.connections import Handle
from bearerproof.contract.messages import request_line
from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch
from bearerproof_reference.verifier import jose, verifier

from .shapes import Answering, Shape, Shapes

REJECTED: Json = {"verdict": "rejected", "reason": "other"}


def part(request: Json, number: int) -> Any:
    """Read a segment of the token as leniently as can be; an empty object is what cannot be read."""
    octets = b64decode(request["token_b64"]) if "token_b64" in request else request["token"].encode(errors="replace")
    try:
        return json.loads(urlsafe_b64decode(octets.split(b".")[number] + b"=="))
    except (IndexError, ValueError, RecursionError):
        return {}


def claims_of(request: Json) -> Json:
    """Read the claims; none where they cannot be read."""
    found = part(request, 1)
    return found if isinstance(found, dict) else {}


# --- what is returned


def returning(change: Callable[[Json], Json | None]) -> Answering:
    """Change the claims that are returned."""

    def answers(request: Json, ask: Handle) -> Json:
        answer = ask(request)
        return {**answer, "claims": change(answer["claims"])} if answer.get("claims") else answer

    return answers


def _audience_as_a_list(claims: Json) -> Json:
    return {**claims, "aud": [claims["aud"]]} if isinstance(claims.get("aud"), str) else claims


def _doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _doubles(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_doubles(member) for member in value]
    return float(value) if type(value) is int and abs(value) < 2**53 else value


def _if_json(claims: Json) -> Json | None:
    try:
        json.dumps(claims, allow_nan=False)
    except ValueError:
        return None
    return claims


# --- what is refused, and when


def refusing(unless: Callable[[Json], bool]) -> Answering:
    """Refuse what another may accept."""
    return lambda request, ask: ask(request) if request["op"] != "verify" or unless(request) else REJECTED


def in_whole_seconds(request: Json, ask: Handle) -> Json:
    """Count in whole seconds and in doubt refuse: the token has to hold a little earlier and later, too."""
    if request["op"] != "verify":
        return ask(request)
    answers = [ask({**request, "now": request["now"] + step}) for step in (0, 0.999, -0.001)]
    return next((answer for answer in answers if answer.get("verdict") == "rejected"), answers[0])


def _lives_at_most_a_day(request: Json) -> bool:
    times = [claims_of(request).get(name, request["now"]) for name in ("exp", "iat")]
    return not any(isinstance(at, int | float) and abs(at - request["now"]) > 86_400 for at in times)


def _after_nbf(request: Json) -> bool:
    nbf = claims_of(request).get("nbf")
    return not isinstance(nbf, int | float) or request["now"] + request["policy"].get("leeway", 0) != nbf


def _every_key_says_its_algorithm(request: Json) -> bool:
    keys = request["policy"].get("keys", {"keys": []})["keys"]
    return all(isinstance(key, dict) and "alg" in key for key in keys)


def _known_header_parameters(request: Json) -> bool:
    return set(part(request, 0)) <= {"alg", "typ", "kid"} if isinstance(part(request, 0), dict) else True


def _ends_after_it_begins(request: Json) -> bool:
    claims = claims_of(request)
    times = {name: at for name, at in claims.items() if name in ("exp", "nbf", "iat") and type(at) in (int, float)}
    return all(times[name] < times.get("exp", math.inf) for name in times if name != "exp")


def _short(request: Json) -> bool:
    return len(str(request.get("token") or request["token_b64"]).encode(errors="replace")) <= KILOBYTE


def _kid_named(request: Json) -> bool:
    header = part(request, 0)
    return isinstance(header, dict) and isinstance(header.get("kid"), str) and bool(header["kid"])


def _kid_of_plain_letters(request: Json) -> bool:
    """Look a kid over before anything is done with it (RFC 8725 §3.10)."""
    header = part(request, 0)
    kid = header.get("kid", "k") if isinstance(header, dict) else "k"
    return isinstance(kid, str) and re.fullmatch(r"[A-Za-z0-9._-]{1,64}", kid) is not None


def _of_their_types(request: Json) -> bool:
    claims = claims_of(request)
    names = ("iss", "sub", "jti", "client_id", "azp", "nonce", "acr", "sid")
    return all(isinstance(claims.get(name, ""), str) for name in names) and isinstance(
        claims.get("aud", ""), str | list
    )


def _of_few_values(value: Any, depth: int = 0) -> bool:
    """Say whether a value is within what a small parser reads (RFC 8259 §9)."""
    if isinstance(value, dict | list):
        members = list(value.values()) if isinstance(value, dict) else value
        return depth < 16 and len(members) <= 64 and all(_of_few_values(member, depth + 1) for member in members)
    if isinstance(value, str):
        return len(value) <= KILOBYTE
    return not isinstance(value, int | float) or abs(value) < 2**53


def _with_the_usual_exponent(request: Json) -> bool:
    keys = request["policy"].get("keys", {"keys": []})["keys"]
    return not any(isinstance(key, dict) and key.get("kty") == "RSA" and key.get("e") != "AQAB" for key in keys)


def _users_of_ascii(request: Json) -> bool:
    """Hold a provider to what OpenID Connect Core §2 says of a subject: 255 ASCII characters at most."""
    sub = claims_of(request).get("sub", "x")
    return request["profile"] != "id-token" or (isinstance(sub, str) and sub.isascii() and 0 < len(sub) <= 255)


def _without_a_stray_nonce(request: Json) -> bool:
    signed_in = request["profile"] == "id-token" and request["policy"].get("nonce") is None
    return not (signed_in and "nonce" in claims_of(request))


def of_the_code_flow(request: Json, ask: Handle) -> Json:
    """Be a relying party that trusts nobody beside itself, and asks the provider for a sign-in and nothing else."""
    policy = request.get("policy", {}) if request.get("profile") == "id-token" else {}
    others = [name for name in _ASKED_FOR if policy.get(name) not in (None, [])]
    return {"skipped": f"this relying party knows no {others[0]}"} if others else ask(request)


_ASKED_FOR = ("trusted_audiences", "access_token", "code", "max_age", "acr_values")


def with_a_skew(seconds: int) -> Answering:
    """Have clocks differ by so much, and by the leeway of the policy besides."""

    def answers(request: Json, ask: Handle) -> Json:
        answer = ask(request)
        if request["op"] != "verify" or answer.get("verdict") == "accepted":
            return answer
        policy = {**request["policy"], "leeway": request["policy"].get("leeway", 0) + seconds}
        return ask({**request, "policy": policy, "policy_id": f"{request['policy_id']} and {seconds} s"})

    return answers


KILOBYTE = 1_024
SKEW = 300


def unmindful_of_iat(request: Json, ask: Handle) -> Json:
    """Never read `iat`, so that it is for nobody to say what it is."""
    claims, answer = claims_of(request), ask(request)
    read = bool(claims) and answer.get("reason") in ("claim-malformed", "issued-in-future")
    missing = request.get("profile") != "jwt" and "iat" not in claims
    return {"verdict": "accepted", "claims": claims} if read and not missing and _iat_is_odd(request) else answer


def _iat_is_odd(request: Json) -> bool:
    claims = claims_of(request)
    iat = claims.get("iat")
    fine = (
        isinstance(iat, int | float)
        and not isinstance(iat, bool)
        and 0 <= iat <= request["now"] + request["policy"].get("leeway", 0)
    )
    others = [claims.get(name, 0) for name in ("exp", "nbf", "auth_time")]
    return "iat" in claims and not fine and all(type(other) in (int, float) for other in others)


# --- what is not taken


def without(*options: str) -> Answering:
    """Mind being given an option that is not declared."""

    def answers(request: Json, ask: Handle) -> Json:
        given = set(options) & request.get("policy", {}).keys()
        return {"errored": {"message": f"TypeError: unexpected {given}"}} if given else ask(request)

    return answers


def requiring(*names: str) -> Answering:
    """Be able to require these claims, and say so when asked for others."""

    def answers(request: Json, ask: Handle) -> Json:
        others = set(request.get("policy", {}).get("require", ())) - set(names)
        return {"errored": {"message": f"KeyError: cannot require {others}"}} if others else ask(request)

    return answers


def errored_on(*reasons: str) -> Answering:
    """Let an error escape where the token is refused for one of these reasons."""

    def answers(request: Json, ask: Handle) -> Json:
        answer = ask(request)
        return {"errored": {"message": "ValueError: not so"}} if answer.get("reason") in reasons else answer

    return answers


def skipping(when: Callable[[Json], bool], why: str) -> Answering:
    """Say of some requests that they cannot be done."""
    return lambda request, ask: (
        {"skipped": why} if request["op"].startswith("verify") and when(request) else ask(request)
    )


def _now_and_then(request: Json) -> bool:
    return binascii.crc32(str(request.get("token")).encode("utf-8", "surrogatepass")) % 9 == 0


def reading_lines_of(limit: int) -> Answering:
    """End at a longer line, as usual readers do: what it answers is then no answer at all."""

    def answers(request: Json, ask: Handle) -> Json:
        return {"id": None} if len(request_line(request)) > limit else ask(request)

    return answers


def with_one_key(request: Json, ask: Handle) -> Json:
    """Verify with the only key there is, whatever its name and the token's."""
    holder = request.get("policy", request)
    if "keys" not in holder:
        return ask(request)
    header = part(request, 0)
    kid = header.get("kid") if isinstance(header, dict) else None
    (key,) = holder["keys"]["keys"]
    named = {**holder, "keys": {"keys": [{**key, "kid": kid if isinstance(kid, str) else "the only one"}]}}
    renamed = {**request, "policy_id": f"{request['policy_id']} {kid}"}
    return ask({**renamed, "policy": named} if "policy" in request else {**renamed, **named})


def by_the_real_clock(request: Json, ask: Handle) -> Json:
    """Read the time oneself."""
    return ask({**request, "now": time.time()} if "now" in request else request)


def with_a_lenient_reader_of_json(patch: Patch) -> None:
    """The last of two members is taken, a byte order mark passed over, and a number too large is infinite."""
    reader = json.JSONDecoder(parse_constant=jose._constant)
    patch(jose, "_DECODER", reader)
    patch.wrap(verifier, "parse_object", lambda parse, octets: parse(octets.removeprefix(b"\xef\xbb\xbf")))


def declaring(**capabilities: Any) -> Json:
    """Return what is declared besides."""
    return {"capabilities": capabilities}


_SKEWED = {
    profile: {"leeway": dict.fromkeys(names, SKEW)}
    for profile, names in {
        "jwt": ("exp", "nbf", "iat"),
        "access-token": ("exp", "nbf", "iat"),
        "id-token": ("exp", "nbf", "iat", "auth_time"),
    }.items()
}

SHAPES: Shapes = {
    "audience-as-a-list": Shape(returning(_audience_as_a_list)),
    "numbers-as-doubles": Shape(returning(_doubles)),
    "yes-or-no": Shape(returning(lambda _: None)),
    "claims-in-another-order": Shape(returning(lambda claims: dict(sorted(claims.items(), reverse=True)))),
    "in-whole-seconds": Shape(in_whole_seconds),
    "lifetimes-of-a-day-at-most": Shape(refusing(_lives_at_most_a_day)),
    "not-yet-at-nbf": Shape(refusing(_after_nbf)),
    "keys-have-to-say-their-algorithm": Shape(refusing(_every_key_says_its_algorithm)),
    "known-header-parameters-alone": Shape(refusing(_known_header_parameters)),
    "ends-after-it-begins": Shape(refusing(_ends_after_it_begins)),
    "kid-always-named": Shape(refusing(_kid_named)),
    "kids-of-plain-letters": Shape(refusing(_kid_of_plain_letters)),
    "claims-of-their-types-alone": Shape(refusing(_of_their_types)),
    "users-of-255-ascii-characters": Shape(refusing(_users_of_ascii)),
    "nonce-that-nobody-sent-refused": Shape(refusing(_without_a_stray_nonce)),
    "tokens-of-a-kilobyte": Shape(refusing(_short), declaring(max_token=KILOBYTE)),
    "few-values-read": Shape(refusing(lambda request: all(_of_few_values(part(request, at)) for at in (0, 1)))),
    "exponent-65537-alone": Shape(refusing(_with_the_usual_exponent)),
    "skew-of-five-minutes": Shape(with_a_skew(SKEW), declaring(tokens=_SKEWED)),
    "of-the-code-flow": Shape(of_the_code_flow),
    "unmindful-of-iat": Shape(unmindful_of_iat),
    "no-options": Shape(without("leeway", "require", "replay", "ports"), declaring(options=[])),
    "no-require": Shape(without("require", "replay", "ports"), declaring(options=["leeway"])),
    "no-leeway": Shape(without("leeway", "replay", "ports"), declaring(options=["require"])),
    "exp-can-be-required": Shape(requiring("exp"), declaring(options=["leeway", {"require": ["exp"]}])),
    "errors-on-malformed-tokens": Shape(errored_on("malformed")),
    "reasons-are-other": Shape(lambda request, ask: _other(ask(request)), {"level": 1}),
    "skips-now-and-then": Shape(skipping(_now_and_then, "not this one")),
    "skips-long-tokens": Shape(skipping(lambda request: len(str(request.get("token"))) > 1_000, "too long for us")),
    "skips-demands-of-typ": Shape(skipping(lambda request: bool(request.get("policy", {}).get("typ")), "no typ")),
    "lines-of-60000-bytes": Shape(reading_lines_of(60_000)),
    "lines-of-5000-bytes": Shape(reading_lines_of(5_000), declaring(max_line=5_000)),
    "one-key": Shape(with_one_key, declaring(key_set=False)),
    "real-clock": Shape(by_the_real_clock, declaring(clock="real")),
    "lenient-reader-of-json": Shape(returning(_if_json), patches=with_a_lenient_reader_of_json),
    **{
        f"{algorithm.lower()}-alone": Shape(declares=declaring(algorithms=[algorithm], mixed_algorithms=False))
        for algorithm in ("ES256", "ES512", "HS256", "EdDSA", "RS256", "PS384")
    },
}


def _other(answer: Json) -> Json:
    return {**answer, "reason": "other"} if "reason" in answer else answer


COMPANIES: Mapping[str, str] = {
    "a library of web tokens": """audience-as-a-list numbers-as-doubles claims-in-another-order es512-alone
                                  reasons-are-other skew-of-five-minutes of-the-code-flow
                                  ends-after-it-begins""",
    "a small library": """one-key hs256-alone no-options in-whole-seconds lines-of-60000-bytes few-values-read
                          tokens-of-a-kilobyte""",
    "a careful library": """eddsa-alone exp-can-be-required not-yet-at-nbf keys-have-to-say-their-algorithm
                            lifetimes-of-a-day-at-most known-header-parameters-alone kid-always-named
                            kids-of-plain-letters claims-of-their-types-alone nonce-that-nobody-sent-refused
                            users-of-255-ascii-characters""",
    "a product's own": """rs256-alone no-require skips-long-tokens skips-now-and-then lines-of-5000-bytes
                          exponent-65537-alone""",
    "a lenient library": "es256-alone lenient-reader-of-json unmindful-of-iat no-leeway skips-demands-of-typ",
    "a service": "real-clock errors-on-malformed-tokens yes-or-no",
}
"""Shapes that go well together: a run of each judges them all, and costs a quarter of what a run of each would."""
