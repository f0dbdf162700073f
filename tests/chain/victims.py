"""A small verifier of chains, written from `spec/chain.md` alone, and what it is with one weakness at a time.

``bearerproof check -k CHAIN python:tests.chain.victims:honest`` judges the plain one.
"""

import base64
import gzip
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

Json = dict[str, Any]
Handler = Callable[[Json], Json]

ALTERED, MISSING = "altered", "missing"
BEGINS = b'{"chain":'
NAMES = ["chain", "kind", "position", "head", "unproven", "at", "alg", "key_id", "sig"]
WEAKNESSES = {
    "trusts_heads": "CHAIN-1",
    "strips_lines": "CHAIN-1",
    "joins_files_blindly": "CHAIN-3",
    "believes_open": "CHAIN-4",
    "compares_half": "CHAIN-4",
    "takes_old_macs": "CHAIN-5",
    "record_chooses_algorithm": "CHAIN-6",
    "takes_any_secret": "CHAIN-7",
    "ignores_marks": "CHAIN-8",
    "cries_wolf": "CHAIN-9",
    "counts_the_tail": "CHAIN-11",
}
"""Each weakness, and the requirement that names it."""


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Verdict(Exception):
    pass


class Verifier:
    def __init__(self, weakness: str = "") -> None:
        self.weak = weakness

    def keys(self, jwks: list[Json]) -> dict[str, tuple[str, bytes]]:
        found = {}
        for jwk in jwks:
            if jwk["kty"] == "OKP":
                raw = unb64(jwk["x"])
                found[hashlib.sha256(b"bearerproof chain key id" + raw).hexdigest()[:32]] = ("Ed25519", raw)
                continue
            raw = unb64(jwk["k"])
            weak = len(raw) < 32 or len(set(raw)) < 16 or raw.startswith((b"-----BEGIN", b"ssh-", b"{"))
            if self.weak == "takes_any_secret" or not weak:
                found[hmac.new(raw, b"bearerproof chain key id", "sha256").hexdigest()[:32]] = ("HS256", raw)
        return found

    def good(self, key: tuple[str, bytes], record: Json, line: bytes) -> bool:
        if self.weak == "believes_open" and record["kind"] == "open":
            return True
        signed, sig = b"bearerproof chain v1\n" + line[: line.rindex(b',"sig":')], unb64(record["sig"])
        alg = record["alg"] if self.weak == "record_chooses_algorithm" else key[0]
        if alg != record["alg"]:
            return False
        if alg == "HS256":
            size = 16 if self.weak == "compares_half" else None
            return hmac.compare_digest(hmac.new(key[1], signed, "sha256").digest()[:size], sig[:size])
        try:
            Ed25519PublicKey.from_public_bytes(key[1]).verify(sig, signed)
        except InvalidSignature:
            return False
        return True

    def read(self, line: bytes) -> Json | None:
        """Parse a checkpoint, and hold it against the one form by writing it again."""
        try:
            record = json.loads(line)
            shaped = list(record) == NAMES and json.dumps(record, separators=(",", ":")).encode() == line
            shaped = shaped and record["kind"] in {"open", "checkpoint", "continue", "rotate", "close"}
            shaped = shaped and record["alg"] in {"HS256", "Ed25519"} and type(record["position"]) is int
            bytes.fromhex(record["head"])
            canonical = base64.urlsafe_b64encode(unb64(record["sig"])).rstrip(b"=").decode() == record["sig"]
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
        return record if shaped and canonical else None

    def verify(self, request: Json) -> Json:
        try:
            files = [file for file in map(unpacked, request["files"]) if file]
            walk = Walk(self, self.keys(request["keys"]["keys"]), request["high_water"])
            walk.begin(files, from_middle=request["from_middle"])
            for file in sorted(files, key=lambda file: walk.opening(file)["position"]):
                walk.file(file)
            walk.end()
        except Verdict as verdict:
            return {"verdict": str(verdict)}
        return walk.intact()


Pair = tuple[bytes, bool]
"""A line, and whether a line feed ended it."""


def unpacked(text: str) -> list[Pair]:
    octets = base64.b64decode(text)
    *lines, rest = (gzip.decompress(octets) if octets[:2] == b"\x1f\x8b" else octets).split(b"\n")
    return [*((line, True) for line in lines), *([(rest, False)] if rest else [])]


