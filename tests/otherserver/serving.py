"""The HTTP binding of the other server, and the process that holds its socket: run with ``-m``, told by a socket."""

import ipaddress
import json
import os
import re
import signal
import socket
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from .server import KeyServer, No
from .settings import Json, Unsound, loaded

MOST = 64 * 1024
SINGLE = re.compile(r"/auth/token/([^/]*)")
RESOURCE = re.compile(r"/resource/([^/]+)/([^/]+)")


def text_of(encoded: str, *, plus: bool = False) -> str:
    """Return a text that was percent-encoded; raises ValueError if it was not."""
    if re.search(r"%(?![0-9A-Fa-f]{2})", encoded):
        raise ValueError("no percent-encoding")
    return unquote_to_bytes(encoded.replace("+", " ") if plus else encoded).decode("utf-8")


def pairs_of(encoded: str) -> list[tuple[str, str]]:
    """Return the parameters of a form or query, in their order."""
    parts = [part.partition("=") for part in encoded.split("&") if part]
    return [(text_of(name, plus=True), text_of(value, plus=True)) for name, _, value in parts]


def holds_token(encoded: str) -> bool:
    """Say whether a bearer stands in a form or query (RFC 6750 §2.2, §2.3)."""
    with suppress(ValueError):
        return any(name == "access_token" for name, _ in pairs_of(encoded))
    return False


