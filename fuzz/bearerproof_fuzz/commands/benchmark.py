"""``bearerproof prove --export-benchmark DIR``: the victims as a benchmark for any fuzzer of JWT verifiers.

A victim stands beside the verifier that lacks its weakness, and what counts as found is decided by these two alone:
no oracle of the suite takes part. Of each victim the manifest has the policy under which one token shows it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bearerproof import __version__
from bearerproof.contract.connections import InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.exceptions import BadInput
from bearerproof.members import Json
from bearerproof.specification.catalogue import VERIFIERS, requirement
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz.checks import applicable
from bearerproof_fuzz.commands.writing import write
from bearerproof_fuzz.edits.registry import cases
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.victims import PLAIN, Victim, create, victims
from bearerproof_fuzz.victims.benchmark import Contest

FORMAT = 1

FOUND = (
    "The victim answers a token otherwise than the verifier without a weakness, by another verdict or by other claims. "
    "Both are asked under the same policy, at the same instant, and remember nothing of what came before."
)

README = """\
# JWT verifiers with one weakness each, as a benchmark for fuzzers

`manifest.json` (fuzz-benchmark.schema.json of bearerproof) names {count} verifiers, each with one weakness such as
releases of real libraries have had. Of each it has the request that is asked beside the token (policy, profile and
instant), an honest token that the victim accepts, and the private key that signs it: an issuer may make the mistake.

    python -m pip install bearerproof
    python -m bearerproof_fuzz.victims.benchmark manifest.json {name} --port 8801
    curl -d "$TOKEN" http://127.0.0.1:8801/verify     # {{"accepted": false}}
    curl -d "$TOKEN" http://127.0.0.1:8801/found      # {{"found": false}}

or, in Python, without a server:

    from pathlib import Path
    from bearerproof_fuzz.victims.benchmark import Contest

    contest = Contest.read(Path("manifest.json"), "{name}")
    contest.accepts(token), contest.found(token)

{found}
That counts as found, and no oracle decides it. Report tokens and seconds until found, the median over ten seeds.

`witnesses.json` has one token for each that shows it. It is for checking an installation, not for a fuzzer to read.
"""


@dataclass(frozen=True)
class Shown:
    """A victim with an honest token, and what one edit of it shows."""

    victim: Victim
    honest: Draft
    witness: str

    request: Json

    @property
    def row(self) -> Json:
        """The victim's row of the manifest."""
        row, draft = requirement(self.victim.requirement), self.honest
        return {
            "name": self.victim.name,
            "requirement": row.id,
            "text": row.text,
            "weakness": self.victim.weakness,
            "source": self.victim.source,
            "measure": self.victim.measure,
            "profile": str(draft.profile),
            "algorithm": draft.key.algorithm,
            "request": self.request,
            "honest_token": draft.token(),
            "signing_jwk": draft.key.private_jwk,
        }


def export(folder: Path, names: Sequence[str] = ()) -> str:
    """Write the benchmark of all victims, or of those named, into a folder, and return what is told of it.

    Raises:
        BadInput: something cannot be written there, or no victim has one of these names, or none can be shown.
    """
    if unknown := [name for name in names if name not in victims()]:
        raise BadInput(f"no victim is called {unknown[0]!r}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot write in {folder}: {error.strerror}") from None
    chosen = list(dict.fromkeys(names)) or list(victims())
    shown = {name: found for name in chosen if (found := next(_shown(victims()[name]), None)) is not None}
    if not shown:
        raise BadInput("none of these victims is shown by one token, so no other fuzzer can be asked to find it")
    manifest = {
        "format": FORMAT,
        "bearerproof": __version__,
        "found": FOUND,
        "plain": PLAIN,
        "victims": [found.row for found in shown.values()],
        "left_out": [name for name in chosen if name not in shown],
    }
    witnesses = {name: found.witness for name, found in shown.items()}
    readme = README.format(count=len(shown), name=next(iter(shown)), found=FOUND)
    write(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n")
    write(folder / "witnesses.json", json.dumps(witnesses, indent=1) + "\n")
    write(folder / "README.md", readme)
    left = len(chosen) - len(shown)
    return f"{len(shown)} victims in {folder}, each with a token that shows it; {left} are not shown by one token"


def _shown(victim: Victim) -> Iterator[Shown]:
    """Yield the edits of the victim's requirement that tell it from the verifier without a weakness."""
    implementation = Implementation(InProcess(lambda: create(victim.name)))
    declaration = implementation.declaration
    forge = Forge(declaration)
    own = [case for case in cases() if case.edit.requirement_id == victim.requirement and case.profile in VERIFIERS]
    for case in applicable(own, declaration):
        honest = case.edit.given(forge.base(case.profile, case.algorithm))
        edited = case.edit.apply(honest)
        asked, changed = (_parted(implementation, draft) for draft in (honest, edited))
        contest = Contest(victim.name, changed[0])
        if contest.accepts(asked[1]) and contest.found(changed[1]):
            yield Shown(victim, honest, changed[1], changed[0])


def _parted(implementation: Implementation, draft: Draft) -> tuple[Json, str]:
    """Return a request without its token, and the token."""
    request = implementation.request(draft.presentation())
    token = str(request.pop("token", ""))
    return request, token
