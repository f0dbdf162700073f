"""Faults in the checks of ID tokens (IDT)."""

import hashlib
from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.headers import encoded
from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_reference import claims as checks
from bearerproof_reference import idtoken, policy, verifier
from bearerproof_reference.algorithms import ALGORITHMS
from bearerproof_reference.policy import Profile, VerificationPolicy
from bearerproof_reference.verdicts import Reason, Refusal

Json = dict[str, Any]
Read = Callable[[Json, Any], Json]


def _reading(patch: Patch, part: str, read: Read) -> None:
    """Have one check of an ID token read what ``read`` makes of the claims and of what they are held against."""
    patch.wrap(idtoken, part, lambda check: lambda claims, against, *rest: check(read(claims, against), against, *rest))


def _audiences(claims: Json) -> list[str]:
    found = claims["aud"]
    return [found] if isinstance(found, str) else list(found)


@fault("IDT-1")
def further_audiences_not_looked_at(patch: Patch) -> None:
    """Ours is in the list, and who else holds the token is not asked (OpenID Connect Core §3.1.3.7 item 3)."""
    _reading(patch, "_check_audiences", _without_strangers)


def _without_strangers(claims: Json, held: VerificationPolicy) -> Json:
    known = {held.own_audience, *held.trusted_audiences}
    return {**claims, "aud": [name for name in _audiences(claims) if name in known]}


@fault("IDT-1")
def only_the_first_audience_looked_at(patch: Patch) -> None:
    """`aud[0]` is compared, and the rest of the list is never read."""
    _reading(patch, "_check_audiences", lambda claims, _: {**claims, "aud": _audiences(claims)[:1]})


@fault("IDT-1")
def trusted_audience_is_enough(patch: Patch) -> None:
    """Trusted audiences are put into one list with ours, so that a token for one of them alone passes here."""

    def keep(init: Any) -> Any:
        def initialise(self: Any, held: VerificationPolicy) -> None:
            init(self, held)
            self.trusted = held.trusted_audiences

        return initialise

    def around(check: Any) -> Any:
        def check_claims(self: Any, claims: Json, now: float) -> None:
            found = claims.get("aud")
            passes = isinstance(found, list) and any(name in self.trusted for name in found if isinstance(name, str))
            check(self, {**claims, "aud": vars(self)["_audience"]} if passes else claims, now)

        return check_claims

    patch.wrap(checks.ClaimsCheck, "__init__", keep)
    patch.wrap(checks.ClaimsCheck, "__call__", around)


@fault("IDT-1")
def client_by_prefix(patch: Patch) -> None:
    """An audience that begins with our client id is ours: `app-10` at `app-1` (RFC 8725 §3.9)."""

    def ours(claims: Json, own: str | None) -> Json:
        found = claims.get("aud")
        return {**claims, "aud": own} if own and isinstance(found, str) and found.startswith(own) else claims

    def around(check: Any) -> Any:
        return lambda self, claims, now: check(self, ours(claims, vars(self)["_audience"]), now)

    patch.wrap(checks.ClaimsCheck, "__call__", around)
    _reading(patch, "_check_audiences", lambda claims, held: ours(claims, held.own_audience))


@fault("IDT-2")
def missing_azp_accepted(patch: Patch) -> None:
    """With several audiences and no `azp` the token is everybody's, and passes (errata set 2 leaves it open)."""
    _reading(patch, "_check_audiences", lambda claims, held: {"azp": held.own_audience, **claims})


@fault("IDT-2")
def first_audience_stands_for_azp(patch: Patch) -> None:
    """Without `azp` the first of the audiences is taken for the authorised party."""
    _reading(patch, "_check_audiences", lambda claims, _: {"azp": _audiences(claims)[0], **claims})


def _party(patch: Patch, same: Callable[[Any, VerificationPolicy, Json], bool]) -> None:
    """Take an authorised party for ours if it is the same by this rule."""

    def read(claims: Json, held: VerificationPolicy) -> Json:
        passes = "azp" in claims and same(claims["azp"], held, claims)
        return {**claims, "azp": held.own_audience} if passes else claims

    _reading(patch, "_check_audiences", read)


@fault("IDT-3")
def azp_ignored(patch: Patch) -> None:
    """`azp` is demanded where it is due and compared nowhere (CWE-346)."""
    _party(patch, lambda *_: True)


