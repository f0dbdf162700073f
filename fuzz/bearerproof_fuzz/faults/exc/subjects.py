"""Faults in the verification of the subject token (EXC-6, EXC-7, EXC-8, EXC-9, EXC-15)."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from json import loads
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.keyserver import subjects
from bearerproof_reference.keyserver.exchange import Exchange
from bearerproof_reference.keyserver.lifecycle import RequestContext
from bearerproof_reference.keyserver.subjects import Subject, SubjectTokenVerifier
from bearerproof_reference.keyserver.tokens import digest, is_bearer
from bearerproof_reference.verifier.algorithms import ALGORITHMS
from bearerproof_reference.verifier.jose import decode_segment, parse_object, split_compact
from bearerproof_reference.verifier.policy import VerificationPolicy
from bearerproof_reference.verifier.verdicts import Reason, Rejected
from bearerproof_reference.verifier.verifier import Verifier

Claims = dict[str, Any]


def _forgiven(patch: Patch, reasons: Collection[Reason], when: Callable[[Claims], bool] = lambda _: True) -> None:
    """Have subject tokens taken though a verifier refuses them for one of these reasons."""

    def verify_or_forgive(verified: Any, token: str, verifiers: Iterable[Verifier]) -> Any:
        for verifier in verifiers:
            verdict = verifier.verify(token)
            if isinstance(verdict, Rejected) and verdict.reason in reasons:
                claims = _claims(token)
                if when(claims):
                    return claims
        return verified(token, verifiers)

    patch.wrap(subjects, "_verified", verify_or_forgive)


def _claims(token: str) -> Claims:
    return parse_object(decode_segment(split_compact(token.encode())[1]))


def _respelled(patch: Patch, change: Callable[[str], str]) -> None:
    """Have the subject token changed before it is verified."""
    patch.wrap(SubjectTokenVerifier, "verify", lambda verify, self, token: verify(self, change(token)))


def _with_policy(patch: Patch, change: Callable[[Claims], Claims]) -> None:
    """Have verifiers built under another policy."""
    made = VerificationPolicy

    def make(*arguments: Any, **members: Any) -> Any:
        return made(*arguments, **change(members))

    patch(subjects, "VerificationPolicy", make)


_FORGIVEN_EXC_6: Rows[Collection[Reason]] = {
    "signature-not-verified": (
        "The claims are decoded and the signature is left to the gateway in front, which is bypassed (CWE-347).",
        {Reason.SIGNATURE},
    ),
    "unknown-kid-is-forgiven": (
        "A key that is not in the set may just have been rotated in, so its token passes for now.",
        {Reason.KEY_UNKNOWN},
    ),
    "critical-extensions-ignored": (
        "`crit` is a header parameter like those that are ignored (CVE-2026-32597).",
        {Reason.CRITICAL},
    ),
}
faults_for("EXC-6", _forgiven, _FORGIVEN_EXC_6)


@fault("EXC-6")
def unsigned_subject_token(patch: Patch) -> None:
    """`alg: none` is among the algorithms of the library, and nobody told it which are allowed (CVE-2015-9235)."""
    _forgiven(patch, {Reason.ALGORITHM, Reason.MALFORMED}, lambda claims: "sub" in claims)


@fault("EXC-6")
def algorithms_of_all_providers(patch: Patch) -> None:
    """The allow-list is that of the library: a provider's forgotten keys of other algorithms verify as well."""
    signatures = frozenset(name for name, algorithm in ALGORITHMS.items() if algorithm.kty != "oct")
    build = SubjectTokenVerifier._build  # noqa: SLF001 - it is replaced
    patch(SubjectTokenVerifier, "_build", lambda self, provider: build(self, replace(provider, algorithms=signatures)))


@fault("EXC-6")
def subject_token_trimmed(patch: Patch) -> None:
    """White space around the subject token is stripped, since it came from somebody's clipboard."""
    _respelled(patch, str.strip)


