"""Faults in the form and the answer of an exchange, and in its throttle (EXC-1 to EXC-5, EXC-13, EXC-17)."""

from collections.abc import Callable
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_fuzz.faults.seams import read_then_count
from bearerproof_fuzz.keyserver.setting import EXCHANGE_PARAMETERS
from bearerproof_fuzz.needs import HTTP
from bearerproof_reference.keyserver import exchange, scopes, server
from bearerproof_reference.keyserver.exchange import (
    ACCESS_TOKEN,
    GRANT_TYPE,
    ID_TOKEN,
    Exchange,
    ExchangeError,
    ExchangeRefused,
    Form,
    Granted,
)
from bearerproof_reference.keyserver.lifecycle import DenialReason, RequestContext
from bearerproof_reference.keyserver.throttling import Throttle


@helper_by(Patch.wrap, Exchange, "decide")
def _seen(change: Callable[[Form], Form], decide: Any, self: Any, form: Form | None, occasion: RequestContext) -> Any:
    """Have the exchange see another form than was sent."""
    return decide(self, form and change(form), occasion)


def _read(patch: Patch, name: str, change: Callable[[str], str]) -> None:
    """Have the value of one parameter read in another way."""
    _seen(patch, lambda form: [(parameter, change(value) if parameter == name else value) for parameter, value in form])


def _without(patch: Patch, *names: str) -> None:
    """Have some parameters overlooked."""
    _seen(patch, lambda form: [(name, value) for name, value in form if name not in names])


_READ: Rows[tuple[str, Callable[[str], str]]] = {
    "grant-type-in-any-case": (
        "URN are compared without regard to case, as the first segments of one are (CWE-178).",
        ("grant_type", lambda value: GRANT_TYPE if value.lower() == GRANT_TYPE else value),
    ),
    "grant-type-by-its-end": (
        "Only the last segment of the URN is looked at, to be kind to clients that send it short.",
        ("grant_type", lambda value: GRANT_TYPE if value.endswith("token-exchange") else value),
    ),
    "grant-type-by-prefix": (
        "The grant type is matched from the beginning and not to its end.",
        ("grant_type", lambda value: GRANT_TYPE if value.startswith(GRANT_TYPE) else value),
    ),
}
faults_for("EXC-1", spread(_read), _READ)


@fault("EXC-1")
def grant_type_is_optional(patch: Patch) -> None:
    """The endpoint does one thing only, so a request without a grant type is taken for it."""
    _seen(patch, lambda form: [*form, *([("grant_type", GRANT_TYPE)] if "grant_type" not in dict(form) else [])])


@fault("EXC-1")
def one_code_for_every_wrong_grant(patch: Patch) -> None:
    """A grant type that is not supported is answered as any other bad request."""
    _answered_by_cause(patch, DenialReason.UNSUPPORTED_GRANT_TYPE, ExchangeRefused(ExchangeError.INVALID_REQUEST))


_SEEN: Rows[Callable[[Form], Form]] = {
    "last-parameter-wins": (
        "The form is read into a dictionary, so of two subject tokens the last is taken (CWE-235).",
        lambda form: list(dict(form).items()),
    ),
    "first-parameter-wins": (
        "The framework hands out the first value of a parameter, and nobody asks for the others (CWE-235).",
        lambda form: [pair for at, pair in enumerate(form) if pair[0] not in dict(form[:at])],
    ),
    "same-value-twice": (
        "A parameter that is repeated with the same value is thought to do no harm.",
        lambda form: list(dict.fromkeys(form)),
    ),
}
faults_for("EXC-2", _seen, _SEEN)


@fault("EXC-2")
def empty_subject_token_is_served(patch: Patch) -> None:
    """An empty subject token is told to come back later, since it names a provider that has no keys."""

    def no_keys(subject: Any, self: Any, token: str, occasion: RequestContext) -> Any:
        if not token.strip():
            refused = ExchangeError.TEMPORARILY_UNAVAILABLE
            raise exchange._Refusal(refused, occasion.denied(DenialReason.KEYS_UNAVAILABLE))  # noqa: SLF001 - as the method
        return subject(self, token, occasion)

    _read(patch, "subject_token", lambda value: value or " ")
    patch.wrap(Exchange, "_subject", no_keys)


@fault_by("EXC-3", _seen)
def subject_token_type_ignored(form: Form) -> Form:
    """The type is read and not looked at: whatever comes is verified as an ID token (§8 row 6)."""
    return [(name, ID_TOKEN if name == "subject_token_type" and value else value) for name, value in form]


@fault_by("EXC-3", _seen)
def subject_token_type_defaults(form: Form) -> Form:
    """A missing type means an ID token, the only one there is (§8 row 6)."""
    return [*form, *([] if dict(form).get("subject_token_type") else [("subject_token_type", ID_TOKEN)])]


