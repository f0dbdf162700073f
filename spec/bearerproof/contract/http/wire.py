"""Requests and answers of HTTP, as octets: nothing is followed, decoded, or added that was not asked for."""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, urlsplit

import h11

from bearerproof.contract.http.profile import EachRequest
from bearerproof.exceptions import AdapterCrashed, AdapterFault, AdapterHung, BadInput
from bearerproof.visible import visible

MAX_BODY = 1024 * 1024
"""Bytes of an answer that are taken."""

Headers = tuple[tuple[str, str], ...]

NOTHING = EachRequest()
"""Nothing that goes with every request."""


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

    @property
    def text(self) -> str:
        """The body as text, whatever it is."""
        return self.body.decode("utf-8", "replace")

    def header(self, name: str) -> str | None:
        """Return the first field of this name."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


class Unsendable(Exception):
    """No such request can be written in HTTP."""


class BrokenOff(AdapterCrashed):
    """The connection ended with the answer due; another one may fare better."""


class Server:
    """A server at a URL, asked from one event loop."""

    def __init__(self, url: str, each: EachRequest = NOTHING) -> None:
        """Raise ``BadInput`` if it is no URL of a server, or the certificate of its client cannot be used."""
        self.url = url.rstrip("/")
        try:
            base = urlsplit(self.url)
            self._host, self._port = base.hostname or "", base.port or _PORTS.get(base.scheme, 0)
        except ValueError:
            raise BadInput(_NO_URL.format(url)) from None
        if base.scheme not in _PORTS or not self._host or {"?", "#"} & set(url) or not url.isascii():
            raise BadInput(_NO_URL.format(url))
        self._path, self._authority = base.path, base.netloc.rpartition("@")[2]
        self._tls = _tls(each.certificate) if base.scheme == "https" else None
        self._also = each.headers
        self._idle: list[_Connection] = []

    async def ask(self, sent: Sent, seconds: float, *, anew: bool = False) -> Answered:
        """Send a request and return the answer, all of it within ``seconds``; ``anew`` on a new connection.

        Raises:
            Unsendable: nothing was sent.
            BrokenOff: the connection ended with the answer due. AdapterCrashed: there was none.
            AdapterHung: no answer in time.
            AdapterFault: what came is no HTTP, or too much.
        """
        if anew:
            await self.close()
        try:
            async with asyncio.timeout(seconds):
                return await self._ask(sent)
        except TimeoutError:
            raise AdapterHung(f"{self.url} gave no answer to {_request_line(sent)} within {seconds:g} s") from None
        except (h11.LocalProtocolError, UnicodeEncodeError) as error:
            raise Unsendable(f"HTTP cannot carry this: {error}") from None
        except h11.RemoteProtocolError as error:
            raise AdapterFault(f"{self.url} answered {_request_line(sent)} with what is no HTTP: {error}") from None

    def own_address(self, seconds: float) -> str:
        """Connect, and return the address from which the server sees us.

        Raises:
            AdapterFault: no connection.
        """
        try:
            with socket.create_connection((self._host, self._port), seconds) as connected:
                return str(connected.getsockname()[0])
        except OSError as error:
            raise AdapterFault(f"cannot connect to {self.url}: {error.strerror or error}; is it running?") from None

    async def close(self) -> None:
        """End the connections; whoever asks again opens others."""
        while self._idle:
            self._idle.pop().close()

    async def _ask(self, sent: Sent) -> Answered:
        connection = await self._connection()
        try:
            return await connection.ask(self._written(sent))
        except _EndedError:
            raise BrokenOff(f"{self.url} ended the connection with an answer to {_request_line(sent)} due") from None
        except _TooMuchError:
            raise AdapterFault(f"{self.url} answered {_request_line(sent)} with more than {MAX_BODY:,} bytes") from None
        finally:
            if connection.idle:
                self._idle.append(connection)
            else:
                connection.close()

    def _written(self, sent: Sent) -> list[h11.Event]:
        """Return the events of a request, with the fields that HTTP itself needs and nobody gave."""
        given = {name.lower() for name, _ in sent.headers}
        framed = given & {"content-length", "transfer-encoding"} or not (sent.body or sent.method in _WITH_BODY)
        host = [] if "host" in given else [("Host", self._authority)]
        length = [] if framed else [("Content-Length", str(len(sent.body)))]
        head = h11.Request(
            method=sent.method.encode("ascii"),
            target=(self._path + sent.path).encode("ascii"),
            headers=[(n.encode("ascii"), v.encode("latin-1")) for n, v in (*host, *sent.headers, *self._also, *length)],
        )
        return [head, *([h11.Data(sent.body)] if sent.body else []), h11.EndOfMessage()]

    async def _connection(self) -> "_Connection":
        """Return a connection that the other side has not ended, as far as can be known."""
        for _ in range(2 if self._idle else 0):  # what came meanwhile is noticed in a turn of the loop
            await asyncio.sleep(0)
        while self._idle:
            connection = self._idle.pop()
            if connection.idle:
                return connection
        loop = asyncio.get_running_loop()
        try:
            _, opened = await loop.create_connection(_Connection, self._host, self._port, ssl=self._tls)
        except OSError as error:
            raise AdapterCrashed(f"cannot connect to {self.url}: {error.strerror or error}") from None
        return opened


class _EndedError(Exception):
    """The connection ended before the answer did."""


class _TooMuchError(Exception):
    """The answer is larger than what is taken."""


class _Connection(asyncio.Protocol):
    """One connection, on which head and body of a request go out in one write.

    A server may answer on the head alone and close (RFC 9112 §9.6). So what comes is read while a request is still
    being written, and counts also when writing it failed.
    """

    _transport: asyncio.Transport

    def __init__(self) -> None:
        self._http = h11.Connection(h11.CLIENT)
        self._news = asyncio.Event()
        self._came = b""
        self._ended = False

    @property
    def idle(self) -> bool:
        """Whether another request can go out here."""
        return self._http.our_state is h11.IDLE and not self._ended and not self._came

    async def ask(self, request: Sequence[h11.Event]) -> Answered:
        """Write a request and read the answer.

        Raises:
            h11.LocalProtocolError: it cannot be written. h11.RemoteProtocolError: the answer cannot be read.
            _EndedError: the connection ended before it was whole. _TooMuchError: it is too large.
        """
        self._transport.write(b"".join(self._http.send(event) or b"" for event in request))
        head, body = h11.Response(status_code=200, headers=[]), b""
        while isinstance(event := await self._event(), h11.InformationalResponse | h11.Response | h11.Data):
            head = event if isinstance(event, h11.Response) else head
            body += event.data if isinstance(event, h11.Data) else b""
            if len(body) > MAX_BODY:
                raise _TooMuchError
        if self._http.our_state is h11.DONE and self._http.their_state is h11.DONE and self._all_is_written():
            self._http.start_next_cycle()
        fields = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in head.headers.raw_items())
        return Answered(head.status_code, fields, body)

    def close(self) -> None:
        """End it."""
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Have something to write to."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep what comes."""
        self._came += data
        self._news.set()

    def eof_received(self) -> None:
        """Note that nothing more will come."""
        self._ended = True
        self._news.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - an end is an end
        """Note that nothing more will come."""
        self.eof_received()

    async def _event(self) -> Any:
        """Return the next event of the answer."""
        while (event := self._next()) is h11.NEED_DATA:
            self._news.clear()
            await self._news.wait()
        return event

    def _next(self) -> Any:
        came, self._came = self._came, b""
        if came:
            self._http.receive_data(came)
        event = self._http.next_event()
        if event is not h11.NEED_DATA or not self._ended:
            return event
        self._http.receive_data(b"")
        try:
            return self._http.next_event()
        except h11.RemoteProtocolError:
            raise _EndedError from None

    def _all_is_written(self) -> bool:
        return self._transport.get_write_buffer_size() == 0


