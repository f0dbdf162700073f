"""The JWS vectors of Rooterberg (``test_vectors/jws/jwt_*.json``), read from a folder of the user's.

Its own harness hands the one key of a test to the library, whatever ``kid`` the token has. Here the key has the
``kid`` that its tokens name, so that an implementation that looks for it finds it. The secrets of the HMAC files are
the octets of ``key``: ``keyJwk`` has their hexadecimal text where base64url belongs. Coordinates that lost their
leading zeros get them back. Most keys have invalid tokens alone: their control is the token that was there before
something was put into its signature segment.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from bearerproof.exceptions import BadInput
from bearerproof.members import Json
from bearerproof_fuzz.commands.thirdparty.jwsvectors import Expected, Vector, VectorGroup, read_json
from bearerproof_fuzz.keys import b64, lenient_b64, unb64

PATTERN = "jwt_*.json"


def load(folder: Path) -> list[VectorGroup]:
    """Return the vectors of every file, grouped by key.

    Raises:
        BadInput: the folder is missing or has no such file, or a file is not what it should be.
    """
    if not folder.is_dir():
        raise BadInput(f"no such folder: {folder}")
    paths = sorted(folder.glob(PATTERN))
    if not paths:
        raise BadInput(f"{folder} holds no {PATTERN}; Rooterberg has them in test_vectors/jws")
    return [group for path in paths for group in _groups(path)]


def _groups(path: Path) -> Iterator[VectorGroup]:
    raw = read_json(path)
    try:
        algorithm: str = raw["algorithm"]["jwa"]
        tests: dict[str, list[Json]] = {}
        for test in raw["tests"]:
            tests.setdefault(json.dumps(_key(test, algorithm)), []).append(test)
        for number, (key, of_key) in enumerate(tests.items(), 1):
            vectors = [_vector(test) for test in of_key]
            controls = [] if any(test["valid"] for test in of_key) else list(_controls(of_key))[:1]
            jwk, erratum = _whole({**json.loads(key), "kid": _kid_of_most(of_key)})
            label = f"{algorithm}, key {number}"
            yield VectorGroup(path.name, label, (jwk,), (algorithm,), (*controls, *vectors), erratum)
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        raise BadInput(f"{path} is not a Rooterberg JWS file: {type(error).__name__} {error}") from None


def _key(test: Json, algorithm: str) -> Json:
    jwk = test["publicKeyJwk"] if "publicKeyJwk" in test else {"kty": "oct", "k": b64(bytes.fromhex(test["key"]))}
    return {**jwk, "alg": algorithm}


def _whole(jwk: Json) -> tuple[Json, str | None]:
    """Return a key with its coordinates at full length, and what was done to them."""
    size = {"P-256": 32, "P-384": 48, "P-521": 66, "secp256k1": 32}.get(jwk.get("crv", ""), 0)
    whole: Json = {name: b64(unb64(jwk[name]).rjust(size, b"\0")) for name in ("x", "y") if name in jwk}
    if whole.items() <= jwk.items():
        return jwk, None
    return {**jwk, **whole}, "a coordinate of its key is spelled without its leading zeros (RFC 7518 §6.2.1.2)"


def _controls(tests: list[Json]) -> Iterator[Vector]:
    """Yield the tokens whose header and payload are as they were signed, without what was put into the signature."""
    for test in tests:
        signed, _, signature = test["sig"].rpartition(".")
        before = _NO_BASE64URL.sub("", signature)
        if before != signature and not _NO_BASE64URL.search(signed.replace(".", "")):
            comment = "the token before it was edited"
            yield Vector(f"before {test['tcId']}", comment, f"{signed}.{before}", Expected.EITHER, control=True)


_NO_BASE64URL = re.compile(r"[^A-Za-z0-9_-]")


def _kid_of_most(tests: list[Json]) -> str:
    """Return the ``kid`` that most of the tokens have; where the header is the point of a test, it may be missing."""
    found = [kid for test in tests for kid in re.findall(r'"kid":"([^"]+)"', _header(test["sig"]))]
    kid: str = Counter(found).most_common(1)[0][0]
    return kid


def _header(token: str) -> str:
    octets = lenient_b64(token.partition(".")[0])
    return "" if octets is None else octets.decode("utf-8", "replace")


def _vector(test: Json) -> Vector:
    expected = Expected.VALID if test["valid"] else Expected.INVALID
    erratum = _OPEN.get(test["comment"])
    return Vector(
        id=str(test["tcId"]),
        comment=test["comment"],
        token=test["sig"],
        expected=expected if erratum is None else Expected.EITHER,
        flags=tuple(test.get("flags", ())),
        erratum=erratum,
    )


_LAST = "a parser may also return the last member of a name (RFC 7515 §4), which is right here"
_OPEN = {"Duplicate kid": _LAST, "Duplicate alg field": _LAST}
"""What the standards leave to the parser, though the files call it invalid."""
