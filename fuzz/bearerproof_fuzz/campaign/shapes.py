"""What somebody's own tokens look like: names of members and kinds of their values, and never a value.

Captured tokens are credentials, and what stands in them is somebody's. So of a file of them nothing is kept but names
that can be names, each beside the kind of its value; what is not read here is neither written nor shown anywhere.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bearerproof.exceptions import BadInput
from bearerproof_fuzz.claimdraws import kind_of

Member = tuple[str, str]
"""The name of a member, and the kind of its value."""

FILE = "shapes.json"
"""Where a campaign keeps them in its folder."""

MOST_MEMBERS = 60
"""Members that are taken of one token."""

MOST_SHAPES = 500

_REGISTERED = """
    iss sub aud exp nbf iat jti azp nonce auth_time at_hash c_hash s_hash acr amr client_id scope cnf act may_act typ
    events toe txn sid sub_jwk vot vtm roles groups entitlements authorization_details token_introspection
    _claim_names _claim_sources
"""
SPOKEN_OF = frozenset(_REGISTERED.split())
"""Claims of which some RFC or OpenID says what they mean: another value may be a reason to refuse the token."""

_A_NAME = re.compile(r"[A-Za-z_][\w.:/#-]{0,79}", re.ASCII)
_A_VALUE = re.compile(r"[0-9]{5}|[0-9a-fA-F-]{16}|ey[A-Z]")
"""What looks like a number of somebody, or an id, where a name is looked for."""


@dataclass(frozen=True)
class Shape:
    """The members of one kind of token.

    >>> of_members({"alg": "RS256"}, {"sub": "alice", "level": 3})
    Shape(header=(('alg', 'a text'),), claims=(('level', 'a number'), ('sub', 'a text')))
    """

    header: tuple[Member, ...]
    claims: tuple[Member, ...]


@dataclass(frozen=True)
class Captured:
    """What was taken from a file of tokens: the shapes, how many tokens had one, and how many lines had none."""

    shapes: tuple[Shape, ...]
    tokens: int
    unreadable: int


def of_members(header: Mapping[str, Any], claims: Mapping[str, Any]) -> Shape:
    """Return the shape of a token."""
    return Shape(_members(header), _members(claims))


def _members(found: Mapping[str, Any]) -> tuple[Member, ...]:
    names = sorted(name for name in found if _A_NAME.fullmatch(name) and not _A_VALUE.search(name))
    return tuple((name, kind_of(found[name])) for name in names[:MOST_MEMBERS])


def captured(path: Path) -> Captured:
    """Read tokens that somebody captured: one JWT a line, or JSON lines that hold one, or its members.

    Raises:
        BadInput: the file cannot be read, or no line of it is a token. What stands in it is never said.
    """
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}") from None
    found = [_shape(line.strip()) for line in lines if line.strip()]
    shapes = [shape for shape in found if shape is not None]
    if not shapes:
        raise BadInput(f"{path} holds no token: due is one JWT a line, or JSON lines (token, or header and claims)")
    return Captured(tuple(dict.fromkeys(shapes))[:MOST_SHAPES], len(shapes), len(found) - len(shapes))


def _shape(line: bytes) -> Shape | None:
    if not line.startswith(b"{"):
        return _of_token(line)
    row = _object(line)
    if row is None:
        return None
    for name in ("token", "jwt", "access_token", "id_token"):
        if isinstance(row.get(name), str):
            return _of_token(row[name].encode("utf-8", "replace"))
    header, claims = row.get("header", {}), row.get("claims", row.get("payload"))
    return of_members(header, claims) if isinstance(header, dict) and isinstance(claims, dict) else None


def _of_token(text: bytes) -> Shape | None:
    segments = text.rpartition(b" ")[2].split(b".")
    if len(segments) not in (3, 5):
        return None
    header = _object(_decoded(segments[0]))
    claims = _object(_decoded(segments[1])) if len(segments) == 3 else {}  # of an encrypted one the header alone
    return None if header is None or claims is None else of_members(header, claims)


def _decoded(segment: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(segment + b"=" * (-len(segment) % 4))
    except ValueError:
        return b""


def _object(text: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def as_text(shapes: Sequence[Shape]) -> str:
    """Write shapes as JSON."""
    return json.dumps([{"header": shape.header, "claims": shape.claims} for shape in shapes], indent=1) + "\n"


def read(text: bytes | None) -> tuple[Shape, ...]:
    """Read what ``as_text`` wrote; a text that is not there, or none of ours, is no shape."""
    try:
        return tuple(_rows(json.loads(text or b"")))
    except (ValueError, KeyError, TypeError, RecursionError):
        return ()


def _rows(rows: Any) -> Iterator[Shape]:
    examples: tuple[object, ...] = (None, True, 0, 0.5, "", [], {})
    kinds = set(map(kind_of, examples))
    for row in rows:
        header, claims = ([(str(name), str(kind)) for name, kind in row[part]] for part in ("header", "claims"))
        if all(kind in kinds for _, kind in (*header, *claims)):
            yield Shape(tuple(header), tuple(claims))
