"""The verifier: a token in, a verdict out, and never an exception.

The order of the checks: size, segments, JOSE header, key, signature over the transmitted bytes, and only
then type, claims, profile, look-ups. So nothing an attacker wrote is read as a claim, and no look-up is made
for it. Recording the ``jti`` comes last of all: it is the only check that leaves a trace, and a token that
another check refuses must not use up the identifier.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bearerproof_reference.clock import Clock
from bearerproof_reference.verifier import idtoken
from bearerproof_reference.verifier.claims import ClaimsCheck, numeric_date
from bearerproof_reference.verifier.jose import MalformedError, decode_segment, parse_object, split_compact
from bearerproof_reference.verifier.keys import Key, KeySet, KeySource
from bearerproof_reference.verifier.policy import MAX_TOKEN, Profile, VerificationPolicy
from bearerproof_reference.verifier.ports import ReplayGuard, SessionLiveness, SessionVersions, Unavailable
from bearerproof_reference.verifier.verdicts import Accepted, Reason, Refusal, Rejected

_PARAMETERS = frozenset({"typ", "alg", "kid"})
_TYPES = {
    Profile.ID_TOKEN: frozenset({None, "application/jwt"}),
    Profile.ACCESS_TOKEN: frozenset({"application/at+jwt"}),
}
"""The types that are taken where the policy names none. OpenID Connect Core gives ID tokens no type of their own: they
have none, or that of every JWT. Access tokens have theirs, and no other (RFC 9068 §4)."""
_KNOWN_HEADERS = 64
"""Header segments remembered per verifier, which spares parsing them again; an issuer uses one per key."""


@dataclass(frozen=True, slots=True)
class Header:
    """The JOSE header parameters that a verifier uses; ``typ`` as a whole media type, else None."""

    alg: str
    kid: str | None
    typ: str | None


class Verifier:
    """Verifies tokens under one policy. Thread-safe when its ports are.

    Look-ups that are left out (None) are not made; with ``policy.replay`` a replay guard is needed.

    Raises:
        ValueError: the policy asks for replay detection and there is no guard.
    """

    def __init__(
        self,
        policy: VerificationPolicy,
        keys: KeySource,
        clock: Clock,
        *,
        replay: ReplayGuard | None = None,
        liveness: SessionLiveness | None = None,
        versions: SessionVersions | None = None,
    ) -> None:
        if policy.replay and replay is None:
            raise ValueError("a policy with replay detection needs a replay guard")
        self.policy = policy
        self._keys = keys
        self._clock = clock
        self._replay = replay if policy.replay else None
        self._liveness = liveness
        self._versions = versions
        # A session version is that of a subject, so with that look-up a token needs one.
        self._check_claims = ClaimsCheck(
            policy if versions is None else replace(policy, require=(*policy.require, "sub"))
        )
        self._typ = _media_type(policy.typ)
        self._headers: dict[bytes, Header] = {}

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        """Return what this policy says about ``token`` now; nothing is ever raised."""
        try:
            return self._verify(_octets(token))
        except Refusal as refusal:
            return refusal.rejected
        except MalformedError:
            return Rejected(Reason.MALFORMED)
        except Exception as error:  # noqa: BLE001 - a fault in here must refuse the token, not the service
            return Rejected(Reason.OTHER, type(error).__name__)

    def _verify(self, token: bytes) -> Accepted:
        head, body, tail = split_compact(token)
        header = self._headers.get(head) or read_header(head, strict=True)
        key = _verified(token, header, tail, self._keys, self.policy.algorithms)
        if len(self._headers) < _KNOWN_HEADERS:  # only headers under a good signature get here
            self._headers[head] = header
        self._check_type(header.typ)
        claims = parse_object(decode_segment(body))
        now = self._clock.now()
        self._check_claims(claims, now)
        if self.policy.profile is Profile.ID_TOKEN:
            idtoken.check(claims, self.policy, key.alg, now)
        self._look_up(claims)
        return Accepted(claims, key.kid)

    def _check_type(self, typ: str | None) -> None:
        """Explicit typing, RFC 8725 §3.11; by RFC 7515 §4.1.9 case and application/ make no difference."""
        if self._typ is not None and typ != self._typ:
            raise Refusal(Reason.TYPE)
        # Who asks for one kind takes nothing that says it is another, even where typ is left open: for an ID token no
        # access token, logout token or security event (RFC 8725 §3.12).
        if self._typ is None and typ not in _TYPES.get(self.policy.profile, {typ}):
            raise Refusal(Reason.TYPE)

    def _look_up(self, claims: dict[str, Any]) -> None:
        """Ask the ports; whatever one of them cannot tell refuses the token."""
        if self._liveness is not None:
            _check_liveness(self._liveness, claims)
        if self._versions is not None:
            _check_version(self._versions, claims)
        if self._replay is not None:
            _check_replay(self._replay, claims, numeric_date(claims, "exp") + self.policy.leeway)


def verify_jws(token: str | bytes, jwks: Mapping[str, Any], algorithms: Collection[str]) -> bytes | Rejected:
    """Return the payload of a compact JWS that a key of the set signed, or why there is none (RFC 7515 §5.2).

    Header parameters that are not understood are ignored here, as §4 says; a JWT is read more strictly.

    Raises:
        ValueError: ``jwks`` is not a JWK set.
    """
    keys = KeySet(jwks, algorithms)
    try:
        octets = _octets(token)
        head, body, tail = split_compact(octets)
        _verified(octets, read_header(head, strict=False), tail, keys, algorithms)
        return decode_segment(body)
    except Refusal as refusal:
        return refusal.rejected
    except MalformedError:
        return Rejected(Reason.MALFORMED)


def read_header(segment: bytes, *, strict: bool) -> Header:
    """Read a JOSE header; with ``strict``, parameters other than typ, alg and kid are refused.

    Raises:
        MalformedError: not an object of strict JSON.
        Refusal: critical, algorithm or header.
    """
    parameters = parse_object(decode_segment(segment))
    if "crit" in parameters:  # no extension is understood, and an empty list is forbidden (RFC 7515 §4.1.11)
        raise Refusal(Reason.CRITICAL)
    alg, kid = parameters.get("alg"), parameters.get("kid")
    if not isinstance(alg, str):
        raise Refusal(Reason.ALGORITHM)
    if not isinstance(kid, str) and "kid" in parameters:
        raise Refusal(Reason.HEADER)
    forbidden = parameters.keys() - _PARAMETERS if strict else parameters.keys() & {"enc"}
    if forbidden:
        raise Refusal(Reason.HEADER)
    return Header(alg, kid, _media_type(parameters.get("typ")))


def _octets(token: str | bytes) -> bytes:
    """Return the token as bytes, its size capped before anything else is done with it."""
    if len(token) > MAX_TOKEN:
        raise Refusal(Reason.TOO_LARGE)
    if isinstance(token, bytes):
        return token
    if not token.isascii():
        raise MalformedError("not ASCII")
    return token.encode()


def _verified(token: bytes, header: Header, tail: bytes, keys: KeySource, algorithms: Collection[str]) -> Key:
    """Return the key under which the signature covers the bytes before the last dot, as they were sent."""
    if header.alg not in algorithms:
        raise Refusal(Reason.ALGORITHM)
    if not tail:
        raise MalformedError("no signature")
    key = keys.find(header.kid, header.alg)
    if not key.verify(decode_segment(tail), token[: -len(tail) - 1]):
        raise Refusal(Reason.SIGNATURE)
    return key


def _media_type(typ: object) -> str | None:
    if not isinstance(typ, str) or not typ.isascii():
        return None
    lowered = typ.lower()
    return lowered if "/" in lowered else "application/" + lowered


def _check_liveness(port: SessionLiveness, claims: dict[str, Any]) -> None:
    sid = claims.get("sid")
    if sid is not None and not isinstance(sid, str):
        raise Refusal(Reason.CLAIM_MALFORMED, "sid")
    try:
        revoked = port.revoked(sid)
    except Unavailable:
        raise Refusal(Reason.UNAVAILABLE, "SessionLivenessLookupUnavailable") from None
    if revoked:
        raise Refusal(Reason.SESSION, "SessionRevoked")


def _check_version(port: SessionVersions, claims: dict[str, Any]) -> None:
    """A token without ``sv`` is older than every version, so it is stale where its subject has one."""
    version = claims.get("sv")
    if "sv" in claims and type(version) is not int:
        raise Refusal(Reason.CLAIM_MALFORMED, "sv")
    try:
        current = port.current(claims["sub"])
    except Unavailable:
        raise Refusal(Reason.UNAVAILABLE, "SessionVersionLookupUnavailable") from None
    if current is not None and (version is None or version < current):
        raise Refusal(Reason.SESSION, "SessionVersionStale")


def _check_replay(guard: ReplayGuard, claims: dict[str, Any], until: float) -> None:
    """Keyed on the issuer and the jti, never on the token text: one token has many spellings."""
    try:
        first = guard.first_use(claims["iss"], claims["jti"], until)
    except Unavailable:
        raise Refusal(Reason.UNAVAILABLE, "ReplayLookupUnavailable") from None
    if not first:
        raise Refusal(Reason.REPLAY)
