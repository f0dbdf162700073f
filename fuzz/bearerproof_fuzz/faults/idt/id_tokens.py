"""Faults in the checks of an ID token but for those of its hashes (IDT-1 to IDT-7, IDT-11, IDT-12)."""

from collections.abc import Callable
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_fuzz.faults.seams import is_number, making_optional, passing_type, reading_claims
from bearerproof_reference.verifier import idtoken
from bearerproof_reference.verifier.claims import ClaimsCheck
from bearerproof_reference.verifier.policy import Profile, VerificationPolicy
from bearerproof_reference.verifier.verdicts import Reason, Refusal
from bearerproof_reference.verifier.verifier import Verifier

Read = Callable[[Json, Any], Json]


def _reading(patch: Patch, part: str, read: Read) -> None:
    """Have one check of an ID token read what ``read`` makes of the claims and of what they are held against."""
    patch.wrap(idtoken, part, lambda check, claims, against, *rest: check(read(claims, against), against, *rest))


def _audiences(claims: Json) -> list[str]:
    found = claims["aud"]
    return [found] if isinstance(found, str) else list(found)


@fault("IDT-1")
def further_audiences_not_looked_at(patch: Patch) -> None:
    """Ours is in the list, and who else holds the token is not asked (OpenID Connect Core §3.1.3.7 item 3)."""
    _reading(patch, "_check_audiences", _without_strangers)


def _without_strangers(claims: Json, policy: VerificationPolicy) -> Json:
    known = {policy.own_audience, *policy.trusted_audiences}
    return {**claims, "aud": [name for name in _audiences(claims) if name in known]}


@fault("IDT-1")
def only_the_first_audience_looked_at(patch: Patch) -> None:
    """`aud[0]` is compared, and the rest of the list is never read."""
    _reading(patch, "_check_audiences", lambda claims, _: {**claims, "aud": _audiences(claims)[:1]})


@fault("IDT-1")
def trusted_audience_is_enough(patch: Patch) -> None:
    """Trusted audiences are put into one list with ours, so that a token for one of them alone passes here."""

    def keep(init: Any, self: Any, policy: VerificationPolicy) -> None:
        init(self, policy)
        self.trusted = policy.trusted_audiences

    def read(claims: Json, _: float, held: Json) -> Json:
        found = claims.get("aud")
        passes = isinstance(found, list) and any(name in held["trusted"] for name in found if isinstance(name, str))
        return {**claims, "aud": held["_audience"]} if passes else claims

    patch.wrap(ClaimsCheck, "__init__", keep)
    reading_claims(patch, read)


@fault("IDT-1")
def client_by_prefix(patch: Patch) -> None:
    """An audience that begins with our client id is ours: `app-10` at `app-1` (RFC 8725 §3.9)."""

    def ours(claims: Json, own: str | None) -> Json:
        found = claims.get("aud")
        return {**claims, "aud": own} if own and isinstance(found, str) and found.startswith(own) else claims

    reading_claims(patch, lambda claims, _, held: ours(claims, held["_audience"]))
    _reading(patch, "_check_audiences", lambda claims, policy: ours(claims, policy.own_audience))


@fault("IDT-2")
def missing_azp_accepted(patch: Patch) -> None:
    """With several audiences and no `azp` the token is everybody's, and passes (errata set 2 leaves it open)."""
    _reading(patch, "_check_audiences", lambda claims, policy: {"azp": policy.own_audience, **claims})


@fault("IDT-2")
def first_audience_stands_for_azp(patch: Patch) -> None:
    """Without `azp` the first of the audiences is taken for the authorised party."""
    _reading(patch, "_check_audiences", lambda claims, _: {"azp": _audiences(claims)[0], **claims})


@helper_by(_reading, "_check_audiences")
def _party(same: Callable[[Any, VerificationPolicy, Json], bool], claims: Json, policy: VerificationPolicy) -> Json:
    """Take an authorised party for ours if it is the same by this rule."""
    passes = "azp" in claims and same(claims["azp"], policy, claims)
    return {**claims, "azp": policy.own_audience} if passes else claims


