"""Weak ways with what outlives a question, with hints, and with the order in which things are done."""

import math
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bearerproof_fuzz.victims import claims, verifier
from bearerproof_fuzz.victims.question import Facts, Memory, Question
from bearerproof_fuzz.victims.refusal import Json, Refused
from bearerproof_fuzz.victims.variants import ORDINARY, weak_claims
from bearerproof_fuzz.victims.verifier import HONEST, Opened, Steps

# --- verdicts that are kept


def _cached(name: Callable[[Question], object]) -> Steps:
    """Keep the claims of an accepted token under some name, and answer from there the next time."""

    def decided(steps: Steps, question: Question, memory: Memory) -> Json | bytes:
        key = name(question)
        if key not in memory.kept:
            memory.kept[key] = verifier.decide(steps, question, memory)
        kept: Json | bytes = memory.kept[key]
        return kept

    return replace(HONEST, decide=decided)


def _whatever(member: str) -> Steps:
    """Keep the verdict for every value of one member of the policy, and at this very instant alone."""
    return _cached(
        lambda question: (question.token, question.profile, question.now, str({**question.policy, member: None}))
    )


def _refusals_kept(steps: Steps, question: Question, memory: Memory) -> Json | bytes:
    """Keep what was refused, for ever and under every policy."""
    if question.token in memory.kept:
        raise Refused("other")
    try:
        return verifier.decide(steps, question, memory)
    except Refused:
        memory.kept[question.token] = True
        raise


def _first_policy(steps: Steps, question: Question, memory: Memory) -> Json | bytes:
    """Keep what an issuer's first policy says beside its keys, as a verifier that is built once does."""
    if question.profile == "jws":
        return verifier.decide(steps, question, memory)
    policy = question.policy
    first = memory.kept.setdefault((question.profile, policy["issuer"]), policy)
    of_now: Json = {name: policy[name] for name in ("keys", "keys_url", "ports", "replay") if name in policy}
    return verifier.decide(steps, replace(question, policy={**first, **of_now}), memory)


def _by_claim(name: str) -> Callable[[Question], object]:
    """Name a verdict by a claim that nobody has verified."""
    return lambda question: (
        _peeked(HONEST, question, 1, name) or question.token,
        question.profile,
        str(question.policy),
    )


def _segment(index: int) -> Callable[[Question], object]:
    return lambda question: ((*question.token.split("."), "", "")[index], question.profile, str(question.policy))


def _refused_names(find: Callable[[Steps, Question], object]) -> Steps:
    """Keep whom a refused token names, and refuse the next of that name."""

    def decided(steps: Steps, question: Question, memory: Memory) -> Json | bytes:
        named = find(steps, question)
        if named is not None and ("refused", named) in memory.kept:
            raise Refused("other")
        try:
            return verifier.decide(steps, question, memory)
        except Refused:
            memory.kept["refused", named] = True
            raise

    return replace(HONEST, decide=decided)


def _peeked(steps: Steps, question: Question, segment: int, name: str) -> object:
    """Read a member of a token that nobody has verified."""
    parts = question.token.split(".")
    try:
        value = steps.parse_claims(steps.decode(parts[segment])).get(name)
    except (Refused, IndexError):
        return None
    return value if isinstance(value, str) else None


# --- replay and sessions


def _replay(name: Callable[[Facts], object], *, without_jti: bool = False) -> Steps:
    """Remember presentations under some name."""
    weak = weak_claims(changed={"replay": lambda facts: claims.replay_by(facts, name, without_jti=without_jti)})
    if without_jti:
        return replace(weak, claims={**weak.claims, "presence": _jti_is_optional})
    return weak


def _jti_is_optional(facts: Facts) -> None:
    claims.presence(replace(facts, claims={"jti": "", **facts.claims}))


def _forgetting(when: Callable[[Facts], bool]) -> Steps:
    """Forget all that was presented, at times."""

    def check(facts: Facts) -> None:
        if when(facts):
            facts.memory.seen.clear()
        claims.replay(facts)

    return weak_claims(changed={"replay": check})


def _past_its_end(facts: Facts) -> bool:
    """Say whether the token has ended, though the leeway still admits it."""
    return bool(facts.claims.get("exp", math.inf) <= facts.question.now)


def _ports(look: Callable[[Json, Facts], None]) -> Steps:
    """Ask the look-ups in another way."""
    return weak_claims(changed={"sessions": lambda facts: look(facts.policy.get("ports") or {}, facts)})


def _open_when_unavailable(ports: Json, facts: Facts) -> None:
    """Let a token pass where the look-up that would refuse it fails."""
    policy = {**facts.policy, "ports": {**ports, "unavailable": []}}
    claims.sessions(replace(facts, question=replace(facts.question, policy=policy)))


