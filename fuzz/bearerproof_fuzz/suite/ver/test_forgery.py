"""Forged, mangled and composed tokens: whatever is done without a key, or on top of a fault, nothing is accepted."""

import base64
from dataclasses import dataclass, replace

import pytest
from hypothesis.strategies import DrawFn

from bearerproof.contract.messages import Outcome, Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.draws import batch, pick
from bearerproof_fuzz.edits.registry import JWTS
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.grammar import Forged, forge_one, mangle_one, matter_of
from bearerproof_fuzz.jwks_endpoint import endpoint, key_set
from bearerproof_fuzz.oracles.sameness import same_claims

BATCH = 8


@dataclass(frozen=True)
class Honest:
    """A base token that was accepted in this check."""

    draft: Draft
    presentation: Presentation


@check("VER-25")
def test_nothing_an_attacker_can_sign_is_accepted(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Whatever an attacker writes and signs, only a holder of a policy key gets a token accepted."""
    honest = accepted_bases(mark, trial, forge)

    def draw_one(draw: DrawFn) -> tuple[Honest, Forged]:
        base = pick(draw, honest)
        return base, forge_one(draw, base.draft)

    def refused(drawn: list[tuple[Honest, Forged]]) -> None:
        presented = [forged.draft.presentation() for _, forged in drawn]
        answers = trial.ask_all(presented)
        for answer, presentation, (base, forged) in zip(answers, presented, drawn, strict=True):
            if answer.outcome is Outcome.ACCEPTED and _found_elsewhere(trial, forged):
                continue
            summary = f"a forged token is not refused: {forged.describe()}"
            edit, kind = forged.describe(), forged.steps[0]
            trial.expect(answer, REJECTED, summary, presentation, base.presentation, edit, kind)

    explore(refused, batch(draw_one, BATCH))


def _found_elsewhere(trial: Trial, forged: Forged) -> bool:
    """Say whether a part that another requirement judges is accepted by itself: one fault is found once."""
    answers = trial.ask_all([part.presentation() for part in forged.judged_elsewhere])
    return any(answer.outcome is Outcome.ACCEPTED for answer in answers)


@check("VER-19")
def test_no_location_in_a_token_is_fetched(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A key set that a token points to, with the very key that signed it, is neither believed nor asked for."""
    base = forge.base(mark.profile)
    honest = base.presentation()
    trial.control(honest)
    outsider = keys.key(base.key.algorithm, "attacker")
    with endpoint(key_set([outsider])) as served:
        for parameter in ("jku", "x5u"):
            for kid in (outsider.kid, base.key.kid):
                draft = base.with_header(**{parameter: served.url, "kid": kid}).signed_by(outsider.sign)
                presented = draft.presentation()
                summary = f"a token is believed by the key set that its own {parameter} points to"
                trial.expect(trial.ask(presented), REJECTED, summary, presented, honest, parameter)
                if served.requests:
                    asked = f"{served.requests} requests"
                    trial.fail(f"the location in {parameter} was asked", "no request", asked, presented, honest)


@check("VER-24")
def test_no_mangled_token_is_accepted(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token's text, changed anywhere by somebody without a key, is accepted no more."""
    _refuse_mangled(mark, trial, forge)


@check("VER-1")
def test_no_token_mangled_into_other_segments_is_accepted(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token's text, changed so that it has more or fewer segments, or an empty one, is accepted no more."""
    _refuse_mangled(mark, trial, forge)


@check("VER-2")
def test_no_token_mangled_beyond_the_alphabet_is_accepted(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token's text, changed so that a segment is no base64url, is accepted no more."""
    _refuse_mangled(mark, trial, forge)


def _refuse_mangled(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Mangle honest tokens and judge what comes of it, so far as it offends this requirement first."""
    honest = accepted_bases(mark, trial, forge)

    def draw_one(draw: DrawFn) -> tuple[Honest, str, str]:
        base = pick(draw, honest)
        return (base, *mangle_one(draw, str(base.presentation.token)))

    def refused(drawn: list[tuple[Honest, str, str]]) -> None:
        ours = [mangled for mangled in drawn if _matter(mangled[1], mangled[0]) == mark.requirement]
        presented = [replace(base.presentation, token=token) for base, token, _ in ours]
        for answer, presentation, (base, _, how) in zip(trial.ask_all(presented), presented, ours, strict=True):
            summary = f"a mangled token is not refused: {how}"
            kind = how.partition(" at ")[0]
            trial.expect(answer, REJECTED, summary, presentation, base.presentation, how, kind)

    explore(refused, batch(draw_one, BATCH))


@check("VER-24")
def test_what_was_signed_is_returned(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The claims or payload that an accepted token yields are those that the signature covers."""
    if trial.declaration.resource_server is not None and trial.declaration.resource_server.running:
        pytest.skip("a resource server that runs returns no claims")
    for base in accepted_bases(mark, trial, forge):
        for draft in (base.draft, base.draft.with_claims(**_variety(base.draft, trial.measure))):
            presentation = draft.presentation()
            answer = trial.control(presentation)
            if draft is base.draft and answer.claims is None and answer.payload_b64 is None:
                pytest.skip("it says yes or no, and returns no claims")
            if mark.profile is not Profile.JWS and not same_claims(answer.claims, draft.all_claims):
                got = f"claims {answer.claims!r}"[:500]
                trial.fail("other claims are returned than were signed", "the signed claims", got, presentation)
            if answer.payload_b64 is not None and standard_b64(answer.payload_b64) != draft.payload_bytes():
                got = f"payload_b64 {answer.payload_b64[:200]!r}"
                trial.fail("another payload is returned than was signed", "the signed payload", got, presentation)


_VARIETY = {
    "nested": {"a": [1, "é", None], "aud": ["x"]},
    "text": "\U0001f511",
    "values": [True, 1, 1.5, 0, False],
    "fraction": 1.75,
    "negative": -0.25,
    "small": 1e-7,
    "large": 2**53 - 1,
    "zero": 0,
    "no": False,
    "empty": "",
    "emptyList": [],
    "emptyObject": {},
    "one": ["x"],
    "twice": ["b", "a", "b"],
    "digits": "007",
    "truth": "true",
    "date": "2027-01-15T08:00:00Z",
    "markup": "<b>&amp;</b>%41\\u0041",
    "Capital": "Text",
    "capital": "text",
    "blanks": " Text\n",
    "form": "e\u0301\ufb01\u212b",
    "x:y/z.w": 1,
}
_SUBJECT = " User\u0301-1 "
_PLAIN_SUBJECT = " User-1 "
"""ASCII, as OpenID Connect Core §2 has that of an ID token."""


def _variety(draft: Draft, measure: Measure) -> Json:
    """Return claims of many kinds, as far as a product knows any but its own.

    Strict alone has what some parsers drop or limit: null, a name and a character that mean something to a language.
    """
    lean = measure is Measure.BASE and draft.profile is Profile.ID_TOKEN
    rules, further = draft.rules, {"nothing": None, "__proto__": "x", "nul": "a\0b", "exp": draft.now + 600.25}
    claims = {**_VARIETY, **(further if measure is Measure.STRICT else {})}
    padding = {rules.padding_claim: _VARIETY["text"]} if rules.padding_claim else {}
    subject = {} if rules.subjects else {"sub": _PLAIN_SUBJECT if lean else _SUBJECT}
    return {**{name: value for name, value in claims.items() if rules.knows(name)}, **subject, **padding}


_REPEATED: dict[str, Json] = {
    "another subject": {"sub": "admin"},
    "another issuer and audience": {"iss": "https://evil.example", "aud": "api://other"},
    "other times": {"exp": 4_000_000_000, "nbf": 1, "iat": 1},
    "claims that are none": {"scope": "admin", "roles": ["admin"], "email_verified": True},
}


@check("VER-24", profiles=JWTS)
def test_nothing_of_the_header_is_returned_as_a_claim(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The claims set is the payload (RFC 7519 §4): what a header says that is not refused is no claim."""
    base = forge.base(mark.profile)
    honest = base.presentation()
    trial.control(honest)
    for how, members in _REPEATED.items():
        presented = base.with_header(**members).presentation()
        answer = trial.ask(presented)
        if (
            answer.outcome is Outcome.ACCEPTED
            and answer.claims is not None
            and not same_claims(answer.claims, base.claims)
        ):
            got = f"claims {answer.claims!r}"[:500]
            trial.fail(f"the header says {how}, and so do the claims", "the signed claims", got, presented, honest)


def standard_b64(text: str) -> bytes | None:
    """Decode base64 as the contract's messages spell it; None where it is none."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return None


def accepted_bases(mark: CheckId, trial: Trial, forge: Forge) -> list[Honest]:
    """Return a base token for each algorithm declared, each of them accepted."""
    names = [name for name in keys.MATERIAL if name in trial.declaration.algorithms]
    honest = [Honest(base, base.presentation()) for base in (forge.base(mark.profile, name) for name in names)]
    for answer, base in zip(trial.ask_all([token.presentation for token in honest]), honest, strict=True):
        trial.require_control(answer, base.presentation)
    return honest


def _matter(token: str, honest: Honest) -> str | None:
    return matter_of(token, str(honest.presentation.token))