_PARTY: Rows[Callable[[Any, VerificationPolicy, Json], bool]] = {
    "azp-ignored": ("`azp` is demanded where it is due and compared nowhere (CWE-346).", lambda *_: True),
    "azp-compared-among-several-audiences-only": (
        "The two steps of OpenID Connect Core are read as one, so a single audience makes `azp` idle.",
        lambda _, __, claims: len(_audiences(claims)) == 1,
    ),
    "azp-among-the-trusted-audiences": (
        "A trusted audience may be the authorised party too, so a partner's users sign in here.",
        lambda azp, policy, _: isinstance(azp, str) and azp in policy.trusted_audiences,
    ),
    "azp-null-counts-as-absent": (
        '`if claims.get("azp"):` passes null, zero and the empty string.',
        lambda azp, *_: not azp,
    ),
    "azp-case-folded": (
        "Client ids are compared without regard to case (CWE-178).",
        lambda azp, policy, _: isinstance(azp, str) and azp.lower() == (policy.own_audience or "").lower(),
    ),
}
faults_for("IDT-3", _party, _PARTY)


@helper_by(_reading, "_check_nonce")
def _nonce(same: Callable[[Any, str], bool], claims: Json, sent: str | None) -> Json:
    """Take a nonce for the one that was sent if it is the same by this rule."""
    passes = sent is not None and "nonce" in claims and same(claims["nonce"], sent)
    return {**claims, "nonce": sent} if passes else claims


_NONCE: Rows[Callable[[Any, str], bool]] = {
    "nonce-not-compared": (
        "That there is a nonce is enough, so a token of any other sign-in passes (CWE-294).",
        lambda *_: True,
    ),
    "null-nonce-counts-as-absent": (
        "A nonce that is null passes as one that nobody sent.",
        lambda nonce, _: nonce is None,
    ),
    "nonce-in-a-list-taken": (
        '`nonce in claims["nonce"]` was written for the cookie of several sign-ins and is asked of the token.',
        lambda nonce, sent: isinstance(nonce, list) and sent in nonce,
    ),
    "nonce-by-prefix": (
        "The comparison runs over the shorter of the two, so few characters have to be guessed (CWE-187).",
        lambda nonce, sent: isinstance(nonce, str) and nonce != "" and sent.startswith(nonce),
    ),
    "nonce-case-folded": (
        "The nonce is compared without regard to case, which gives away a bit a letter.",
        lambda nonce, sent: isinstance(nonce, str) and nonce.lower() == sent.lower(),
    ),
    "nonce-trimmed": (
        "The nonce is trimmed like all text that comes from outside.",
        lambda nonce, sent: isinstance(nonce, str) and nonce.strip() == sent,
    ),
}
faults_for("IDT-4", _nonce, _NONCE)


@fault("IDT-4")
def nonce_compared_where_present(patch: Patch) -> None:
    """A token without `nonce` passes, and the attacker leaves it out (CWE-352)."""
    _reading(patch, "_check_nonce", lambda claims, sent: {"nonce": sent, **claims})


@fault("IDT-5")
def subject_optional(patch: Patch) -> None:
    """A token without `sub` passes, and the account is found by e-mail (W18)."""
    making_optional(patch, Profile.ID_TOKEN, "sub")


@fault("IDT-5")
def issue_time_optional(patch: Patch) -> None:
    """A token without `iat` passes, so nobody knows for how long its nonce has to be remembered (W18)."""
    making_optional(patch, Profile.ID_TOKEN, "iat")


def _authenticated(patch: Patch, read: Callable[[Json, VerificationPolicy], Json]) -> None:
    _reading(patch, "_check_authentication_time", read)


_AUTHENTICATED: Rows[Callable[[Json, VerificationPolicy], Json]] = {
    "authentication-time-compared-where-present": (
        "A token without `auth_time` passes, so leaving it out is the way around `max_age`.",
        lambda claims, _: {"auth_time": claims["iat"], **claims},
    ),
    "authentication-time-is-that-of-issue": (
        "The age of the token is measured, and every token is young, however old the sign-in behind it.",
        lambda claims, _: {**claims, "auth_time": claims["iat"]} if is_number(claims.get("auth_time")) else claims,
    ),
    "authentication-time-off-by-a-minute": (
        "`max_age` is rounded up to minutes, since that is what the user reads.",
        lambda claims, _: (
            {**claims, "auth_time": claims["auth_time"] + 60} if is_number(claims.get("auth_time")) else claims
        ),
    ),
}
faults_for("IDT-6", _authenticated, _AUTHENTICATED)


