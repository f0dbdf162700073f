"""What the adapters of ordinary libraries share: hello, dispatch, and errors turned into reasons."""

import base64
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from bearerproof import PROTOCOL
from bearerproof.members import Json
from bearerproof.subjects.cache import PolicyCache

ALGORITHMS = (
    "HS256",
    "HS384",
    "HS512",
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
)
"""What every one of the libraries verifies (RFC 7518 §3.1, RFC 8037 §3.1)."""

MAX_LINE = 8 * 1024 * 1024
"""Nothing limits a line in process; this is more than any token of the suite."""


@dataclass(frozen=True)
class Meaning:
    """What an error of a library says: ``error``, about this claim or with these words, means ``reason``.

    Words are looked at only where one class serves several faults and carries nothing else to tell them by.
    """

    error: type[Exception]
    reason: str
    claim: str | None = None
    words: str = ""

    def fits(self, error: Exception, claim: object) -> bool:
        """Say whether this is what the error says."""
        return isinstance(error, self.error) and self.claim in (None, claim) and self.words in str(error)


class Subject(ABC):
    """A library as an implementation of the profiles ``jws`` and ``jwt``, at contract level 1, measure base.

    Subclasses call the library as its documents say, and add nothing. Instances of ``rejection``, the error
    type that the library documents, are rejections; anything else escapes and is reported as ``errored``.
    """

    name: ClassVar[str]
    version: ClassVar[str]
    capabilities: ClassVar[Json]
    rejection: ClassVar[type[Exception]]
    meanings: ClassVar[Sequence[Meaning]]
    """Most specific first; the last one fits every rejection."""

    def __init__(self) -> None:
        self._keys: PolicyCache[Any] = PolicyCache()

    @abstractmethod
    def import_keys(self, jwks: Json) -> Any:
        """Return the JWK set in the library's own form."""

    @abstractmethod
    def verify(self, token: str | bytes, keys: Any, policy: Json, now: float) -> Json:
        """Return the claims of a JWT."""

    @abstractmethod
    def verify_jws(self, token: str | bytes, keys: Any, algorithms: list[str]) -> bytes:
        """Return the payload of a JWS."""

    def handle(self, request: Json) -> Json:
        """Answer one message of the contract."""
        answers: dict[str, Callable[[Json], Json]] = {
            "hello": self._hello,
            "verify": self._verify,
            "verify-jws": self._verify_jws,
        }
        answer = answers.get(request["op"])
        if answer is None:
            return {"id": request["id"], "skipped": f"{self.name} has nothing like {request['op']}"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # thousands of bad tokens are the purpose here
            try:
                return {"id": request["id"], **answer(request)}
            except self.rejection as error:
                return {"id": request["id"], "verdict": "rejected", "reason": self.reason(error)}

    def reason(self, error: Exception) -> str:
        """Return the reason, in the words of the contract, that an error of the library stands for."""
        claim = getattr(error, "claim", getattr(error, "claim_name", None))
        return next(meaning.reason for meaning in self.meanings if meaning.fits(error, claim))

    def _hello(self, _: Json) -> Json:
        return {
            "protocol": PROTOCOL,
            "implementation": {"name": self.name, "version": self.version, "language": "python"},
            "level": 1,
            "profiles": ["jws", "jwt"],
            "measure": "base",
            "capabilities": {
                "key_form": "jwks",
                "key_set": True,
                "mixed_algorithms": True,
                "options": ["leeway", "require"],
                "max_line": MAX_LINE,
                "token_b64": True,
                **self.capabilities,
            },
        }

    def _verify(self, request: Json) -> Json:
        policy = request["policy"]
        if "keys" not in policy:
            return {"skipped": "this adapter takes keys as a JWK set, not by URL"}
        keys = self._keys.get(request.get("policy_id"), lambda: self.import_keys(policy["keys"]))
        claims = self.verify(_token(request), keys, policy, request["now"])
        return {"verdict": "accepted", "claims": claims}

    def _verify_jws(self, request: Json) -> Json:
        keys = self._keys.get(request.get("policy_id"), lambda: self.import_keys(request["keys"]))
        payload = self.verify_jws(_token(request), keys, request["algorithms"])
        return {"verdict": "accepted", "payload_b64": base64.b64encode(payload).decode()}


def _token(request: Json) -> str | bytes:
    if "token_b64" in request:
        return base64.b64decode(request["token_b64"])
    token: str = request["token"]
    return token
