"""Faults in the kind of an event (FAIL-4, FAIL-8)."""

from collections.abc import Callable

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, faults_for, helper_by, spread
from bearerproof_reference.audit import audited
from bearerproof_reference.audit.events import Kind, KindClass, kind_of
from bearerproof_reference.verifier.verdicts import Reason, Rejected


@helper_by(Patch.__call__, audited, "kind_of")
def _kinds(choose: Callable[[Rejected], KindClass | Kind | None], rejected: Rejected) -> Kind:
    """Have some rejections given another kind."""
    chosen = choose(rejected) or kind_of(rejected)
    return chosen if isinstance(chosen, Kind) else Kind(chosen)


def _swapped(patch: Patch, reason: Reason, kind: KindClass) -> None:
    _kinds(patch, lambda rejected: kind if rejected.reason is reason else None)


@fault("FAIL-4")
def wrong_issuer_reported_as_audience(patch: Patch) -> None:
    """Two lines of the table from reasons to kinds are mixed up (W16)."""
    _swapped(patch, Reason.ISSUER, KindClass.AUDIENCE_INVALID)


@fault("FAIL-4")
def early_token_reported_as_expired(patch: Patch) -> None:
    """Everything about time is one kind, so a clock that runs behind looks like old tokens (W16)."""
    _swapped(patch, Reason.NOT_YET_VALID, KindClass.EXPIRED)


@fault("FAIL-4")
def nonce_reported_as_another_check(patch: Patch) -> None:
    """The kind says that it was an ID token, but the check inside is that of the line above."""
    _kinds(patch, lambda rejected: Kind(KindClass.ID_TOKEN, "AzpMismatch") if rejected.reason is Reason.NONCE else None)


@fault("FAIL-4")
def kind_of_the_first_failure(patch: Patch) -> None:
    """The kind is kept from the first rejection of the policy, and the reason is the present one."""
    first: dict[str, Kind] = {}

    def choose(rejected: Rejected) -> Kind:
        return first.setdefault(rejected.detail, kind_of(rejected))

    _kinds(patch, choose)


_SWAPPED: Rows[tuple[Reason, KindClass]] = {
    "unknown-key-reported-as-forgery": (
        "Whatever the engine refuses before the claims is a bad signature, so rotation looks like an attack (W15).",
        (Reason.KEY_UNKNOWN, KindClass.SIGNATURE_INVALID),
    ),
    "replay-reported-as-other": (
        "Replay has no kind of its own, as in the seed's system, and is lost in the catch-all (W15).",
        (Reason.REPLAY, KindClass.OTHER),
    ),
    "unavailable-keys-reported-as-forgery": (
        "Without keys no signature verifies, so an outage of the endpoint is a wave of forgeries.",
        (Reason.KEYS_UNAVAILABLE, KindClass.SIGNATURE_INVALID),
    ),
}
faults_for("FAIL-8", spread(_swapped), _SWAPPED)
