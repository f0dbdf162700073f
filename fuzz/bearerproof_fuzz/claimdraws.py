"""Claims with drawn values, and what an oracle says of each: for the suite and for campaigns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis.strategies import DrawFn

from bearerproof.contract.declaration import Need
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz.draws import number_below, pick
from bearerproof_fuzz.forge import Draft
from bearerproof_fuzz.needs import CLOCK
from bearerproof_fuzz.oracles import claims as oracle
from bearerproof_fuzz.oracles.claims import Outcomes

LEEWAYS = (1, 30, 300)
"""Seconds that policies allow for clocks that differ."""


@dataclass(frozen=True)
class DrawnClaim:
    """A claim whose value is drawn beside an honest token's, and judged by the value, the policy and the instant."""

    requirement: str
    name: str
    draw: Callable[[DrawFn, Draft], object]
    allowed: Callable[[Any, Draft, Measure], Outcomes]
    needs: tuple[Need, ...] = ()


def leeway(draft: Draft) -> float:
    """Return the seconds that the draft's policy allows for clocks that differ."""
    allowed: float = draft.policy.members.get("leeway", 0)
    return allowed


def kind_of(value: object) -> str:
    """Name the kind of a JSON value: two faults of one claim are told apart by it."""
    if isinstance(value, float) and not value.is_integer():
        return "a fraction"
    kinds = {str: "a text", bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return kinds.get(type(value), "null")


_OFFSETS = (0, 1, -1, 2, -2, 0.5, -0.5, 59, 60, 61, 299, 300, 301, 3600, -3600, 10**9, -(10**9), 10**15)


def _times(draw: DrawFn, draft: Draft) -> object:
    """Draw a time at an offset from now, its edge moved by the leeway one way or the other; or one long ago.

    What is no number is the matter of VER-32 and never drawn here.
    """
    if number_below(draw, 8) == 0:
        return pick(draw, (-1, 0, 0.0))
    edge = leeway(draft) * pick(draw, (0, 1, -1))
    return draft.now + edge + pick(draw, _OFFSETS)


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


def _beside_ours(draw: DrawFn, draft: Draft) -> object:
    ours = draft.policy.members["audience"]
    return [ours, *(pick(draw, _TOUCHES)(ours) for _ in range(number_below(draw, 3)))]


def _trusted(value: object, draft: Draft, measure: Measure) -> Outcomes:
    return oracle.audience(value, draft.policy.members["audience"], draft.policy.members["trusted_audiences"], measure)


def _audience(value: object, draft: Draft, measure: Measure) -> Outcomes:
    allowed = oracle.audience(value, draft.policy.members["audience"], None, measure)
    return oracle.EITHER if draft.profile is Profile.ID_TOKEN and allowed == oracle.ACCEPTED else allowed


def _timed(outcomes: Callable[[float, float, float, Measure], Outcomes]) -> Callable[[Any, Draft, Measure], Outcomes]:
    return lambda value, draft, measure: outcomes(value, draft.now, leeway(draft), measure)


def _expiry(value: Any, draft: Draft, measure: Measure) -> Outcomes:
    """Base lets a token that ends before it begins be refused for that, though the leeway would admit it."""
    allowed = _timed(oracle.expiry)(value, draft, measure)
    begins = max(draft.claims.get(name, value) for name in ("nbf", "iat"))
    return oracle.EITHER if allowed == oracle.ACCEPTED and value < begins and measure is Measure.BASE else allowed


DRAWN: Mapping[str, DrawnClaim] = {
    drawn.name: drawn
    for drawn in (
        DrawnClaim("VER-29", "exp", _times, _expiry, (CLOCK,)),
        DrawnClaim("VER-30", "nbf", _times, _timed(oracle.not_before), (CLOCK,)),
        DrawnClaim("VER-31", "iat", _times, _timed(oracle.issued_at), (CLOCK,)),
        DrawnClaim(
            "VER-33",
            "iss",
            lambda draw, draft: _text_near(draw, draft.policy.members["issuer"]),
            lambda value, draft, _: oracle.issuer(value, draft.policy.members["issuer"]),
        ),
        DrawnClaim("VER-34", "aud", _audiences, _audience),
    )
}

BESIDE_OURS = DrawnClaim("IDT-1", "aud", _beside_ours, _trusted)
"""Audiences of an ID token: ours, and texts near it that nobody trusts."""
