"""What makes a campaign fast changes nothing of what it presents and judges."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearerproof.contract.messages import Answer, LineSizes, Outcome, request_line
from bearerproof.contract.tokenrules import TokenRules
from bearerproof.judging.expectations import Expectation
from bearerproof.judging.settings import RunConfig
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz.campaign import keeping
from bearerproof_fuzz.campaign.candidate import Candidate, Unwritten
from bearerproof_fuzz.campaign.candidates import (
    KINDS,
    World,
    candidate,
    claimed,
    combined,
    foreign,
    mangled,
    spliced,
    varied,
)
from bearerproof_fuzz.campaign.judging import Judge
from bearerproof_fuzz.campaign.learning import Lesson, learn, world
from bearerproof_fuzz.draws import Choices
from bearerproof_fuzz.edits.registry import REJECTED, Change, edits
from bearerproof_fuzz.grammar import mangle_one, matter_of
from bearerproof_fuzz.keys import unb64

CONFIG = RunConfig(target="python:tests.campaign.targets:is_mended", profiles=(Profile.JWT,), measure=Measure.BASE)


@pytest.fixture(scope="module")
def learned() -> tuple[Lesson, World, Judge]:
    implementation = CONFIG.start()
    scope = CONFIG.resolve(implementation.declaration)
    found = learn(implementation, scope)
    implementation.close()
    return found.lesson, found.world, Judge(implementation.declaration, scope.measure)


def drawn(world: World, kind: object, count: int) -> list[Candidate]:
    random = Random(3)
    made = [kind(Choices(random), world) for _ in range(count)]  # type: ignore[operator]  # a kind of candidate
    return [each for each in made if each is not None]


def test_a_spliced_token_is_the_one_in_which_both_edits_are_made(learned: tuple[Lesson, World, Judge]) -> None:
    world, found = learned[1], drawn(learned[1], spliced, 300)
    base = world.hashed[0].honest.draft
    pairs = set()
    for made in found:
        below, _, top = made.how.removeprefix("one change hides another: ").partition(" then ")
        assert made.presented == edits()[top].apply(edits()[below].apply(base)).presentation()
        pairs.add((below, top))
    assert len(pairs) > 250


def test_every_kind_is_drawn(learned: tuple[Lesson, World, Judge]) -> None:
    assert [kind for kind in set(KINDS) if not drawn(learned[1], kind, 60)] == []


def test_what_is_passed_at_a_glance_offends_nothing(learned: tuple[Lesson, World, Judge]) -> None:
    _, world, judge = learned
    passed = [
        (made, answer)
        for made in drawn(world, candidate, 300)
        for answer in (Answer(Outcome.REJECTED, reason="other"), Answer(Outcome.ACCEPTED), Answer(Outcome.ERRORED))
        if judge.has_nothing_against(made, answer)
    ]
    assert len(passed) > 200
    assert [each for each in passed if list(judge.violations(*each))] == []


@given(st.randoms(use_true_random=False))
def test_a_respelled_token_is_told_from_another(random: Random) -> None:
    honest = "e30.e30.AAB"
    token, _ = mangle_one(Choices(random), honest)  # type: ignore[arg-type]  # it draws as Hypothesis does
    segments = token.split(".")
    octets = len(segments) == 3 and all(segments) and not set(token) - set(honest + "CDEFGHIJKLMNOPQRSTUVWXYZ")
    same = (
        octets
        and all(len(part) % 4 != 1 for part in segments)
        and list(map(unb64, segments)) == [b"{}", b"{}", b"\0\0"]
    )
    assert (matter_of(token, honest) in (None, "VER-3")) >= same


@given(st.text(max_size=40), st.integers(0, 600))
@settings(max_examples=100)
def test_a_line_that_surely_fits_does(token: str, most: int) -> None:
    request = {"op": "verify", "now": 1.5, "tick": 3.25, "policy_id": "p", "policy": {"é": 1}, "token": token}
    if LineSizes().surely_fits(request, most):
        assert len(request_line({"id": 10**9, **request})) <= most
    assert LineSizes().surely_fits(request, 1000)


def test_what_is_tolerated_by_itself_is_no_news(learned: tuple[Lesson, World, Judge]) -> None:
    """Who passes over line feeds does so in every text; a library is told of it once."""
    lesson, declaration = learned[0], learned[2].declaration
    lax = Lesson(lesson.bases, lesson.right, ("header-spelled-with-newline",))
    tolerant = world(lax, declaration, CONFIG.resolve(declaration))
    assert tolerant.tolerated == {"\n"}
    assert [made.requirement for made in drawn(learned[1], mangled, 4000) if foreign(made.presented.token) == {"\n"}]
    left = [made for made in drawn(tolerant, candidate, 1500) if made.requirement == "VER-2"]
    assert left
    assert [made for made in left if foreign(made.presented.token) <= {"\n"}] == []


def test_what_has_to_be_refused_by_itself_is_asked_in_the_same_circumstances(
    learned: tuple[Lesson, World, Judge],
) -> None:
    """Who does not look at `exp` where none is required takes it twice, too: that is no matter of members' names."""
    made = [(edits()[each.kind.removesuffix(" in combination")], each) for each in drawn(learned[1], combined, 2000)]
    parted = [each for edit, each in made if edit.alone]
    assert parted
    for each in parted:
        (part,) = each.elsewhere
        assert isinstance(part, Unwritten)
        assert part.presentation.policy == each.presented.policy
        assert part.presentation.token != each.honest.token
    assert all(not each.elsewhere for edit, each in made if not edit.alone)