@fault("IDT-3")
def azp_compared_among_several_audiences_only(patch: Patch) -> None:
    """The two steps of OpenID Connect Core are read as one, so a single audience makes `azp` idle."""
    _party(patch, lambda _, __, claims: len(_audiences(claims)) == 1)


@fault("IDT-3")
def azp_among_the_trusted_audiences(patch: Patch) -> None:
    """A trusted audience may be the authorised party too, so a partner's users sign in here."""
    _party(patch, lambda azp, held, _: isinstance(azp, str) and azp in held.trusted_audiences)


@fault("IDT-3")
def azp_null_counts_as_absent(patch: Patch) -> None:
    """`if claims.get("azp"):` passes null, zero and the empty string."""
    _party(patch, lambda azp, *_: not azp)


@fault("IDT-3")
def azp_case_folded(patch: Patch) -> None:
    """Client ids are compared without regard to case (CWE-178)."""
    _party(patch, lambda azp, held, _: isinstance(azp, str) and azp.lower() == (held.own_audience or "").lower())


def _nonce(patch: Patch, same: Callable[[Any, str], bool]) -> None:
    """Take a nonce for the one that was sent if it is the same by this rule."""

    def read(claims: Json, sent: str | None) -> Json:
        passes = sent is not None and "nonce" in claims and same(claims["nonce"], sent)
        return {**claims, "nonce": sent} if passes else claims

    _reading(patch, "_check_nonce", read)


@fault("IDT-4")
def nonce_not_compared(patch: Patch) -> None:
    """That there is a nonce is enough, so a token of any other sign-in passes (CWE-294)."""
    _nonce(patch, lambda *_: True)


@fault("IDT-4")
def nonce_compared_where_present(patch: Patch) -> None:
    """A token without `nonce` passes, and the attacker leaves it out (CWE-352)."""
    _reading(patch, "_check_nonce", lambda claims, sent: {"nonce": sent, **claims})


@fault("IDT-4")
def null_nonce_counts_as_absent(patch: Patch) -> None:
    """A nonce that is null passes as one that nobody sent."""
    _nonce(patch, lambda nonce, _: nonce is None)


@fault("IDT-4")
def nonce_in_a_list_taken(patch: Patch) -> None:
    """`nonce in claims["nonce"]` was written for the cookie of several sign-ins and is asked of the token."""
    _nonce(patch, lambda nonce, sent: isinstance(nonce, list) and sent in nonce)


@fault("IDT-4")
def nonce_by_prefix(patch: Patch) -> None:
    """The comparison runs over the shorter of the two, so few characters have to be guessed (CWE-187)."""
    _nonce(patch, lambda nonce, sent: isinstance(nonce, str) and nonce != "" and sent.startswith(nonce))


@fault("IDT-4")
def nonce_case_folded(patch: Patch) -> None:
    """The nonce is compared without regard to case, which gives away a bit a letter."""
    _nonce(patch, lambda nonce, sent: isinstance(nonce, str) and nonce.lower() == sent.lower())


@fault("IDT-4")
def nonce_trimmed(patch: Patch) -> None:
    """The nonce is trimmed like all text that comes from outside."""
    _nonce(patch, lambda nonce, sent: isinstance(nonce, str) and nonce.strip() == sent)


def _optional(patch: Patch, *names: str) -> None:
    """Leave names out of what an ID token must have."""
    required = vars(policy)["_REQUIRED"]
    kept = tuple(name for name in required[Profile.ID_TOKEN] if name not in names)
    patch(policy, "_REQUIRED", {**required, Profile.ID_TOKEN: kept})


@fault("IDT-5")
def subject_optional(patch: Patch) -> None:
    """A token without `sub` passes, and the account is found by e-mail (W18)."""
    _optional(patch, "sub")


@fault("IDT-5")
def issue_time_optional(patch: Patch) -> None:
    """A token without `iat` passes, so nobody knows for how long its nonce has to be remembered (W18)."""
    _optional(patch, "iat")


def _authenticated(patch: Patch, read: Callable[[Json, VerificationPolicy], Json]) -> None:
    _reading(patch, "_check_authentication_time", read)


@fault("IDT-6")
def authentication_time_compared_where_present(patch: Patch) -> None:
    """A token without `auth_time` passes, so leaving it out is the way around `max_age`."""
    _authenticated(patch, lambda claims, _: {"auth_time": 2**40, **claims})


