"""Requests and answers of HTTP, as octets: nothing is followed, decoded, or added that was not asked for."""

import asyncio
import re
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

import httpx

from bearerproof import members
from bearerproof.exceptions import AdapterCrashed, AdapterFault, AdapterHung, BadInput

MAX_BODY = 1024 * 1024
"""Bytes of an answer that are taken."""

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Sent:
    """A request: the path is as on the request line, with the query."""

    method: str
    path: str
    headers: Headers = ()
    body: bytes = b""


@dataclass(frozen=True)
class Answered:
    """An answer, its fields in their order and none decoded."""

    status: int
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first field of this name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Unsendable(Exception):
    """No such request can be written in HTTP."""


class Server:
    """A server at a URL, asked from one event loop."""

    def __init__(self, url: str) -> None:
        """Raise ``BadInput`` if it is no URL of a server."""
        self.url = url.rstrip("/")
        try:
            self._base = httpx.URL(self.url)
        except httpx.InvalidURL:
            raise BadInput(_NO_URL.format(url)) from None
        if self._base.scheme not in ("http", "https") or not self._base.host or {"?", "#"} & set(url):
            raise BadInput(_NO_URL.format(url))
        self._client = self._open()

    async def ask(self, sent: Sent, seconds: float) -> Answered:
        """Send a request and return the answer, all of it within ``seconds``.

        Raises:
            Unsendable: nothing was sent.
            AdapterCrashed: no connection, or it ended with the answer due. AdapterHung: no answer in time.
            AdapterFault: what came is no HTTP, or too much.
        """
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(sent)
        except TimeoutError:
            raise AdapterHung(f"{self.url} gave no answer to {_request_line(sent)} within {seconds:g} s") from None
        except (httpx.LocalProtocolError, UnicodeEncodeError) as error:
            raise Unsendable(str(error)) from None
        except httpx.ConnectError as error:
            raise AdapterCrashed(f"cannot connect to {self.url}: {error or 'refused'}") from None
        except httpx.NetworkError as error:
            raise AdapterCrashed(
                f"{self.url} broke the connection off with an answer to {_request_line(sent)} due"
            ) from error
        except httpx.RemoteProtocolError as error:
            if _HUNG_UP.match(str(error)):
                raise AdapterCrashed(
                    f"{self.url} ended the connection with an answer to {_request_line(sent)} due"
                ) from None
            raise AdapterFault(f"{self.url} answered {_request_line(sent)} with what is no HTTP: {error}") from None

    def own_address(self, seconds: float) -> str:
        """Connect, and return the address from which the server sees us.

        Raises:
            AdapterFault: no connection.
        """
        url = self._base
        try:
            with socket.create_connection((url.host, url.port or _PORTS[url.scheme]), seconds) as connected:
                return str(connected.getsockname()[0])
        except OSError as error:
            raise AdapterFault(f"cannot connect to {self.url}: {error.strerror or error}; is it running?") from None

    async def close(self) -> None:
        """End the connections."""
        await self._client.aclose()

    async def reconnect(self) -> None:
        """Begin with new connections."""
        await self._client.aclose()
        self._client = self._open()

    @staticmethod
    def _open() -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=16)
        return httpx.AsyncClient(trust_env=False, follow_redirects=False, timeout=None, limits=limits)  # noqa: S113 - of the whole, see ask

    async def _ask(self, sent: Sent) -> Answered:
        target = self._base.raw_path.rstrip(b"/") + sent.path.encode("ascii")
        headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in sent.headers]
        request = httpx.Request(sent.method, self._base, headers=headers, content=sent.body or None)
        request.method, request.extensions["target"] = sent.method, target  # as they are, not made regular
        response = await self._client.send(request, stream=True)
        try:
            body = await self._body(response, sent)
        finally:
            await response.aclose()
        fields = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in response.headers.raw)
        return Answered(response.status_code, fields, body)

    async def _body(self, response: httpx.Response, sent: Sent) -> bytes:
        body = b""
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > MAX_BODY:
                raise AdapterFault(f"{self.url} answered {_request_line(sent)} with more than {MAX_BODY:,} bytes")
        return body


_NO_URL = "--url must be http://host:port or https://host:port, not {!r}"
_PORTS = {"http": 80, "https": 443}
_HUNG_UP = re.compile("Server disconnected|peer closed")


def field_text(text: str) -> str:
    """Return a text as a header field carries it: what none can carry is percent-encoded.

    So a text that is no good secret or bearer goes as another that is none; every good one goes as it is.
    """
    octets = text.encode("utf-8", "surrogatepass")
    first, end = len(octets) - len(octets.lstrip(_BLANK)), len(octets.rstrip(_BLANK))
    return "".join(
        chr(octet) if first <= at < end and octet >= 0x20 and octet != 0x7F else f"%{octet:02X}"
        for at, octet in enumerate(octets if octets.strip(_BLANK) else b"")
    )


_BLANK = b" \t"
"""What falls away at the ends of a field (RFC 9110 §5.5)."""


def segment(text: str) -> str:
    """Return a text as one path segment, or a value of a query: percent-encoded, the dots of a dot segment too."""
    encoded = quote(text.encode("utf-8", "surrogatepass"), safe="")
    return encoded.replace(".", "%2E") if encoded in (".", "..") else encoded


def form(pairs: Sequence[tuple[str, str]]) -> bytes:
    """Return a form as a body (RFC 6749 appendix B)."""
    return "&".join(f"{segment(name)}={segment(value)}" for name, value in pairs).encode()


def _request_line(sent: Sent) -> str:
    return f"{sent.method} {members.printable(sent.path.partition('?')[0][:60])}"
