"""Faults in who may revoke (REV-7, REV-10, REV-11)."""

import unicodedata
from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_reference.keyserver import configuration
from bearerproof_reference.keyserver.configuration import secret_digest
from bearerproof_reference.keyserver.lifecycle import Decision, DenialReason
from bearerproof_reference.keyserver.revocation import RevocationError, RevocationRefused, Revocations
from bearerproof_reference.keyserver.tokens import digest, is_jti


def _compared(patch: Patch, equal: Callable[[str, str], bool]) -> None:
    """Have secrets compared as texts by this: what was presented, and what is configured."""
    kept: dict[bytes, str] = {}

    def keep(secret: str) -> bytes:
        kept[secret_digest(secret)] = secret
        return secret_digest(secret)

    def is_admin(self: Any, admin: str | None) -> bool:
        return self._digest is not None and admin is not None and equal(admin, kept[self._digest])

    patch(configuration, "secret_digest", keep)
    patch(Revocations, "_is_admin", is_admin)


_COMPARED: Rows[Callable[[str, str], bool]] = {
    "secret-by-its-beginning": (
        "The comparison runs over the shorter of both texts (CWE-187), so one letter is enough, and none too.",
        lambda presented, secret: secret.startswith(presented),
    ),
    "secret-with-more-behind-it": (
        "The comparison ends with the configured secret, and whatever follows is not looked at.",
        lambda presented, secret: presented.startswith(secret),
    ),
    "secret-in-any-case": (
        "The secret is looked up in a table whose collation folds case (CWE-178).",
        lambda presented, secret: presented.lower() == secret.lower(),
    ),
    "secret-trimmed": (
        "White space around the credential is taken off, as from a file, and with it some of what was sent.",
        lambda presented, secret: presented.strip() == secret,
    ),
    "secret-up-to-a-nul": (
        "A library in C compares what stands before the first NUL.",
        lambda presented, secret: presented.partition("\0")[0] == secret,
    ),
    "secret-cut-at-72-bytes": (
        "The secret is kept as a bcrypt hash, which sees 72 bytes of it (GHSA-x7rv-cr6v-4vm4 and its kin).",
        lambda presented, secret: presented.encode()[:72] == secret.encode()[:72],
    ),
    "secret-by-its-length": (
        "A comparison in constant time, written by hand, that collects the wrong differences.",
        lambda presented, secret: len(presented) == len(secret),
    ),
    "secret-normalised": (
        "Texts are brought to a normal form first, in which full-width letters are letters.",
        lambda presented, secret: unicodedata.normalize("NFKC", presented) == secret,
    ),
    "secret-after-the-scheme": (
        "The scheme of the header is taken off twice, by the binding and by the decision.",
        lambda presented, secret: presented.removeprefix("Bearer ") == secret,
    ),
    "secret-or-its-digest": (
        "What is presented may be the digest that the server keeps, so whoever reads its memory is an administrator.",
        lambda presented, secret: presented in (secret, secret_digest(secret).hex()),
    ),
}
faults_for("REV-7", _compared, _COMPARED)


@fault("REV-7")
def no_credential_passes(patch: Patch) -> None:
    """The secret is compared if one was presented (CWE-306)."""
    patch.wrap(Revocations, "_is_admin", lambda is_admin, self, admin: not admin or is_admin(self, admin))


@helper_by(Patch.wrap, Revocations, "_is_admin")
def _with_bearer(enough: Callable[[Any], bool], knows: Any, self: Any, admin: str | None) -> bool:
    """Have the bearer of a live token pass for the secret where this holds of its record."""
    found = self._store.look_up(digest(admin or ""), 0)
    return knows(self, admin) or (found is not None and enough(found.record))


@fault("REV-7")
def any_bearer_revokes(patch: Patch) -> None:
    """The endpoint asks for authentication, and every issued token authenticates somebody (CWE-863)."""
    _with_bearer(patch, lambda _record: True)