@fault("IDT-6")
def authentication_time_is_that_of_issue(patch: Patch) -> None:
    """The age of the token is measured, and every token is young, however old the sign-in behind it."""
    _authenticated(
        patch, lambda claims, _: {**claims, "auth_time": claims["iat"]} if _is_time(claims.get("auth_time")) else claims
    )


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


@fault("IDT-6")
def authentication_time_off_by_a_minute(patch: Patch) -> None:
    """`max_age` is rounded up to minutes, since that is what the user reads."""
    _authenticated(
        patch,
        lambda claims, _: (
            {**claims, "auth_time": claims["auth_time"] + 60} if _is_time(claims.get("auth_time")) else claims
        ),
    )


@fault("IDT-6")
def authentication_time_as_text_converted(patch: Patch) -> None:
    """`auth_time` goes through `int(...)`, which reads text as well (OpenID Connect Core §2)."""

    def read(claims: Json, _: VerificationPolicy) -> Json:
        found = claims.get("auth_time")
        return {**claims, "auth_time": int(found)} if isinstance(found, str) and found.isdigit() else claims

    _authenticated(patch, read)


@fault("IDT-6")
def max_age_of_zero_ignored(patch: Patch) -> None:
    """`if max_age:` takes zero, the demand for a fresh sign-in, for no demand (OpenID Connect Core §3.1.2.1)."""

    def around(check: Any) -> Any:
        return lambda claims, held, now: check(claims, held, now) if held.max_age else None

    patch.wrap(idtoken, "_check_authentication_time", around)


def _context(patch: Patch, passes: Callable[[Any, tuple[str, ...]], bool]) -> None:
    """Take a context class for an acceptable one by this rule."""

    def read(claims: Json, acceptable: tuple[str, ...] | None) -> Json:
        known = acceptable is not None and "acr" in claims and passes(claims["acr"], acceptable)
        return {**claims, "acr": acceptable[0]} if known and acceptable else claims

    _reading(patch, "_check_context_class", read)


@fault("IDT-7")
def acr_by_substring(patch: Patch) -> None:
    """Acceptable classes are kept as they are sent, joined by blanks, and `in` finds any part of that text."""
    _context(patch, lambda acr, acceptable: isinstance(acr, str) and acr in " ".join(acceptable))


@fault("IDT-7")
def acr_compared_where_present(patch: Patch) -> None:
    """A token without `acr` passes, and a weak sign-in leaves it out."""
    _reading(
        patch,
        "_check_context_class",
        lambda claims, acceptable: {"acr": acceptable[0], **claims} if acceptable else claims,
    )


@fault("IDT-7")
def acr_not_compared(patch: Patch) -> None:
    """That the provider names a class is enough, and a password passes for a second factor."""
    _context(patch, lambda *_: True)


@fault("IDT-7")
def acr_in_a_list_taken(patch: Patch) -> None:
    """A list of classes passes when it meets one of ours, although `acr` is one string."""
    _context(patch, lambda acr, acceptable: isinstance(acr, list) and any(name in acceptable for name in acr))


def _digests(artefact: str, alg: str) -> tuple[bytes, bytes]:
    """Return the digest that belongs to the algorithm, and that of SHA-256."""
    octets = artefact.encode()
    return hashlib.new(ALGORITHMS[alg].hash_name, octets).digest(), hashlib.sha256(octets).digest()


def _hash(patch: Patch, name: str, passes: Callable[[Any, str, str], bool]) -> None:
    """Take a hash for that of the artefact by this rule, which gets the claim, the artefact and the algorithm."""

    def around(check: Any) -> Any:
        def check_hash(claims: Json, claim: str, artefact: str | None, alg: str) -> None:
            if claim == name and artefact is not None and claim in claims and passes(claims[claim], artefact, alg):
                return
            check(claims, claim, artefact, alg)

        return check_hash

    patch.wrap(idtoken, "_check_hash", around)


@fault("IDT-8")
def at_hash_not_compared(patch: Patch) -> None:
    """`at_hash` has to be there and is not compared, so any access token may be swapped in (CWE-345)."""
    _hash(patch, "at_hash", lambda *_: True)


@fault("IDT-8")
def at_hash_may_be_whole(patch: Patch) -> None:
    """The whole digest passes as well, since some provider forgets to halve it."""
    _hash(patch, "at_hash", lambda found, artefact, alg: found == encoded(_digests(artefact, alg)[1]).decode())


