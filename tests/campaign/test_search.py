"""A campaign's search: what it draws, what it calls wrong, and that it finds what is there."""

import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearerproof.contract.implementation import Implementation
from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.judging.settings import RunConfig
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.campaign.candidates import candidate
from bearerproof_fuzz.campaign.corpus import Corpus, distilled
from bearerproof_fuzz.campaign.exploring import Explorer, Found
from bearerproof_fuzz.campaign.judging import Judge
from bearerproof_fuzz.campaign.learning import Learned, learn
from bearerproof_fuzz.draws import Choices, number_below
from bearerproof_fuzz.faults import find
from bearerproof_fuzz.faults.registry import seeded

SEED = 7


def explorer(target: str, directory: Path) -> tuple[Explorer, Learned]:
    """Return a search on an implementation, and what it has learned before."""
    config = RunConfig(target=target, profiles=(Profile.JWT,))
    implementation = config.start()
    scope = config.resolve(implementation.declaration)
    learned = learn(implementation, scope)
    judge = Judge(implementation.declaration, scope.measure)
    return Explorer(implementation, learned.world, judge, Corpus(directory, "one"), Random(SEED)), learned


def found_within(searching: Explorer, tokens: int) -> list[Found]:
    """Return what is found within so many tokens."""
    found: list[Found] = []
    while searching.implementation.tokens < tokens and not found:
        found += searching.step()
    return found


@pytest.fixture(scope="module")
def on_the_reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Explorer, Learned]:
    return explorer("reference", tmp_path_factory.mktemp("corpus"))


@given(st.lists(st.integers(0, 10**6), max_size=12), st.integers(1, 9_000))
@settings(max_examples=60)
def test_choices_draw_what_hypothesis_would_draw(recorded: list[int], limit: int) -> None:
    choices = Choices(Random(SEED), recorded)
    drawn = [number_below(choices, limit) for _ in range(4)]  # type: ignore[arg-type]  # it draws as Hypothesis does
    again = Choices(Random(SEED + 1), choices.taken)
    assert [number_below(again, limit) for _ in range(4)] == drawn  # type: ignore[arg-type]
    assert all(0 <= number < limit for number in drawn)
    assert again.taken == choices.taken


def test_nothing_but_numbers_is_drawn_without_an_engine() -> None:
    with pytest.raises(TypeError, match="text"):
        Choices(Random(SEED))(st.text())


def test_the_same_choices_are_the_same_token(on_the_reference: tuple[Explorer, Learned]) -> None:
    world = on_the_reference[1].world
    random = Random(SEED)
    for _ in range(200):
        choices = Choices(random)
        made = candidate(choices, world)  # type: ignore[arg-type]
        assert candidate(Choices(Random(0), choices.taken), world) == made  # type: ignore[arg-type]


def test_the_reference_is_accused_of_nothing(on_the_reference: tuple[Explorer, Learned]) -> None:
    searching, learned = on_the_reference
    assert (learned.wrong, learned.refused_bases) == ((), ())
    before = searching.implementation.tokens
    assert found_within(searching, before + 3_000) == []
    outcomes = {feature.partition("=")[2].partition("/")[0] for feature in searching.corpus.features}
    assert outcomes == {"accepted", "rejected"}


@pytest.mark.parametrize(("fault", "requirement"), [("hmac-over-pem", "VER-16"), ("hint-percent-decoded", "HINT-5")])
def test_a_seeded_fault_is_found(fault: str, requirement: str, tmp_path: Path) -> None:
    with seeded(find(fault)):
        searching, learned = explorer("reference", tmp_path)
        found = {wrong.violation.requirement for wrong in learned.wrong}
        if not found:
            found = {each.wrong.violation.requirement for each in found_within(searching, 40_000)}
    assert requirement in found


def test_a_corpus_is_read_by_others_and_distilled(tmp_path: Path) -> None:
    one, other = Corpus(tmp_path, "one"), Corpus(tmp_path, "other")
    one.add([3, 1, 4], frozenset({"a", "b"}))
    one.add([9], frozenset({"a"}))
    with (tmp_path / "torn.jsonl").open("w") as file:
        file.write('{"choices": [1], "features": ["c"]}\nnot JSON\n{"choices": "x", "features": []}\n{"choices": [2')
    assert other.read_others() == 2
    assert (other.features, other.unreadable) == ({"a", "b", "c"}, 2)
    assert other.read_others() == 0
    assert [each.choices for each in distilled(tmp_path)] == [(1,), (3, 1, 4)]


def test_a_flaky_implementation_is_told_from_a_wrong_one(tmp_path: Path) -> None:
    searching, _ = explorer("reference", tmp_path)
    steady, batches = searching.implementation.verify_all, count()

    def flaky(presented: Sequence[Presentation]) -> list[Answer]:
        """Accept, once, whatever stands in the third batch."""
        answers = steady(presented)
        return [Answer(Outcome.ACCEPTED)] * len(answers) if next(batches) == 2 else answers

    searching.implementation.verify_all = flaky  # type: ignore[method-assign, assignment]
    found = [each for _ in range(4) for each in searching.step()]
    assert found
    assert [each.wrong for each in found if each.recurs] == []


def test_inputs_are_lines_of_numbers(on_the_reference: tuple[Explorer, Learned]) -> None:
    searching = on_the_reference[0]
    assert list(searching.step()) == []  # no test hangs on what another one has presented
    corpus = searching.corpus
    row = json.loads(corpus.inputs[0].as_line())
    assert all(type(number) is int for number in row["choices"])
    assert row["features"] == sorted(corpus.inputs[0].features)
    assert isinstance(on_the_reference[0].implementation, Implementation)
