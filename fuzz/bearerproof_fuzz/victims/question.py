"""What is asked, what is remembered between questions, and what the claims are held against."""

from dataclasses import dataclass, field
from typing import Any

from bearerproof_fuzz.victims.refusal import Json


@dataclass(frozen=True)
class Question:
    """One token with all that its verifier is told; ``now`` and ``tick`` in seconds, profile ``jws`` without claims."""

    token: str
    profile: str
    policy: Json
    now: float = 0.0
    tick: float = 0.0


@dataclass
class KeySetCache:
    """A key set that was fetched from a URL, and when, by ``tick``, what was last tried."""

    entries: list[Json] | None = None
    fetched: float = 0.0
    tried: float | None = None
    refetched: float | None = None


@dataclass
class Memory:
    """All that outlives a question: replayed ids with their end, fetched key sets, and what a victim keeps."""

    seen: dict[object, float] = field(default_factory=dict)
    key_sets: dict[str, KeySetCache] = field(default_factory=dict)
    kept: dict[object, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """A token whose signature holds: its header and claims, the question, and the memory."""

    question: Question
    memory: Memory
    header: Json
    claims: Json

    @property
    def policy(self) -> Json:
        """The policy of the question."""
        return self.question.policy

    @property
    def leeway(self) -> float:
        """Seconds of tolerance, before and after."""
        leeway: float = self.policy.get("leeway", 0)
        return leeway
