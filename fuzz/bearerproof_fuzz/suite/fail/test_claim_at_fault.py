"""The claim that an event names: the one that is missing or malformed."""

import json

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.oracles.events import kind_class
from bearerproof_fuzz.oracles.witness import event_of


@check("FAIL-4")
def test_claim_at_fault_is_named(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """An event of the kind MissingClaim names the one claim that is missing or malformed."""
    base = forge.base(mark.profile)
    honest = base.presentation()
    trial.control(honest)
    missing = [(name, base.without_claim(name)) for name in _REQUIRED]
    malformed = [(name, base.with_claims(**{name: value})) for name, value in _MALFORMED[mark.profile].items()]
    ports = [(name, draft) for name, option, draft in _ported(base) if option in trial.declaration.options]
    presentations = [(name, draft.presentation()) for name, draft in (*missing, *malformed, *ports)]
    names = {presented.token: name for name, presented in presentations}
    answered = trial.ask_fitting([presented for _, presented in presentations])
    # That one is accepted is what other checks find, where it must not be.
    rejected = [(presented, answer) for presented, answer in answered if answer.outcome in REJECTED]
    if not rejected:
        trial.fail("nothing at all is rejected", "rejections", "none")
    for presented, answer in rejected:
        name, kind = names[presented.token], event_of(answer, presented).get("kind")
        if kind_class(kind) == "MissingClaim" and kind != {"MissingClaim": name}:
            summary = f"the claim that is missing or malformed is {name}, and another is named"
            trial.fail(summary, json.dumps({"MissingClaim": name}), json.dumps(kind), presented, honest)


_REQUIRED = ("exp", "iss", "aud")
_SPOILT = {"exp": "soon", "nbf": "soon", "iat": "soon", "aud": 1, "sub": 1}
_MALFORMED: dict[Profile, dict[str, object]] = {
    Profile.JWT: {**_SPOILT, "jti": 1},
    Profile.ACCESS_TOKEN: {**_SPOILT, "jti": 1, "client_id": 1},
    Profile.ID_TOKEN: _SPOILT,
}


def _ported(base: Draft) -> list[tuple[str, str, Draft]]:
    """Return tokens whose claims of a look-up are malformed, with the option that makes it."""
    if base.profile is not Profile.ACCESS_TOKEN:
        return []
    sessions, versions = {"sessions": {"1": "revoked"}}, {"session_versions": {base.claims["sub"]: 1}}
    return [
        ("sid", "sessions", base.with_claims(sid=1).with_policy(ports=sessions)),
        ("sv", "session_versions", base.with_claims(sv="1").with_policy(ports=versions)),
    ]
