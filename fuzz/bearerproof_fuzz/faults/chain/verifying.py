"""Faults in verifying a chain: what is not recomputed, not compared, not counted, or called by the wrong word."""

import hmac
import json
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by
from bearerproof_reference.audit import chain
from bearerproof_reference.audit.chain import Checkpoint, Found, Links, Secret, Verifier

_walk: Any = vars(chain)["_Walk"]
_wrong: Any = vars(chain)["_Wrong"]


# --- CHAIN-1 to CHAIN-3


@fault_by("CHAIN-1", Patch.__call__, _walk, "_compare")
def stored_heads_trusted(self: Any, checkpoint: Checkpoint) -> None:
    """The number of records is counted, and their hashes are those that stand in the checkpoints (CWE-354)."""
    if checkpoint.position != self._links.position:
        raise _wrong(chain.MISSING)


@helper_by(Patch.wrap, Links, "add")
def _linked(change: Callable[[bytes], bytes], add: Any, self: Any, line: bytes) -> None:
    add(self, change(line))


def _serialised(line: bytes) -> bytes:
    try:
        return json.dumps(json.loads(line), separators=(",", ":")).encode()
    except ValueError:
        return line


_LINKED: Rows[Callable[[bytes], bytes]] = {
    "records-hashed-as-json": ("The hash is over the record, serialised anew: any copy will do.", _serialised),
    "lines-hashed-without-white-space": ("Lines are stripped as they are read, and hashed so.", bytes.strip),
    "escapes-undone-before-hashing": (
        "The hash is over the text that the line stands for.",
        lambda line: line.replace(b"\\u0074", b"t"),
    ),
}
faults_for("CHAIN-1", _linked, _LINKED)


@helper_by(Patch.wrap, _walk, "file")
def _read(change: Callable[[Sequence[bytes]], Sequence[bytes]], file: Any, self: Any, lines: Sequence[bytes]) -> None:
    file(self, change(lines))


def _once(lines: Sequence[bytes]) -> Sequence[bytes]:
    return list(dict.fromkeys(lines))


def _by_seq(lines: Sequence[bytes]) -> Sequence[bytes]:
    """Return the records between checkpoints in the order of their numbers."""
    found: list[bytes] = []
    for _, run in _runs(lines):
        found += sorted(run, key=_seq) if not run[0].startswith(b'{"chain":') else run
    return found


def _runs(lines: Sequence[bytes]) -> list[tuple[bool, list[bytes]]]:
    runs: list[tuple[bool, list[bytes]]] = []
    for line in lines:
        signed = line.startswith(b'{"chain":')
        if runs and runs[-1][0] == signed:
            runs[-1][1].append(line)
        else:
            runs.append((signed, [line]))
    return runs


def _seq(line: bytes) -> int:
    found = re.search(rb'"seq":(\d+)', line)
    return int(found[1]) if found else 0


_READ: Rows[Callable[[Sequence[bytes]], Sequence[bytes]]] = {
    "repeated-records-passed-over": ("Shippers deliver at least once, so a line that was seen is passed over.", _once),
    "records-put-in-order": ("Records are sorted by number, as a viewer does, and then linked.", _by_seq),
    "empty-lines-passed-over": (
        "Empty lines are no records, and are left out as they are read.",
        lambda lines: [line for line in lines if line.strip()],
    ),
}
faults_for("CHAIN-2", _read, _READ)


@fault("CHAIN-2")
def records_behind_the_end_unproven(patch: Patch) -> None:
    """What follows the seal is behind the last checkpoint like any other line, and merely unproven."""
    patch(_walk, "_not_after_the_end", lambda _: None)


@fault_by("CHAIN-3", Patch.wrap, _walk, "file")
def each_file_verified_alone(file: Any, self: Any, lines: Sequence[bytes]) -> None:
    """Each file is a chain from its own first checkpoint on, as journals are; one may be gone (CWE-223)."""
    opening = chain.read_checkpoint(lines[0].rstrip(b"\n"))
    if opening is not None and opening.position > self._links.position:
        self._links = Links(opening.chain, opening.position, opening.head)
    file(self, lines)


@fault_by("CHAIN-3", Patch.wrap, _walk, "begin")
def beginning_wherever_it_begins(begin: Any, self: Any, files: Any, *, from_middle: bool) -> None:  # noqa: ARG001 - that is the fault
    """Old files are deleted all the time, so a chain may begin anywhere without being asked."""
    begin(self, files, from_middle=True)