class Walk:
    def __init__(self, verifier: Verifier, keys: dict[str, tuple[str, bytes]], marks: list[str]) -> None:
        self.verifier, self.keys, self.weak = verifier, keys, verifier.weak
        self.marks: dict[int, bytes] = {}
        for line in marks if self.weak != "ignores_marks" else []:
            self.marks[json.loads(line)["position"]] = line.encode()
        self.start = self.count = self.proven = self.found = 0
        self.bad = self.unknown = self.closed = False

    def opening(self, file: list[Pair]) -> Json:
        first = self.verifier.read(file[0][0])
        if first is None or first["kind"] == "rotate":
            raise Verdict(ALTERED if file[0][0].startswith(BEGINS) else MISSING)
        return first

    def begin(self, files: list[list[Pair]], *, from_middle: bool) -> None:
        if not files:
            raise Verdict(MISSING)
        first = min(map(self.opening, files), key=lambda opening: opening["position"])
        self.chain, self.start = first["chain"], first["position"]
        if self.start and not from_middle:
            raise Verdict(MISSING)
        self.count = self.proven = self.start
        zero = hashlib.sha256(b"\0" + self.chain.encode()).digest()
        self.head = bytes.fromhex(first["head"]) if self.start else zero

    def file(self, file: list[Pair]) -> None:
        opening = self.opening(file)
        if self.weak == "joins_files_blindly" and opening["position"] > self.count:
            self.count, self.head = opening["position"], bytes.fromhex(opening["head"])
        for number, (line, ended) in enumerate(file):
            record = self.verifier.read(line) if ended and line.startswith(BEGINS) else None
            if record is None:
                self.bad |= ended and line.startswith(BEGINS)
                self.refuse(self.closed)
            else:
                self.checkpoint(record, line, first=number == 0)
            if record is not None and record["kind"] == "rotate":
                self.refuse(number != len(file) - 1)
            else:
                if not ended and self.count in self.marks:
                    raise Verdict(MISSING)
                self.link(line)
                self.closed = record is not None and record["kind"] == "close"

    def refuse(self, wrong: bool) -> None:
        if wrong:
            raise Verdict(ALTERED)

    def link(self, line: bytes) -> None:
        self.refuse(self.marks.get(self.count, line) != line)
        linked = line.strip() if self.weak == "strips_lines" else line
        self.head, self.count = hashlib.sha256(b"\1" + self.head + linked).digest(), self.count + 1

    def checkpoint(self, record: Json, line: bytes, *, first: bool) -> None:
        key, kind = self.keys.get(record["key_id"]), record["kind"]
        if key is not None and not self.verifier.good(key, record, line):
            self.refuse(kind == "rotate")
            self.bad = True
            return
        self.compare(record)
        self.refuse(first and kind not in {"open", "continue"})
        self.refuse(kind == "continue" and not first)
        self.refuse(self.closed and kind != "open")
        if key is None:
            self.unknown = True
            return
        self.bad = self.unknown = False
        self.found += record["unproven"]
        self.proven = self.count + (kind != "rotate")

    def compare(self, record: Json) -> None:
        self.refuse(record["chain"] != self.chain)
        if record["position"] < self.count and self.weak == "takes_old_macs":
            return
        if record["position"] > self.count:
            raise Verdict(MISSING)
        self.refuse(record["position"] < self.count)
        self.refuse(self.weak != "trusts_heads" and bytes.fromhex(record["head"]) != self.head)

    def end(self) -> None:
        self.refuse(self.bad)
        if any(position >= self.count for position in self.marks):
            raise Verdict(MISSING)
        if self.unknown or self.proven == self.start:
            raise Verdict(ALTERED if self.weak == "cries_wolf" else "cannot be told (key absent)")

    def intact(self) -> Json:
        proven = self.proven - self.start - self.found
        if self.weak == "counts_the_tail":
            proven = self.count - self.start
        return {"verdict": "intact", "proven": proven, "unproven": self.count - self.start - proven}


def adapter(weakness: str = "") -> Handler:
    verifier = Verifier(weakness)

    def handle(request: Json) -> Json:
        if request["op"] == "verify-chain":
            return {"id": request["id"], **verifier.verify(request)}
        if request["op"] != "hello":
            return {"id": request["id"], "skipped": "it verifies chains and does nothing else"}
        return {
            "id": request["id"],
            "protocol": 1,
            "implementation": {"name": weakness or "plain", "version": "1", "language": "python"},
            "level": 2,
            "profiles": ["key-server"],
            "measure": "strict",
            "capabilities": {"algorithms": ["HS256", "Ed25519"], "chain": {"verify": True}, "max_line": 1_000_000},
        }

    return handle


def honest() -> Handler:
    return adapter()


def __getattr__(name: str) -> Callable[[], Handler]:
    if name not in WEAKNESSES:
        raise AttributeError(name)
    return lambda: adapter(name)
