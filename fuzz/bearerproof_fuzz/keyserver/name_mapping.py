"""Where the suite plays: by which names the providers, the secret and the subjects go that checks speak of.

A server that is configured anew for each check is told all names by us, and the mapping changes nothing. One that
runs under a configuration of its own knows its issuers, its audience and its secret by other names. And since it
remembers what came before, each world on it has subjects, token ids and peers that no other world has. Checks need
not know: requests and subject tokens are put into the server's words as they leave, answers into ours as they come.
"""

import re
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from hashlib import sha256
from itertools import count
from typing import Any
from urllib.parse import quote, unquote

from bearerproof_fuzz.forge import Draft


@dataclass(frozen=True)
class NameMapping:
    """The server's names by ours, of which audiences stand in tokens only, and what makes a world its own.

    ``mark`` stands before its subjects and token ids. Peers get addresses of its own, if the server is told of them,
    all but the ``familiar`` ones, which it is configured to know. With a ``subject_form``, subjects that could be
    anybody's have that form, one for each.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    audiences: Mapping[str, str] = field(default_factory=dict)
    tells_peers: bool = False
    familiar: frozenset[str] = frozenset()
    subject_form: str = ""
    mark: str = ""
    _peers: dict[str, str] = field(default_factory=dict)
    _subjects: dict[str, str] = field(default_factory=dict)

    def outbound(self, request: Any, member: str = "") -> Any:
        """Return a request in the server's words."""
        if isinstance(request, dict):
            return {name: self.outbound(value, name) for name, value in request.items()}
        if isinstance(request, list):
            return [self.outbound(value) for value in request]
        if not isinstance(request, str):
            return request
        if member == "path":
            return self._outbound_path(request)
        if member == "peer":
            return self._address(request)
        renamed = _replaced(request, self.names)
        return self._subject(renamed) if member == "subject" and renamed.strip() else renamed

    def inbound(self, answer: Any) -> Any:
        """Return an answer in our words."""
        if isinstance(answer, dict):
            return {name: self.inbound(value) for name, value in answer.items()}
        if isinstance(answer, list | tuple):
            return type(answer)(self.inbound(value) for value in answer)
        if not isinstance(answer, str):
            return answer
        theirs = {their: our for our, their in {**self.names, **self._peers, **self._subjects}.items()}
        return _replaced(answer, dict(sorted(theirs.items(), key=lambda pair: -len(pair[0])))).replace(self.mark, "")

    def outbound_payload(self, payload: bytes) -> bytes:
        """Return the payload of a subject token in the server's words, whatever else is wrong with it.

        Blanks behind it (harmless in JSON) keep its segment at the length, modulo four, for which it was spelled.
        """
        names = {**self.names, **{f'"{ours}"': f'"{theirs}"' for ours, theirs in self.audiences.items()}}
        renamed = payload
        for ours, theirs in names.items():
            renamed = renamed.replace(ours.encode(), theirs.encode())
        renamed = _NAMED.sub(self._marked, renamed)
        return renamed + b" " * ((len(payload) - len(renamed)) % 3)

    def _marked(self, found: re.Match[bytes]) -> bytes:
        """Return a member of a payload that names a subject or a token, with a name that no other world has."""
        name, whole = found["name"].decode("latin-1"), found.string[found.end() :][:1] == b'"'
        marked = self._subject(name) if found["sub"] and whole else self.mark + name
        return found["member"] + marked.encode("latin-1")

    def _subject(self, ours: str) -> str:
        """Return the server's name of a subject: in its form, if it has one, or under our mark."""
        if not self.subject_form or not _ANYBODYS.fullmatch(ours):
            return self.mark + ours
        number = int.from_bytes(sha256((self.mark + ours).encode()).digest())
        digits = iter(str(number)[-self.subject_form.count("#") :])
        theirs = "".join(next(digits, "0") if letter == "#" else letter for letter in self.subject_form)
        return self._subjects.setdefault(ours, theirs)

    def _outbound_path(self, path: str) -> str:
        """Put a path in the server's words, whose query may name an issuer or a subject, percent-encoded."""
        encoded = {quote(ours, safe=""): quote(theirs, safe="") for ours, theirs in self.names.items()}
        renamed = _replaced(path, {**self.names, **encoded})
        return re.sub(r"(?<=[?&]subject=)[^&]+", lambda found: self._encoded_subject(found[0]), renamed)

    def _encoded_subject(self, encoded: str) -> str:
        known = self.subject_form and _ANYBODYS.fullmatch(unquote(encoded))
        return quote(self._subject(unquote(encoded)), safe="") if known else self.mark + encoded

    def _address(self, peer: str) -> str:
        if not self.tells_peers or peer in self.familiar:
            return peer
        return self._peers.setdefault(peer, next(_addresses))


IDENTITY = NameMapping()
"""The mapping of a server that is configured as we say."""


def activate(mapping: NameMapping) -> NameMapping:
    """Play on this mapping from now on: what makes the world its own is new, unless the server is new anyway."""
    mark = f"{_RUN}.{next(_worlds)}." if mapping.names else ""
    entered = mapping if mapping is IDENTITY else replace(mapping, mark=mark, _peers={}, _subjects={})
    _present.set(entered)
    return entered


@dataclass(frozen=True)
class RenamedDraft(Draft):
    """A subject token that is put into the words of the mapping when it is written down."""

    def token(self) -> str:
        """Write the token in compact serialisation (RFC 7515 §7.1), for the server to read."""
        mapping = _present.get()
        return Draft.token(
            self if mapping is IDENTITY else replace(self, payload_json=mapping.outbound_payload(self.payload_bytes()))
        )


def _replaced(text: str, names: Mapping[str, str]) -> str:
    for name, other in names.items():
        text = text.replace(name, other)
    return text


def _spelt(name: str) -> str:
    """Return a pattern of the ways to write a name in JSON: each letter as it is, or escaped."""
    return "".join(f"(?:{letter}|(?i:\\\\u{ord(letter):04x}))" for letter in name)


_NAMED = re.compile(
    rf'(?P<member>"(?:(?P<sub>{_spelt("sub")})|{_spelt("jti")})"\s*:\s*")(?!")(?P<name>[^"\\]*)'.encode()
)
"""A subject or token id that is not empty, up to where its text ends or needs an escape."""

_ANYBODYS = re.compile(r"[!#-\[\]-~]{1,64}")
"""A subject that is any other's as well: all others are the matter of their check, and go as they are."""


def is_anybodys(subject: str) -> bool:
    """Say whether a subject has nothing special, so that every server must know somebody of the kind."""
    return _ANYBODYS.fullmatch(subject) is not None


_BLOCK = 28 * 156 * 156


def _numbered(number: int) -> str:
    """Return one of the addresses of RFC 6598 that are equally long, so that none is the beginning of another."""
    rest, last = divmod(number % _BLOCK, 156)
    second, third = divmod(rest, 156)
    return f"100.{100 + second}.{100 + third}.{100 + last}"


_RUN = secrets.token_hex(4)
_worlds = count(1)
_addresses = map(_numbered, count(secrets.randbelow(_BLOCK)))
_present: ContextVar[NameMapping] = ContextVar("mapping", default=IDENTITY)