@fault_by("CHAIN-3", Patch.wrap, _walk, "_compare")
def gap_skipped_to_the_checkpoint(compare: Any, self: Any, checkpoint: Checkpoint) -> None:
    """A checkpoint further on is where the walk goes on, since lines get lost (RFC 5848 §4.2.5 counts to see it)."""
    if checkpoint.position > self._links.position:
        self._links.position, self._links.head = checkpoint.position, checkpoint.head
    compare(self, checkpoint)


# --- CHAIN-4 to CHAIN-6


@helper_by(Patch.wrap, chain, "_signed")
def _taken(also: Callable[[Checkpoint, Any], bool], signed: Any, checkpoint: Checkpoint, key: Any) -> bool:
    return bool(signed(checkpoint, key)) or also(checkpoint, key)


def _of_kind(kind: str) -> Callable[[Checkpoint, Any], bool]:
    return lambda checkpoint, _: checkpoint.kind == kind


_TAKEN: Rows[Callable[[Checkpoint, Any], bool]] = {
    "chain-reset-by-an-unsigned-record": ("The record with which a run begins is no checkpoint yet.", _of_kind("open")),
    "unsigned-seal-ends-the-chain": ("That nothing follows needs no proof.", _of_kind("close")),
    "unsigned-seal-ends-the-file": ("The end of a file is no record, so its MAC is not asked.", _of_kind("rotate")),
    "mac-never-compared": ("The MAC is parsed and its length checked (CWE-347).", lambda *_: True),
    "mac-without-its-context": (
        "MACs over the bare record are taken too, as an earlier version made them.",
        lambda checkpoint, key: bool(key.verifies(checkpoint.signed.partition(b"\n")[2], checkpoint.sig)),
    ),
}
faults_for("CHAIN-4", _taken, _TAKEN)


@fault_by("CHAIN-4", Patch.__call__, Secret, "verifies")
def half_the_mac_compared(self: Secret, signed: bytes, sig: bytes) -> bool:
    """The MAC is compared in the length to which another format cuts it (RFC 2104 §5)."""
    return hmac.compare_digest(self.sign(signed)[:16], sig[:16])


@fault("CHAIN-4")
def failed_checkpoint_is_a_record(patch: Patch) -> None:
    """A checkpoint that does not verify is a record like any other, behind the last one that does."""

    def end(self: Any) -> None:
        self._doubtful = False
        whole(self)

    whole = _walk.end
    patch(_walk, "end", end)


@fault_by("CHAIN-4", Patch.wrap, chain, "verify")
def unsigned_file_has_no_fault(verify: Any, files: Sequence[Sequence[bytes]], *more: Any, **options: Any) -> Found:
    """In a file without seals no seal is wrong, so that it passes (systemd issue 15425)."""
    signed = [lines for lines in files if any(line.startswith(b'{"chain":') for line in lines)]
    if not signed:
        return Found(chain.INTACT, 0, sum(map(len, files)))
    found: Found = verify(signed, *more, **options)
    return found


@fault("CHAIN-5")
def stale_mac_passes(patch: Patch) -> None:
    """A checkpoint with a good MAC is good: what it says is compared with nothing (CWE-294)."""
    patch(_walk, "_compare", lambda *_: None)


@fault_by("CHAIN-5", Patch.wrap, _walk, "_compare")
def earlier_checkpoint_passed_over(compare: Any, self: Any, checkpoint: Checkpoint) -> None:
    """A checkpoint of fewer records has been dealt with, and is passed over as a line that was delivered twice."""
    if checkpoint.chain != self._links.chain or checkpoint.position >= self._links.position:
        compare(self, checkpoint)


@fault_by("CHAIN-5", Patch.wrap, chain, "_in_order")
def files_that_begin_alike_are_one(in_order: Any, files: Sequence[Sequence[bytes]]) -> list[Sequence[bytes]]:
    """Of two files that begin at the same record one is a copy, and the longer one counts."""
    longest: dict[bytes, Sequence[bytes]] = {}
    for lines in in_order(files):
        longest[lines[0]] = max(longest.get(lines[0], lines), lines, key=len)
    return list(longest.values())


