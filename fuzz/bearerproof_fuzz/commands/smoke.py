"""A first look at an adapter, in under a second: its failure means that the adapter is wrong, not the library.

Loads neither pytest nor Hypothesis, so that a person who writes an adapter can run it after every change.
"""

from collections.abc import Collection, Iterator

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.implementation import Implementation, PropertyEnded, Skipped
from bearerproof.contract.messages import Answer, Outcome
from bearerproof.exceptions import LineTooLong
from bearerproof.judging.exercised import both_ways, marks_of
from bearerproof.judging.judgement import Judged
from bearerproof.judging.settings import RunConfig
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Profile, requirement
from bearerproof_fuzz import keys
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.keys import MATERIAL
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, Provider


def smoke(settings: RunConfig) -> tuple[int, str]:
    """Return the exit code, and one line that says what was tried and works, or what is wrong first.

    It is 0 when all of the declared algorithms and profiles were tried, 1 when something is wrong, else 3.

    Raises:
        BadInput: it cannot be named so. AdapterFault: it does not start, or breaks the contract.
    """
    implementation = settings.start()
    tried: set[tuple[str, str]] = set()
    try:
        settings.resolve(implementation.declaration)
        wrong = next(_problems(implementation, tried), None)
    except (PropertyEnded, Skipped) as ended:
        wrong = str(ended)
    except LineTooLong as too_long:
        wrong = f"a first look {too_long}"
    finally:
        implementation.close()
    if wrong is not None:
        return 1, f"wrong: {wrong}"
    return _told(implementation.declaration, tried)


def _told(declaration: Declaration, tried: Collection[tuple[str, str]]) -> tuple[int, str]:
    """Say what was presented: a sentence about what is only declared would be untrue."""
    profiles, algorithms = (
        (both_ways(kind, names, tried), [name for name in names if name not in both_ways(kind, names, tried)])
        for kind, names in (("profile", declaration.profiles), ("algorithm", declaration.algorithms))
    )
    line = (
        f"{declaration.name} {declaration.version} ({declaration.language}) speaks protocol 1 at contract level "
        f"{declaration.level}: accepts honest tokens and rejects altered ones in {', '.join(profiles[0])} "
        f"with {', '.join(algorithms[0])}"
    )
    left = [*profiles[1], *algorithms[1]]
    return (3, f"{line}; declared, not judged: {', '.join(left)}") if left else (0, line)


def _problems(implementation: Implementation, tried: set[tuple[str, str]]) -> Iterator[str]:

    forge = Forge.at_present(implementation.declaration)
    algorithms = [name for name in implementation.declaration.algorithms if name in MATERIAL]
    if not algorithms:
        yield f"declares only algorithms that cannot be tried; known are {', '.join(MATERIAL)}"
    for profile in implementation.declaration.profiles:
        if profile is Profile.KEY_SERVER:
            yield from _key_server_problems(implementation, tried)
            continue
        for algorithm in algorithms:
            base = forge.base(profile, algorithm)
            honest = implementation.verify(base.presentation())
            tried |= marks_of(base.presentation(), honest.outcome, implementation.declaration.key_form)
            if honest.outcome is not Outcome.ACCEPTED:
                yield _unaccepted(honest, profile, algorithm)
            altered = base.with_signature(lambda signature: bytes([signature[0] ^ 1]) + signature[1:])
            answer = implementation.verify(altered.presentation())
            tried |= marks_of(altered.presentation(), answer.outcome, implementation.declaration.key_form)
            if answer.outcome is not Outcome.REJECTED:
                yield f"{profile}, {algorithm}: a token with an altered signature is {answer.describe()}, not rejected"
            if implementation.declaration.level >= 1 and answer.reason is None:
                yield "declares contract level 1 but rejects without a reason"
            if implementation.declaration.level >= 2 and answer.events is None and profile is not Profile.JWS:
                yield "declares contract level 2 but answers without events"


def _key_server_problems(implementation: Implementation, tried: set[tuple[str, str]]) -> Iterator[str]:

    declaration = implementation.declaration
    trial = Trial(implementation, requirement("TOK-6"), Profile.KEY_SERVER, declaration.measure, declaration.level)
    try:
        server = KeyServerDriver(trial)
        grant = server.issue()
        server.admitted(grant)
        yield from _subject_token_problems(trial)
    except Judged as judged:
        yield f"{Profile.KEY_SERVER}: {judged}"
        return
    answer = server.authenticate(grant.bearer[:-1])
    if answer.outcome is not Outcome.REJECTED:
        yield f"{Profile.KEY_SERVER}: a bearer without its last character is {answer.describe()}, not rejected"
    if not grant.decision.events:
        yield f"{Profile.KEY_SERVER}: declares contract level 3 but grants without an event"
    tried |= trial.tried


def _subject_token_problems(trial: Trial) -> Iterator[str]:
    """Exchange an honest and an altered ID token of each algorithm that a provider can be configured with."""
    names = [name for name in trial.declaration.algorithms if name in MATERIAL and not name.startswith("HS")]
    for name in names if trial.declaration.key_server.configure else [HOME.key.algorithm]:
        provider = Provider(HOME.issuer, keys.key(name))
        server = KeyServerDriver(trial, DEFAULT.but(providers=(provider, OTHER)))
        honest = server.exchange(server.subject_token(provider=provider))
        if not honest.good:
            yield f"{Profile.KEY_SERVER}, {name}: an honest ID token is {honest.describe()}, not exchanged"
        altered = server.exchange(_altered(server.subject_token(provider=provider)))
        if altered.outcome is not Outcome.REJECTED:
            yield f"{Profile.KEY_SERVER}, {name}: an ID token with an altered signature is {altered.describe()}"


def _altered(token: str) -> str:
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{'AB'[signature.startswith('A')]}{signature[1:]}"


def _unaccepted(answer: Answer, profile: Profile, algorithm: str) -> str:
    return (
        f"{profile}, {algorithm}: an honest token is {answer.describe()}; due is accepted "
        "(look at how the adapter passes keys, issuer, audience and the instant)"
    )
