"""The victims: each accepts what is honest, says which requirement ought to name it, and shares nothing with the suite.

That each has its weakness is what ``bearerproof prove --victims`` shows; a few of them stand here for all.
"""

import sys

import pytest

from bearerproof.contract.messages import Outcome
from bearerproof.judging.settings import RunConfig
from bearerproof.specification.catalogue import Measure, Origin, Profile, requirement
from bearerproof_fuzz.commands import faultrun, matrix
from bearerproof_fuzz.commands.faultrun import Attempt, Fate, Proof
from bearerproof_fuzz.commands.smoke import smoke
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.victims import PLAIN, registry, victims

from ..conftest import CommandLine
from ..specification.arrows import imported, modules

NAMES = list(victims())


def test_every_row_of_the_table_has_its_steps() -> None:
    assert set(NAMES) == set(registry.STEPS)


def test_each_tells_its_weakness_and_is_asked_at_the_measure_that_refuses_it() -> None:
    rows = victims().values()
    assert [row.name for row in rows if not (row.source and row.weakness.endswith("."))] == []
    base = [row for row in rows if not row.strict]
    assert [row.name for row in base if requirement(row.requirement).origin is not Origin.RFC] == []


def test_each_accepts_an_honest_token() -> None:
    assert [name for name in (PLAIN, *NAMES) if not _accepts_what_is_honest(name)] == []


def _accepts_what_is_honest(name: str) -> bool:
    implementation = RunConfig(target=f"victim:{name}").start()
    forge = Forge.at_present(implementation.declaration)
    honest = [forge.base(profile).presentation() for profile in (Profile.JWT, Profile.ACCESS_TOKEN, Profile.ID_TOKEN)]
    return all(implementation.verify(presented).outcome is Outcome.ACCEPTED for presented in honest)


def test_the_plain_one_works_over_stdio_too() -> None:
    code, page = smoke(RunConfig(target="", command=(sys.executable, "-m", "bearerproof_fuzz.victims")), 80)
    assert code == 0, str(page)


def test_the_plain_one_passes_what_victims_are_killed_by() -> None:
    assert faultrun.plain_passes(Measure.STRICT, ("VER-17", "KEY-3", "IDT-6"))


@pytest.mark.parametrize("name", ["crit-ignored", "trailing-bits-dropped", "hmac-over-pem-text", "set-never-stale"])
def test_a_victim_is_killed_by_the_requirement_that_its_row_names(name: str) -> None:
    tried = faultrun.attempt_victim(name)
    assert (tried.fate, tried.seen_by) == (Fate.KILLED, (victims()[name].requirement,))


def test_victims_stand_beside_the_seeded_faults() -> None:
    victim = Attempt("a-victim", "VER-2", Fate.SURVIVED, detail="Why.")
    proof = Proof((Attempt("a-fault", "VER-1", Fate.KILLED),), victims=(victim,))
    assert not proof.clean
    report = matrix.render(proof)
    assert "victim a-victim (VER-2): survived. Why." in report
    assert "no victim for VER-1, VER-3, VER-4" in report
    assert "VOID: the plain verifier" in matrix.render(Proof(victims=(victim,), plain_passes=False))


def test_one_that_is_unseen_as_is_known_leaves_the_proof_clean_and_is_told_when_it_is_seen() -> None:
    assert Proof(victims=(Attempt("a-victim", "VER-2", Fate.UNSEEN, detail="why"),)).clean
    seen = Proof(victims=(Attempt("a-victim", "VER-2", Fate.KILLED, detail=faultrun.SEEN_BY_NOW),))
    assert seen.clean
    assert "a-victim (VER-2): killed. it is killed: `unseen` can be struck" in matrix.render(seen)


@pytest.mark.parametrize("command", [("check", "victim:nobody"), ("prove", "--victims", "nobody")])
def test_an_unknown_victim_is_told(command: tuple[str, ...], bearerproof: CommandLine) -> None:
    ended = bearerproof(*command)
    assert ended.code == 3
    assert "no victim is called 'nobody'" in ended.err


def test_victims_are_asked_alone(bearerproof: CommandLine) -> None:
    assert "prove --victims alg-none-taken" in bearerproof("prove", "victim:alg-none-taken").err
    assert "--victims stands alone" in bearerproof("prove", "--victims", "--seeds", "2").err


def test_beside_our_own_they_import_the_standard_library_and_cryptography() -> None:
    found = {name for module in modules() if ".victims" in module for name in imported(module)}
    assert {name.partition(".")[0] for name in found} <= {
        *sys.stdlib_module_names,
        "cryptography",
        "bearerproof_fuzz",
        "bearerproof",
    }
