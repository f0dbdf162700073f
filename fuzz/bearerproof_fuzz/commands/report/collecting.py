"""Streams from many places: files, folders, and what others publish over HTTPS. All of it is bounded, none trusted.

Somebody else's address can be slow, endless or gone: that costs its own column and no other's, and the report says so.
"""

import http.client
import ipaddress
import ssl
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import SplitResult, urljoin, urlsplit

from bearerproof import __version__
from bearerproof.exceptions import BadInput
from bearerproof.visible import visible
from bearerproof_fuzz.commands.report import streams
from bearerproof_fuzz.commands.report.streams import Stream

MOST_OCTETS = 32 * 2**20
"""Of one stream from elsewhere."""

SECONDS = 30.0
"""For one stream from elsewhere, from the first connection to the last octet."""

REDIRECTS = 5
"""Followed for one stream: release assets are behind two."""

MOST = 200
"""Streams in one report."""


def collect(places: Sequence[str], seconds: float = SECONDS) -> tuple[list[Stream], list[str]]:
    """Return the streams of all places, and for each that gave none, why.

    A folder gives every ``*.jsonl`` directly in it.
    """
    found, missing = list[Stream](), list[str]()
    for place in _expanded(places):
        if len(found) >= MOST:
            missing.append(f"{visible(place)}: a report holds at most {MOST} streams")
            continue
        try:
            stream = streams.parse(fetch(place, seconds), place) if is_url(place) else streams.read(Path(place))
        except BadInput as error:
            missing.append(str(error))
        else:
            found.append(stream)
    return found, missing


def is_url(place: str) -> bool:
    """Say whether a place is an address and not a file."""
    return "://" in place


def fetch(url: str, seconds: float = SECONDS) -> bytes:
    """Return what stands at an address.

    Raises:
        BadInput: it is not https (or http on this machine), too large, too slow, or there is nothing.
    """
    until = time.monotonic() + seconds
    where = url
    try:
        for _ in range(REDIRECTS + 1):
            answer = _answer(where, until)
            if isinstance(answer, bytes):
                return answer
            where = urljoin(where, answer)
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise BadInput(f"{_shown(url)}: {visible(str(error)) or type(error).__name__}") from None
    raise BadInput(f"{_shown(url)}: more than {REDIRECTS} redirections")


def _expanded(places: Sequence[str]) -> Iterator[str]:
    for place in places:
        folder = Path(place)
        if not is_url(place) and folder.is_dir():
            yield from map(str, sorted(folder.glob("*.jsonl")))
        else:
            yield place


def _answer(url: str, until: float) -> bytes | str:
    """Ask once; return the body, or where a redirection leads."""
    parts = urlsplit(url)
    connection = _connection(parts, until)
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"User-Agent": f"bearerproof/{__version__}", "Accept": "*/*"})
        response = connection.getresponse()
        if response.status in (301, 302, 303, 307, 308):
            return response.headers["Location"] or ""
        if response.status != 200:
            raise BadInput(f"{_shown(url)}: status {response.status}")
        return _body(response, connection, url, until)
    finally:
        connection.close()


def _connection(parts: SplitResult, until: float) -> http.client.HTTPConnection:
    host, left = parts.hostname or "", until - time.monotonic()
    if parts.username is not None:
        raise ValueError("a name and a password do not belong into an address")
    if left <= 0:
        raise TimeoutError("it took too long")
    if parts.scheme == "https" and host:
        return http.client.HTTPSConnection(host, parts.port, timeout=left, context=ssl.create_default_context())
    if parts.scheme == "http" and _is_loopback(host):
        return http.client.HTTPConnection(host, parts.port, timeout=left)
    raise ValueError("only https is read, and http from this machine")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _body(response: http.client.HTTPResponse, connection: http.client.HTTPConnection, url: str, until: float) -> bytes:
    """Read a body piece by piece: each has only what is left of the time."""
    held = bytearray()
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError("it took too long")
        if connection.sock is not None:
            connection.sock.settimeout(left)
        piece = response.read1(65_536)
        if not piece:
            return bytes(held)
        held += piece
        if len(held) > MOST_OCTETS:
            raise BadInput(f"{_shown(url)}: more than {MOST_OCTETS:,} octets")


def _shown(url: str) -> str:
    """Name an address without what may be secret in it."""
    return visible(url.partition("?")[0].rpartition("@")[2] if "@" in url else url.partition("?")[0])
