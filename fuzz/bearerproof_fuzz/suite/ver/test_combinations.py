"""Every two circumstances (see `combinations.Row`) with each edit: what is refused in some, is so in all."""

from collections.abc import Sequence

import pytest

from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.judgement import Judged, wrong_verdict
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.circumstances import FACTORS, confined, deviates, presented, worded
from bearerproof_fuzz.combinations import Combination, Space, combined, space
from bearerproof_fuzz.forge import Forge


@check(*combined())
def test_two_way_combinations(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """What has to be refused is refused in any two circumstances that come together.

    A combination whose base is not accepted is not exercised; what is wrong in the usual circumstances is left to
    the edit's own check.
    """
    whole = space(mark.requirement, trial.declaration, trial.measure)
    ours = [found for found in whole.combinations if found.row.profile is mark.profile]
    shown = {found: presented(forge, found) for found in ours}
    fitting = [found for found in ours if trial.implementation.fits(shown[found][1])]
    answers = trial.ask_what_it_can([shown[found][0] for found in fitting])
    exercised = [found for found, answer in zip(fitting, answers, strict=True) if answer.outcome is Outcome.ACCEPTED]
    answers = trial.ask_what_it_can([shown[found][1] for found in exercised])
    judged = {
        found: answer for found, answer in zip(exercised, answers, strict=True) if answer.outcome is not Outcome.SKIPPED
    }
    trial.combined += [((mark.requirement, *vars(found.row).values()), found in judged) for found in ours]
    for found, answer in judged.items():
        if wrong_verdict(answer, REJECTED, trial.measure):
            _judge(trial, forge, whole, found)
        else:
            _expect(trial, answer, *shown[found], found)
    if not judged:
        pytest.skip("no combination can be presented of which the base is accepted")
    if all(wrong_verdict(answer, REJECTED, trial.measure) for answer in judged.values()):
        pytest.skip("nothing that is combined is refused in the usual circumstances, which other checks find")


def _judge(trial: Trial, forge: Forge, whole: Space, found: Combination) -> None:
    """Find the circumstances without which the deviation vanishes, and name them; without any, it is not ours.

    Where no more usual circumstance can be presented, nobody knows whether it vanishes: it is not named, yet it is red.
    """
    needed, untold = [], False
    for factor in FACTORS:
        verdicts: list[bool | None] = []
        for each in whole.more_usual(found, factor):
            verdicts.append(deviates(trial, forge, each))
            if verdicts[-1]:
                found = each
                break
        else:
            untold = untold or (bool(verdicts) and False not in verdicts)
            needed += [worded(factor, getattr(found.row, factor))] if False in verdicts else []
    base, edited = presented(forge, found)
    alone = trial.ask(found.edit.alone(found.base(forge)).presentation()) if found.edit.alone else None
    if (needed or untold) and not (alone and alone.outcome is Outcome.ACCEPTED):
        _expect(trial, trial.ask(edited), base, edited, found, needed)


def _expect(
    trial: Trial, answer: Answer, base: Presentation, edited: Presentation, found: Combination, only: Sequence[str] = ()
) -> None:
    kind = f"{found.edit.group}: only with {' and '.join(only)}" if only else found.edit.group
    summary = f"{found.edit.id}: {found.edit.description}"
    try:
        trial.expect(answer, REJECTED, summary, edited, base, found.edit.id, kind)
    except Judged as judged:
        raise confined(judged, only) from None
