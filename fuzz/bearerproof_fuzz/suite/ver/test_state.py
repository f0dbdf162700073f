"""Checks that need memory or a look-up: replay, sessions, session versions, and look-ups that fail.

Every check uses `jti` values of its own, so that where nothing can be reset nothing is left over either.
"""

from collections.abc import Callable
from dataclasses import replace

from bearerproof.contract.messages import Answer, Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.edits.claims import ecdsa_s_negated
from bearerproof_fuzz.edits.encoding import trailing_bits
from bearerproof_fuzz.edits.harmless import reordered
from bearerproof_fuzz.edits.registry import ECDSA
from bearerproof_fuzz.forge import ISSUER, LIFETIME, Draft, Forge
from bearerproof_fuzz.needs import CLOCK, LEEWAY, REPLAY, SESSION_VERSIONS, SESSIONS

REPLAYED = frozenset({"replay"})
STALE = frozenset({"session"})
SPOILT_SESSION = frozenset({"session", "claim-malformed"})
SPOILT_VERSION = frozenset({"session", "claim-malformed", "claim-missing"})
UNAVAILABLE = frozenset({"unavailable"})

Change = Callable[[Draft], Draft]


@check("VER-41", needs=(REPLAY,))
def test_second_presentation(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Of many presentations of one token the first is accepted and no other; another jti is another token."""
    token, other = (_single_use(mark, forge, name).presentation() for name in ("one", "other"))
    first, *later = trial.ask_all([token] * 6)
    trial.require_control(first, token, "the first presentation of a token")
    for answer in later:
        _judge_replay(trial, answer, token, "a token is accepted again")
    trial.expect(trial.ask(other), ACCEPTED, "another jti is taken for a replay", other, token)
    _judge_replay(trial, trial.ask(other), other, "a token is accepted again after another one")
    _judge_replay(trial, trial.ask(token), token, "a token is accepted again after others")


_NO_NAMES: tuple[object, ...] = ("", " ", "\0", None, 0, 7, True, False, [], ["jti"], {}, {"jti": "a"})


@check("VER-41", needs=(REPLAY,))
def test_second_presentation_of_what_has_no_name(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token without `jti`, or with one that names nothing, is not accepted twice: that is for its issuer to mend."""
    named = _single_use(mark, forge, "named")
    honest = named.presentation()
    trial.control(honest)
    unnamed = [("missing", named.without_claim("jti"))]
    unnamed += [(repr(value), named.with_claims(jti=value)) for value in _NO_NAMES]
    for what, draft in unnamed:
        token = draft.presentation()
        _, again = trial.ask_all([token, token])
        trial.expect(again, REJECTED, f"a token is accepted again whose jti is {what}", token, honest)


@check("VER-41", needs=(REPLAY,))
def test_jti_in_another_case(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Two jti values that differ in case, or by a blank, are two: neither makes the other a replay."""
    draft = _single_use(mark, forge, "case")
    lower = str(draft.claims["jti"]).lower()
    trial.control(draft.with_claims(jti=lower).presentation())
    for other in (lower.upper(), lower + " "):
        presented = draft.with_claims(jti=other).presentation()
        trial.expect(trial.ask(presented), ACCEPTED, f"jti {other!r} is taken for {lower!r}", presented)


@check("VER-41", needs=(REPLAY,))
def test_without_replay_detection(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A policy that does not ask for replay detection accepts a token as often as it comes."""
    token = _single_use(mark, forge, "one").with_policy(replay=False).presentation()
    first, second = trial.ask_all([token, token])
    trial.require_control(first, token, "the first presentation of a token")
    summary = "a token is refused the second time, though the policy does not ask for replay detection"
    trial.expect(second, ACCEPTED, summary, token)


@check("VER-41", needs=(REPLAY,))
def test_other_spelling(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that was accepted is refused under every other spelling, made with its key or without."""
    for algorithm in (None, *(name for name in ECDSA if name in trial.declaration.algorithms)):
        for name, respell in {**_RESPELLED, **(_NEGATED if algorithm else {})}.items():
            draft = _single_use(mark, forge, f"{name} {algorithm}", algorithm)
            honest, respelled = draft.presentation(), respell(draft).presentation()
            trial.control(honest, "the first presentation of a token")
            answer = trial.ask(respelled)
            summary = f"a token is accepted again under another spelling: {name}"
            trial.expect(answer, REJECTED, summary, respelled, honest)
            if name in _SAME_ISSUER:
                trial.expect_reason(answer, REPLAYED, summary, respelled, honest)


@check("VER-41", needs=(REPLAY,))
def test_same_jti_of_another_issuer(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The jti of one issuer blocks nothing of another one, however issuer and jti are put together."""
    for number, joint in enumerate(("", "/", ":", "#", ".")):
        jti = _jti(mark, f"joint {number}")
        pairs = {
            "the same jti": [(ISSUER, jti), (f"{ISSUER}/tenant", jti)],
            f"the same text when joined by {joint!r}": [
                (f"{ISSUER}/a", f"1{joint}{jti}"),
                (f"{ISSUER}/a{joint}1", jti),
            ],
        }
        for name, issued in pairs.items():
            _judge_issuers(trial, forge.base(mark.profile), name, issued)


@check("VER-41", needs=(REPLAY,))
def test_refused_token_leaves_the_jti_unused(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that is refused for another cause does not use up the jti of an honest one."""
    for name, spoil in _SPOILT.items():
        honest = _single_use(mark, forge, name)
        spoilt, token = spoil(honest).presentation(), honest.presentation()
        trial.control(_single_use(mark, forge, f"{name}, another").presentation())
        trial.expect(trial.ask(spoilt), REJECTED, f"the token in the way is accepted: {name}", spoilt)
        summary = f"a refused token has used up the jti of the honest one: {name}"
        trial.expect(trial.ask(token), ACCEPTED, summary, token, spoilt)
        _judge_replay(trial, trial.ask(token), token, f"a token is accepted again after one {name}")


@check("VER-41", needs=(REPLAY, CLOCK))
def test_token_that_came_too_early(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that was refused because it is not valid yet is accepted once when it is."""
    draft = _single_use(mark, forge, "early")
    starts = int(forge.now) + 60
    early = draft.with_claims(nbf=starts).presentation()
    in_time = replace(early, now=starts, tick=60)
    trial.control(_single_use(mark, forge, "another").presentation())
    trial.expect(trial.ask(early), REJECTED, "a token is accepted before its nbf", early)
    summary = "a token is refused at its nbf, since it was presented too early before"
    trial.expect(trial.ask(in_time), ACCEPTED, summary, in_time, early)
    _judge_replay(trial, trial.ask(in_time), in_time, "a token is accepted again")


@check("VER-41", needs=(REPLAY, LEEWAY, CLOCK))
def test_replay_late_in_life(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token is remembered for as long as it would be accepted, leeway included."""
    leeway = 30
    draft = _single_use(mark, forge, "late").with_policy(leeway=leeway)
    token = draft.presentation()
    trial.control(token, "the first presentation of a token")
    for age in (1, LIFETIME // 2, LIFETIME - 1, LIFETIME, LIFETIME + leeway - 1):
        fresh = _single_use(mark, forge, f"late {age}").with_policy(leeway=leeway)
        later = replace(token, now=token.now + age, tick=age)
        valid = replace(fresh.presentation(), now=later.now, tick=age)
        trial.control(valid, f"another token of the same age, {age} s")
        _judge_replay(trial, trial.ask(later), later, f"a token is accepted again after {age} s")


@check("VER-42", needs=(SESSION_VERSIONS,))
def test_session_version(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token is accepted if its version is the present one or newer, compared as numbers."""
    base = forge.base(mark.profile)
    for current, versions in {3: (3, 4, 100, 2, 0, -1), 10: (10, 11, 9, 2), 1: (1, 2, 0)}.items():
        for version in versions:
            draft = _versioned(base, current).with_claims(sv=version)
            _judge_version(trial, draft.presentation(), version, current)


@check("VER-42", needs=(SESSION_VERSIONS,))
def test_spoilt_session_version(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token without a version, or with one that is no integer, is not taken for a present one."""
    base = _versioned(forge.base(mark.profile), 1)
    honest = base.with_claims(sv=1).presentation()
    trial.control(honest, "a token of the present session version")
    spoilt = {"text": "9", "true": True, "null": None, "a list": [9], "an object": {"sv": 9}}
    drafts = {name: base.with_claims(sv=value) for name, value in spoilt.items()}
    for name, draft in {"none at all": base, **drafts}.items():
        presented = draft.presentation()
        answer = trial.ask(presented)
        summary = f"a token passes with a session version that is {name}"
        trial.expect(answer, REJECTED, summary, presented, honest)
        trial.expect_reason(answer, SPOILT_VERSION, summary, presented, honest)


@check("VER-42", needs=(SESSION_VERSIONS,))
def test_session_version_of_the_subject(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The version is that of the token's own subject, and raising it ends tokens accepted before."""
    base = forge.base(mark.profile).with_claims(sv=3)
    honest = _versioned(base, 3).presentation()
    trial.control(honest, "a token of the subject's present version")
    mine_is, other, *near = forge.declaration.rules(mark.profile).subjects or ("user-1", "user-2", "USER-1", "user")
    versions = {mine_is: 3, other: 9, **dict.fromkeys(near, 0)}
    mine = base.with_policy(ports={"session_versions": versions})
    beside = mine.presentation()
    trial.expect(trial.ask(beside), ACCEPTED, "the version of another subject ends a token", beside, honest)
    others = mine.with_claims(sub=other).presentation()
    _judge_stale(trial, others, honest, "a token is measured by the version of another subject")
    older = mine.with_claims(sv=2).presentation()
    _judge_stale(trial, older, honest, "a token is measured by the version of a subject with a similar name")
    raised = mine.with_policy(ports={"session_versions": {**versions, mine_is: 4}}).presentation()
    _judge_stale(trial, raised, honest, "a token outlives the raising of its subject's version")


@check("VER-43", needs=(SESSIONS,))
def test_revoked_session(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token of a live session is accepted and one of a revoked session refused, by its own `sid`."""
    base = forge.base(mark.profile)
    states = {"sid-1": "live", "sid-2": "revoked", "SID-2": "live", "sid": "live", "sid-20": "live"}
    live = base.with_policy(ports={"sessions": states}).with_claims(sid="sid-1")
    honest = live.with_policy(ports={"sessions": {"sid-1": "live"}}).presentation()
    trial.control(honest, "a token of a live session")
    revoked = live.with_claims(sid="sid-2").presentation()
    _judge_stale(trial, revoked, honest, "a token of a revoked session is accepted")
    for sid in ("sid-1", "sid-20", "SID-2"):
        other = live.with_claims(sid=sid).presentation()
        trial.expect(trial.ask(other), ACCEPTED, "a live session is taken for a revoked one", other, honest)


@check("VER-43", needs=(SESSIONS,))
def test_session_that_is_no_text(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A `sid` that is no string passes for no live session, whatever text it looks like."""
    base = forge.base(mark.profile)
    honest = base.with_claims(sid="1").with_policy(ports={"sessions": {"1": "live"}}).presentation()
    trial.control(honest, "a token of a live session")
    revoked = base.with_policy(ports={"sessions": {"1": "revoked", "True": "revoked", "['1']": "revoked"}})
    for sid in (1, True, ["1"], {"sid": "1"}):
        presented = revoked.with_claims(sid=sid).presentation()
        answer = trial.ask(presented)
        summary = f"a token passes with the session {sid!r}"
        trial.expect(answer, REJECTED, summary, presented, honest)
        trial.expect_reason(answer, SPOILT_SESSION, summary, presented, honest)


@check("VER-43", needs=(SESSIONS,))
def test_session_revoked_between_two_presentations(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that was accepted is refused once its session is revoked: the store is asked each time."""
    base = forge.base(mark.profile).with_claims(sid="sid-1")
    live = base.with_policy(ports={"sessions": {"sid-1": "live"}})
    honest = live.presentation()
    trial.control(honest, "a token of a live session")
    revoked = live.with_policy(ports={"sessions": {"sid-1": "revoked"}}).presentation()
    _judge_stale(trial, revoked, honest, "a token is accepted after its session was revoked")
    trial.expect(trial.ask(honest), ACCEPTED, "a token of a live session is refused", honest)


@check("VER-43", needs=(SESSIONS, SESSION_VERSIONS))
def test_either_port_refuses(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Under a policy with both ports a token passes neither as revoked nor as stale."""
    base = forge.base(mark.profile).with_claims(sid="sid-1", sv=3)
    honest = _ported(base, "live", 3).presentation()
    trial.control(honest, "a token of a live session and the present version")
    for state, version in (("revoked", 3), ("live", 4), ("revoked", 4)):
        presented = _ported(base, state, version).presentation()
        summary = f"session {state}, present version {version}, token of version 3"
        _judge_stale(trial, presented, honest, summary)


@check("VER-44", needs=(SESSIONS,))
def test_sessions_unavailable(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """While the session store cannot answer, no token is accepted, and none is called revoked."""
    base = forge.base(mark.profile).with_claims(sid="sid-1")
    for state in ("live", "revoked"):
        ports = {"sessions": {"sid-1": state, "sid-2": "live"}}
        honest = base.with_claims(sid="sid-2").with_policy(ports=ports)
        _judge_outage(trial, honest, base.with_policy(ports=ports), "sessions")


@check("VER-44", needs=(SESSION_VERSIONS,))
def test_session_versions_unavailable(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """While session versions cannot be looked up, no token is accepted, and none is called stale."""
    base = _versioned(forge.base(mark.profile), 3)
    for version in (3, 4, 2):
        _judge_outage(trial, base.with_claims(sv=3), base.with_claims(sv=version), "session_versions")


@check("VER-44", needs=(REPLAY,))
def test_replay_unavailable(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """While replay cannot be looked up, no token is accepted; nor is any used up, so it passes afterwards."""
    control, draft = (_single_use(mark, forge, name) for name in ("another", "one"))
    _judge_outage(trial, control, draft, "replay")
    token = draft.presentation()
    trial.expect(trial.ask(token), ACCEPTED, "a token is refused after the outage that refused it", token)


def _jti(mark: CheckId, name: str) -> str:
    """Return a `jti` that no other check uses."""
    return f"{mark.id} {name}"


def _single_use(mark: CheckId, forge: Forge, name: str, algorithm: str | None = None) -> Draft:
    """Return an honest token with a `jti` of its own, under a policy that detects replay."""
    draft = forge.base(mark.profile, algorithm)
    return draft.with_claims(jti=_jti(mark, name)).with_policy(replay=True)


def _judge_replay(trial: Trial, answer: Answer, presented: Presentation, summary: str) -> None:
    trial.expect(answer, REJECTED, summary, presented)
    trial.expect_reason(answer, REPLAYED, summary, presented)


def _signed_again(draft: Draft) -> Draft:
    """Have the issuer sign the same token again, at another second and with another member beside it."""
    return reordered(draft.with_claims(iat=draft.claims["iat"] + 1, again=True))


_RESPELLED: dict[str, Change] = {
    "the same claims in another order": reordered,
    "signed again by the issuer": _signed_again,
    "an unused bit of the signature set": lambda draft: replace(draft, spell_signature=_bit_set),
    "padding": lambda draft: draft.respelled(lambda token: token + "="),
    "a line break at the end": lambda draft: draft.respelled(lambda token: token + "\n"),
}
_NEGATED: dict[str, Change] = {"ECDSA with n - s": ecdsa_s_negated}
_SAME_ISSUER = ("the same claims in another order", "signed again by the issuer", *_NEGATED)
"""Spellings that are good tokens for themselves: nothing but the replay can be wrong with them."""


def _bit_set(segment: str) -> str:
    """Set an unused bit of the last character; where there is none, add a character that is none."""
    return trailing_bits(segment) if len(segment) % 4 in (2, 3) else segment + "="


def _judge_issuers(trial: Trial, base: Draft, name: str, issued: list[tuple[str, str]]) -> None:
    """Accept the tokens of several issuers, each under the policy of its own, and none of them twice."""
    tokens = [
        base.with_claims(iss=issuer, jti=jti).with_policy(issuer=issuer, replay=True).presentation()
        for issuer, jti in issued
    ]
    trial.control(tokens[0], "the first issuer's token")
    summary = f"a token is taken for a replay of another issuer's: {name}"
    trial.expect(trial.ask(tokens[1]), ACCEPTED, summary, tokens[1], tokens[0])
    for token in tokens:
        summary = f"a token is accepted again beside another issuer's: {name}"
        _judge_replay(trial, trial.ask(token), token, summary)


def _by_attacker(draft: Draft) -> Draft:
    return draft.signed_by(keys.key(draft.key.algorithm, "attacker").sign)


_SPOILT: dict[str, Change] = {
    "signed by an attacker": _by_attacker,
    "with no signature": Draft.unsigned,
    "under an unknown kid": lambda draft: _by_attacker(draft).with_header(kid="unknown"),
    "expired": lambda draft: draft.with_claims(exp=draft.claims["iat"] - 1),
    "for another audience": lambda draft: draft.with_claims(aud="api://elsewhere"),
}


def _versioned(draft: Draft, current: int) -> Draft:
    """Present the draft where the present version of its subject is this."""
    return draft.with_policy(ports={"session_versions": {draft.claims["sub"]: current}})


def _judge_version(trial: Trial, presented: Presentation, version: int, current: int) -> None:
    answer = trial.ask(presented)
    summary = f"a token of session version {version} when {current} is the present one"
    if version >= current:
        trial.expect(answer, ACCEPTED, summary, presented)
        return
    trial.expect(answer, REJECTED, summary, presented)
    trial.expect_reason(answer, STALE, summary, presented)


def _judge_stale(trial: Trial, presented: Presentation, honest: Presentation, summary: str) -> None:
    answer = trial.ask(presented)
    trial.expect(answer, REJECTED, summary, presented, honest)
    trial.expect_reason(answer, STALE, summary, presented, honest)


def _ported(draft: Draft, state: str, version: int) -> Draft:
    """Present the draft where its session is in this state and its subject at this version."""
    ports = {"sessions": {"sid-1": state}, "session_versions": {draft.claims["sub"]: version}}
    return draft.with_policy(ports=ports)


def _judge_outage(trial: Trial, honest: Draft, draft: Draft, port: str) -> None:
    """Accept a token while the port answers, and refuse one as unavailable while it does not."""
    control = honest.presentation()
    trial.control(control, f"an honest token while {port} can be looked up")
    ports = {**draft.policy.members.get("ports", {}), "unavailable": [port]}
    presented = draft.with_policy(ports=ports).presentation()
    answer = trial.ask(presented)
    summary = f"the look-up {port} fails"
    trial.expect(answer, REJECTED, f"{summary}, and a token passes", presented, control)
    trial.expect_reason(answer, UNAVAILABLE, summary, presented, control)
