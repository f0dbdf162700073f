"""A campaign's candidates as a function of bytes, for engines that are guided by coverage."""

import hashlib
import os
from collections.abc import Callable, Collection

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bearerproof.contract.implementation import Implementation
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.campaign.candidate import Candidate
from bearerproof_fuzz.campaign.candidates import Kind, World
from bearerproof_fuzz.campaign.judging import Judge, Violation
from bearerproof_fuzz.campaign.learning import answers, asked_again, learn
from bearerproof_fuzz.draws import pick
from bearerproof_fuzz.keyserver import idp

LIBRARIES = ["jwt", "joserfc", "authlib"]
"""What may be instrumented: the libraries that can be asked by name in this process."""

BEHIND = 512
"""Bytes that are put behind those of an engine, a digest of them: so a short input, too, draws a whole token."""

TARGET = "BEARERPROOF_TARGET"
"""The variable of the environment that names the implementation, as ``bearerproof check`` does; PyJWT without it."""

Key = tuple[str, str]


def harness(*kinds: Kind) -> Callable[[bytes], bytes | None]:
    """Return what takes an engine's bytes, draws a candidate of one of these kinds, and judges it.

    Raises:
        AssertionError: when called with bytes that show something wrong which the edits by themselves do not.
    """
    config = RunConfig(target=os.environ.get(TARGET, "pyjwt"))
    implementation = config.start(idp.start)
    scope = config.resolve(implementation.declaration)
    learned = learn(implementation, scope)
    known = {wrong.violation.requirement for wrong in learned.wrong}
    judge = Judge(implementation.declaration, scope.measure)

    @settings(deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(candidates(learned.world, kinds))
    def judged(made: Candidate | None) -> None:
        wrong = None if made is None else _wrong(implementation, judge, made, known)
        assert wrong is None, wrong  # noqa: S101 - what an engine calls a crash

    engine: Callable[[bytes], bytes | None] = vars(judged)["hypothesis"].fuzz_one_input
    return lambda octets: engine(octets + hashlib.shake_256(octets).digest(BEHIND))


def candidates(world: World, kinds: Collection[Kind]) -> st.SearchStrategy[Candidate | None]:
    """Return a strategy of these kinds, drawn as Hypothesis draws."""
    chosen = tuple(kinds)

    @st.composite
    def drawn(draw: DrawFn) -> Candidate | None:
        return pick(draw, chosen)(draw, world)

    return drawn()


def _wrong(implementation: Implementation, judge: Judge, made: Candidate, known: Collection[str]) -> Violation | None:
    """Return what is wrong with an answer, is so again, and is of no requirement that an edit by itself offends."""
    if not implementation.fits(made.presented):
        return None
    (answer,) = answers(implementation, [made.presented])
    found = [each for each in judge.violations(made, answer) if each.requirement not in known]
    again = [each for each in found if asked_again(implementation, judge, made, each.key) is not None]
    return again[0] if again else None
