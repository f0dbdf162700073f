"""Faults in what a restart keeps (TOK-14)."""

from collections.abc import Callable
from dataclasses import replace
from math import inf
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, fault, fault_by, helper_by
from bearerproof_reference.adapter.keyserver import KeyServerAdapter
from bearerproof_reference.keyserver.memorystore import MemoryStore


@helper_by(Patch.wrap, KeyServerAdapter, "restart")
def _restarted(keep: Callable[[Any], Any], _restarted: Any, self: Any, _request: Any) -> Any:
    """Have a restart go on with a store that is made of the one before."""
    configuration, store, _ = self._running
    self._start(configuration, keep(store))
    return {"restarted": True}


def _copy(store: Any, change: Callable[[Any], Any]) -> Any:
    made = MemoryStore(store._limits)  # noqa: SLF001 - the store's own part
    for record in store._by_digest.values():  # noqa: SLF001 - the store's own part
        made._add(change(record))  # noqa: SLF001 - the store's own part
    return made


@fault("TOK-14")
def revocations_lost_in_a_restart(patch: Patch) -> None:
    """Tokens are read back after a restart, revocations are not: it undoes the answer to an incident (CWE-613)."""
    _restarted(patch, lambda store: _copy(store, lambda record: record))


@fault_by("TOK-14", _restarted)
def latest_time_lost_in_a_restart(store: Any) -> Any:
    """All is read back but the latest time: a clock that is put back with the restart revives the expired."""
    store._latest = -inf  # noqa: SLF001 - the store's own part
    return store


@fault_by("TOK-14", _restarted)
def uses_and_lines_forgotten_in_a_restart(store: Any) -> Any:
    """All is forgotten, which is safe for bearers: whoever has a subject token can use it again (CWE-613, CWE-294)."""
    return MemoryStore(store._limits)  # noqa: SLF001 - the store's own part


@fault("TOK-14")
def lives_begin_anew_with_a_restart(patch: Patch) -> None:
    """Lifetimes are kept, ends are not: what was read back lives for a whole lifetime more."""

    def renewed(record: Any) -> Any:
        return replace(record, expires_at=record.expires_at + (record.expires_at - record.issued_at))

    _restarted(patch, lambda store: _copy(store, renewed))


@fault_by("TOK-14", _restarted)
def identities_mixed_up_by_a_restart(store: Any) -> Any:
    """Tokens refer to identities by number, and the numbers are given anew in another order (CWE-639)."""
    identities = [record.identity for record in store._by_digest.values()]  # noqa: SLF001 - the store's own part
    made = iter(identities[::-1])
    live = _copy(store, lambda record: replace(record, identity=next(made)))
    live._revoked, live._latest = store._revoked, store._latest  # noqa: SLF001 - the store's own part
    return live
