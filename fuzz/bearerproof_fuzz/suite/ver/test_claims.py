"""Generated claims, well signed: each is accepted or refused as an independent oracle computes from its value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis.strategies import DrawFn

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.draws import batch, number_below, pick
from bearerproof_fuzz.forge import ISSUER, Draft, Forge
from bearerproof_fuzz.needs import CLOCK
from bearerproof_fuzz.oracles import claims as oracle
from bearerproof_fuzz.oracles.claims import Outcomes

BATCH = 8
LEEWAYS = (1, 30, 300)

Judge = Callable[[Any, Draft, Trial], Outcomes]


@check("VER-29", needs=(CLOCK,))
def test_exp_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`exp` at every offset around now and the leeway."""
    judged(mark, trial, forge, "exp", _times, _timed(oracle.expiry))


@check("VER-30", needs=(CLOCK,))
def test_nbf_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`nbf` at every offset around now and the leeway."""
    judged(mark, trial, forge, "nbf", _times, _timed(oracle.not_before))


@check("VER-31", needs=(CLOCK,))
def test_iat_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`iat` at every offset around now and the leeway."""
    judged(mark, trial, forge, "iat", _times, _timed(oracle.issued_at))


def _timed(outcomes: Callable[[float, float, float, Measure], Outcomes]) -> Judge:
    """Judge a time by the draft's now and leeway; what is no number is the matter of VER-32 and never drawn here."""

    def judge(value: Any, draft: Draft, trial: Trial) -> Outcomes:
        return outcomes(value, draft.now, _leeway(draft), trial.measure)

    return judge


def _leeway(draft: Draft) -> float:
    leeway: float = draft.policy.members.get("leeway", 0)
    return leeway


@check("VER-33")
def test_iss_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`iss` as texts near ours and as any other JSON value."""

    def judge(value: object, draft: Draft, _: Trial) -> Outcomes:
        return oracle.issuer(value, draft.policy.members["issuer"])

    judged(mark, trial, forge, "iss", lambda draw, _: _text_near(draw, ISSUER), judge)


@check("VER-34")
def test_aud_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`aud` as lists of texts near ours, in any order and number; of an ID token, whoever stands beside us."""

    def judge(value: object, draft: Draft, trial: Trial) -> Outcomes:
        allowed = oracle.audience(value, draft.policy.members["audience"], None, trial.measure)
        return oracle.EITHER if mark.profile is Profile.ID_TOKEN and allowed == oracle.ACCEPTED else allowed

    judged(mark, trial, forge, "aud", _audiences, judge)


@dataclass(frozen=True)
class Drawn:
    """A token whose one claim has a drawn value."""

    draft: Draft
    value: object


def judged(
    mark: CheckId, trial: Trial, forge: Forge, name: str, draw_value: Callable[[DrawFn, Draft], object], judge: Judge
) -> None:
    """Present tokens of which one claim is drawn, and judge the answer to each by its value."""
    base = forge.base(mark.profile)
    honest = base.presentation()
    trial.control(honest)
    lenient_bases = [base, *(base.with_policy(leeway=leeway) for leeway in LEEWAYS)]
    bases = lenient_bases if "leeway" in trial.declaration.options else [base]

    def draw_one(draw: DrawFn) -> Drawn:
        lenient = pick(draw, bases)
        value = draw_value(draw, lenient)
        return Drawn(lenient.with_claims(**{name: value}), value)

    def as_the_oracle_says(drawn: Sequence[Drawn]) -> None:
        presented = [example.draft.presentation() for example in drawn]
        for answer, presentation, example in zip(trial.ask_all(presented), presented, drawn, strict=True):
            allowed = judge(example.value, example.draft, trial)
            summary = f"{name} = {example.value!r} under leeway {_leeway(example.draft)} is judged wrongly"
            kind = f"{name} is {_kind(example.value)}: {answer.outcome}"
            trial.expect(answer, allowed, summary, presentation, honest, f"{name} drawn", kind)

    explore(as_the_oracle_says, batch(draw_one, BATCH))


def _kind(value: object) -> str:
    """Name the kind of a JSON value: two faults of one claim are told apart by it."""
    if isinstance(value, float) and not value.is_integer():
        return "a fraction"
    kinds = {str: "a text", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), "null")


_OFFSETS = (0, 1, -1, 2, -2, 0.5, -0.5, 59, 60, 61, 299, 300, 301, 3600, -3600, 10**9, -(10**9), 10**15)


def _times(draw: DrawFn, draft: Draft) -> object:
    """Draw a time at an offset from now, its edge moved by the leeway one way or the other; or one long ago."""
    if number_below(draw, 8) == 0:
        return pick(draw, (-1, 0, 0.0))
    edge = _leeway(draft) * pick(draw, (0, 1, -1))
    return draft.now + edge + pick(draw, _OFFSETS)


TOUCHES: Sequence[Callable[[str], str]] = (
    lambda text: text,
    lambda text: text + "/",
    lambda text: text[:-1],
    lambda text: text[1:],
    lambda text: text + text[-1:],
    str.upper,
    str.title,
    lambda text: " " + text,
    lambda text: text + " ",
    lambda text: text + "\0",
    lambda text: text.replace("e", "\u0435"),
    lambda text: text.replace("a", "\u0430"),
    lambda text: text + "\u0301",
    lambda text: text[::-1],
    lambda text: f"{text},{text}",
    lambda text: f"{text} {text}",
    lambda _: "",
    lambda _: "*",
)


def _text_near(draw: DrawFn, ours: str) -> object:
    """Draw our text through one or two touches, or something that is no text."""
    if number_below(draw, 8) == 0:
        return pick(draw, (None, True, 0, [], [ours], {}, {ours: ours}))
    return pick(draw, TOUCHES)(pick(draw, TOUCHES)(ours))


def _audiences(draw: DrawFn, draft: Draft) -> object:
    ours = draft.policy.members["audience"]
    if number_below(draw, 3) == 0:
        return _text_near(draw, ours)
    return [_text_near(draw, ours) for _ in range(number_below(draw, 4))]
