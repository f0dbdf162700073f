"""Differential campaigns: the same tokens to several implementations, and the classes in which these disagree.

Nobody is right because others agree with it. So each class says what the specification says of such a token; where
that is nothing, the class is a finding about the specification.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.keyforms import WHOLE
from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.exceptions import AdapterFault, BadInput
from bearerproof.judging.settings import Scope
from bearerproof.specification.catalogue import VERIFIERS, Measure
from bearerproof_fuzz.campaign.candidate import Candidate, Prepared, Unwritten, of_edit
from bearerproof_fuzz.campaign.candidates import World, candidate
from bearerproof_fuzz.campaign.learning import BATCH, FRESH, answers, drawn_from, honest, part_of, prepared
from bearerproof_fuzz.campaign.shrinking import shrunk
from bearerproof_fuzz.draws import Choices
from bearerproof_fuzz.edits.registry import EITHER, edits
from bearerproof_fuzz.forge import Forge

DISAGREEMENT = "disagreement"
"""The type of the line that a class is kept as."""

Crowd = Mapping[str, Implementation]
"""Implementations by the name they go under."""


@dataclass(frozen=True)
class Disagreement:
    """One class: what was done to the token, who accepts it and who does not, and the smallest such token."""

    requirement: str
    kind: str
    accept: tuple[str, ...]
    refuse: tuple[str, ...]
    smallest: Candidate
    times: int = 1

    @property
    def key(self) -> tuple[str, str]:
        """What classes of one cause have in common."""
        return self.requirement, f"{self.kind}: accepted by {' '.join(self.accept)}"

    @property
    def is_open(self) -> bool:
        """Whether the specification leaves it to whoever verifies."""
        return self.smallest.allowed == EITHER

    @property
    def wrong(self) -> tuple[str, ...]:
        """Those who do what the specification forbids; nobody where it leaves it open."""
        sides = ((Outcome.ACCEPTED, self.accept), (Outcome.REJECTED, self.refuse))
        return tuple(name for outcome, names in sides if outcome not in self.smallest.allowed for name in names)

    @property
    def sides(self) -> str:
        """Say who does what."""
        return f"accepted by {', '.join(self.accept)}; refused by {', '.join(self.refuse)}"

    @property
    def spoken_of(self) -> str:
        """Say what the specification says of such a token at base."""
        if self.is_open:
            return f"no requirement speaks of this ({self.requirement} leaves it open)"
        return f"{self.requirement}: due is {' or '.join(sorted(self.smallest.allowed))}"


Key = tuple[str, tuple[str, ...]]

Keep = Callable[[Disagreement], None]
"""Takes a class as soon as it is one, and again with a smaller token: whatever happens then, it is not lost."""


@dataclass
class Differential:
    """Presents tokens that all can be asked about, and gathers the classes of disagreement.

    ``seconds`` is how long that lasted, ``troubles`` why it ended before its time if nobody interrupted it.
    """

    crowd: Crowd
    world: World
    random: Random
    found: dict[Key, Disagreement]
    keep: Keep = lambda _: None
    tokens: int = 0
    seconds: float = 0.0
    interrupted: bool = False
    troubles: list[str] = field(default_factory=list)

    def step(self) -> None:
        """Present one batch to all."""
        drawn: list[tuple[list[int], Candidate]] = []
        while len(drawn) < BATCH:
            choices = Choices(self.random)
            made = candidate(choices, self.world)  # type: ignore[arg-type]  # it draws as Hypothesis does
            if made is not None and self._fits(made):
                drawn.append((choices.taken, made))
        self._judge(drawn)

    def edits_alone(self) -> None:
        """Present every edit by itself: most disagreements are among them."""
        alone = [of_edit(each, Measure.BASE, each.edited) for each in self.world.settled]
        fitting: list[tuple[list[int], Candidate]] = [([], made) for made in alone if self._fits(made)]
        for start in range(0, len(fitting), BATCH):
            self._judge(fitting[start : start + BATCH])

    def _fits(self, made: Candidate) -> bool:
        return all(implementation.fits(made.presented) for implementation in self.crowd.values())

    def _judge(self, drawn: Sequence[tuple[list[int], Candidate]]) -> None:
        self.tokens += len(drawn)
        for (choices, made), pattern in zip(drawn, self._patterns([made.presented for _, made in drawn]), strict=True):
            if pattern is not None:
                self._note(choices, made, pattern)

    def _patterns(self, presented: Sequence[Presentation]) -> list[tuple[str, ...] | None]:
        """Return for each token who accepts it; None where all agree, or one of them cannot say."""
        asked = {name: self._answers(name, presented) for name in self.crowd}
        return [_pattern({name: found[at] for name, found in asked.items()}) for at in range(len(presented))]

    def _answers(self, name: str, presented: Sequence[Presentation]) -> list[Answer]:
        try:
            return answers(self.crowd[name], presented)
        except AdapterFault as fault:
            raise AdapterFault(f"{name}: {fault}", stderr=fault.stderr) from None

    def _note(self, choices: Sequence[int], made: Candidate, accept: tuple[str, ...]) -> None:
        key = made.kind, accept
        if key in self.found:
            self.found[key] = replace(self.found[key], times=self.found[key].times + 1)
            return
        if any(made.kind.startswith(f"{kind} ") for kind, _ in self.found):
            return  # an edit that they disagree about already, under other circumstances
        if self._patterns([made.presented])[0] != accept:
            return  # it was another one when asked again
        refuse = tuple(name for name in self.crowd if name not in accept)
        self._hold(key, Disagreement(made.requirement, made.kind, accept, refuse, made))
        smallest = shrunk(choices, self.world, lambda other: self._is_alike(other, key)) if choices else None
        if smallest is not None:
            self._hold(key, replace(self.found[key], smallest=smallest[1]))

    def _hold(self, key: Key, found: Disagreement) -> None:
        self.found[key] = found
        self.keep(found)

    def _is_alike(self, other: Candidate, key: Key) -> bool:
        return other.kind == key[0] and self._fits(other) and self._patterns([other.presented])[0] == key[1]


def _pattern(answered: Mapping[str, Answer]) -> tuple[str, ...] | None:
    """Return who accepts: an error is no acceptance, and whoever skips or dies says nothing."""
    outcomes = {answer.outcome for answer in answered.values()}
    if not outcomes <= {Outcome.ACCEPTED, Outcome.REJECTED, Outcome.ERRORED}:
        return None
    accept = tuple(name for name, answer in answered.items() if answer.outcome is Outcome.ACCEPTED)
    return accept if 0 < len(accept) < len(answered) else None


def shared(declarations: Sequence[Declaration]) -> Declaration:
    """Return what all of several implementations can be asked.

    Raises:
        BadInput: they have no algorithm or no profile in common.
    """
    first, *others = declarations

    def common(of: Callable[[Declaration], Sequence[str]]) -> tuple[str, ...]:
        return tuple(name for name in of(first) if all(name in of(other) for other in others))

    profiles = tuple(profile for profile in VERIFIERS if all(profile in each.profiles for each in declarations))
    algorithms = common(lambda each: each.algorithms)
    if not algorithms or not profiles:
        raise BadInput("these implementations have no algorithm or no profile in common: no token is for all of them")
    forms = [each.key_form for each in declarations]
    poorest = next((form for form in forms if form not in WHOLE), forms[0])
    caps = [each.max_token for each in declarations if each.max_token is not None]
    return Declaration(
        name="all",
        version="",
        language="",
        level=0,
        profiles=profiles,
        measure=Measure.BASE,
        algorithms=algorithms,
        injected_clock=all(each.injected_clock for each in declarations),
        key_form=poorest,  # what one of them is not told of a key, nobody can be asked about
        key_set=all(each.key_set for each in declarations),
        mixed_algorithms=all(each.mixed_algorithms for each in declarations),
        options=common(lambda each: each.options),
        max_token=min(caps, default=None),
        token_b64=all(each.token_b64 for each in declarations),
    )


def world(crowd: Crowd) -> World:
    """Return the tokens that all of them can be asked about, where all accept what these start from.

    Raises:
        BadInput: they have nothing in common. AdapterFault: there is no honest token that all accept.
    """
    declaration = shared([each.declaration for each in crowd.values()])
    forge, scope = Forge.at_present(declaration), Scope(Measure.BASE, declaration.profiles, 0)
    bare = honest(declaration, forge, scope)
    bases = tuple(each for each, accepted in zip(bare, _accepted_by(all, crowd, bare), strict=True) if accepted)
    if not bases:
        raise AdapterFault("there is no honest token that all of them accept, so nothing can be compared")
    whole = prepared(declaration, forge, scope, bases)
    accepted = _accepted_by(all, crowd, [each.honest for each in whole])
    others = _edits_of_another(crowd, whole)
    based = tuple(
        each
        for each, is_accepted in zip(whole, accepted, strict=True)
        if is_accepted and each.case.edit.id not in others
    )
    return drawn_from(declaration, forge, scope, bases, based, edits().keys() - others)


def _edits_of_another(crowd: Crowd, whole: Sequence[Prepared]) -> set[str]:
    """Return the edits of which somebody accepts a part alone: accepting the whole offends another requirement."""
    parts = [(each.case.edit.id, part) for each in whole if (part := part_of(each)) is not None]
    accepted = _accepted_by(any, crowd, [part for _, part in parts])
    return {name for (name, _), is_accepted in zip(parts, accepted, strict=True) if is_accepted}


def _accepted_by(some: Callable[[Iterable[bool]], bool], crowd: Crowd, tokens: Sequence[Unwritten]) -> list[bool]:
    """Say of each token whether all read it, and ``some`` of them (all, or any) accept it."""
    found = [all(one.fits(each.presentation) for one in crowd.values()) for each in tokens]
    fitting = [each.presentation for each, fits in zip(tokens, found, strict=True) if fits]
    asked = zip(*(answers(one, fitting) for one in crowd.values()), strict=True)
    verdicts = iter([some(answer.outcome is Outcome.ACCEPTED for answer in said) for said in asked])
    return [fits and next(verdicts) for fits in found]


def differences(
    crowd: Crowd, seconds: float, seed: int, show: Callable[[int, int], None], keep: Keep = lambda _: None
) -> Differential:
    """Compare for so long; ``show`` is told of tokens and classes now and then.

    An interrupt ends it, and so does whoever breaks the contract: neither loses a class.
    """
    began = made = time.monotonic()
    random = Random(seed)  # noqa: S311 - it decides what is tried, and has to be repeatable
    comparing = Differential(crowd, world(crowd), random, {}, keep)
    real = not comparing.world.forge.declaration.injected_clock
    try:
        comparing.edits_alone()
        while time.monotonic() < began + seconds:
            if real and time.monotonic() > made + FRESH:
                comparing.world, made = world(crowd), time.monotonic()
            comparing.step()
            show(comparing.tokens, len(comparing.found))
    except KeyboardInterrupt:
        comparing.interrupted = True
    except AdapterFault as fault:
        comparing.troubles.append(fault.describe())
    comparing.seconds = time.monotonic() - began
    return comparing
