"""Faults in counting the uses of a subject token (EXC-10)."""

from collections.abc import Callable
from hashlib import sha256
from secrets import token_hex
from time import sleep
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for
from bearerproof_reference.keyserver import memorystore, subjects
from bearerproof_reference.keyserver.exchange import Exchange
from bearerproof_reference.keyserver.memorystore import MemoryStore
from bearerproof_reference.keyserver.scopes import spell


def _counted_on(patch: Patch, key: Callable[[Any, str, dict[str, Any]], str]) -> None:
    """Have uses counted on another key."""
    patch.wrap(subjects, "_key", key)


def _claimed(patch: Patch, change: Callable[[int, float], tuple[int, float]]) -> None:
    """Have a use claimed with another number or another end."""

    def claim(claim: Any, self: Any, key: str, uses: int, until: float, now: float) -> Any:
        return claim(self, key, *change(uses, until), now)

    patch.wrap(MemoryStore, "claim", claim)


@fault("EXC-10")
def uses_not_counted(patch: Patch) -> None:
    """A subject token mints for as long as it is young: whoever finds it in a log has a mint (§8 row 7)."""
    patch(MemoryStore, "claim", lambda *_: True)


_COUNTED_ON: Rows[Callable[[Any, str, dict[str, Any]], str]] = {
    "uses-counted-by-text": (
        "The text of the token is the key, and of an ECDSA signature there are two that are equally good.",
        lambda _, token, _claims: sha256(token.encode()).hexdigest(),
    ),
    "no-jti-no-count": (
        "A token without `jti` has nothing to be counted on, and is not counted.",
        lambda key, token, claims: str(key(token, claims)) if "jti" in claims else token_hex(),
    ),
    "uses-counted-by-jti-alone": (
        "The `jti` is the key without the issuer: one provider's numbers use up those of another.",
        lambda key, token, claims: str(claims.get("jti") or key(token, claims)),
    ),
    "uses-counted-by-payload": (
        "The payload as sent is the key, so the same `jti` written with an escape is new.",
        lambda _, token, _claims: sha256(token.split(".")[1].encode()).hexdigest(),
    ),
}
faults_for("EXC-10", _counted_on, _COUNTED_ON)


@fault_by("EXC-10", _counted_on)
def uses_without_jti_counted_by_text(key: Any, token: str, claims: dict[str, Any]) -> str:
    """Where there is no `jti` the whole token is the key, signature and all."""
    return str(key(token, claims)) if "jti" in claims else sha256(token.encode()).hexdigest()


@fault_by("EXC-10", Patch.wrap, Exchange, "_issue")
def uses_counted_by_scope(issue: Any, self: Any, subject: Any, scopes: Any, occasion: Any) -> Any:
    """The count is kept with the scope that was asked, so each scope may be minted once."""
    named = type(subject)(subject.identity, subject.issued_at, f"{subject.key} {spell(scopes)}")
    return issue(self, named, scopes, occasion)


@fault_by("EXC-10", Patch.wrap, MemoryStore, "claim")
def use_looked_up_then_stored(claim: Any, self: Any, key: str, uses: int, until: float, now: float) -> Any:
    """Whether a token was used is looked up and only then stored: two requests at once find nothing (CWE-367)."""
    name = sha256(key.encode()).digest()
    used = vars(self)["_claims"].__dict__["_uses"].get(name, 0)
    sleep(0.004)  # the way to the database and back
    return used < uses and (claim(self, key, uses, until, now) or True)


@fault("EXC-10")
def one_use_more(patch: Patch) -> None:
    """The use is counted after it is compared, with `<=` for `<`."""
    _claimed(patch, lambda uses, until: (uses + 1, until))


@fault("EXC-10")
def one_use_whatever_is_stated(patch: Patch) -> None:
    """The number of uses stands in the configuration, and a set of used tokens has no numbers."""
    _claimed(patch, lambda _, until: (1, until))


@fault_by("EXC-10", Patch.wrap, MemoryStore, "reap")
def uses_forgotten_by_the_reaper(reap: Any, self: Any, now: float) -> Any:
    """Cleaning up empties the list of used tokens along with the tombstones."""
    vars(self)["_claims"].forget(float("inf"))
    vars(self)["_claims"].__dict__["_forgotten"] = float("-inf")
    return reap(self, now)


@fault_by("EXC-10", Patch.wrap, memorystore._Claims, "_forget_first")  # noqa: SLF001 - the part that is at fault
def use_forgotten_and_the_clock_steps_back(forget: Any, self: Any) -> None:
    """What was forgotten in time is young again when the clock steps back, and nobody remembers up to when it was."""
    before = vars(self)["_forgotten"]
    forget(self)
    vars(self)["_forgotten"] = before