@pytest.mark.parametrize(
    ("tolerated", "token", "passed"),
    [(" \n", "e30.e30.AA\t", True), (" \n", "e30.e30.AA\0", False), ("\n", "e30.e30.AA\t", False)],
)
def test_who_strips_blanks_and_line_ends_strips_white_space(
    learned: tuple[Lesson, World, Judge], tolerated: str, token: str, passed: bool
) -> None:
    assert replace(learned[1], tolerated=frozenset(tolerated)).tolerates(token) == passed


def test_what_is_tolerated_under_one_algorithm_is_seen_under_it(learned: tuple[Lesson, World, Judge]) -> None:
    """A signature whose length can be made impossible has a whole number of groups: that of ES384, not of HS256."""
    edit = edits()["impossible-length-of-the-signature"]
    names = ("HS256", *edit.algorithms)
    declaration = replace(learned[2].declaration, algorithms=names)
    bases = tuple((str(Profile.JWT), name) for name in names)
    tolerated = [
        world(Lesson(some, (), (edit.id,)), declaration, CONFIG.resolve(declaration)).tolerated
        for some in (bases[:1], bases)
    ]
    assert tolerated == [frozenset(), {""}]


def test_an_issuer_that_is_misread_by_itself_is_no_news(learned: tuple[Lesson, World, Judge]) -> None:
    """Who takes a list with the issuer in it does so whether an edit made it or a draw did."""
    lesson, declaration = learned[0], learned[2].declaration
    lax = world(
        Lesson(lesson.bases, lesson.right, ("iss-is-list-with-ours",)), declaration, CONFIG.resolve(declaration)
    )
    issuers = [
        [str(made.claims["iss"]) for made in drawn(some, claimed, 3000) if made.claims and made.requirement == "VER-33"]
        for some in (learned[1], lax)
    ]
    assert set(issuers[0]) - set(issuers[1]) == {str(["https://as.example"])}


@pytest.mark.parametrize(("measure", "asked"), [(Measure.BASE, False), (Measure.STRICT, True)])
def test_what_some_parsers_drop_or_limit_is_asked_back_in_strict_alone(
    learned: tuple[Lesson, World, Judge], measure: Measure, asked: bool
) -> None:
    """As the suite's own check has it: claims that are null, names that a language knows, fractions of a time."""
    some = replace(learned[1], measure=measure)
    further = [made.claims or {} for made in drawn(some, varied, 2000)]
    assert any({"__proto__", "constructor"} & claims.keys() for claims in further) == asked
    assert any(None in claims.values() for claims in further) == asked
    times = [made for made in drawn(some, claimed, 2000) if made.kind == "iat is a fraction"]
    assert times
    assert {made.claims is not None for made in times} == {asked}