class Handler(BaseHTTPRequestHandler):
    """Reads requests and writes answers; what they mean is the key server's matter."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    keys: KeyServer

    def handle_one_request(self) -> None:
        """Read one request, whatever its method, and answer it."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            self.wfile.flush()
            return
        self.body: bytes | None = None
        self.path = self.requestline.split(" ")[1]  # which was made another one, if it began with two slashes
        path, _, query = self.path.partition("?")
        try:
            self.read_body()
            self.route(path, query)
        except No as no:
            self.refuse(no)
        self.wfile.flush()

    def read_body(self) -> None:
        """Read the body, unless it is too large: then it stays None."""
        lengths = self.headers.get_all("Content-Length") or []
        if "Transfer-Encoding" in self.headers:
            self.close_connection = True
            self.body = self.chunks() if self.headers["Transfer-Encoding"].lower() == "chunked" else None
        elif not lengths or (
            len(set(lengths)) == 1 and re.fullmatch(r"[0-9]{1,9}", lengths[0]) and int(lengths[0]) <= MOST
        ):
            self.body = self.rfile.read(int(lengths[0])) if lengths else b""
        else:
            self.close_connection = True

    def chunks(self) -> bytes | None:
        """Read a chunked body; None if it is too large or broken."""
        body = b""
        while re.fullmatch(rb"[0-9A-Fa-f]{1,6}", size := self.rfile.readline(100).partition(b";")[0].strip()):
            body += self.rfile.read(int(size, 16))
            self.rfile.readline(3)
            if not int(size, 16):
                return body
            if len(body) > MOST:
                return None
        return None

    def route(self, path: str, query: str) -> None:
        """Find out what is asked."""
        known: list[tuple[str, bool, Any]] = [
            ("POST", path == "/auth/token", self.exchange),
            ("DELETE", path == "/auth/tokens", self.revoke_all),
            ("DELETE", SINGLE.fullmatch(path) is not None, self.revoke),
            ("GET", RESOURCE.fullmatch(path) is not None, self.resource),
            ("POST", path == "/auth/revoke", self.revoke_named),
            ("POST", path == "/auth/introspect", self.introspect),
        ]
        methods = {method: does for method, fits, does in known if fits}
        allowed = list(methods)
        if not allowed:
            self.answer(404, {"error": "not_found"})
        elif self.body is None and path != "/auth/token":
            self.answer(413, {"error": "invalid_request"})
        elif self.command not in allowed:
            self.answer(405, {"error": "method_not_allowed"}, Allow=", ".join(allowed))
        else:
            methods[self.command](path, query)

    # --- the requests

    def exchange(self, _path: str, _query: str) -> None:
        """Answer POST /auth/token."""
        bad = ("token.invalid", "malformed-request")
        form: Any
        kinds = self.headers.get_all("Content-Type") or []
        if self.body is None:
            form = No(413, "invalid_request", *bad)
        elif len(kinds) != 1 or kinds[0].partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
            form = No(415, "invalid_request", *bad)
        else:
            try:
                form = pairs_of(self.body.decode("ascii"))
            except ValueError:
                form = No(400, "invalid_request", *bad)
        self.answer(200, self.keys.exchange(self.client(), form))

    def revoke(self, path: str, _query: str) -> None:
        """Answer DELETE /auth/token/{jti}."""
        named = SINGLE.fullmatch(path)
        try:
            jti = text_of(named[1]) if named else ""
        except ValueError:
            jti = "\x00"
        self.keys.revoke(self.client(), self.secret(), jti)
        self.answer(204, None)

    def revoke_all(self, _path: str, query: str) -> None:
        """Answer DELETE /auth/tokens."""
        try:
            pairs = pairs_of(query)
        except ValueError:
            pairs = []
        given = dict(pairs) if len(dict(pairs)) == len(pairs) else {}
        number = self.keys.revoke(self.client(), self.secret(), None, given.get("issuer"), given.get("subject"))
        self.answer(200, {"revoked": number})

    def revoke_named(self, _path: str, _query: str) -> None:
        """Answer POST /auth/revoke."""
        self.answer(200, self.keys.revoke_named(self.client(), self.secret(), self.token()))

    def introspect(self, _path: str, _query: str) -> None:
        """Answer POST /auth/introspect."""
        self.answer(200, self.keys.introspect(self.client(), self.secret(), self.token()))

    def token(self) -> str | None:
        """Return the token that a form names, if it does."""
        try:
            pairs = pairs_of((self.body or b"").decode("ascii"))
        except ValueError:
            return None
        found = [value for name, value in pairs if name == "token"]
        return found[0] if len(found) == 1 else None

    def resource(self, path: str, query: str) -> None:
        """Answer GET /resource/{backend}/{tool}."""
        named, bearer = RESOURCE.fullmatch(path), self.credential(query)
        if bearer is None:
            no = No(401, "invalid_request", "token.invalid", "missing-credential", challenge="")
            self.keys.decide(self.client(), lambda *_: self.raised(no))
        try:
            backend, tool = (text_of(each) for each in named.groups()) if named else ("", "")
        except ValueError:
            backend, tool = "", ""
        self.keys.access(self.client(), bearer or "", backend, tool)
        self.answer(200, {"backend": backend, "tool": tool})

    # --- what stands in the header

    def raised(self, no: No) -> None:
        """Raise a refusal."""
        raise no

    def credential(self, query: str = "") -> str | None:
        """Return the one Bearer credential, or None where there is none; those elsewhere are counted alone."""
        given = self.headers.get_all("Authorization") or []
        if len(given) > 1 or (given and any(map(holds_token, (query, (self.body or b"").decode("latin-1"))))):
            no = No(400, "invalid_request", "token.invalid", "several-credentials")
            self.keys.decide(self.client(), lambda *_: self.raised(no))
        found = re.fullmatch(r"(?i:bearer)(?: +(.*))?", given[0].strip(" \t")) if given else None
        return None if found is None else found[1] or ""

    def secret(self) -> str | None:
        """Return the admin secret that is presented."""
        return self.credential()

    def client(self) -> str | None:
        """Return the address of whoever asks: what proxies that are trusted tell, from the right."""
        at = self.client_address[0]
        told = [each for line in self.headers.get_all("X-Forwarded-For") or [] for each in line.split(",")]
        while self.trusted(at) and told:
            found = address(told.pop())
            if found is None:
                break
            at = found
        return at

    def trusted(self, at: str) -> bool:
        """Say whether an address is that of a proxy whose word is believed."""
        ip = ipaddress.ip_address(at)
        inner = ip.ipv4_mapped if isinstance(ip, ipaddress.IPv6Address) else None
        return any((inner or ip) in each for each in self.keys.conf["proxies"])

    # --- answers

    def refuse(self, no: No) -> None:
        """Write a refusal."""
        fields = {}
        if no.wait is not None:
            fields["Retry-After"] = str(max(1, int(-(-no.wait // 1))))
        if no.challenge is not None:
            fields["WWW-Authenticate"] = 'Bearer realm="keys"' + (f", {no.challenge}" if no.challenge else "")
        self.answer(no.status, {"error": no.error}, **fields)

    def answer(self, status: int, body: Json | None, **fields: str) -> None:
        """Write an answer."""
        octets = b"" if body is None else json.dumps(body).encode()
        self.send_response_only(status)
        for name, value in fields.items():
            self.send_header(name.replace("_", "-"), value)
        if body is not None:
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(octets)))
        if self.path.startswith("/auth"):
            self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(octets)

    def log_message(self, *_: object) -> None:
        """Be quiet."""


def address(told: str) -> str | None:
    """Return an address that a proxy told, with a port, in brackets or with a zone as it may be."""
    text = told.strip(" \t")
    found = re.fullmatch(r"\[([^\]]*)\](?::[0-9]+)?|([0-9.]+):[0-9]+|(.*)", text)
    bare = next((part for part in found.groups() if part is not None), "") if found else ""
    try:
        return str(ipaddress.ip_address(bare.partition("%")[0]))
    except ValueError:
        return None


class Listener(ThreadingHTTPServer):
    """Serves on a socket that is there already."""

    daemon_threads = True

    def __init__(self, opened: socket.socket) -> None:
        super().__init__(opened.getsockname(), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = opened

    def handle_error(self, request: object, client_address: object) -> None:
        """Be quiet about connections that break."""
        error = sys.exc_info()[1]
        if not isinstance(error, OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]  # whatever it is


def serve(folder: Path, opened: socket.socket, clock: Path, audit: Path, make: Any) -> int:
    """Serve in a child process, and return its number; 0 if the configuration is refused."""
    try:
        configured = loaded((folder / "server.ini").read_text("utf-8"))
    except Unsound:
        return 0
    child = os.fork()
    if child == 0:
        Handler.keys = make(configured, clock, audit)
        Listener(opened).serve_forever(3600)
    return child


def run(words: list[str], make: Any = KeyServer) -> None:
    """Hold a socket, and have a child serve under whatever configuration there is at the time."""
    folder, port, clock, audit = Path(words[0]), int(words[1]), Path(words[2]), Path(words[3])
    opened = socket.create_server(("127.0.0.1", port), backlog=256)
    control = socket.socket(socket.AF_UNIX)
    control.bind(str(folder / "control"))
    control.listen()
    child = 0
    while True:
        asking, _ = control.accept()
        with asking:
            word = asking.recv(10).decode()
            if child:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            if word == "stop":
                with suppress(OSError):
                    (folder / "control").unlink()
                asking.sendall(b"ok")
                return
            child = serve(folder, opened, clock, audit, make)
            asking.sendall(b"ok" if child else b"no")


if __name__ == "__main__":
    run(sys.argv[1:])
