"""The JOSE vectors of Wycheproof (C2SP), read from a folder of the user's, with errata applied.

``json_web_crypto_test.json`` is not read: all but two of its JWS vectors stand byte for byte in the files
that are. Of those two one repeats a key as a set of one; the other is a valid JSON serialisation.
"""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bearerproof import data
from bearerproof.exceptions import BadInput
from bearerproof.members import Json
from bearerproof_fuzz.commands.thirdparty.jwsvectors import Expected, Vector, VectorGroup, read_json

FILES = ("json_web_signature_test.json", "json_web_key_test.json")


def load(folder: Path, errata: Path | None = None) -> list[VectorGroup]:
    """Return the groups of both files; ``errata`` is the project's own table unless another is given.

    Raises:
        BadInput: the folder or a file is missing or not what it should be, or an erratum does not fit.
    """
    corrections = Corrections(errata or data.root() / "errata" / "wycheproof.toml")
    groups = [group for name in FILES for group in _groups(folder / name, corrections)]
    corrections.refuse_unused()
    return groups


def _groups(path: Path, corrections: "Corrections") -> list[VectorGroup]:
    raw = read_json(path)
    try:
        return [_group(path.name, group, corrections) for group in raw["testGroups"]]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise BadInput(f"{path} is not a Wycheproof JOSE file: {type(error).__name__} {error}") from None


def _group(file: str, raw: Json, corrections: "Corrections") -> VectorGroup:
    key = raw.get("public") or raw["private"]  # an HMAC key has no public part
    tests = [test["tcId"] for test in raw["tests"]]
    keys, erratum = corrections.keys(file, key.get("keys", [key]), tests)
    return VectorGroup(
        file=file,
        comment=raw["comment"],
        keys=tuple(keys),
        algorithms=tuple(dict.fromkeys(_algorithm(key) for key in keys)),
        vectors=tuple(_vector(file, test, corrections) for test in raw["tests"]),
        erratum=erratum,
    )


def _vector(file: str, raw: Json, corrections: "Corrections") -> Vector:
    expected, erratum = corrections.result(file, raw["tcId"], raw["result"])
    token = raw["jws"]
    return Vector(
        id=str(raw["tcId"]),
        comment=raw["comment"],
        token=token if isinstance(token, str) else json.dumps(token),
        expected=expected,
        flags=tuple(raw.get("flags", ())),
        erratum=erratum,
    )


def _algorithm(key: Json) -> str:
    """Return the algorithm of a key: its own word, or what is customary for its kind; never a token's."""
    customary = {"RSA": "RS256", "P-256": "ES256", "P-384": "ES384", "P-521": "ES512", "oct": "HS256"}
    kind = str(key.get("crv", key["kty"]))
    return str(key.get("alg") or customary.get(kind, kind))


@dataclass(frozen=True)
class Erratum:
    """A correction: of the result of vector ``tcId``, or of the ``alg`` of the key that it is verified with.

    ``says`` is what the file has; a file that has something else was corrected meanwhile.
    """

    file: str
    tcId: int  # noqa: N815 - the name in the files
    says: str
    instead: str
    reason: str
    source: str

    def explain(self) -> str:
        """Say what is corrected and why."""
        return f"{self.instead!r} instead of {self.says!r}: {self.reason} ({self.source})"


class Corrections:
    """The table of errata, and which of its entries have been used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        raw = _read_toml(path)
        self._results = self._entries(raw.pop("erratum", []))
        self._keys = self._entries(raw.pop("key_erratum", []))
        self._unused = {*self._results.values(), *self._keys.values()}
        if raw:
            raise BadInput(f"{path}: unknown table {next(iter(raw))!r}")
        wrong = [entry for entry in self._results.values() if entry.instead not in set(Expected)]
        if wrong:
            raise BadInput(f"{path}: instead must be {', '.join(Expected)}, not {wrong[0].instead!r}")

    def result(self, file: str, test: int, said: str) -> tuple[Expected, str | None]:
        """Return what is expected of a vector, and by which erratum."""
        entry = self._take(self._results.get((file, test)), said)
        if entry is None:
            return Expected.EITHER if said == "acceptable" else Expected(said), None
        return Expected(entry.instead), entry.explain()

    def keys(self, file: str, keys: list[Json], tests: list[int]) -> tuple[list[Json], str | None]:
        """Return the keys of a group, and by which erratum the ``alg`` of its one key is another."""
        entry = next((self._keys[file, test] for test in tests if (file, test) in self._keys), None)
        if entry is None:
            return keys, None
        (key,) = keys
        self._take(entry, key.get("alg"))
        return [{**key, "alg": entry.instead}], entry.explain()

    def refuse_unused(self) -> None:
        """Refuse a table that corrects what the files do not have.

        Raises:
            BadInput: an entry matched no vector.
        """
        if self._unused:
            entry = min(self._unused, key=lambda entry: (entry.file, entry.tcId))
            raise BadInput(f"{self._path}: no vector {entry.tcId} in {entry.file}; remove the erratum")

    def _take(self, entry: Erratum | None, said: str | None) -> Erratum | None:
        if entry is not None:
            self._unused.discard(entry)
            if entry.says != said:
                raise BadInput(
                    f"{self._path}: {entry.file} says {said!r} of vector {entry.tcId}, not {entry.says!r}; "
                    "if the file was corrected, remove the erratum"
                )
        return entry

    def _entries(self, rows: list[Mapping[str, Any]]) -> dict[tuple[str, int], Erratum]:
        try:
            entries = [Erratum(**row) for row in rows]
        except TypeError as error:
            raise BadInput(f"{self._path}: {error}") from None
        return {(entry.file, entry.tcId): entry for entry in entries}


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not TOML: {error}") from None