def accepted(world: World, requirement: str, change: Change) -> tuple[Candidate, Answer]:
    """Return a changed token that has to be refused and is accepted."""
    draft = world.bases[0].draft
    presented, honest = change(draft).presentation(), draft.presentation()
    return Candidate(requirement, "changed", "changed", presented, honest, REJECTED), Answer(Outcome.ACCEPTED)


@pytest.mark.parametrize(
    ("requirement", "measure", "accused"),
    [
        ("IDT-3", Measure.BASE, False),
        ("IDT-3", Measure.STRICT, True),
        ("IDT-4", Measure.BASE, True),
    ],
)
def test_who_does_not_do_what_the_rfcs_say_should_be_done_is_not_accused_at_base(
    learned: tuple[Lesson, World, Judge], requirement: str, measure: Measure, accused: bool
) -> None:
    """Nor does ``check`` do more than warn of it; a death is another matter."""
    judge = replace(learned[2], measure=measure)
    made, answer = accepted(learned[1], requirement, lambda draft: draft.with_claims(azp="x"))
    assert bool(list(judge.violations(made, answer))) == accused
    assert list(judge.violations(made, Answer(Outcome.CRASHED)))


@pytest.mark.parametrize(("seconds", "accused"), [(2, False), (301, True)])
def test_a_leeway_that_a_product_declares_is_no_fault(
    learned: tuple[Lesson, World, Judge], seconds: int, accused: bool
) -> None:
    rules = {Profile.JWT: TokenRules(leeway={"nbf": 300})}
    judge = replace(learned[2], declaration=replace(learned[2].declaration, tokens=rules))
    made, answer = accepted(learned[1], "VER-30", lambda draft: draft.with_claims(nbf=draft.now + seconds))
    assert bool(list(judge.violations(made, answer))) == accused
    assert list(learned[2].violations(made, answer))


@pytest.mark.parametrize(
    ("kind", "entry", "foreseen"),
    [
        ("nbf is a fraction: accepted", {"check": "as-drawn", "finding": "nbf is a fraction: accepted"}, True),
        ("nbf is a fraction: accepted", {"check": "as-drawn", "finding": "nbf is null: accepted"}, False),
        ("short-key: accepted", {"check": "short-key.HS384", "profile": "jws"}, True),
        ("short-key: accepted", {"check": "long-key.HS384", "profile": "jwt"}, False),
        ("short-key: accepted", {"profile": "jws"}, False),
        ("short-key: accepted", {"format": 2, "checks": ("short-*",), "profile": "jws"}, True),
        ("short-key: accepted", {"format": 2, "checks": ("long-*",)}, False),
        ("short-key: accepted", {"format": 2, "checks": ("short-key.HS384",), "profile": "jws"}, True),
        ("short-key: accepted", {"format": 2, "checks": ("short-*.HS384",)}, True),
        ("short-key: accepted", {"format": 2, "checks": ("long-key.HS384",)}, False),
        ("short-key: accepted", {"format": 2, "checks": ("*.HS384",)}, False),
        ("nbf is a fraction: accepted", {"format": 2, "pins": ("nbf is a fraction: accepted",)}, True),
        ("nbf is a fraction: accepted", {"format": 2, "pins": ("nbf is null: accepted",)}, False),
        ("late in combination: accepted", {"format": 2, "checks": ("late",)}, True),
        ("late in combination: accepted", {"format": 2, "checks": ("two-way-combinations",)}, True),
        ("late: accepted", {"format": 2, "checks": ("two-way-combinations",)}, False),
    ],
)
def test_what_is_expected_of_one_edit_is_so_wherever_a_campaign_draws_it(
    kind: str, entry: dict[str, Any], foreseen: bool
) -> None:
    row = {"requirement": "VER-30", "profile": "jwt", "kind": kind, "candidate": {"kind": kind.partition(":")[0]}}
    assert keeping.is_foreseen(row, [Expectation("VER-30", reason="known", **entry)]) is foreseen
