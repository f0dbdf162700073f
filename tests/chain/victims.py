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
            return self.walk(request)
        except Verdict as verdict:
            return {"verdict": str(verdict)}

    def walk(self, request: Json) -> Json:
        keys, absent = self.keys(request["keys"]["keys"]), "cannot be told (key absent)"
        marks = {} if self.weak == "ignores_marks" else {self.read(m.encode())["position"]: m.encode() for m in request["high_water"]}  # type: ignore[index]  # the suite's marks are sound
        files = []
        for text in request["files"]:
            octets = base64.b64decode(text)
            octets = gzip.decompress(octets) if octets[:2] == b"\x1f\x8b" else octets
            if not octets:
                continue
            lines = octets.split(b"\n")
            ended = [True] * (len(lines) - 1) + [False]
            pairs = [pair for pair in zip(lines, ended, strict=True) if pair != (b"", False)]
            first = self.read(pairs[0][0])
            if first is None or first["kind"] == "rotate":
                raise Verdict("altered" if pairs[0][0].startswith(b'{"chain":') else "missing")
            files.append((first["position"], first, pairs))
        if not files:
            raise Verdict("missing")
        files.sort(key=lambda file: file[0])
        start, opening, _ = files[0]
        if start and not request["from_middle"]:
            raise Verdict("missing")
        chain = opening["chain"]
        head = bytes.fromhex(opening["head"]) if start else hashlib.sha256(b"\0" + chain.encode()).digest()
        count, proven, found = start, start, 0
        bad = unknown = closed = False
        for position, opening, pairs in files:
            if self.weak == "joins_files_blindly" and position > count:
                count, head = position, bytes.fromhex(opening["head"])
            for number, (line, ended_) in enumerate(pairs):
                record = self.read(line) if ended_ and line.startswith(b'{"chain":') else None
                rotated = record is not None and record["kind"] == "rotate"
                signed = False
                if record is None:
                    bad |= ended_ and line.startswith(b'{"chain":')
                    if closed:
                        raise Verdict("altered")
                else:
                    key = keys.get(record["key_id"])
                    if key is not None and not self.good(key, record, line):
                        if rotated:
                            raise Verdict("altered")
                        bad = True
                    else:
                        stale = self.weak == "takes_old_macs" and record["position"] < count
                        if record["chain"] != chain or (record["position"] < count and not stale):
                            raise Verdict("altered")
                        if record["position"] > count:
                            raise Verdict("missing")
                        if self.weak != "trusts_heads" and not stale and bytes.fromhex(record["head"]) != head:
                            raise Verdict("altered")
                        first_only, begins = record["kind"] == "continue", record["kind"] in {"open", "continue"}
                        if (number == 0) != begins and (first_only or number == 0) or (closed and record["kind"] != "open"):
                            raise Verdict("altered")
                        if key is None:
                            unknown = True
                        else:
                            signed, bad, unknown = True, False, False
                            found += record["unproven"]
                            proven = count + (not rotated)
                if rotated:
                    if number != len(pairs) - 1:
                        raise Verdict("altered")
                    continue
                if marks.get(count, line) != line:
                    raise Verdict("altered")
                linked = line.strip() if self.weak == "strips_lines" else line
                head, count = hashlib.sha256(b"\1" + head + linked).digest(), count + 1
                closed = record is not None and record["kind"] == "close"
        if bad:
            raise Verdict("altered")
        if any(position >= count for position in marks):
            raise Verdict("missing")
        if unknown or proven == start:
            raise Verdict("altered" if self.weak == "cries_wolf" else absent)
        sure = proven - start - found
        if self.weak == "counts_the_tail":
            sure = count - start
        return {"verdict": "intact", "proven": sure, "unproven": count - start - sure}


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