@fault("EXC-3")
def subject_token_type_by_its_end(patch: Patch) -> None:
    """Only what stands behind the last colon of the type is compared."""
    _read(patch, "subject_token_type", lambda value: ID_TOKEN if value.split(":")[-1] == "id_token" else value)


@fault("EXC-3")
def any_jwt_is_a_subject_token(patch: Patch) -> None:
    """The type of any JWT and that of an access token are taken as well: after all they are all signed."""
    signed = {"urn:ietf:params:oauth:token-type:jwt", ACCESS_TOKEN}
    _read(patch, "subject_token_type", lambda value: ID_TOKEN if value in signed else value)


_WITHOUT: Rows[tuple[str, ...]] = {
    "resource-ignored": (
        "A resource is not known to the form, and dropped: the client takes its token for a narrow one (§8 row 6).",
        ("resource",),
    ),
    "audience-ignored": (
        "An audience is dropped: the token is good for everything, and not for the one service that was named.",
        ("audience",),
    ),
    "actor-token-ignored": (
        "Delegation is not implemented and not refused: who acts for whom is lost (§8 row 6).",
        ("actor_token", "actor_token_type"),
    ),
    "requested-token-type-ignored": (
        "A client that asks for a JWT gets an opaque token with success (§8 row 6).",
        ("requested_token_type",),
    ),
}
faults_for("EXC-4", spread(_without), _WITHOUT)


@fault_by("EXC-4", _seen)
def only_one_target_is_refused(form: Form) -> Form:
    """Targets are looked up as one value; where there are several the framework returns none."""
    targets = [name for name, _ in form if name in ("resource", "audience")]
    return form if len(targets) < 2 else [pair for pair in form if pair[0] not in targets]


@fault("EXC-4")
def unknown_parameters_refused(patch: Patch) -> None:
    """The form is read strictly, against RFC 6749 §3.2: clients that send more are locked out."""
    _seen(patch, lambda form: form if {name for name, _ in form} <= set(EXCHANGE_PARAMETERS) else [])


def _refuse_empty(patch: Patch, name: str) -> None:
    """Have a parameter without a value taken for one with a bad value."""
    _seen(patch, lambda form: [(each, "-" if (each, value) == (name, "") else value) for each, value in form])


_EMPTY: Rows[str] = {
    "empty-scope-is-a-value": (
        "A scope without a value is no scope that is known, where it is as good as left out (RFC 6749 §3.2).",
        "scope",
    ),
    "empty-resource-is-a-value": (
        "A target without a value is a target that there is not, where it is as good as left out (RFC 6749 §3.2).",
        "resource",
    ),
    "empty-audience-is-a-value": (
        "An audience without a value is nobody's, where it is as good as left out (RFC 6749 §3.2).",
        "audience",
    ),
    "empty-requested-token-type-is-a-value": (
        "A type without a value is none that is issued, where it is as good as left out (RFC 6749 §3.2).",
        "requested_token_type",
    ),
    "empty-actor-token-is-a-value": (
        "An actor without a token is refused as a bad one, where it is as good as left out (RFC 6749 §3.2).",
        "actor_token",
    ),
}
faults_for("EXC-4", _refuse_empty, _EMPTY)


def _answered(patch: Patch, change: Callable[[dict[str, str | int]], dict[str, str | int]]) -> None:
    """Have the answer to a successful exchange changed."""
    patch.wrap(Granted, "as_dict", lambda as_dict, self: change(as_dict(self)))


_ANSWERED: Rows[Callable[[dict[str, str | int]], dict[str, str | int]]] = {
    "no-issued-token-type": (
        "The answer is that of RFC 6749, without the member that RFC 8693 requires (§8 row 6).",
        lambda members: {name: value for name, value in members.items() if name != "issued_token_type"},
    ),
    "issued-type-is-that-of-the-subject": (
        "The answer repeats the type of the subject token, which is not what was issued.",
        lambda members: {**members, "issued_token_type": ID_TOKEN},
    ),
    "lifetime-in-milliseconds": (
        "`expires_in` is in milliseconds, as everything else in this code base.",
        lambda members: {**members, "expires_in": int(members["expires_in"]) * 1000},
    ),
    "lifetime-of-the-default": (
        "`expires_in` is a constant that was right until the lifetime became an option.",
        lambda members: {**members, "expires_in": 600},
    ),
    "token-type-of-the-subject": (
        "`token_type` says `N_A`, which RFC 8693 keeps for what is no access token: clients do not present it.",
        lambda members: {**members, "token_type": "N_A"},
    ),
}
faults_for("EXC-5", _answered, _ANSWERED)


