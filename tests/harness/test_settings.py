"""Settings: the same on every worker, and held against what is declared."""

import pytest

from bearerproof.contract.connections import connect
from bearerproof.contract.declaration import Declaration
from bearerproof.contract.implementation import Implementation
from bearerproof.exceptions import BadInput
from bearerproof.judging.settings import QUICK, RunConfig
from bearerproof.specification.catalogue import Measure, Profile


@pytest.mark.parametrize(
    "settings",
    [
        RunConfig(),
        RunConfig(
            "pyjwt",
            measure=Measure.STRICT,
            profiles=(Profile.JWT, Profile.JWS),
            level=0,
            depth=QUICK,
            seed=2**70,
            seconds=0.05,
        ),
        RunConfig("", ("./adapter", "--name", "a 'quoted' \udcff word\n")),
    ],
    ids=["default", "everything", "command"],
)
def test_settings_survive_their_way_to_a_worker(settings: RunConfig) -> None:
    packed = settings.as_option()
    assert RunConfig.from_option(packed) == settings
    assert packed.isascii()
    assert "\n" not in packed


@pytest.fixture(scope="module")
def declaration() -> Declaration:
    return Implementation(connect("pyjwt")).declaration


def test_all_that_is_declared_is_judged_unless_less_is_asked_for(declaration: Declaration) -> None:
    whole = RunConfig().resolve(declaration)
    assert (whole.measure, whole.level) == (declaration.measure, declaration.level)
    assert set(whole.profiles) == set(declaration.profiles)
    narrow = RunConfig(measure=Measure.STRICT, profiles=(Profile.JWS,), level=0).resolve(declaration)
    assert (narrow.measure, narrow.profiles, narrow.level) == (Measure.STRICT, (Profile.JWS,), 0)


def test_the_primary_profile_is_that_of_whole_tokens(declaration: Declaration) -> None:
    scope = RunConfig(profiles=(Profile.JWS, Profile.JWT)).resolve(declaration)
    assert scope.primary([Profile.JWS, Profile.JWT]) is Profile.JWT
    assert scope.primary([Profile.JWS]) is Profile.JWS
    assert scope.primary([Profile.ID_TOKEN]) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (RunConfig(profiles=(Profile.ID_TOKEN,)), "declares no profile id-token; it declares j"),
        (RunConfig(level=2), "declares contract level 1, not 2"),
    ],
)
def test_more_than_is_declared_cannot_be_asked_for(declaration: Declaration, settings: RunConfig, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        settings.resolve(declaration)
