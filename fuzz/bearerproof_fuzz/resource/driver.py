"""Asking a resource server: requests with tokens in them, or without, and what came of each."""

import base64
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NoReturn

from bearerproof.contract.http.wire import Sent, Unsendable
from bearerproof.contract.messages import Outcome
from bearerproof.contract.resource import answers
from bearerproof.contract.resource.answers import Kind
from bearerproof.contract.resource.challenges import Challenge, bearer_challenge, challenges
from bearerproof.contract.resource.presenting import written
from bearerproof.contract.resource.resourceserver import ResourceServer
from bearerproof.judging.judgement import Finding, Untestable
from bearerproof.judging.trial import Trial
from bearerproof.members import Json, brief
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz.forge import Draft, Forge

BELIEVED = frozenset({Kind.ACCEPTED, Kind.FORBIDDEN})
"""What becomes of a token that was taken for good."""


@dataclass(frozen=True)
class Reply:
    """What a resource server answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    kind: Kind

    def values(self, name: str) -> list[str]:
        """Return every value of a field."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @cached_property
    def challenges(self) -> tuple[Challenge, ...]:
        """The challenges of the answer."""
        return challenges(self.values("www-authenticate"))

    @cached_property
    def bearer(self) -> Challenge | None:
        """The challenge of scheme Bearer."""
        return bearer_challenge(self.values("www-authenticate"))

    @property
    def error(self) -> str | None:
        """The error code of the Bearer challenge."""
        return None if self.bearer is None else self.bearer.parameters.get("error")

    def describe(self) -> str:
        """Say it in a few words."""
        shown = ", ".join(self.values("www-authenticate"))
        return f"status {self.status}, {f'challenge {brief(shown)}' if shown else 'no challenge'}"


class ResourceDriver:
    """One check's view of a resource server, in one profile.

    ``believed`` shows that honest tokens are accepted in this very place: nothing is found before.
    """

    def __init__(self, trial: Trial, forge: Forge, profile: Profile) -> None:
        """Raises ``LookupError`` where no resource server is declared: the check does not state its need."""
        server = trial.declaration.resource_server
        if server is None:
            raise LookupError("the check does not state that it needs a resource server")
        self.trial = trial
        self.server: ResourceServer = server
        self._forge = forge
        self._profile = profile

    def draft(self, **claims: Any) -> Draft:
        """Return an honest token that covers what is asked for, with these claims set anew."""
        draft = self._forge.base(self._profile)
        if self.server.scope and "scope" not in draft.all_claims and not _scope_claims(draft, self.server.scope):
            draft = draft.with_claims(scope=self.server.scope)
        return draft.with_claims(**claims)

    def with_scope(self, scope: str) -> Draft:
        """Return a token that is honest, and of another scope."""
        draft = self.draft()
        names = _scope_claims(draft, self.server.scope)
        claims = {name: [scope] if isinstance(draft.all_claims[name], list) else scope for name in names}
        return draft.with_claims(**claims)

    def present(self, token: str | bytes | None, **changes: Any) -> Reply:
        """Send the request of the server with this token in its place, with parts of it set anew.

        Raises:
            Skipped: HTTP cannot carry it.
        """
        try:
            return self.send(replace(written(self.server, token), **changes))
        except Unsendable as unsendable:
            self.trial.implementation.skip("http", str(unsendable))

    def with_field(self, *values: str, name: str = "Authorization") -> Reply:
        """Send the request with these values of a field, each on a line of its own, and no other token."""
        sent = written(self.server, None)
        return self.send(replace(sent, headers=(*sent.headers, *((name, value) for value in values))))

    def send(self, sent: Sent) -> Reply:
        """Send a request.

        Raises:
            Skipped: HTTP cannot carry it.
        """
        asked = self.draft().presentation().request()
        policy = {name: asked[name] for name in ("now", "tick", "profile", "policy_id", "policy")}
        body = base64.b64encode(sent.body).decode()
        decision = self.trial.decide(
            {
                "op": "http",
                **policy,
                "method": sent.method,
                "path": sent.path,
                "headers": [list(pair) for pair in sent.headers],
                "body_b64": body,
            }
        )
        if decision.outcome is Outcome.ERRORED:
            self.trial.errors[str(decision.detail)] += 1
            return Reply(500, (), b"", Kind.ERRORED)
        members: Json = dict(decision.members)
        headers = tuple((name, value) for name, value in members["headers"])
        content = base64.b64decode(members["body_b64"])
        kind = self.server.answers.kind(members["status"], answers.error_code(headers, content))
        return Reply(members["status"], headers, content, kind)

    def control(self, what: str = "an honest token") -> Reply:
        """Present an honest token, which has to be accepted before a refusal means something.

        Raises:
            Untestable: it was not.
        """
        return self.require(self.present(self.draft().token()), what)

    def require(self, reply: Reply, what: str) -> Reply:
        """Hold an answer for a control.

        Raises:
            Untestable: it does not accept.
        """
        if reply.kind is not Kind.ACCEPTED:
            raise Untestable(Finding(f"{what} is not accepted, so nothing can be concluded", "200", reply.describe()))
        return reply

    def refuses(self, reply: Reply, summary: str, *, believed: Collection[Kind] = (Kind.ACCEPTED,)) -> None:
        """Require that what was presented did not lead to the resource.

        Raises:
            Nonconforming: it did.
        """
        if reply.kind in believed:
            self.find(summary, "a refusal", reply)
        self.count(reply)

    def count(self, reply: Reply) -> None:
        """Count what was refused, and apart from it what only ended in an error: that proves no refusal."""
        self.trial.unproven += reply.kind is Kind.ERRORED
        self.trial.refusals += reply.kind not in (Kind.ERRORED, Kind.ACCEPTED)

    def find(self, summary: str, expected: str, reply: Reply, kind: str | None = None) -> NoReturn:
        """End the check with a finding.

        Raises:
            Nonconforming: always; Warned, for a SHOULD row at base.
        """
        self.trial.fail(summary, expected, reply.describe(), kind=kind)


def _scope_claims(draft: Draft, scope: str) -> list[str]:
    """Return the claims that hold a scope, as a word of a text or in a list."""
    words = {
        name: value.split() if isinstance(value, str) else value
        for name, value in draft.all_claims.items()
        if isinstance(value, str | list)
    }
    return [name for name, held in words.items() if scope in held]