def _mac_with(text: Callable[[Verifier], bytes]) -> Callable[[Checkpoint, Any], bool]:
    def also(checkpoint: Checkpoint, key: Any) -> bool:
        if checkpoint.alg != "HS256" or not isinstance(key, Verifier):
            return False
        return hmac.digest(text(key), checkpoint.signed, "sha256") == checkpoint.sig

    return also


_CONFUSED: Rows[Callable[[Checkpoint, Any], bool]] = {
    "mac-with-the-public-keys-octets": (
        "The record's alg chooses, and HMAC is made with the octets of the key that there is (CVE-2015-9235).",
        _mac_with(lambda key: key.public.public_bytes_raw()),
    ),
    "mac-with-the-public-keys-pem": (
        "The record's alg chooses, and HMAC is made with the text of the key's file (CVE-2015-9235).",
        _mac_with(lambda key: key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)),
    ),
}
faults_for("CHAIN-6", _taken, _CONFUSED)


@fault("CHAIN-6")
def hash_for_an_algorithm_that_is_none(patch: Patch) -> None:
    """Without a known algorithm the sig is a checksum, which shows that the line is whole."""
    any_alg = chain.__dict__["_CHECKPOINT"].pattern.replace(rb"(HS256|Ed25519)", rb"(\w*)")
    patch(chain, "_CHECKPOINT", re.compile(any_alg))
    _taken(
        patch,
        lambda checkpoint, _: (
            checkpoint.alg not in {"HS256", "Ed25519"} and sha256(checkpoint.signed).digest() == checkpoint.sig
        ),
    )


# --- CHAIN-7


_ASKED: Rows[tuple[str, int]] = {
    "short-secret-taken": ("How long a secret is was left to who makes it (RFC 2104 §3).", ("_SHORTEST", 0)),
    "zeroed-secret-taken": (
        "32 octets are a key, also of an empty buffer (CWE-1391).",
        ("_FEWEST", 0),
    ),
}
faults_for("CHAIN-7", lambda patch, asked: patch(chain, *asked), _ASKED)


@fault_by("CHAIN-7", Patch.__call__, Secret, "__post_init__")
def text_of_a_public_key_is_a_secret(self: Secret) -> None:
    """A key file is read as it is, and that of the public key is long enough (CVE-2015-9235)."""
    if len(self.octets) < 32 or len(set(self.octets)) < 16:
        raise chain.ChainError("short")


@fault_by("CHAIN-7", Patch.__call__, Secret, "__post_init__")
def any_octets_are_a_secret(self: Secret) -> None:
    """A secret is whatever the variable holds, also when it is not set (CWE-1391)."""


def _derived(derive: Callable[[Checkpoint], bytes]) -> Callable[[Checkpoint, Any], bool]:
    return lambda checkpoint, key: (
        isinstance(key, Secret) and hmac.digest(derive(checkpoint), checkpoint.signed, "sha256") == checkpoint.sig
    )


_DERIVED: Rows[Callable[[Checkpoint, Any], bool]] = {
    "key-of-the-chains-id": (
        "Before a secret is configured the key is made of the chain's id, and that is still taken (CWE-321).",
        _derived(lambda checkpoint: sha256(checkpoint.chain.encode()).digest()),
    ),
    "empty-key-taken-too": ("A chain that was begun without a key goes on to verify.", _derived(lambda _: b"")),
    "zeroed-key-taken-too": ("The default key of the library is one of zeros.", _derived(lambda _: bytes(32))),
}
faults_for("CHAIN-7", _taken, _DERIVED)


# --- CHAIN-8 and CHAIN-9


@fault("CHAIN-8")
def cut_tail_passes(patch: Patch) -> None:
    """The high-water mark is kept and shown, and held against nothing (CVE-2023-31438)."""
    patch(chain, "_remembered", lambda _: {})


@fault("CHAIN-8")
def mark_is_a_number(patch: Patch) -> None:
    """Only how many records there are is held against the mark, so another history as long will do."""
    patch(_walk, "_remembered", lambda *_: None)


@fault_by("CHAIN-8", Patch.wrap, _walk, "end")
def mark_reached_one_record_early(end: Any, self: Any) -> None:
    """The mark's position is compared with the number of records by >, and its own record may be gone."""
    marks: Mapping[int, bytes] = self._marks
    self._marks = {position: line for position, line in marks.items() if position != self._links.position}
    end(self)