@fault_by("IDT-6", _authenticated)
def authentication_time_as_text_converted(claims: Json, _: VerificationPolicy) -> Json:
    """`auth_time` goes through `int(...)`, which reads text as well (OpenID Connect Core §2)."""
    found = claims.get("auth_time")
    return {**claims, "auth_time": int(found)} if isinstance(found, str) and found.isdigit() else claims


@fault_by("IDT-6", Patch.wrap, idtoken, "_check_authentication_time")
def authentication_to_come_is_recent(check: Any, claims: Json, policy: VerificationPolicy, now: float) -> None:
    """`now - auth_time > max_age` is true of no time to come, and one sign-in is fresh for ever (aspnetcore#69321)."""
    if not is_number(claims.get("auth_time")) or claims["auth_time"] <= now:
        check(claims, policy, now)


@fault_by("IDT-6", Patch.wrap, idtoken, "_check_authentication_time")
def max_age_of_zero_ignored(check: Any, claims: Json, policy: VerificationPolicy, now: float) -> None:
    """`if max_age:` takes zero, the demand for a fresh sign-in, for no demand (OpenID Connect Core §3.1.2.1)."""
    if policy.max_age:
        check(claims, policy, now)


@helper_by(_reading, "_check_context_class")
def _context(passes: Callable[[Any, tuple[str, ...]], bool], claims: Json, acceptable: tuple[str, ...] | None) -> Json:
    """Take a context class for an acceptable one by this rule."""
    known = acceptable is not None and "acr" in claims and passes(claims["acr"], acceptable)
    return {**claims, "acr": acceptable[0]} if known and acceptable else claims


_CONTEXT: Rows[Callable[[Any, tuple[str, ...]], bool]] = {
    "acr-by-substring": (
        "Acceptable classes are kept as they are sent, joined by blanks, and `in` finds any part of that text.",
        lambda acr, acceptable: isinstance(acr, str) and acr in " ".join(acceptable),
    ),
    "acr-not-compared": (
        "That the provider names a class is enough, and a password passes for a second factor.",
        lambda *_: True,
    ),
    "acr-in-a-list-taken": (
        "A list of classes passes when it meets one of ours, although `acr` is one string.",
        lambda acr, acceptable: isinstance(acr, list) and any(name in acceptable for name in acr),
    ),
}
faults_for("IDT-7", _context, _CONTEXT)


@fault_by("IDT-7", _reading, "_check_context_class")
def acr_compared_where_present(claims: Json, acceptable: Any) -> Json:
    """A token without `acr` passes, and a weak sign-in leaves it out."""
    return {"acr": acceptable[0], **claims} if acceptable else claims


@fault("IDT-11")
def id_token_accepted_as_access_token(patch: Patch) -> None:
    """`typ` is compared in a list of what the issuer writes, `JWT` among it, so an ID token calls the API."""
    passing_type(patch, lambda typ, _: typ == "application/jwt")


@fault_by("IDT-11", Patch.__call__, Verifier, "_check_type")
def access_token_accepted_as_id_token(self: Any, typ: str | None) -> None:
    """A relying party looks at `typ` only where it was told one, and nobody tells it (RFC 8725 §3.12)."""
    if vars(self)["_typ"] is not None and typ != vars(self)["_typ"]:
        raise Refusal(Reason.TYPE)


_OTHER_KINDS: Rows[str] = {
    "only-an-access-token-is-another-kind": (
        "`at+jwt` is refused, and a logout token signs its holder in (jellyfin-plugin-sso#1317).",
        "application/at+jwt",
    ),
    "only-logout-and-access-tokens-are-other-kinds": (
        "A block list grows by one name for each report, and there are a dozen more.",
        "application/at+jwt application/logout+jwt",
    ),
}


@helper_by(Patch.wrap, Verifier, "_check_type")
def _blocking(blocked: str, check: Any, self: Any, typ: str | None) -> None:
    """Refuse these types alone where the policy leaves the type open."""
    check(self, None if vars(self)["_typ"] is None and typ not in blocked.split() else typ)


faults_for("IDT-12", _blocking, _OTHER_KINDS)


@fault_by("IDT-12", Patch.wrap, idtoken, "check")
def events_of_an_id_token_ignored(check: Any, claims: Json, *arguments: Any) -> None:
    """A claim that is not understood is ignored, though it is there to say that the token is something else."""
    check({name: value for name, value in claims.items() if name != "events"}, *arguments)
