"""The victims as a benchmark: what ``bearerproof prove --export-benchmark DIR`` wrote, as callables and as a server.

    contest = Contest.read(Path("DIR/manifest.json"), "alg-none-taken")
    contest.accepts(token)      # what a fuzzer asks
    contest.found(token)        # whether that is the weakness

    python -m bearerproof_fuzz.victims.benchmark DIR/manifest.json alg-none-taken --port 8801

The server takes a token as the body of ``POST /verify`` and answers ``{"accepted": false}``, and of ``POST /found``.
"""

import json
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from bearerproof_fuzz.victims import PLAIN, create
from bearerproof_fuzz.victims.refusal import Json

MOST_OCTETS = 1 << 20
"""Of a body that are read."""


@dataclass(frozen=True)
class Contest:
    """One victim, under the policy and at the instant by which its weakness can be shown with one token.

    >>> request = {"op": "verify", "profile": "jwt", "now": 1, "tick": 0, "policy": {"keys": {"keys": []}}}
    >>> Contest("alg-none-taken", request).found("a.b.c")
    False
    """

    name: str
    request: Json

    @classmethod
    def read(cls, manifest: Path, name: str) -> "Contest":
        """Read a victim of a manifest.

        Raises:
            LookupError: there is none of this name.
        """
        rows = json.loads(manifest.read_text("utf-8"))["victims"]
        for row in rows:
            if row["name"] == name:
                return cls(name, row["request"])
        raise LookupError(f"the manifest has no victim that is called {name!r}")

    def accepts(self, token: str) -> bool:
        """Say whether the victim takes a token; nothing is remembered, and an error is no acceptance."""
        return self._answer(self.name, token)[0] == "accepted"

    def found(self, token: str) -> bool:
        """Say whether a token shows the weakness: the verifier without one gives another verdict, or other claims."""
        return self._answer(self.name, token) != self._answer(PLAIN, token)

    def _answer(self, name: str, token: str) -> tuple[str, str]:
        """Return the verdict and the claims; whatever escapes is an error."""
        try:
            answer = create(name)({"id": 1, **self.request, "token": token})
        except Exception:  # noqa: BLE001 - what escapes is what is asked about
            return "error", ""
        return str(answer.get("verdict")), json.dumps(answer.get("claims"), sort_keys=True, default=repr)


def server(contest: Contest, port: int) -> ThreadingHTTPServer:
    """Return a server of one victim on this machine, listening; port 0 is any that is free."""
    questions: dict[str, Callable[[str], Json]] = {
        "/verify": lambda token: {"accepted": contest.accepts(token)},
        "/found": lambda token: {"found": contest.found(token)},
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            ask = questions.get(self.path)
            if ask is None or not 0 <= length <= MOST_OCTETS:
                self._answer(404 if ask is None else 413, {"error": "POST a token to /verify or /found"})
            else:
                self._answer(200, ask(self.rfile.read(length).decode("latin-1")))

        def _answer(self, status: int, body: Json) -> None:
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing: a fuzzer asks too often."""

    return ThreadingHTTPServer(("127.0.0.1", port), Handler)


def main() -> None:
    """Serve one victim until interrupted."""
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("victim")
    parser.add_argument("--port", type=int, default=8801)
    options = parser.parse_args()
    try:
        contest = Contest.read(options.manifest, options.victim)
    except (OSError, ValueError, KeyError, LookupError) as error:
        parser.error(str(error))
    with server(contest, options.port) as serving:
        serving.serve_forever()


if __name__ == "__main__":
    main()