def _tls(certificate: Path | None) -> ssl.SSLContext:
    """Return what we speak TLS with: who we trust is told by SSL_CERT_FILE, and who we are by a certificate."""
    context = ssl.create_default_context()
    if certificate is not None:
        try:
            context.load_cert_chain(certificate)
        except (OSError, ssl.SSLError) as error:
            raise BadInput(f"{certificate} holds no certificate with its key: {error.strerror or error}") from None
    return context


_NO_URL = "--url must be http://host:port or https://host:port, not {!r}"
_PORTS = {"http": 80, "https": 443}
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
"""Methods whose requests say that they have no body (RFC 9110 §8.6)."""


def field_text(text: str, blanks: str = "") -> str:
    """Return a text as a header field carries it: what none can carry is percent-encoded.

    So a text that is no good secret or bearer goes as another that is none; every good one goes as it is. With
    ``blanks``, characters that may stand in a list, the text is part of one and goes without the blanks around it.
    """
    octets = (text.strip(" \t") if blanks else text).encode("utf-8", "surrogatepass")
    kept = frozenset(blanks.encode())
    first, end = len(octets) - len(octets.lstrip(_BLANK)), len(octets.rstrip(_BLANK))
    return "".join(
        chr(octet) if first <= at < end and (octet >= 0x20 or octet in kept) and octet != 0x7F else f"%{octet:02X}"
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
    return f"{sent.method} {visible(sent.path.partition('?')[0][:60])}"