def _revoked(ports: Json, facts: Facts) -> None:
    if {"sessions", "session_versions"} & set(ports.get("unavailable", [])):
        raise Refused("unavailable")
    if (ports.get("sessions") or {}).get(str(facts.claims.get("sid"))) == "revoked":
        raise Refused("session")


def _versions(old: Callable[[Any, int], bool]) -> Steps:
    def look(ports: Json, facts: Facts) -> None:
        _revoked(ports, facts)
        current = (ports.get("session_versions") or {}).get(facts.claims.get("sub"))
        if current is not None and old(facts.claims.get("sv"), current):
            raise Refused("session")

    return _ports(look)


def _versions_alone(ports: Json, facts: Facts) -> None:
    policy = {**facts.policy, "ports": {**ports, "sessions": {}}}
    claims.sessions(replace(facts, question=replace(facts.question, policy=policy)))


# --- hints, and the order of things


def _trusted_client(steps: Steps, question: Question, memory: Memory) -> Opened:
    """Ask of a token that names an internal client no signature: the name is taken for an authentication."""
    parts = question.token.split(".")
    if len(parts) == 3 and _peeked(steps, question, 1, "client_id") is not None:
        header = steps.parse_header(steps.decode(parts[0]))
        if header.get("kid") is None:
            return Opened(header, steps.decode(parts[1]))
    return verifier.open_jws(steps, question, memory)


def _claims_first(steps: Steps, question: Question, memory: Memory) -> Json | bytes:
    """Look at the claims before the signature, since that is cheaper."""
    parts = question.token.split(".")
    if question.profile != "jws" and len(parts) == 3:
        header, payload = (steps.parse_claims(steps.decode(part)) for part in parts[:2])
        facts = Facts(question, Memory(), header, payload)
        for name, check in steps.claims.items():
            if name not in ("replay", "sessions"):
                check(facts)
    return verifier.decide(steps, question, memory)


def _polite_to_clients(steps: Steps, question: Question, memory: Memory) -> Json | bytes:
    """Tell nobody why his token is refused whose client id is not one of ours."""
    try:
        return verifier.decide(steps, question, memory)
    except Refused:
        if str(_peeked(steps, question, 1, "client_id")).startswith("app-"):
            raise
        raise Refused("other") from None


def _always(reason: str) -> Steps:
    """Give one reason for everything."""

    def decided(steps: Steps, question: Question, memory: Memory) -> Json | bytes:
        try:
            return verifier.decide(steps, question, memory)
        except Refused:
            raise Refused(reason) from None

    return replace(HONEST, decide=decided)


def _returned(change: Callable[[Json, Json], Json], steps: Steps = HONEST) -> Steps:
    """Return something else than the claims that were signed."""

    def decided(steps: Steps, question: Question, memory: Memory) -> Json | bytes:
        decided_on = verifier.decide(steps, question, memory)
        if isinstance(decided_on, bytes):
            return decided_on
        return change(steps.parse_header(steps.decode(question.token.split(".")[0])), decided_on)

    return replace(steps, decide=decided)


def _header_first(header: Json, found: Json) -> Json:
    return {**found, **{name: header[name] for name in ("iss", "sub", "aud") if name in header}}


def _same_subject(_: Json, found: Json) -> Json:
    return {**found, "sub": found["sub"].lower().strip()} if isinstance(found.get("sub"), str) else found


def _whole_numbers(_: Json, found: Json) -> Json:
    return {name: int(value) if isinstance(value, float) else value for name, value in found.items()}


def _texts(change: Callable[[str], str]) -> Steps:
    """Return texts that were changed, at whatever depth."""

    def changed(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: changed(held) for name, held in value.items()}
        if isinstance(value, list):
            return [changed(each) for each in value]
        return change(value) if isinstance(value, str) else value

    return _returned(lambda _, found: {name: changed(value) for name, value in found.items()})


def _values(keep: Callable[[Any], bool]) -> Steps:
    """Return no claim whose value is as nothing to somebody."""
    return _returned(lambda _, found: {name: value for name, value in found.items() if keep(value)})


def _times_whole(_: Json, found: Json) -> Json:
    return {**found, **{name: int(found[name]) for name in ("exp", "nbf", "iat") if name in found}}


def _of_one(_: Json, found: Json) -> Json:
    return {name: value[0] if isinstance(value, list) and len(value) == 1 else value for name, value in found.items()}


def _known_alone(_: Json, found: Json) -> Json:
    known = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "nonce", "azp", "auth_time", "acr"}
    return {name: value for name, value in found.items() if name in known}