@fault("EXC-5")
def scope_neither_read_nor_told(patch: Patch) -> None:
    """This grant does not read the scope: all that is allowed is issued, and the answer says nothing of it."""
    _without(patch, "scope")
    _answered(patch, lambda members: {name: value for name, value in members.items() if name != "scope"})


@fault("EXC-5")
def no_scope_when_narrowed(patch: Patch) -> None:
    """The scope is left out whenever one was asked for, though what was granted may be less."""
    asked: list[bool] = [False]

    def note(read: Any, scope: str | None) -> Any:
        asked[0] = scope is not None
        return read(scope)

    patch(exchange, "read", lambda scope: note(scopes.read, scope))
    _answered(
        patch, lambda members: {name: value for name, value in members.items() if name != "scope" or not asked[0]}
    )


def _answered_by_cause(patch: Patch, why: DenialReason, answer: ExchangeRefused) -> None:
    """Have refusals for one cause answered in a way of their own."""

    def decide_and_tell(decide: Any, self: Any, form: Form | None, occasion: RequestContext) -> Any:
        decision = decide(self, form, occasion)
        matches = any(event.reason == why for event in decision.events)
        return type(decision)(answer, decision.events) if matches else decision

    patch.wrap(Exchange, "decide", decide_and_tell)


@fault("EXC-13")
def used_token_is_told(patch: Patch) -> None:
    """A token that was used is answered with `invalid_target`: whoever holds a stolen one learns that it was good."""
    _answered_by_cause(patch, DenialReason.SUBJECT_TOKEN_USED, ExchangeRefused(ExchangeError.INVALID_TARGET))


@fault("EXC-13")
def old_token_is_told_to_wait(patch: Patch) -> None:
    """Only for a token that is too old is there a `Retry-After`: all its other checks have then been passed."""
    _answered_by_cause(patch, DenialReason.SUBJECT_TOKEN_AGE, ExchangeRefused(ExchangeError.INVALID_REQUEST, 300))


@fault("EXC-13", needs=(HTTP,))
def cause_in_the_description(patch: Patch) -> None:
    """The description of the error is the message of the exception: an oracle for whoever forges (CWE-209)."""
    from bearerproof_reference.deployment import httpanswer  # noqa: PLC0415 - it needs Starlette, which may be absent

    cause: list[str] = [""]

    def decide_and_note(decide: Any, self: Any, form: Form | None, occasion: RequestContext) -> Any:
        decision = decide(self, form, occasion)
        cause[0] = str(decision.events[0].reason)
        return decision

    def describe(exchanged: Any, outcome: Any) -> Any:
        invalid = isinstance(outcome, ExchangeRefused) and outcome.error is ExchangeError.INVALID_REQUEST
        return httpanswer.refusal(400, outcome.error, cause[0]) if invalid else exchanged(outcome)

    patch.wrap(Exchange, "decide", decide_and_note)
    patch.wrap(httpanswer, "exchanged", describe)


@fault("EXC-17")
def exchanges_are_not_throttled(patch: Patch) -> None:
    """The limit stands in the configuration and is read nowhere (§8 row 3)."""
    patch(Exchange, "_check_frequency", lambda *_: None)


@fault("EXC-17")
def one_throttle_for_all_peers(patch: Patch) -> None:
    """Exchanges are limited for the endpoint as a whole, so that one peer locks everybody else out."""
    patch(exchange, "source", lambda _: "everybody")


@fault("EXC-17")
def throttled_after_verification(patch: Patch) -> None:
    """The limit is checked once the token is verified: the costly part, and the fetch, are done for anybody."""
    check = Exchange._check_frequency  # noqa: SLF001 - it moves

    def check_late(verify: Any, self: Any, token: str, occasion: RequestContext) -> Any:
        subject = verify(self, token, occasion)
        check(self, occasion)
        return subject

    patch(Exchange, "_check_frequency", lambda *_: None)
    patch.wrap(Exchange, "_subject", check_late)


@fault_by("EXC-17", Patch.wrap, Throttle, "spend")
def one_exchange_too_many(spend: Any, self: Any, name: object, rate: int) -> Any:
    """The limiter admits while the bucket is not overdrawn, instead of while it covers the request."""
    return spend(self, name, rate + 1 if rate else 0)


@fault("EXC-17")
def throttled_by_forwarded_address(patch: Patch) -> None:
    """The limit goes by X-Forwarded-For whoever sent it: a new address in each request, and it never bites."""
    patch.wrap(
        server, "client_ip", lambda client_ip, peer, forwarded, trusted: forwarded or client_ip(peer, None, trusted)
    )


@fault_by("EXC-17", Patch.wrap, Throttle, "spend")
def exchanges_at_once_are_all_granted(spend: Any, self: Any, name: object, rate: int) -> Any:
    """The number of a client's exchanges is read before an exchange, and counted after it (CWE-367)."""
    return read_then_count(spend, self, name, rate)
