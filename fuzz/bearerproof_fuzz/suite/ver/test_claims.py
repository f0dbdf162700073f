"""Generated claims, well signed: each is accepted or refused as an independent oracle computes from its value."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis.strategies import DrawFn

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.draws import batch, number_below, pick
from bearerproof_fuzz.forge import ISSUER, Draft, Forge
from bearerproof_fuzz.needs import CLOCK
from bearerproof_fuzz.oracles import claims as oracle
from bearerproof_fuzz.oracles.claims import Outcomes

BATCH = 8
LEEWAYS = (0, 1, 30, 300)

Judge = Callable[[object, Draft, Trial], Outcomes]


@check("VER-29", needs=(CLOCK,))
def test_exp_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`exp` at every offset around now and the leeway, as any JSON value."""

    def judge(value: object, draft: Draft, _: Trial) -> Outcomes:
        return oracle.expiry(value, draft.now, draft.policy.members["leeway"])

    _judged(mark, trial, forge, "exp", _times, judge)


@check("VER-30", needs=(CLOCK,))
def test_nbf_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`nbf` at every offset around now and the leeway, as any JSON value."""

    def judge(value: object, draft: Draft, _: Trial) -> Outcomes:
        return oracle.not_before(value, draft.now, draft.policy.members["leeway"])

    _judged(mark, trial, forge, "nbf", _times, judge)


@check("VER-31", needs=(CLOCK,))
def test_iat_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`iat` at every offset around now and the leeway, as any JSON value."""

    def judge(value: object, draft: Draft, trial: Trial) -> Outcomes:
        return oracle.issued_at(value, draft.now, draft.policy.members["leeway"], trial.measure)

    _judged(mark, trial, forge, "iat", _times, judge)


@check("VER-33")
def test_iss_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`iss` as texts near ours and as any other JSON value."""

    def judge(value: object, draft: Draft, _: Trial) -> Outcomes:
        return oracle.issuer(value, draft.policy.members["issuer"])

    _judged(mark, trial, forge, "iss", lambda draw, _: _text_near(draw, ISSUER), judge)


@check("VER-34")
def test_aud_as_the_oracle_says(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`aud` as lists of texts near ours, in any order and number."""

    def judge(value: object, draft: Draft, trial: Trial) -> Outcomes:
        trusted = draft.policy.members.get("trusted_audiences") if draft.profile is Profile.ID_TOKEN else None
        return oracle.audience(value, draft.policy.members["audience"], trusted, trial.measure)

    _judged(mark, trial, forge, "aud", _audiences, judge)


@dataclass(frozen=True)
class Drawn:
    """A token whose one claim has a drawn value."""

    draft: Draft
    value: object


def _judged(
    mark: CheckId, trial: Trial, forge: Forge, name: str, draw_value: Callable[[DrawFn, Draft], object], judge: Judge
) -> None:
    base = forge.base(mark.profile)
    honest = base.presentation()
    trial.control(honest)
    leeways = LEEWAYS if "leeway" in trial.declaration.options else LEEWAYS[:1]

    def draw_one(draw: DrawFn) -> Drawn:
        lenient = base.with_policy(leeway=pick(draw, leeways))
        value = draw_value(draw, lenient)
        return Drawn(lenient.with_claims(**{name: value}), value)

    def as_the_oracle_says(drawn: Sequence[Drawn]) -> None:
        presented = [example.draft.presentation() for example in drawn]
        for answer, presentation, example in zip(trial.ask_all(presented), presented, drawn, strict=True):
            allowed = judge(example.value, example.draft, trial)
            leeway = example.draft.policy.members["leeway"]
            summary = f"{name} = {example.value!r} under leeway {leeway} is judged wrongly"
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
    """Draw a time at an offset from now, its edge moved by the leeway one way or the other; or another value."""
    if number_below(draw, 8) == 0:
        return pick(draw, _NO_TIMES)
    edge = draft.policy.members["leeway"] * pick(draw, (0, 1, -1))
    return draft.now + edge + pick(draw, _OFFSETS)


_NO_TIMES: Sequence[object] = (
    "1800000600",
    "",
    True,
    False,
    None,
    [],
    [1_800_000_600],
    {},
    {"exp": 1},
    "never",
    -1,
    0,
    0.0,
)

_TOUCHES: Sequence[Callable[[str], str]] = (
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
    return pick(draw, _TOUCHES)(pick(draw, _TOUCHES)(ours))


def _audiences(draw: DrawFn, draft: Draft) -> object:
    ours = draft.policy.members["audience"]
    if number_below(draw, 3) == 0:
        return _text_near(draw, ours)
    return [_text_near(draw, ours) for _ in range(number_below(draw, 4))]