@fault("EXC-6")
def padding_stripped(patch: Patch) -> None:
    """Padding is taken off every segment, to be kind to clients that encode with it (RFC 7515 §2)."""
    _respelled(patch, lambda token: token.replace("=", ""))


@fault("EXC-7")
def audience_not_checked(patch: Patch) -> None:
    """The library checks the audience only where one is given, and none is given: any application's token will do."""
    _forgiven(patch, {Reason.AUDIENCE})


@fault("EXC-7")
def audiences_of_all_providers(patch: Patch) -> None:
    """Our names are gathered over all providers, where another application may have the name that we have elsewhere."""
    build = SubjectTokenVerifier._build  # noqa: SLF001 - it is replaced

    def build_for_all(self: Any, provider: Any) -> Any:
        names = (name for provider in vars(self)["_providers"].values() for name in provider.audiences)
        return build(self, replace(provider, audiences=tuple(dict.fromkeys([*provider.audiences, *names]))))

    patch(SubjectTokenVerifier, "_build", build_for_all)


@fault("EXC-7")
def authorized_party_ignored(patch: Patch) -> None:
    """`azp` is not looked at, so a token that another application obtained passes if it names us too (§8 row 7)."""
    _forgiven(patch, {Reason.AUTHORIZED_PARTY})


@fault("EXC-7")
def ours_among_strangers(patch: Patch) -> None:
    """One audience that is ours is enough, whoever else holds the token, and whoever asked for it."""
    ours = "key-server"
    _forgiven(patch, {Reason.AUDIENCE}, lambda claims: isinstance(claims["aud"], list) and ours in claims["aud"])


@fault("EXC-7")
def key_server_audience_by_prefix(patch: Patch) -> None:
    """The audience is compared by how it begins: `key-server0` is somebody else's."""
    _forgiven(patch, {Reason.AUDIENCE}, lambda claims: str(claims["aud"]).startswith("key-server"))


_FORGIVEN_EXC_8: Rows[Collection[Reason]] = {
    "ended-sign-in-is-taken": (
        "The end of an ID token is thought to concern the client alone, and only its age to concern us.",
        {Reason.EXPIRED},
    ),
    "not-before-ignored": ("`nbf` is rarely there, and nobody looks for it (§8 row 7).", {Reason.NOT_YET_VALID}),
    "issued-ahead-stays-young": (
        "A token dated ahead is taken, and defeats the limit on age for as long as its maker likes (§8 row 7).",
        {Reason.ISSUED_IN_FUTURE},
    ),
}
faults_for("EXC-8", _forgiven, _FORGIVEN_EXC_8)


_WITH_POLICY: Rows[Callable[[Claims], Claims]] = {
    "one-second-more": (
        "A token is taken at its very end, since the comparison is `>` where `>=` is due.",
        lambda members: {**members, "leeway": members["leeway"] + 1},
    ),
    "leeway-in-minutes": (
        "The leeway is configured in seconds and handed to a verifier that counts minutes.",
        lambda members: {**members, "leeway": members["leeway"] * 60},
    ),
    "leeway-forgotten": (
        "The leeway is configured and never handed on, so clocks that differ lock users out.",
        lambda members: {**members, "leeway": 0},
    ),
}
faults_for("EXC-8", _with_policy, _WITH_POLICY)


@helper_by(Patch.wrap, SubjectTokenVerifier, "verify")
def _issued(change: Callable[[Any, Subject, Claims], float], verify: Any, self: Any, token: str) -> Any:
    """Have the time of issue of a good subject token taken from somewhere else."""
    subject = verify(self, token)
    return replace(subject, issued_at=change(self, subject, _claims(token)))


