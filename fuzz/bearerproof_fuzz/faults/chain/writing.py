"""Faults in writing a chain: where it breaks though nobody touched it, and where it makes others' records its own."""

import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from types import SimpleNamespace
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.audit import chain
from bearerproof_reference.audit.chain import ChainError, Links, Secret
from bearerproof_reference.deployment import chainedfile
from bearerproof_reference.deployment.chainedfile import ChainedTrailFile

# --- CHAIN-12


@fault_by("CHAIN-12", Patch.wrap, ChainedTrailFile, "_append")
def record_chained_before_it_is_written(append: Any, self: Any, line: bytes) -> None:
    """The record is linked as the serialiser has it, and written as the formatter of the log does."""
    before = self._links.head
    append(self, line)
    try:
        meant = json.dumps(json.loads(line), separators=(",", ":"), sort_keys=True).encode()
    except ValueError:
        return
    self._links.head = sha256(b"\1" + before + meant).digest()


@fault_by("CHAIN-12", Patch.wrap, ChainedTrailFile, "_resumed")
def chain_begun_anew_at_restart(resumed: Any, self: Any, keys: Any) -> tuple[Links, int]:
    """Where a chain stands is kept in memory, so that a restart begins another in the middle of the file."""
    resumed(self, keys)
    return Links(sha256(b"anew").hexdigest()[:32]), 0


@fault_by("CHAIN-12", Patch.wrap, ChainedTrailFile, "_resumed")
def torn_line_forgotten_at_restart(resumed: Any, self: Any, keys: Any) -> tuple[Links, int]:
    """A line that a crash cut short is no record to the run that finds it, and stands in the file all the same."""
    if not self._torn:
        found: tuple[Links, int] = resumed(self, keys)
        return found
    links, tail = resumed(self, keys)
    whole = chain.verify([chain.split(self._path.read_bytes())[:-1]], keys, from_middle=True).links
    return (links if whole is None else whole), tail - 1


@fault("CHAIN-12")
def rotated_file_begins_with_a_record(patch: Patch) -> None:
    """A file that was rotated to begins with the next record, and nothing says what it goes on with."""
    patch(ChainedTrailFile, "_begin_file", lambda _: None)


@fault_by("CHAIN-12", Patch.__call__, ChainedTrailFile, "_leave")
def end_of_a_file_is_a_link(self: Any) -> None:
    """The seal of a rotated file is linked by the writer, though whether it was copied in time is chance."""
    self._checkpoint("rotate")


def _named(size: int) -> str:
    return sha256(b"trail.jsonl").hexdigest()[: 2 * size]


@fault("CHAIN-12")
def one_id_for_every_chain(patch: Patch) -> None:
    """The id of a chain is the name of its file, and so the same for all of them."""
    patch(
        chainedfile, "secrets", SimpleNamespace(token_hex=lambda size: sha256(b"trail.jsonl").hexdigest()[: 2 * size])
    )


@dataclass(frozen=True)
class _Posing:
    """A key that is called as another is, and signs with what everybody knows."""

    key: Any
    octets: bytes

    @property
    def alg(self) -> str:
        return str(self.key.alg)

    @property
    def key_id(self) -> str:
        return str(self.key.key_id)

    def sign(self, signed: bytes) -> bytes:
        return hmac.digest(self.octets, signed, "sha256") * (1 if self.alg == "HS256" else 2)


@helper_by(Patch.wrap, Links, "checkpoint")
def _signed_with(
    derive: Callable[[Links], bytes], make: Any, self: Links, kind: str, at: str, key: Any, *more: Any
) -> Any:
    return make(self, kind, at, _Posing(key, derive(self)), *more)


_SIGNED_WITH: Rows[Callable[[Links], bytes]] = {
    "signed-with-an-empty-key": ("The chain is begun before the key is read.", lambda _: b""),
    "signed-with-zeros": ("The key is cleared for safety, and then used (CWE-321).", lambda _: bytes(32)),
    "signed-with-the-chains-id": (
        "Each chain has a key of its own, derived from its id, which stands in it (CWE-321).",
        lambda links: sha256(links.chain.encode()).digest(),
    ),
}
faults_for("CHAIN-12", _signed_with, _SIGNED_WITH)


@fault_by("CHAIN-12", Patch.wrap, Links, "checkpoint")
def mac_of_the_checkpoint_before(make: Any, self: Links, *arguments: Any) -> bytes:
    """The record is composed anew and the MAC taken from a buffer that is filled a moment later."""
    line: bytes = make(self, *arguments)
    head, parted, sig = line.rpartition(b',"sig":')
    before, vars(self)["sig"] = vars(self).get("sig", sig), sig
    return head + parted + bytes(before)


# --- CHAIN-13 to CHAIN-15


@fault("CHAIN-13")
def checkpoints_at_the_end_alone(patch: Patch) -> None:
    """One checkpoint when all is done is enough for a batch, and a server is never done."""
    patch(chain, "EVERY", 10**9)


@fault("CHAIN-13")
def no_seal_at_the_end(patch: Patch) -> None:
    """A stop is a stop: the file is closed, and looks as if its end had been cut off."""
    patch(ChainedTrailFile, "close", ChainedTrailFile.abandon)


@fault_by("CHAIN-14", Patch.wrap, ChainedTrailFile, "_resumed")
def found_records_vouched_for(resumed: Any, self: Any, keys: Any) -> tuple[Links, int]:
    """A run signs the head of whatever it finds, and so proves what somebody wrote there meanwhile (CVE-2023-31438)."""
    links, _ = resumed(self, keys)
    return links, 0


@fault_by("CHAIN-14", Patch.wrap, ChainedTrailFile, "_resumed")
def altered_file_gone_on_with(resumed: Any, self: Any, keys: Any) -> tuple[Links, int]:
    """A server must start, so a chain that does not verify is left behind and another begun below it."""
    try:
        found: tuple[Links, int] = resumed(self, keys)
    except ChainError:
        return Links(sha256(b"anew").hexdigest()[:32]), 0
    return found


@fault("CHAIN-15")
def key_id_is_the_beginning_of_the_key(patch: Patch) -> None:
    """A key is called by its first octets, as a commit is by those of its hash (CWE-522)."""
    patch(Secret, "key_id", property(lambda self: self.octets[:16].hex()))


@fault_by("CHAIN-15", Patch.wrap, ChainedTrailFile, "_checkpoint")
def key_written_for_support(checkpoint: Any, self: Any, kind: str, *more: Any) -> None:
    """When a run begins, its configuration is written into the trail, and the key is part of it (CWE-532)."""
    checkpoint(self, kind, *more)
    if kind == "open" and isinstance(self._key, Secret):
        line = json.dumps({"chain_key": self._key.octets.hex()}).encode()
        self._put(line)
        self._links.add(line)
