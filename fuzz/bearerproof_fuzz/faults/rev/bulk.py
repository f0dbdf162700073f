"""Faults in whose tokens a bulk revocation ends, and how many it says they were (REV-4, REV-5)."""

from collections.abc import Callable, Iterable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.revocation import Revocations
from bearerproof_reference.keyserver.tokens import Identity

Find = Callable[[Any, tuple[str, str], float], Iterable[Any]]
Fill = Callable[[str | None, str | None], tuple[str | None, str | None]]


@helper_by(Patch.wrap, MemoryStore, "revoke_all")
def _matching(
    match: Callable[[Identity, str, str], bool], revoke_all: Any, self: Any, issuer: str, subject: str, now: float
) -> Any:
    """Have a bulk revocation end the live tokens of every identity that matches issuer and subject."""
    identities = {record.identity.key for record in self._by_digest.values() if match(record.identity, issuer, subject)}
    keys = sorted(identities | {(issuer, subject)})
    return tuple(record for key in keys for record in revoke_all(self, *key, now))


_MATCHING: Rows[Callable[[Identity, str, str], bool]] = {
    "bulk-by-subject-alone": (
        "The tokens are found by subject, so the namesake at another provider is logged out as well (W5).",
        lambda identity, _issuer, subject: identity.subject == subject,
    ),
    "bulk-by-email": (
        "The subject may be an e-mail address, which several identities can have.",
        lambda identity, issuer, subject: (identity.issuer, identity.email) == (issuer, subject),
    ),
    "bulk-in-any-case": (
        "The database compares texts without regard to case, as its default collation does (CWE-178).",
        lambda identity, _issuer, subject: identity.subject.lower() == subject.lower(),
    ),
    "bulk-without-blanks-at-the-end": (
        "The database pads texts before it compares them, as CHAR columns do.",
        lambda identity, issuer, subject: (identity.issuer, identity.subject.rstrip()) == (issuer, subject),
    ),
    "bulk-by-prefix": (
        "The tokens are listed by the prefix of a key, and whoever has a longer name is in the list.",
        lambda identity, issuer, subject: identity.issuer == issuer and identity.subject.startswith(subject),
    ),
    "bulk-by-joined-names": (
        "Issuer and subject are joined to one key, so that two pairs of them can be the same.",
        lambda identity, issuer, subject: identity.issuer + identity.subject == issuer + subject,
    ),
    "bulk-by-names-joined-with-a-slash": (
        "Issuer and subject are joined with a character that both may contain.",
        lambda identity, issuer, subject: "/".join(identity.key) == f"{issuer}/{subject}",
    ),
    "bulk-by-pattern": (
        "The subject gets into a LIKE or a glob, and an asterisk or a percent sign means everybody.",
        lambda identity, issuer, subject: identity.issuer == issuer and subject in ("*", "%"),
    ),
    "bulk-ignores-a-slash-at-the-end-of-the-issuer": (
        "Issuers are compared as URLs are thought to be, a slash at their end more or less.",
        lambda identity, issuer, subject: identity.key == (issuer.rstrip("/"), subject),
    ),
}
faults_for("REV-4", _matching, _MATCHING)


@helper_by(Patch.wrap, MemoryStore, "revoke_all")
def _also(find: Find, revoke_all: Any, self: Any, issuer: str, subject: str, now: float) -> Any:
    """Have a bulk revocation report these records besides those that it ended."""
    more = tuple(find(self, (issuer, subject), now))
    return (*revoke_all(self, issuer, subject, now), *more)


_ALSO: Rows[Find] = {
    "bulk-counts-expired-tokens": (
        "Expired tokens that were not cleaned up yet are revoked and counted too.",
        lambda self, key, now: (record for record in self._by_identity.get(key, ()) if record.expires_at <= now),
    ),
    "bulk-counts-a-token-at-its-expiry": (
        "A token that expires this very instant is counted as one that was live.",
        lambda self, key, now: (record for record in self._by_identity.get(key, ()) if record.expires_at == now),
    ),
    "bulk-counts-revoked-tokens": (
        "All tokens on record are counted, those among them that were revoked one by one before.",
        lambda self, key, _now: (
            record
            for record in self._by_digest.values()
            if record.identity.key == key and record.digest in self._revoked
        ),
    ),
}
faults_for("REV-4", _also, _ALSO)


@fault_by("REV-4", Patch.wrap, MemoryStore, "revoke_all")
def bulk_ends_one_page(revoke_all: Any, self: Any, issuer: str, subject: str, now: float) -> Any:
    """The store lists a few tokens at a time, and nobody asks for the next page."""
    rest = self._by_identity.get((issuer, subject), [])[3:]
    records = revoke_all(self, issuer, subject, now)
    self._revoked -= {record.digest for record in rest}
    return records[:3]


@fault_by("REV-4", Patch.wrap, MemoryStore, "revoke_all")
def bulk_leaves_the_newest(revoke_all: Any, self: Any, issuer: str, subject: str, now: float) -> Any:
    """The session that is in use at present is spared, as where users log out their other devices."""
    records = revoke_all(self, issuer, subject, now)
    if len(records) > 1:
        self._revoked.discard(records[-1].digest)
    return records


@fault("REV-4")
def bulk_says_that_it_is_done(patch: Patch) -> None:
    """The answer is the number of identities that were found, which is one (CWE-682)."""
    patch.wrap(MemoryStore, "revoke_all", lambda revoke_all, self, *names: revoke_all(self, *names)[:1])


@helper_by(Patch.wrap, Revocations, "all_of")
def _filled(
    fill: Fill, decide: Any, self: Any, admin: str | None, issuer: str | None, subject: str | None, occasion: Any
) -> Any:
    """Have the names of a bulk revocation completed before they are looked at."""
    return decide(self, admin, *fill(issuer, subject), occasion)


@fault("REV-5")
def missing_subject_is_everybody(patch: Patch) -> None:
    """A subject that is missing does not narrow the query, so a whole provider is logged out (CWE-1188)."""
    _filled(patch, lambda issuer, subject: (issuer, "\0" if subject is None else subject))
    _matching(patch, lambda identity, issuer, subject: subject == "\0" and identity.issuer == issuer)


_FILLED: Rows[Fill] = {
    "missing-issuer-is-the-first": (
        "Where no issuer is named the first provider is meant, from the time when there was only one.",
        lambda issuer, subject: ("https://idp.example" if issuer is None else issuer, subject),
    ),
    "empty-names-are-names": (
        "Missing names are refused, and empty ones looked for: the template with the unset variable reports success.",
        lambda issuer, subject: (issuer if issuer != "" else "\0", subject if subject != "" else "\0"),
    ),
    "one-name-is-enough": (
        "`or` in place of `and`: the request is refused only when both names are missing.",
        lambda issuer, subject: (issuer or (subject and "\0"), subject or (issuer and "\0")),
    ),
}
faults_for("REV-5", _filled, _FILLED)


@fault("REV-5")
def missing_issuer_is_every_issuer(patch: Patch) -> None:
    """Where no issuer is named the subject is logged out at every provider."""
    _filled(patch, lambda issuer, subject: (issuer or "\0", subject))
    _matching(patch, lambda identity, issuer, subject: issuer == "\0" and identity.subject == subject)