_ISSUED: Rows[Callable[[Any, Subject, Claims], float]] = {
    "age-not-limited": (
        "Only the end of a subject token counts: with a provider that gives it a day, a stolen one mints for a day.",
        lambda self, _subject, _claims: vars(self)["_clock"].now(),
    ),
    "age-from-not-before": (
        "The age counts from `nbf` where there is one.",
        lambda _, subject, claims: claims.get("nbf", subject.issued_at),
    ),
    "age-from-the-end": (
        "The time of issue is worked out from the end, since every ID token lives five minutes.",
        lambda _, _subject, claims: claims["exp"] - 300,
    ),
    "exact-age-refused": (
        "A token of exactly the maximum age is refused: the comparison is `>=` where `>` is due.",
        lambda _, subject, _claims: subject.issued_at - 0.001,
    ),
    "leeway-added-to-the-age": (
        "The leeway for clocks is added to the age as well, so a generous one stretches it.",
        lambda self, subject, _: subject.issued_at + vars(self)["_leeway"],
    ),
}
faults_for("EXC-9", _issued, _ISSUED)


@fault_by("EXC-9", _issued)
def age_from_the_sign_in(_: Any, subject: Subject, claims: Claims) -> Any:
    """The age counts from `auth_time` where there is one, which says when the user signed in, not who got the token."""
    return claims.get("auth_time", subject.issued_at)


@fault_by("EXC-9", _issued)
def age_cut_to_seconds(self: Any, subject: Subject, _: Claims) -> float:
    """The age is cut to whole seconds, so almost a second more is allowed."""
    now = float(vars(self)["_clock"].now())
    return now - int(now - subject.issued_at)


@fault("EXC-15")
def bearer_buys_a_bearer(patch: Patch) -> None:
    """Our own bearers are taken as proof of identity, so that a session can be prolonged for ever (row 67)."""
    made = [0]

    def subject_or_bearer(subject: Any, self: Any, token: str, occasion: RequestContext) -> Any:
        found = vars(self)["_store"].look_up(digest(token), occasion.now) if is_bearer(token) else None
        if found is None:
            return subject(self, token, occasion)
        made[0] += 1
        return Subject(found.record.identity, occasion.now, f"bearer {made[0]}")

    patch.wrap(Exchange, "_subject", subject_or_bearer)


@fault("EXC-15")
def access_token_is_a_sign_in(patch: Patch) -> None:
    """The type of the token is not looked at: each resource that an access token reached is the user (RFC 9068 §5)."""
    _forgiven(patch, {Reason.TYPE})


@fault_by("EXC-15", Patch.wrap, SubjectTokenVerifier, "verify")
def bare_claims_taken(verify: Any, self: Any, token: str) -> Any:
    """Claims that arrive as JSON are taken for those that the gateway has verified."""
    if not token.startswith("{"):
        return verify(self, token)
    claims = loads(token)
    return Subject(subjects._identity(claims), claims["iat"], token)  # noqa: SLF001 - as the method does


@fault("EXC-18")
def kind_is_not_looked_at(patch: Patch) -> None:
    """Whatever the provider signs for us is a sign-in: a token of another kind signs its user in."""
    _forgiven(patch, {Reason.TYPE}, lambda claims: "events" not in claims)


@fault("EXC-18")
def events_are_claims_like_others(patch: Patch) -> None:
    """A logout token is taken for a sign-in: of claims that are not understood none says anything."""
    _forgiven(patch, {Reason.TYPE}, lambda claims: "events" in claims)


@helper_by(Patch.wrap, subjects, "_identity")
def _named(change: Callable[[Any], Any], identity: Any, claims: Any) -> Any:
    """Have the subject read in another way."""
    return identity({**claims, "sub": change(claims.get("sub"))})


_NAMED: Rows[Callable[[Any], Any]] = {
    "empty-subject-is-anonymous": (
        "Who has an empty subject is called anonymous, and everybody of the kind is one user.",
        lambda subject: "anonymous" if subject == "" else subject,
    ),
    "long-subject-is-cut": (
        "The subject is cut to its column: two users whose names begin alike are one.",
        lambda subject: subject[:255],
    ),
    "subject-without-accents": (
        "What is not ASCII is dropped from the subject, as from all texts that go into the log.",
        lambda subject: subject.encode("ascii", "ignore").decode() or "unknown",
    ),
}
faults_for("EXC-19", _named, _NAMED)
