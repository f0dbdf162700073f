"""Faults in counting the uses of a subject token (EXC-10)."""

from collections.abc import Callable
from hashlib import sha256
from secrets import token_hex
from time import sleep
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault
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


@fault("EXC-10")
def uses_counted_by_text(patch: Patch) -> None:
    """The text of the token is the key, and of an ECDSA signature there are two that are equally good."""
    _counted_on(patch, lambda _, token, _claims: sha256(token.encode()).hexdigest())


@fault("EXC-10")
def uses_without_jti_counted_by_text(patch: Patch) -> None:
    """Where there is no `jti` the whole token is the key, signature and all."""

    def key(key: Any, token: str, claims: dict[str, Any]) -> str:
        return str(key(token, claims)) if "jti" in claims else sha256(token.encode()).hexdigest()

    _counted_on(patch, key)


@fault("EXC-10")
def no_jti_no_count(patch: Patch) -> None:
    """A token without `jti` has nothing to be counted on, and is not counted."""
    _counted_on(patch, lambda key, token, claims: str(key(token, claims)) if "jti" in claims else token_hex())


@fault("EXC-10")
def uses_counted_by_jti_alone(patch: Patch) -> None:
    """The `jti` is the key without the issuer: one provider's numbers use up those of another."""
    _counted_on(patch, lambda key, token, claims: str(claims.get("jti") or key(token, claims)))


@fault("EXC-10")
def uses_counted_by_payload(patch: Patch) -> None:
    """The payload as sent is the key, so the same `jti` written with an escape is new."""
    _counted_on(patch, lambda _, token, _claims: sha256(token.split(".")[1].encode()).hexdigest())


@fault("EXC-10")
def uses_counted_by_scope(patch: Patch) -> None:
    """The count is kept with the scope that was asked, so each scope may be minted once."""

    def issue(issue: Any, self: Any, subject: Any, scopes: Any, occasion: Any) -> Any:
        named = type(subject)(subject.identity, subject.issued_at, f"{subject.key} {spell(scopes)}")
        return issue(self, named, scopes, occasion)

    patch.wrap(Exchange, "_issue", issue)


@fault("EXC-10")
def use_looked_up_then_stored(patch: Patch) -> None:
    """Whether a token was used is looked up and only then stored: two requests at once find nothing (CWE-367)."""

    def claim(claim: Any, self: Any, key: str, uses: int, until: float, now: float) -> Any:
        name = sha256(key.encode()).digest()
        used = vars(self)["_claims"].__dict__["_uses"].get(name, 0)
        sleep(0.004)  # the way to the database and back
        return used < uses and (claim(self, key, uses, until, now) or True)

    patch.wrap(MemoryStore, "claim", claim)


@fault("EXC-10")
def one_use_more(patch: Patch) -> None:
    """The use is counted after it is compared, with `<=` for `<`."""
    _claimed(patch, lambda uses, until: (uses + 1, until))


@fault("EXC-10")
def one_use_whatever_is_stated(patch: Patch) -> None:
    """The number of uses stands in the configuration, and a set of used tokens has no numbers."""
    _claimed(patch, lambda _, until: (1, until))


@fault("EXC-10")
def uses_forgotten_by_the_reaper(patch: Patch) -> None:
    """Cleaning up empties the list of used tokens along with the tombstones."""

    def reap_all(reap: Any, self: Any, now: float) -> Any:
        vars(self)["_claims"].forget(float("inf"))
        vars(self)["_claims"].__dict__["_forgotten"] = float("-inf")
        return reap(self, now)

    patch.wrap(MemoryStore, "reap", reap_all)


@fault("EXC-10")
def use_forgotten_and_the_clock_steps_back(patch: Patch) -> None:
    """What was forgotten in time is young again when the clock steps back, and nobody remembers up to when it was."""

    def forget(forget: Any, self: Any) -> None:
        before = vars(self)["_forgotten"]
        forget(self)
        vars(self)["_forgotten"] = before

    patch.wrap(memorystore._Claims, "_forget_first", forget)  # noqa: SLF001 - the part that is at fault
