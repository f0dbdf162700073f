"""Verdicts on ID tokens that are kept: one holds for the request it was given for, and for no other."""

from collections.abc import Mapping

import pytest

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.edits.idtoken import ACCESS_TOKEN, CODE, half_hash
from bearerproof_fuzz.edits.registry import Change
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.suite.ver.test_kept_verdicts import ELSEWHERE, judge_kept


@check("IDT-1", "IDT-4", "IDT-8", "IDT-9")
def test_verdict_holds_for_one_request_alone(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """An ID token that was accepted is refused by another client, under another nonce, beside another token or code."""
    algorithm = forge.algorithm(("ES256", "RS256", "PS256", "HS256"))
    if algorithm is None:
        pytest.skip("it declares no algorithm with SHA-256, whose half stands in a token")
    base = forge.base(mark.profile, algorithm)
    prepare, change = _REQUESTS[mark.requirement]
    judge_kept(trial, prepare(base), change)


def _hashed(name: str, member: str, text: str) -> Change:
    return lambda draft: draft.with_claims(**{name: half_hash(draft.key.algorithm, text)}).with_policy(**{member: text})


_REQUESTS: Mapping[str, tuple[Change, Change]] = {
    "IDT-1": (
        lambda draft: draft.with_claims(aud=[draft.policy.members["client_id"], ELSEWHERE]).with_policy(
            trusted_audiences=[ELSEWHERE]
        ),
        lambda draft: draft.with_policy(trusted_audiences=[]),
    ),
    "IDT-4": (lambda draft: draft, lambda draft: draft.with_policy(nonce="n-another")),
    "IDT-8": (
        _hashed("at_hash", "access_token", ACCESS_TOKEN),
        lambda draft: draft.with_policy(access_token=CODE),
    ),
    "IDT-9": (_hashed("c_hash", "code", CODE), lambda draft: draft.with_policy(code=ACCESS_TOKEN)),
}
