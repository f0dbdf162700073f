"""The loop of a Python adapter: JSON lines in, JSON lines out.

An adapter lets bearerproof ask a token library questions. Write a function that answers a request, and hand
it to `serve`. For PyJWT it takes ten lines, and the declaration of what the library can do:

    import jwt
    from bearerproof.adapter import serve

    HELLO = {
        "protocol": 1, "level": 0, "profiles": ["jwt"], "measure": "base",
        "implementation": {"name": "PyJWT", "version": jwt.__version__, "language": "python"},
        "capabilities": {"algorithms": ["RS256", "ES256"], "clock": "real", "key_form": "jwk",
                         "key_set": False},
    }

    def handle(request):
        if request["op"] != "verify":
            return HELLO if request["op"] == "hello" else {"skipped": "PyJWT has nothing like it"}
        policy = request["policy"]
        checks = {name: policy[name] for name in ("issuer", "audience", "algorithms", "leeway")}
        try:
            key = jwt.PyJWK(policy["keys"]["keys"][0])
            claims = jwt.decode(request["token"], key, options={"require": policy["require"]}, **checks)
        except jwt.PyJWTError:
            return {"verdict": "rejected"}
        return {"verdict": "accepted", "claims": claims}

    serve(handle)

A library whose users give it keys as text declares that form, `"key_form": "pem"`, and is given the same keys by kid in
`policy["key_texts"]`: `jwt.decode(request["token"], next(iter(policy["key_texts"].values()))["pem"], **checks)`.

The module needs the standard library only, so that it can be copied beside an adapter whose environment has
no bearerproof. `spec/contract.md` describes the messages.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["serve"]

MESSAGE_LIMIT = 500
"""Longest `errored.message`, in characters: enough for a cause, too short for a token to flood the report."""

CLAIMS_DEPTH = 60
"""Deepest nesting of claims that is passed on; the harness reads answers of at most 64 levels."""


def serve(
    handle: Callable[[dict[str, Any]], dict[str, Any]],
    stdin: BinaryIO | None = None,
    stdout: BinaryIO | None = None,
) -> None:
    """Answer requests from `stdin` on `stdout`, one line each and in order, until either end is closed.

    `handle` gets the request and returns the answer; the `id` is repeated for it. What it raises becomes an
    `errored` answer, so a documented rejection must be caught inside it. While the loop runs, `print` goes to
    standard error: a chatty library must not put foreign lines between the answers.
    """
    requests = sys.stdin.buffer if stdin is None else stdin
    answers = sys.stdout.buffer if stdout is None else stdout
    with contextlib.redirect_stdout(sys.stderr):
        for line in requests:
            try:
                answers.write(_answer(handle, line))
                answers.flush()
            except ConnectionError:
                _forget_unwritten(answers)
                return


def _answer(handle: Callable[[dict[str, Any]], dict[str, Any]], line: bytes) -> bytes:
    """Return the answer line to one request line."""
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _encode(_errored(None, error))
    if not isinstance(request, dict):
        return _encode({"id": None, "errored": {"message": "a request is a JSON object"}})
    try:
        return _encode({"id": request.get("id"), **handle(request)})
    except Exception as error:  # noqa: BLE001 - whatever escapes a library is an answer too, not the end of the run
        return _encode(_errored(request.get("id"), error))


def _encode(answer: dict[str, Any]) -> bytes:
    """Return `answer` as a line of ASCII.

    Claims that an answer cannot carry (NaN, objects of the library's own, nesting without end) become null: a
    verifier that accepts such a token must not have its verdict lost with them. Anything else raises.
    """
    claims = answer.get("claims")
    try:
        text = _dumps({**answer, "claims": None} if _deeper_than(CLAIMS_DEPTH, claims) else answer)
    except (TypeError, ValueError):
        if claims is None:
            raise
        text = _dumps({**answer, "claims": None})
    return text.encode("ascii") + b"\n"


def _dumps(answer: dict[str, Any]) -> str:
    return json.dumps(answer, ensure_ascii=True, allow_nan=False)


def _deeper_than(levels: int, value: object) -> bool:
    """Say whether arrays and objects nest in `value` beyond this many levels, looking no deeper than that."""
    if not isinstance(value, dict | list):
        return False
    members = value.values() if isinstance(value, dict) else value
    return levels == 0 or any(_deeper_than(levels - 1, member) for member in members)


def _errored(request_id: object, error: Exception) -> dict[str, Any]:
    message = f"{type(error).__name__}: {error}"
    return {"id": request_id, "errored": {"message": message[:MESSAGE_LIMIT]}}


def _forget_unwritten(answers: BinaryIO) -> None:
    """Point a closed standard output at nothing, else the interpreter complains when it flushes at exit."""
    if sys.__stdout__ is not None and answers is sys.__stdout__.buffer:
        os.dup2(os.open(os.devnull, os.O_WRONLY), answers.fileno())
