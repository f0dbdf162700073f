"""The verifier as an implementation of the contract: what it declares, and its answers."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, field

from bearerproof_fuzz.victims import fetching, signatures, verifier
from bearerproof_fuzz.victims.question import Memory, Question
from bearerproof_fuzz.victims.refusal import Json, Refused
from bearerproof_fuzz.victims.verifier import Steps

CAPABILITIES: Json = {
    "algorithms": signatures.ALGORITHMS,
    "clock": "injected",
    "key_form": "jwks",
    "key_set": True,
    "mixed_algorithms": True,
    "options": ["leeway", "typ", "require", "replay", "sessions", "session_versions"],
    "max_line": 8 * 1024 * 1024,
    "max_token": verifier.MAX_TOKEN,
    "token_b64": True,
    "keys_url": {"ttl": fetching.TTL, "stale": fetching.STALE, "cooldown": fetching.COOLDOWN},
}


@dataclass
class Adapter:
    """Answers the messages of the contract at level 1 with one set of steps.

    >>> Adapter("plain", Steps(), "strict").handle({"id": 1, "op": "hello", "protocol": 1})["level"]
    1
    """

    name: str
    steps: Steps
    measure: str
    declared: Json = field(default_factory=dict)
    level: int = 1
    memory: Memory = field(default_factory=Memory)

    def handle(self, request: Json) -> Json:
        """Answer one message; what is no refusal escapes, and is reported as such."""
        answers: dict[str, Callable[[Json], Json]] = {
            "hello": self._hello,
            "verify": self._verify,
            "verify-jws": self._verify,
            "reset": self._reset,
        }
        answer = answers.get(request["op"])
        if answer is None:
            return {"id": request["id"], "skipped": "it verifies tokens and does nothing else"}
        return {"id": request["id"], **answer(request)}

    def _hello(self, _: Json) -> Json:
        declared = {**CAPABILITIES, **self.declared}
        if declared["key_form"] != "jwks":
            del declared["keys_url"]  # what is fetched is a set of JWKs, not of texts
        return {
            "protocol": 1,
            "implementation": {"name": f"victim:{self.name}", "version": "1", "language": "python"},
            "level": self.level,
            "profiles": ["jws", "jwt", "access-token", "id-token"],
            "measure": self.measure,
            "capabilities": declared,
        }

    def _verify(self, request: Json) -> Json:
        token = request.get("token")
        if token is None:
            token = base64.b64decode(request["token_b64"]).decode("latin-1")
        if request["op"] == "verify-jws":
            question = Question(token, "jws", request)
        else:
            question = Question(token, request["profile"], request["policy"], request["now"], request["tick"])
        try:
            decided = self.steps.decide(self.steps, question, self.memory)
        except Refused as refused:
            return {"verdict": "rejected", **({"reason": refused.reason} if self.level else {})}
        if isinstance(decided, bytes):
            return {"verdict": "accepted", "payload_b64": base64.b64encode(decided).decode()}
        return {"verdict": "accepted", "claims": decided}

    def _reset(self, _: Json) -> Json:
        self.memory = Memory()
        return {"reset": True}
