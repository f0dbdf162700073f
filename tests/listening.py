"""A handler of HTTP for servers of the tests, which leaves every method and path to what is served."""

from collections.abc import Iterable
from http.server import BaseHTTPRequestHandler


class AnyMethod(BaseHTTPRequestHandler):
    """Reads a request with its body, whatever its method, and has ``respond`` answer it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes, of which the second would wait for 40 ms

    def handle_one_request(self) -> None:
        """Read one request and answer it."""
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            self.close_connection = True
            return
        self.respond(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def respond(self, body: bytes) -> None:
        """Answer the request that was read."""
        raise NotImplementedError

    def write(self, status: int, fields: Iterable[tuple[str, str]], body: bytes) -> None:
        """Write an answer."""
        self.send_response(status)
        for name, value in (*fields, ("Content-Length", str(len(body)))):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep standard error clean."""
