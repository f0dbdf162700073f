"""Judges one exhibit: the release that mended the weakness, then the one that has it, by the row that names it."""

from dataclasses import dataclass
from pathlib import Path

from bearerproof.exceptions import BearerproofError
from bearerproof.judging.results import RED, State
from bearerproof.judging.runner import Run, RunOptions, run
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.commands.faultrun import KILLS
from bearerproof_fuzz.commands.libraries import building
from bearerproof_fuzz.commands.libraries.building import Tell
from bearerproof_fuzz.commands.libraries.manifest import Manifest
from bearerproof_fuzz.commands.museum.exhibits import Exhibit, Museum
from bearerproof_fuzz.commands.museum.results import ExhibitResult, Fixed, Verdict
from bearerproof_fuzz.suite import SUITE

_SECONDS = 30.0
"""For one answer: no exhibit is about a hang, and an old library on a busy machine is slow."""

_GREEN = frozenset({State.PASSED, State.WARNED})


class NotJudged(BearerproofError):
    """A release could not be installed or started, or no verdict came of it."""


@dataclass(frozen=True)
class Release:
    """An installed release with its adapter, and where it stands."""

    manifest: Manifest
    folder: Path

    @property
    def command(self) -> tuple[str, ...]:
        """What starts the adapter from anywhere."""
        return tuple(str(self.folder / word) if self._holds(word) else word for word in self.manifest.run)

    def _holds(self, word: str) -> bool:
        return not word.startswith("{") and (self.folder / word).exists()


def judge(exhibit: Exhibit, museum: Museum, cache: Path, tell: Tell) -> ExhibitResult:
    """Judge one exhibit; whatever hinders it is its result."""
    if exhibit.not_judged is not None:
        return ExhibitResult(exhibit, Verdict.NOT_JUDGED, reason=exhibit.not_judged)
    try:
        fixed, vulnerable = (
            _install(museum.manifest(exhibit, version), cache, tell) for version in (exhibit.fixed, exhibit.vulnerable)
        )
        tell(f"{exhibit.name}: judging {exhibit.package} {exhibit.fixed} and {exhibit.vulnerable}")
        result = _compare(exhibit, fixed, vulnerable)
    except BearerproofError as error:
        result = ExhibitResult(exhibit, Verdict.NOT_RUN, reason=str(error))
    tell(f"{exhibit.name}: {result.verdict}")
    return result


def _install(manifest: Manifest, cache: Path, tell: Tell) -> Release:
    absent = building.missing(manifest)
    if absent is not None:
        raise NotJudged(absent)
    return Release(manifest, building.build(manifest, cache / f"{manifest.library}-{manifest.version}", tell))


def _compare(exhibit: Exhibit, fixed: Release, vulnerable: Release) -> ExhibitResult:
    """What the fixed release fails as well shows nothing of the weakness: the vulnerable one is not asked for it."""
    mended = _run(exhibit, fixed, RunOptions(report_findings=False))
    if mended.exit_code() not in (0, 1):
        raise NotJudged(_trouble(exhibit.fixed, mended))
    red = tuple(record.id for record in mended.records if record.state in RED)
    green = frozenset(record.id for record in mended.records if record.state in _GREEN)
    found = _run(exhibit, vulnerable, RunOptions(report_findings=False, stop_at=KILLS, only=green))
    kill = next((record.id for record in found.records if record.state in KILLS), None)
    if kill is None and found.exit_code() != 0:
        raise NotJudged(_trouble(exhibit.vulnerable, found))
    verdict = Verdict.MISSED if kill is None else Verdict.CAUGHT
    tokens = None if kill is None else found.harness.implementation.tokens
    return ExhibitResult(exhibit, verdict, Fixed.RED if red else Fixed.GREEN, tokens, kill, red)


def _run(exhibit: Exhibit, release: Release, options: RunOptions) -> Run:
    """Run checks of the naming requirement on one release.

    Raises:
        BearerproofError: it does not start, or it is another release.
    """
    settings = RunConfig(
        target="", command=release.command, measure=exhibit.measure, seconds=_SECONDS,
        requirements=(exhibit.requirement,),
    )  # fmt: skip
    finished = run(SUITE, settings, options)
    version = finished.harness.implementation.declaration.version
    if version != release.manifest.version:
        raise NotJudged(f"the adapter says that it is {version}, and {release.manifest.version} was installed")
    return finished


def _trouble(version: str, finished: Run) -> str:
    red = [f"{record.id} {record.state}: {record.reason}" for record in finished.records if record.state in RED]
    return f"{version}: {next(iter([*finished.troubles, *red]), finished.unjudged)}"[:500]
