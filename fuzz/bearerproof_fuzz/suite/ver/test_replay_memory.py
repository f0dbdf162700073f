"""What a verifier that detects replay remembers while tokens expire one after the other."""

from dataclasses import replace

from bearerproof.contract.messages import Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.forge import LIFETIME, Forge
from bearerproof_fuzz.needs import CLOCK, REPLAY

LIVES = (300, 60, 180, 600, 120)
"""Seconds for which the tokens live, in the order in which they come: the first to come is not the first to go."""


@check("VER-41", needs=(REPLAY, CLOCK))
def test_tokens_that_expire_meanwhile(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """While others expire, each token that has not is still a replay, and each new one still accepted."""
    tokens = {life: _token(mark, forge, f"of {life} s", life) for life in LIVES}
    for token in tokens.values():
        trial.control(token, "the first presentation of a token")
    for age in sorted(LIVES):
        new = _at(_token(mark, forge, f"after {age} s", 2 * max(LIVES)), age)
        trial.expect(trial.ask(new), ACCEPTED, f"a new token is refused after {age} s, when others have expired", new)
        for life, token in tokens.items():
            again = _at(token, age)
            answer = trial.ask(again)
            summary = f"a token that lives for {life} s is accepted again after {age} s"
            trial.expect(answer, REJECTED, summary, again, new)
            trial.expect_reason(answer, {"expired" if life <= age else "replay"}, summary, again, new)


@check("VER-41", needs=(REPLAY, CLOCK))
def test_clock_that_steps_back_frees_nothing(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that was accepted and forgotten since it expired is no new one when the wall clock is set back."""
    token = _token(mark, forge, "before the step", LIFETIME)
    trial.control(token, "the first presentation of a token")
    for number in range(3):
        meanwhile = _at(_token(mark, forge, f"meanwhile {number}", 3 * LIFETIME), LIFETIME + 1 + number)
        trial.control(meanwhile, "another token, when the first has expired")
    again = replace(token, now=token.now + 1, tick=LIFETIME + 5)
    trial.expect(trial.ask(again), REJECTED, "a token is accepted again after the clock was set back", again, token)


OTHERS = 150
"""Tokens that come in between: more than a list of the last hundred holds."""


@check("VER-41", needs=(REPLAY,))
def test_others_in_between(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """However many other tokens came in between, one that has not expired is still a replay."""
    token = _token(mark, forge, "before the others", LIFETIME)
    trial.control(token, "the first presentation of a token")
    others = [_token(mark, forge, f"in between {number}", LIFETIME) for number in range(OTHERS)]
    for other, answer in zip(others, trial.ask_all(others), strict=True):
        trial.expect(answer, ACCEPTED, "a new token is refused among many others", other, token)
    summary = f"a token is accepted again after {OTHERS} others"
    trial.expect(trial.ask(token), REJECTED, summary, token, others[-1])


def _token(mark: CheckId, forge: Forge, name: str, life: int) -> Presentation:
    draft = forge.base(mark.profile).with_policy(replay=True)
    return draft.with_claims(jti=f"{mark.id} {name}", exp=int(forge.now) + life).presentation()


def _at(token: Presentation, age: int) -> Presentation:
    return replace(token, now=token.now + age, tick=age)