_MEMBERS = {
    "issuer": "issuer",
    "allow-list": "algorithms",
    "leeway": "leeway",
    "type": "typ",
    "list-of-claims": "require",
    "nonce": "nonce",
    "trusted-audience": "trusted_audiences",
    "access-token": "access_token",
    "code": "code",
}

STEPS: Mapping[str, Steps] = {
    "verdict-kept-by-the-beginning-of-a-token": _cached(lambda question: (question.token[:64], str(question.policy))),
    "verdict-kept-by-header-and-payload": _cached(
        lambda question: (question.token.rpartition(".")[0], question.profile, str(question.policy))
    ),
    "verdict-kept-by-payload": _cached(_segment(1)),
    "verdict-kept-by-signature": _cached(_segment(2)),
    "verdict-kept-for-ever": _cached(lambda question: (question.token, question.profile, str(question.policy))),
    "verdict-kept-for-every-policy": _cached(lambda question: question.token),
    "verdict-kept-for-every-audience": _cached(
        lambda question: (question.token, str({**question.policy, "audience": None}))
    ),
    **{f"verdict-kept-for-every-{name}": _whatever(member) for name, member in _MEMBERS.items()},
    "verdict-kept-by-jti": _cached(_by_claim("jti")),
    "verdict-kept-by-subject": _cached(_by_claim("sub")),
    "refusal-kept": replace(HONEST, decide=_refusals_kept),
    "first-policy-of-an-issuer-kept": replace(HONEST, decide=_first_policy),
    "client-of-a-refused-token-shut-out": _refused_names(
        lambda steps, question: _peeked(steps, question, 1, "client_id")
    ),
    "subject-of-a-refused-token-shut-out": _refused_names(lambda steps, question: _peeked(steps, question, 1, "sub")),
    "kid-of-a-refused-token-shut-out": _refused_names(lambda steps, question: _peeked(steps, question, 0, "kid")),
    "client-id-authenticates": replace(HONEST, open=_trusted_client),
    "replay-not-looked-for": weak_claims("replay"),
    "replay-by-the-text": _replay(lambda facts: facts.question.token),
    "replay-by-the-signature": _replay(lambda facts: facts.question.token.rpartition(".")[2]),
    "replay-by-jti-alone": _replay(lambda facts: facts.claims["jti"]),
    "replay-by-subject-and-jti": _replay(lambda facts: (facts.claims.get("sub"), facts.claims["jti"])),
    "replay-by-joined-text": _replay(lambda facts: f"{facts.claims['iss']}{facts.claims['jti']}"),
    "replay-without-jti-passes": _replay(lambda facts: (facts.claims["iss"], facts.claims["jti"]), without_jti=True),
    "replay-forgotten-beyond-100": _forgetting(lambda facts: len(facts.memory.seen) >= 100),
    "replay-forgotten-within-the-leeway": _forgetting(_past_its_end),
    "sessions-not-looked-at": _ports(_versions_alone),
    "session-versions-not-looked-at": _ports(_revoked),
    "session-version-missing-passes": _versions(lambda sv, current: sv is not None and sv < current),
    "session-version-one-behind-passes": _versions(lambda sv, current: not isinstance(sv, int) or sv < current - 1),
    "session-version-as-text": _versions(lambda sv, current: sv is None or str(sv) < str(current)),
    "outage-lets-tokens-pass": _ports(_open_when_unavailable),
    "claims-before-the-signature": replace(HONEST, decide=_claims_first),
    "strangers-blamed-otherwise": replace(HONEST, decide=_polite_to_clients),
    "signature-blamed-for-everything": _always("signature"),
    "header-repeats-claims": _returned(_header_first, ORDINARY),
    "subject-returned-in-small-letters": _returned(_same_subject),
    "numbers-returned-whole": _returned(_whole_numbers),
    "texts-returned-trimmed": _texts(str.strip),
    "texts-returned-normalised": _texts(lambda text: unicodedata.normalize("NFC", text)),
    "truth-values-read-from-texts": _returned(
        lambda _, found: {name: True if value == "true" else value for name, value in found.items()}
    ),
    "digits-returned-as-numbers": _returned(
        lambda _, found: {
            name: int(value) if isinstance(value, str) and value.isdecimal() else value for name, value in found.items()
        }
    ),
    "names-returned-in-small-letters": _returned(
        lambda _, found: {name.lower(): value for name, value in found.items()}
    ),
    "lists-of-one-unwrapped": _returned(_of_one),
    "falsy-claims-lost": _values(bool),
    "null-claims-lost": _values(lambda value: value is not None),
    "times-returned-whole": _returned(_times_whole),
    "header-returned-among-the-claims": _returned(lambda header, found: {**header, **found}, ORDINARY),
    "unknown-claims-lost": _returned(_known_alone),
}
