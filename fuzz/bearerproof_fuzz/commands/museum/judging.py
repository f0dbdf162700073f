"""Judges one exhibit: the release that mended the weakness, then the one that has it, by the row that names it."""

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from bearerproof.exceptions import AdapterFault, BearerproofError
from bearerproof.judging.results import Record, State
from bearerproof.judging.runner import Run, RunOptions, run
from bearerproof.judging.settings import RunConfig
from bearerproof_fuzz.commands.faultrun import is_kill
from bearerproof_fuzz.commands.libraries import building
from bearerproof_fuzz.commands.libraries.building import Tell
from bearerproof_fuzz.commands.libraries.manifest import Manifest
from bearerproof_fuzz.commands.museum.exhibits import Exhibit, Museum
from bearerproof_fuzz.commands.museum.results import ExhibitResult, Fixed, Verdict
from bearerproof_fuzz.suite import SUITE

_SECONDS = 30.0
"""For one answer: no exhibit is about a hang, and an old library on a busy machine is slow."""


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
        reason = error.describe() if isinstance(error, AdapterFault) else str(error)
        result = ExhibitResult(exhibit, Verdict.NOT_RUN, reason=reason)
    tell(f"{exhibit.name}: {result.verdict}, fixed release {result.fixed}")
    return result


def _install(manifest: Manifest, cache: Path, tell: Tell) -> Release:
    absent = building.missing(manifest)
    if absent is not None:
        raise NotJudged(absent)
    return Release(manifest, building.build(manifest, cache / f"{manifest.library}-{manifest.version}", tell))


def _compare(exhibit: Exhibit, fixed: Release, vulnerable: Release) -> ExhibitResult:
    """Judge both: what the fixed release fails as well shows nothing, so the other has to fail something besides."""
    mended = _run(exhibit, fixed, RunOptions(report_findings=False))
    if mended.exit_code() not in (0, 1) or _untestable(mended):
        raise NotJudged(_trouble(exhibit.fixed, mended))
    remaining = [record for record in mended.records if is_kill(record)]
    red, stale = _unforeseen(exhibit, [record.id for record in remaining])
    foreseen = {seen for record in remaining for seen in _seen(record)}

    def shows(record: Record) -> bool:
        return is_kill(record) and not _seen(record) <= foreseen

    found = _run(exhibit, vulnerable, RunOptions(report_findings=False, stop_at=shows))
    kill = next((record.id for record in found.records if shows(record)), None)
    if kill is None and (found.exit_code() not in (0, 1) or _untestable(found)):
        raise NotJudged(_trouble(exhibit.vulnerable, found))
    tokens = None if kill is None else found.harness.implementation.tokens
    state = Fixed.RED if red or stale else Fixed.REMAINS if remaining else Fixed.GREEN
    reason = f"nothing red is left of what is said to remain: {', '.join(stale)}" if stale else None
    return ExhibitResult(exhibit, Verdict.MISSED if kill is None else Verdict.CAUGHT, state, tokens, kill, red, reason)


def _seen(record: Record) -> set[tuple[str, str]]:
    """What a red check found; of one that draws, which example it found first says nothing."""
    return {(record.id, "" if "drawn" in finding else finding["summary"]) for finding in record.findings}


def _unforeseen(exhibit: Exhibit, red: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Return the red checks that nobody said would remain, and what was said and is red no more."""
    patterns = exhibit.remains
    unforeseen = tuple(name for name in red if not any(fnmatchcase(name, pattern) for pattern in patterns))
    return unforeseen, [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in red)]


def _run(exhibit: Exhibit, release: Release, options: RunOptions) -> Run:
    """Run checks of the naming requirement on one release.

    Raises:
        BearerproofError: it does not start, or it is another release.
    """
    settings = RunConfig(
        target="",
        command=release.command,
        measure=exhibit.measure,
        seconds=_SECONDS,
        requirements=(exhibit.requirement,),
    )
    finished = run(SUITE, settings, options)
    version = finished.harness.implementation.declaration.version
    if version != release.manifest.version:
        raise NotJudged(f"the adapter says that it is {version}, and {release.manifest.version} was installed")
    return finished


def _untestable(finished: Run) -> list[str]:
    """Say where an honest token was refused, so that a refusal shows nothing: the adapter is at fault, or the table."""
    records = [record for record in finished.records if record.state is State.UNTESTABLE]
    return [f"{record.id}: {record.findings[0]['summary']}" for record in records if record.findings]


def _trouble(version: str, finished: Run) -> str:
    return f"{version}: {next(iter([*finished.troubles, *_untestable(finished)]), finished.unjudged)}"[:500]