@fault("IDT-8")
def at_hash_may_be_the_right_half(patch: Patch) -> None:
    """Either half of the digest passes, left and right being a matter of where one stands."""
    _hash(patch, "at_hash", lambda found, artefact, alg: found == encoded(_digests(artefact, alg)[1][16:]).decode())


@fault("IDT-8")
def at_hash_by_prefix(patch: Patch) -> None:
    """The comparison runs over the length of the claim, so the empty one matches everything (CWE-187)."""

    def prefix(found: Any, artefact: str, alg: str) -> bool:
        return isinstance(found, str) and idtoken.left_half_hash(artefact, alg).startswith(found)

    _hash(patch, "at_hash", prefix)


@fault("IDT-8")
def at_hash_padding_taken(patch: Patch) -> None:
    """The claim is decoded before it is compared, by a decoder that takes padding."""

    def padded(found: Any, artefact: str, alg: str) -> bool:
        return isinstance(found, str) and found.rstrip("=") == idtoken.left_half_hash(artefact, alg)

    _hash(patch, "at_hash", padded)


@fault("IDT-8")
def at_hash_may_be_of_sha256(patch: Patch) -> None:
    """SHA-256 passes for every algorithm, which is right by accident for most (OpenID Connect Core §3.1.3.6)."""
    _hash(patch, "at_hash", lambda found, artefact, alg: found == encoded(_digests(artefact, alg)[1][:16]).decode())


@fault("IDT-9")
def c_hash_not_compared(patch: Patch) -> None:
    """Only `at_hash` is compared, so the code of another session may be injected (CWE-345)."""
    _hash(patch, "c_hash", lambda *_: True)


@fault("IDT-9")
def c_hash_in_hexadecimal_taken(patch: Patch) -> None:
    """A digest in hexadecimal passes as well, cut to the same number of digits."""
    _hash(patch, "c_hash", lambda found, artefact, alg: found == _digests(artefact, alg)[1].hex()[:32])


@fault("IDT-9")
def c_hash_null_counts_as_absent(patch: Patch) -> None:
    """A `c_hash` that is null, empty or zero is one that the provider did not send."""
    _hash(patch, "c_hash", lambda found, *_: not found)


@fault("IDT-9")
def c_hash_of_the_access_token_taken(patch: Patch) -> None:
    """One function compares both hashes, with whichever of the two artefacts is at hand."""
    artefacts: dict[str, str | None] = {}

    def around(check: Any) -> Any:
        def check_hash(claims: Json, claim: str, artefact: str | None, alg: str) -> None:
            artefacts[claim] = artefact
            other = artefacts.get("at_hash")
            if claim == "c_hash" and other is not None and claims.get(claim) == idtoken.left_half_hash(other, alg):
                return
            check(claims, claim, artefact, alg)

        return check_hash

    patch.wrap(idtoken, "_check_hash", around)


def _where_present(patch: Patch, name: str) -> None:
    def around(check: Any) -> Any:
        return lambda claims, claim, *rest: None if claim == name not in claims else check(claims, claim, *rest)

    patch.wrap(idtoken, "_check_hash", around)


@fault("IDT-10")
def at_hash_compared_where_present(patch: Patch) -> None:
    """A token without `at_hash` passes beside any access token (W23)."""
    _where_present(patch, "at_hash")


@fault("IDT-10")
def c_hash_compared_where_present(patch: Patch) -> None:
    """A token without `c_hash` passes beside any code (W23)."""
    _where_present(patch, "c_hash")


@fault("IDT-11")
def id_token_accepted_as_access_token(patch: Patch) -> None:
    """`typ` is compared in a list of what the issuer writes, `JWT` among it, so an ID token calls the API."""

    def around(check: Any) -> Any:
        def check_type(self: Any, typ: str | None) -> None:
            check(self, vars(self)["_typ"] if typ == "application/jwt" else typ)

        return check_type

    patch.wrap(verifier.Verifier, "_check_type", around)


@fault("IDT-11")
def access_token_accepted_as_id_token(patch: Patch) -> None:
    """A relying party looks at `typ` only where it was told one, and nobody tells it (RFC 8725 §3.12)."""

    def around(_: Any) -> Any:
        def check_type(self: Any, typ: str | None) -> None:
            if vars(self)["_typ"] is not None and typ != vars(self)["_typ"]:
                raise Refusal(Reason.TYPE)

        return check_type

    patch.wrap(verifier.Verifier, "_check_type", around)
