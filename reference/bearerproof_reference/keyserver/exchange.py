"""Token exchange (RFC 8693): an ID token in, a short-lived opaque token of narrower use out, or a refusal."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from bearerproof_reference.keyserver.addresses import source
from bearerproof_reference.keyserver.configuration import KeyServerConfiguration
from bearerproof_reference.keyserver.lifecycle import Decision, DenialReason, LifecycleEvent, RequestContext
from bearerproof_reference.keyserver.policy import narrow
from bearerproof_reference.keyserver.scopes import ScopeError, read, spell
from bearerproof_reference.keyserver.store import Issue, StoreUnavailable, TokenStore
from bearerproof_reference.keyserver.subjects import (
    Subject,
    SubjectKeysUnavailable,
    SubjectTokenRejected,
    SubjectTokenVerifier,
)
from bearerproof_reference.keyserver.throttling import OUTAGE, Throttle
from bearerproof_reference.keyserver.tokens import Identity, Scopes, TokenRecord, mint

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - the name of a type, no secret
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - likewise

Form = Sequence[tuple[str, str]]
"""The parameters of a request in their order, with all their repetitions."""

_TARGETS = ("resource", "audience")


class ExchangeError(StrEnum):
    """The error codes of RFC 6749 §5.2 and RFC 8693 §2.2.2, and those for "not now"."""

    INVALID_REQUEST = "invalid_request"
    INVALID_SCOPE = "invalid_scope"
    INVALID_TARGET = "invalid_target"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"
    TOO_MANY_TOKENS = "too_many_tokens"
    TEMPORARILY_UNAVAILABLE = "temporarily_unavailable"
    RATE_LIMITED = "rate_limited"


@dataclass(frozen=True, slots=True)
class Granted:
    """A token was issued: the only place where its bearer ever stands."""

    bearer: str = field(repr=False)
    record: TokenRecord
    expires_in: int

    def as_dict(self) -> dict[str, str | int]:
        """Return the answer to the client (RFC 8693 §2.2.1); ``scope`` spells exactly what will be enforced."""
        return {
            "access_token": self.bearer,
            "issued_token_type": ACCESS_TOKEN,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "scope": spell(self.record.scopes),
            "jti": self.record.jti,
        }


@dataclass(frozen=True, slots=True)
class ExchangeRefused:
    """Nothing was issued; ``retry_after`` is in seconds, where waiting helps."""

    error: ExchangeError
    retry_after: int | None = None


class Exchange:
    """Decides about exchanges.

    Nothing is verified or fetched for a client that asks too often, and the use of a subject token is counted after
    all that can be checked without a trace: so a request that is refused for its scope leaves the token usable.
    """

    def __init__(
        self,
        configuration: KeyServerConfiguration,
        store: TokenStore,
        subjects: SubjectTokenVerifier,
        throttle: Throttle,
    ) -> None:
        self._configuration = configuration
        self._store = store
        self._subjects = subjects
        self._throttle = throttle

    def decide(self, form: Form | None, occasion: RequestContext) -> Decision[Granted | ExchangeRefused]:
        """Return what comes of a request with this form; None is a request whose form cannot be read."""
        try:
            bearer, record = self._grant(form, occasion)
        except _Refusal as refusal:
            return Decision(refusal.answer, (refusal.event,))
        return Decision(Granted(bearer, record, self._configuration.ttl), (occasion.issued(record),))

    def _grant(self, form: Form | None, occasion: RequestContext) -> tuple[str, TokenRecord]:
        self._check_frequency(occasion)
        parameters = _parameters(form, occasion)
        _check_request(parameters, occasion)
        subject = self._subject(parameters["subject_token"], occasion)
        occasion = occasion.renewed()
        scopes = self._scopes(subject.identity, parameters.get("scope"), occasion)
        return self._issue(subject, scopes, occasion)

    def _check_frequency(self, occasion: RequestContext) -> None:
        wait = self._throttle.spend(source(occasion.client_ip), self._configuration.exchanges_per_minute)
        if wait is not None:
            raise _Refusal(ExchangeError.RATE_LIMITED, occasion.denied(DenialReason.THROTTLED), wait)

    def _subject(self, token: str, occasion: RequestContext) -> Subject:
        """Return whom the subject token speaks of, if it was issued lately: exactly ``max_age`` ago will do."""
        try:
            with occasion.away():
                subject = self._subjects.verify(token)
        except SubjectTokenRejected:
            raise _Refusal(ExchangeError.INVALID_REQUEST, occasion.denied(DenialReason.SUBJECT_TOKEN)) from None
        except SubjectKeysUnavailable:
            event = occasion.denied(DenialReason.KEYS_UNAVAILABLE)
            raise _Refusal(ExchangeError.TEMPORARILY_UNAVAILABLE, event, OUTAGE) from None
        if occasion.renewed().now - subject.issued_at > self._configuration.max_age:
            event = occasion.denied(DenialReason.SUBJECT_TOKEN_AGE, subject.identity)
            raise _Refusal(ExchangeError.INVALID_REQUEST, event)
        return subject

    def _scopes(self, identity: Identity, scope: str | None, occasion: RequestContext) -> Scopes:
        rule = self._configuration.policy.rule_for(identity)
        if rule is None:
            # RFC 8693 §2.2.2: a subject token that is unacceptable by policy makes the request invalid.
            raise _Refusal(ExchangeError.INVALID_REQUEST, occasion.denied(DenialReason.NO_POLICY, identity))
        try:
            return narrow(rule.grant, read(scope))
        except ScopeError:
            raise _Refusal(ExchangeError.INVALID_SCOPE, occasion.denied(DenialReason.INVALID_SCOPE, identity)) from None

    def _issue(self, subject: Subject, scopes: Scopes, occasion: RequestContext) -> tuple[str, TokenRecord]:
        """Count the use, then store the token: of two requests with one subject token only one gets that far."""
        configuration, identity, now = self._configuration, subject.identity, occasion.now
        bearer, record = mint(identity, scopes, now, configuration.ttl, occasion.client_ip)
        try:
            last_use = subject.issued_at + configuration.max_age
            unused = self._store.claim(subject.key, configuration.subject_token_uses, last_use, now)
            occasion.decided(self._store.moment())
            if not unused:
                event = occasion.denied(DenialReason.SUBJECT_TOKEN_USED, identity)
                raise _Refusal(ExchangeError.INVALID_REQUEST, event)
            issue = self._store.issue(record, configuration.cap, now, subject.issued_at)
            occasion.decided(self._store.moment())
        except StoreUnavailable:
            event = occasion.denied(DenialReason.STORE_UNAVAILABLE, identity)
            raise _Refusal(ExchangeError.TEMPORARILY_UNAVAILABLE, event, OUTAGE) from None
        if issue is Issue.STORED:
            return bearer, record
        raise self._not_stored(issue, occasion, identity)

    def _not_stored(self, issue: Issue, occasion: RequestContext, identity: Identity) -> "_Refusal":
        ttl = self._configuration.ttl  # all that is live now has expired by then
        error, why, retry_after = {
            Issue.CAP_REACHED: (ExchangeError.TOO_MANY_TOKENS, DenialReason.CAP_REACHED, ttl),
            Issue.FULL: (ExchangeError.TEMPORARILY_UNAVAILABLE, DenialReason.STORE_FULL, OUTAGE),
            Issue.REVOKED_BEFORE: (ExchangeError.INVALID_REQUEST, DenialReason.SUBJECT_TOKEN_REVOKED, None),
        }[issue]
        return _Refusal(error, occasion.denied(why, identity), retry_after)


class _Refusal(Exception):
    """Raised by a step of the exchange; never leaves this module."""

    def __init__(self, error: ExchangeError, event: LifecycleEvent, retry_after: int | None = None) -> None:
        super().__init__(error)
        self.answer = ExchangeRefused(error, retry_after)
        self.event = event


def _parameters(form: Form | None, occasion: RequestContext) -> Mapping[str, str]:
    """Return the parameters by name. RFC 6749 §3.2: none is repeated, and one without a value is as good as absent.

    RFC 8693 §2.1 lets a request name several targets; these are refused in a way of their own.
    """
    names = [name for name, _ in form or () if name not in _TARGETS]
    if form is None or len(set(names)) != len(names):
        raise _Refusal(ExchangeError.INVALID_REQUEST, occasion.invalid(DenialReason.MALFORMED_REQUEST))
    return {name: value for name, value in form if value}


def _check_request(parameters: Mapping[str, str], occasion: RequestContext) -> None:
    """Check all of the form but the subject token and the scope. Unknown parameters are ignored (RFC 6749 §3.2)."""
    invalid = ExchangeError.INVALID_REQUEST
    if "grant_type" not in parameters:
        raise _Refusal(invalid, occasion.invalid(DenialReason.MALFORMED_REQUEST))
    if parameters["grant_type"] != GRANT_TYPE:
        raise _Refusal(ExchangeError.UNSUPPORTED_GRANT_TYPE, occasion.invalid(DenialReason.UNSUPPORTED_GRANT_TYPE))
    if not {"subject_token", "subject_token_type"} <= parameters.keys():
        raise _Refusal(invalid, occasion.invalid(DenialReason.MALFORMED_REQUEST))
    if parameters["subject_token_type"] != ID_TOKEN:
        raise _Refusal(invalid, occasion.invalid(DenialReason.UNSUPPORTED_TOKEN_TYPE))
    if parameters.keys() & set(_TARGETS):
        raise _Refusal(ExchangeError.INVALID_TARGET, occasion.denied(DenialReason.INVALID_TARGET))
    # To ignore these would hand out something else than was asked for, in somebody else's name.
    actor = parameters.keys() & {"actor_token", "actor_token_type"}
    if actor or parameters.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise _Refusal(invalid, occasion.denied(DenialReason.MALFORMED_REQUEST))