def _worded(patch: Patch, word: str | None) -> None:
    """Have another word said where a key is absent, or none."""

    def end(whole: Any, self: Any) -> None:
        try:
            whole(self)
        except _wrong as wrong:
            if str(wrong) != chain.UNTOLD:
                raise
            if word is not None:
                raise _wrong(word) from None

    patch.wrap(_walk, "end", end)


_WORDED: Rows[str | None] = {
    "missing-key-is-tampering": ("What does not verify was tampered with, also for want of a key.", chain.ALTERED),
    "missing-key-is-a-missing-chain": ("Nothing verifies without the key, so all of it is missing.", chain.MISSING),
    "missing-key-is-passed-over": ("Checkpoints of unknown keys are somebody else's, and nothing else is wrong.", None),
}
faults_for("CHAIN-9", _worded, _WORDED)


@fault_by("CHAIN-9", Patch.wrap, _walk, "_proves")
def any_key_for_any_id(proves: Any, self: Any, checkpoint: Checkpoint, **options: Any) -> bool:
    """The id of the key is not looked at: the one that is given is tried, and a wrong one means corruption.

    So it was in journalctl (systemd issue 11524).
    """
    if self._keys and checkpoint.key_id not in self._keys:
        self._keys = {**self._keys, checkpoint.key_id: next(iter(self._keys.values()))}
    return bool(proves(self, checkpoint, **options))


# --- CHAIN-10 and CHAIN-11


@fault_by("CHAIN-10", Patch.__call__, chain, "_in_order")
def files_in_the_order_of_the_shell(files: Sequence[Sequence[bytes]]) -> list[Sequence[bytes]]:
    """Files are taken as they are given: audit.jsonl, the newest, before audit.jsonl.1."""
    return [lines for lines in files if lines]


@fault("CHAIN-10")
def packed_files_are_not_unpacked(patch: Patch) -> None:
    """Rotated files are compressed by somebody else, and are then no lines at all."""
    patch(chain, "inflated", lambda octets: octets)


@fault("CHAIN-10")
def any_line_break_ends_a_line(patch: Patch) -> None:
    """Lines are what a text file's reader makes of them: a carriage return within one ends it."""
    patch(chain, "split", lambda octets: octets.splitlines(keepends=True))


@fault_by("CHAIN-10", Patch.wrap, chain, "verify")
def last_key_wins(verify: Any, files: Any, keys: Any, *more: Any, **options: Any) -> Found:
    """Of several keys the option keeps the last."""
    found: Found = verify(files, list(keys)[-1:], *more, **options)
    return found


@fault_by("CHAIN-10", Patch.wrap, _walk, "file")
def records_must_be_json(file: Any, self: Any, lines: Sequence[bytes]) -> None:
    """A line that is no JSON object cannot have been written by us, and was altered."""
    if not all(line.startswith(b"{") for line in lines[:-1]):
        raise _wrong(chain.ALTERED)
    file(self, lines)


@helper_by(Patch.wrap, _walk, "found")
def _counted(change: Callable[[Any, Found], Found], found: Any, self: Any) -> Found:
    return change(self, found(self))


_COUNTED: Rows[Callable[[Any, Found], Found]] = {
    "tail-counted-as-proven": (
        "An intact chain is intact to its end: what is behind the last checkpoint counts with the rest.",
        lambda _, found: Found(found.verdict, found.proven + found.unproven, 0, 0, found.links),
    ),
    "found-records-counted-as-proven": (
        "A later checkpoint proves all before it, also what its run only found (CVE-2023-31438).",
        lambda _, found: Found(
            found.verdict, found.proven + found.unproven - found.tail, found.tail, found.tail, found.links
        ),
    ),
}
faults_for("CHAIN-11", _counted, _COUNTED)


@fault_by("CHAIN-11", Patch.wrap, _walk, "file")
def torn_line_is_tampering(file: Any, self: Any, lines: Sequence[bytes]) -> None:
    """A line that does not end was cut by somebody, and not by a crash."""
    if not lines[-1].endswith(b"\n"):
        raise _wrong(chain.ALTERED)
    file(self, lines)


@fault_by("CHAIN-11", _read)
def torn_line_not_counted(lines: Sequence[bytes]) -> Sequence[bytes]:
    """A line that does not end is left for the next reading, and never told."""
    return lines if lines[-1].endswith(b"\n") else lines[:-1]
