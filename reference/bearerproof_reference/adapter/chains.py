"""Hash chains as bearerproof asks about them: files in and a word out, or lines in and files out."""

from base64 import b64decode, b64encode, urlsafe_b64decode
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bearerproof_reference.audit import chain
from bearerproof_reference.audit.chain import ChainError, Secret, Signer, Verifier, VerifyingKey
from bearerproof_reference.clock import SystemClock
from bearerproof_reference.deployment.chainedfile import ChainedTrailFile
from bearerproof_reference.deployment.trailfile import NEVER

Message = dict[str, Any]


def verify(request: Message) -> Message:
    """Answer what there is to be said of a chain; a key that is none is absent."""
    files = [chain.split(chain.inflated(b64decode(file))) for file in request["files"]]
    marks = [line.encode() for line in request["high_water"]]
    found = chain.verify(files, _usable(request["keys"]["keys"]), marks, from_middle=request["from_middle"])
    return {"verdict": found.verdict, "proven": found.proven, "unproven": found.unproven}


def write(request: Message) -> Message:
    """Write one run of a chain into a folder of its own, and answer with its files."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trail.jsonl"
        if "found" in request:
            path.write_bytes(b64decode(request["found"]))
        try:
            key = _key(request["key"])
            if not isinstance(key, Secret | Signer):
                raise ChainError("a public key signs nothing")  # noqa: TRY301 - as any other key that is refused
            before = _usable(request["before"]["keys"])
            written = _run(path, ChainedTrailFile(path, key, SystemClock(), before, NEVER), request)
        except ChainError as refused:
            return {"refused": str(refused)}
    return {"written": [b64encode(file).decode() for file in written]}


def _run(path: Path, file: ChainedTrailFile, request: Message) -> list[bytes]:
    """Write the lines, rotating between the files, and end as told."""
    rotated = []
    for number, lines in enumerate(request["files"]):
        if number:
            rotated.append(path.with_suffix(f".{number}"))
            path.rename(rotated[-1])
        for line in lines:
            file.write(line)
    if request["end"] == "stop":
        file.close()
    else:
        file.abandon()
    return [each.read_bytes() for each in (*rotated, path) if each.exists()]


def _usable(keys: list[Message]) -> list[VerifyingKey]:
    found = []
    for members in keys:
        try:
            found.append(_key(members))
        except ChainError:
            continue  # what is no key verifies nothing
    return found


def _key(members: Message) -> VerifyingKey:
    octets = {name: urlsafe_b64decode(text + "=" * (-len(text) % 4)) for name, text in members.items() if name in "kxd"}
    if members["kty"] == "oct":
        return Secret(octets["k"])
    if "d" in octets:
        return Signer.of(Ed25519PrivateKey.from_private_bytes(octets["d"]))
    return Verifier(Ed25519PublicKey.from_public_bytes(octets["x"]))
