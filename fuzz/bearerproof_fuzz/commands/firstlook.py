"""The first look at an implementation, in well under a second: are honest tokens accepted, and altered ones refused?

Loads neither pytest nor Hypothesis, so that a person who writes an adapter can run it after every change. ``smoke``
is this and nothing else; ``check`` begins with it, since a refusal proves nothing of who refuses the honest.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from bearerproof.contract.declaration import Declaration
from bearerproof.contract.implementation import Implementation, PropertyEnded, Skipped
from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.exceptions import LineTooLong
from bearerproof.judging.exercised import marks_of
from bearerproof.judging.judgement import Judged, Warned
from bearerproof.judging.page import Page, Style
from bearerproof.judging.reports import command
from bearerproof.judging.settings import RunConfig, Scope
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof.specification.catalogue import Profile, requirement
from bearerproof_fuzz import edits as edits  # importing it fills the registry
from bearerproof_fuzz import keys
from bearerproof_fuzz.edits.registry import edits as all_edits
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.keys import MATERIAL
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, Provider


@dataclass(frozen=True)
class Refused:
    """An honest token that was not accepted: under which profile and algorithm, and what came instead."""

    profile: Profile
    algorithm: str | None
    said: str
    presented: Presentation | None = None

    @property
    def where(self) -> str:
        """Name profile and algorithm."""
        return f"{self.profile}, {self.algorithm}" if self.algorithm else str(self.profile)


@dataclass
class Look:
    """What was seen: how many honest tokens were accepted, which were not, what became of altered ones."""

    declaration: Declaration
    accepted: list[tuple[Profile, str | None]] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    altered: int = 0
    wrong: list[str] = field(default_factory=list)
    tried: set[tuple[str, str]] = field(default_factory=set)
    probed: dict[str, None] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)
    hint: str | None = None
    stderr: str = ""

    @property
    def nothing_judged(self) -> bool:
        """Whether no honest token was accepted, so that nothing else would mean anything."""
        return bool(self.refused) and not self.accepted

    @property
    def left_out(self) -> Mapping[str, str]:
        """The parts of the declaration of which every honest token was refused, each with what came instead."""
        if self.nothing_judged:
            return {}
        found: dict[str, str] = {}
        profiles = {accepted for accepted, _ in self.accepted}
        for each in self.refused:
            if each.profile not in profiles:
                found.setdefault(f"profile {each.profile}", each.said)
        algorithms = {name for _, name in self.accepted}
        for each in self.refused:
            if each.profile in profiles and each.algorithm is not None and each.algorithm not in algorithms:
                found.setdefault(f"algorithm {each.algorithm}", each.said)
        return found

    def describe(self) -> str:
        """Say in a sentence or two what was seen."""
        honest = f"{_number(len(self.accepted), 'honest token')} accepted"
        refused = (
            f", {len(self.refused)} refused ({'; '.join(each.where for each in self.refused)})" if self.refused else ""
        )
        altered = f", {_number(self.altered, 'altered one')} refused" if self.altered else ""
        wrong = f". But {self.wrong[0]}" if self.wrong else ""
        return f"smoke: {honest}{refused}{altered}{wrong}."

    def page(self, settings: RunConfig, width: int) -> Page:
        """Return why nothing was judged, in a few lines."""
        page, first = Page(width), self.refused[0]
        number = len(self.refused)
        page.say(f"nothing was judged. It refused {number} of {_number(number, 'honest token')}.", Style.BAD)
        page.labelled("presented:", _presented(first, self.declaration))
        served = settings.url is not None and first.profile is Profile.KEY_SERVER
        where = "its answer" if served else "on stderr"
        stderr = f'; {where} "{_last_line(self.stderr)}"' if self.stderr.strip() else ""
        page.clip(f"{'it says:':<11}{first.said}{stderr}", indent=2)
        page.labelled("look at:", _PROFILE if served else self.hint or _ANYTHING)
        page.row(f"  {'show it:':<11}{command('smoke', settings, ['--show'])}", "exit 3", Style.PLAIN, Style.PLAIN)
        return page


_ANYTHING = "how the adapter hands over keys, issuer, audience, `now` and `algorithms`"


_PROFILE = (
    "[setting], [headers] client, [requests] and [scopes] of the profile; the server's log; and whether it has fetched "
    "the keys of its issuers"
)


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _presented(refused: Refused, declaration: Declaration) -> str:
    if refused.presented is None:
        return f"{refused.where}: an honest request, told by `smoke`"
    policy = refused.presented.policy.members
    held = policy.get("keys", {}).get("keys", [])
    keys_held = f"{_number(len(held), 'key')} ({declaration.key_form})"
    audience = f", aud {policy['audience']}" if policy.get("audience") else ""
    issuer = f", iss {policy['issuer']}" if policy.get("issuer") else ""
    return f"{refused.where}, {keys_held}{issuer}{audience}, now {_instant(refused.presented.now)}"


def _instant(now: float) -> str:
    return str(int(now)) if now == int(now) else str(now)


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[-1]


def look(implementation: Implementation, scope: Scope) -> Look:
    """Present an honest token of each profile and algorithm, and a few altered ones.

    Raises:
        AdapterFault: it breaks the contract.
    """
    found = Look(implementation.declaration)
    trial = Trial(implementation, requirement("VER-29"), Profile.JWT, scope.measure, scope.level)
    for profile in scope.profiles:
        _guarded(
            found, profile, _key_server if profile is Profile.KEY_SERVER else _verifier, replace(trial, profile=profile)
        )
    if found.nothing_judged:
        found.stderr = implementation.stderr
        found.hint = next(_hints(found, trial), None)
    implementation.hangs = 0  # what hangs here has been told; the run has its own budget
    return found


def _guarded(found: Look, profile: Profile, step: Callable[[Look, Trial], None], trial: Trial) -> None:
    try:
        step(found, trial)
    except Skipped as skipped:
        found.skipped.append(str(skipped))
    except (PropertyEnded, LineTooLong) as ended:
        if not any(accepted is profile for accepted, _ in found.accepted):
            found.refused.append(Refused(profile, None, str(ended)))


def _verifier(found: Look, trial: Trial) -> None:
    forge = Forge.at_present(trial.declaration)
    for algorithm in (name for name in trial.declaration.algorithms if name in MATERIAL):
        base = forge.base(trial.profile, algorithm)
        if _is_accepted(found, trial, algorithm, base):
            _alter(found, trial, algorithm, base)
    if any(profile is trial.profile for profile, _ in found.accepted):
        _probe(found, trial, forge)


def _is_accepted(found: Look, trial: Trial, algorithm: str, base: Draft) -> bool:
    presented = base.presentation()
    try:
        answer = trial.ask(presented)
        found.tried |= marks_of(presented, answer.outcome, trial.declaration.key_form)
        trial.require_control(answer, presented)
    except Judged as judged:
        found.refused.append(Refused(trial.profile, algorithm, judged.finding.got, presented))
        return False
    except Skipped as skipped:
        found.skipped.append(str(skipped))
        return False
    found.accepted.append((trial.profile, algorithm))
    return True


def _alter(found: Look, trial: Trial, algorithm: str, base: Draft) -> None:
    """Alter the signature, and see whether what is declared comes with the refusal."""
    presented = base.with_signature(lambda signature: bytes([signature[0] ^ 1]) + signature[1:]).presentation()
    answer = trial.ask(presented)
    found.tried |= marks_of(presented, answer.outcome, trial.declaration.key_form)
    if answer.outcome is Outcome.REJECTED:
        found.altered += 1
    else:
        found.wrong.append(f"{trial.profile}, {algorithm}: a token with an altered signature is {answer.describe()}")
    found.wrong += list(_undeclared(answer, trial))


def _undeclared(answer: Answer, trial: Trial) -> Iterator[str]:
    if (
        trial.declaration.level >= 1
        and trial.declaration.reasons
        and answer.outcome is Outcome.REJECTED
        and answer.reason is None
    ):
        yield "declares contract level 1 but rejects without a reason"
    if trial.declaration.level >= 2 and answer.events is None and trial.profile is not Profile.JWS:
        yield "declares contract level 2 but answers without events"


_LACKS = "If it has no such check, that is its deviation, and `check` judges the rest"
PROBES: Mapping[str, tuple[str, str, str]] = {
    "alg": ("alg-none-without-kid", "that is unsigned", "is the policy's `algorithms` handed to the library?"),
    "iss": ("iss-is-another", "of another issuer", f"is the policy's `issuer` handed to the library? {_LACKS}"),
    "aud": ("aud-is-another", "for another audience", f"is the policy's `audience` handed to the library? {_LACKS}"),
    "exp": ("expired-since-an-hour", "that is expired", "is `now` handed to the library, and `exp` looked at?"),
    "nbf": ("not-valid-for-an-hour", "that is not valid yet", "is `now` handed to the library, and `nbf` looked at?"),
}
"""What is altered beside the signature: the edit that does it, in words, and where to look if it is accepted."""


def _probe(found: Look, trial: Trial, forge: Forge) -> None:
    for name, (edit_id, words, hint) in PROBES.items():
        edit = all_edits()[edit_id]
        lacks = any(map(trial.declaration.missing_capability, edit.needs))
        if (
            lacks
            or trial.profile not in (edit.profiles or edit.requirement.profiles)
            or not edit.rejects(trial.measure)
        ):
            continue
        base = edit.given(forge.base(trial.profile))
        presented = edit.apply(base).presentation()
        try:
            answer = trial.ask(presented)
            trial.expect(answer, REJECTED, words, presented, base.presentation(), edit.id)
        except (Skipped, Warned):
            continue
        except Judged as judged:
            found.wrong.append(f"{trial.profile}: a token {words} is {judged.finding.got} ({hint})")
            continue
        if answer.outcome is Outcome.REJECTED:
            found.altered += 1
            found.probed[name] = None
    for edit in map(all_edits().__getitem__, CLAIMS_BEYOND_JSON):
        if trial.profile in edit.requirement.profiles:
            _survives(found, trial, edit.apply(edit.given(forge.base(trial.profile))), edit.id)


def _survives(found: Look, trial: Trial, draft: Draft, name: str) -> None:
    try:
        answer = trial.ask(draft.presentation())
    except (PropertyEnded, Skipped):
        return
    if answer.outcome is Outcome.CRASHED:
        found.wrong.append(
            f"{trial.profile}, {name}: the adapter {answer.detail} (are claims that JSON cannot carry sent as null?)"
        )


CLAIMS_BEYOND_JSON = (
    "claims-hold-exponent",
    "claims-hold-lists-nested-1000-deep",
    "claims-hold-unpaired-surrogate",
    "claims-json-latin-1",
)
"""Claims that a lenient library returns and an answer cannot carry: an adapter that trips over them is told so."""


def _key_server(found: Look, trial: Trial) -> None:
    try:
        server = KeyServerDriver(trial)
        grant = server.issue()
        server.admitted(grant)
        found.accepted.append((Profile.KEY_SERVER, None))
        answer = server.authenticate(grant.bearer[:-1])
        if answer.outcome is Outcome.REJECTED:
            found.altered += 1
        else:
            found.wrong.append(f"{Profile.KEY_SERVER}: a bearer without its last character is {answer.describe()}")
        if trial.declaration.key_server.events and not grant.decision.events:
            found.wrong.append(f"{Profile.KEY_SERVER}: declares contract level 3 but grants without an event")
        if not trial.declaration.key_server.configure:  # the two issuers stand in the profile
            other = server.exchange(server.subject_token(provider=OTHER))
            if not other.good:
                found.wrong.append(f"{Profile.KEY_SERVER}: an ID token of the second issuer is {other.describe()}")
        _subject_tokens(found, trial)
    except Judged as judged:
        if not any(profile is Profile.KEY_SERVER for profile, _ in found.accepted):
            found.refused.append(Refused(Profile.KEY_SERVER, None, f"{judged.finding.summary}: {judged.finding.got}"))
        else:
            found.wrong.append(f"{Profile.KEY_SERVER}: {judged}")
    found.tried |= trial.tried


def _subject_tokens(found: Look, trial: Trial) -> None:
    """Exchange an honest and an altered ID token of each algorithm that a provider can be configured with."""
    names = [name for name in trial.declaration.algorithms if name in MATERIAL and not name.startswith("HS")]
    for name in names if trial.declaration.key_server.configure else [HOME.key.algorithm]:
        provider = Provider(HOME.issuer, keys.key(name))
        server = KeyServerDriver(trial, DEFAULT.but(providers=(provider, OTHER)))
        honest = server.exchange(server.subject_token(provider=provider))
        if not honest.good:
            found.refused.append(Refused(Profile.KEY_SERVER, name, f"{honest.describe()}, not exchanged"))
            continue
        found.accepted.append((Profile.KEY_SERVER, name))
        altered = server.exchange(_altered(server.subject_token(provider=provider)))
        if altered.outcome is Outcome.REJECTED:
            found.altered += 1
        else:
            found.wrong.append(
                f"{Profile.KEY_SERVER}, {name}: an ID token with an altered signature is {altered.describe()}"
            )


def _altered(token: str) -> str:
    signed, _, signature = token.rpartition(".")
    return f"{signed}.{'AB'[signature.startswith('A')]}{signature[1:]}"


# --- where to look


def _hints(found: Look, trial: Trial) -> Iterator[str]:
    """Yield where to look: first what a token that is accepted proves, then what the words of the refusal suggest."""
    first = found.refused[0]
    if first.presented is not None and first.algorithm is not None:
        base = Forge.at_present(trial.declaration).base(first.profile, first.algorithm)
        for changed, hint in _experiments(base, trial.declaration, first):
            if _accepts(trial, changed):
                yield hint
    said = f"{first.said}\n{_last_line(found.stderr)}"
    yield from (hint for pattern, hint in WORDS if re.search(pattern, said, re.IGNORECASE))


def _accepts(trial: Trial, draft: Draft) -> bool:
    try:
        return trial.implementation.verify(draft.presentation()).outcome is Outcome.ACCEPTED
    except (PropertyEnded, LineTooLong):
        return False


def _experiments(base: Draft, declaration: Declaration, first: Refused) -> Iterator[tuple[Draft, str]]:
    """Yield tokens that an adapter accepts which forgot one thing, each with what that thing is."""
    if declaration.injected_clock:
        present = Forge(declaration, int(time.time())).base(first.profile, first.algorithm)
        yield (
            present,
            'clock is "injected", and a token of the present time is accepted: is `now` handed to the library?',
        )
    yield base.without_header("typ"), "typ: without `typ` in the header it is accepted; the policy asks for none"
    yield base.without_header("kid"), "kid: without `kid` in the header it is accepted; is a key found by its `kid`?"
    yield base.with_keys(base.key), "keys: with one key in the set it is accepted; `key_set` may have to be false"
    audience = base.claims.get("aud")
    yield base.with_claims(aud=[audience]), "aud: as a list it is accepted, and so must a text be (RFC 7519 §4.1.3)"
    unread = {name: base.policy.members[name] for name in ("issuer", "audience") if name in base.policy.members}
    for name in unread:
        member = {"issuer": "iss", "audience": "aud"}[name]
        yield (
            base.with_policy(**{name: None}),
            f"{member}: without `{name}` in the policy it is accepted: how is that compared?",
        )


WORDS: Sequence[tuple[str, str]] = (
    (r"still to be filled in", "the adapter: `verify` is as `bearerproof init` wrote it"),
    (r"no answer|within .* s\b|timed? ?out|hung", "flush: does the adapter flush its output after each line?"),
    (r"expired|not yet|\bnbf\b|\bexp\b|\biat\b|clock|\btime\b", 'clock is "injected": is `now` handed to the library?'),
    (r"audience|\baud\b", "audience: is the policy's `audience` handed to the library?"),
    (r"issuer|\biss\b", "issuer: is the policy's `issuer` handed to the library?"),
    (r"\btyp\b|type of token|token type", "typ: the policy asks for a `typ` only where its `typ` is not null"),
    (
        r"\bkid\b|no (such|matching|suitable) key|key not found",
        "kid: is the key found in the policy's `keys` by `kid`?",
    ),
    (r"\bkey|pem|jwk|der\b|asn", "key form: does the library take keys as `key_form` says?"),
    (r"signature", "key form: is it the key of the policy, in the form that the library takes?"),
    (r"algorithm|\balg\b|unsupported", "algorithms: is the policy's `algorithms` handed to the library?"),
    (r"json|parse|unexpected|decode", "the adapter: does it read the members of the request as spec/contract.md says?"),
)
"""What the words of a refusal suggest, the most telling first."""


def shown(found: Look, width: int) -> Page:
    """Return the first honest token that was refused, whole, for somebody to try by hand."""
    page = Page(width)
    for refused in found.refused[:1]:
        if refused.presented is not None:
            page.labelled("now", _instant(refused.presented.now))
            page.keep(f"  token      {refused.presented.token!s}")
            page.keep(f"  policy     {dict(refused.presented.policy.members)}")
    return page