@fault("REV-7")
def administrators_by_group(patch: Patch) -> None:
    """A group of the identity provider is trusted to mean administrators of this server."""
    _with_bearer(patch, lambda record: "admin" in record.identity.groups)


# --- no secret


_WRAPPED: Rows[tuple[object, str, Callable[..., object]]] = {
    "without-a-secret-anybody-may": (
        "Where no secret is configured there is nothing to compare with, and nobody is refused (CWE-1188).",
        (Revocations, "_is_admin", lambda knows, self, admin: self._digest is None or knows(self, admin)),
    ),
    "without-a-secret-the-empty-one": (
        "An absent secret is the empty text by default, and so is an absent credential.",
        (configuration, "_admin_digest", lambda read, given: read(given) or secret_digest("")),
    ),
    "secret-by-default": (
        "An absent secret is the one of the examples (CWE-1392).",
        (configuration, "_admin_digest", lambda read, given: read(given) or secret_digest("admin")),
    ),
}
faults_for("REV-10", spread(Patch.wrap), _WRAPPED)


@fault_by("REV-10", Patch.wrap, configuration, "_admin_digest")
def blank_secret_is_none(read: Any, given: Any) -> Any:
    """An empty or blank secret is read as an absent one, and the server starts as if that had been meant."""
    return None if isinstance(given.get("admin_secret"), str) and not given.get("admin_secret").strip() else read(given)


@fault_by("REV-10", Patch.wrap, configuration, "_admin_digest")
def empty_secret_is_a_secret(read: Any, given: Any) -> Any:
    """Any text is a secret, that of an unset variable included (CWE-258)."""
    return secret_digest("") if given.get("admin_secret") == "" else read(given)


@fault_by("REV-10", Patch.wrap, configuration, "_admin_digest")
def blanks_are_a_secret(read: Any, given: Any) -> Any:
    """Only the empty text is refused, and a blank in a template makes a secret that anybody sends by mistake."""
    return secret_digest(given.get("admin_secret")) if str(given.get("admin_secret")).isspace() else read(given)


# --- credential first


@fault_by("REV-11", Patch.wrap, Revocations, "one")
def form_of_the_id_first(decide: Any, self: Any, admin: str | None, jti: str | None, occasion: Any) -> Any:
    """The path is parsed before anybody asks who sent it, so a malformed id is told to everybody (W21)."""
    if not is_jti(jti or ""):
        return _refused(RevocationError.INVALID_REQUEST, occasion)
    return decide(self, admin, jti, occasion)


@fault_by("REV-11", Patch.wrap, Revocations, "one")
def id_looked_up_first(decide: Any, self: Any, admin: str | None, jti: str | None, occasion: Any) -> Any:
    """The token is looked for first, and who asks for an unknown one is told so, whoever it is (CWE-204)."""
    if jti not in vars(self._store)["_by_jti"]:
        return _refused(RevocationError.NOT_ACTIVE, occasion)
    return decide(self, admin, jti, occasion)


@fault_by("REV-11", Patch.wrap, Revocations, "one")
def state_looked_up_first(decide: Any, self: Any, admin: str | None, jti: str | None, occasion: Any) -> Any:
    """A token that has ended is refused as such before the credential is judged."""
    found = vars(self._store)["_by_jti"].get(jti)
    if found is not None and found.expires_at <= occasion.now:
        return _refused(RevocationError.NOT_ACTIVE, occasion)
    return decide(self, admin, jti, occasion)


@fault_by("REV-11", Patch.wrap, Revocations, "all_of")
def names_first(all_of: Any, self: Any, admin: str | None, issuer: str | None, subject: str | None, at: Any) -> Any:
    """The framework checks the query before the handler runs: 400 tells strangers that there is an endpoint (W21)."""
    if not issuer or not subject:
        return _refused(RevocationError.INVALID_REQUEST, at)
    return all_of(self, admin, issuer, subject, at)


def _refused(error: RevocationError, occasion: Any) -> Decision[RevocationRefused]:
    return Decision(RevocationRefused(error), (occasion.invalid(DenialReason.MALFORMED_REQUEST),))
