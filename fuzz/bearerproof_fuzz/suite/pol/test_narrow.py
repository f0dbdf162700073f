"""Somebody who is granted less than everything, at a server that cannot be told a rule: whether asking gets more."""

from bearerproof.contract.decisions import Decision
from bearerproof.contract.declaration import NarrowGrant
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.rules import INVALID_SCOPE, names
from bearerproof_fuzz.needs import NARROW
from bearerproof_fuzz.oracles import policy


class _Member:
    """A member of the group: what it may, one name that it may and one that it may not, on each side."""

    def __init__(self, trial: Trial) -> None:
        given = trial.declaration.key_server.narrow
        if given is None:
            raise LookupError("the check does not state that it needs a narrow grant")
        self.given: NarrowGrant = given
        self.server = KeyServerDriver(trial)
        self.sides = {"backends": given.backends, "tools": given.tools}
        self.inside = {side: patterns[0].removesuffix("*") or "a" for side, patterns in self.sides.items()}
        self.outside = {
            side: next((name for name in names(trial) if name not in policy.denoted(patterns)), None)
            for side, patterns in self.sides.items()
        }

    def asks(self, scope: str | None) -> Decision:
        """Exchange a subject token of the group for this scope."""
        return self.server.exchange(self.server.subject_token(groups=[self.given.group]), scope)

    def scope(self, names: dict[str, str]) -> str:
        """Return the scope of one name on each side."""
        return " ".join(f"{side}:{name}" for side, name in names.items())

    def beyond(self) -> list[dict[str, str]]:
        """Return what is inside on one side and outside on the other, wherever there is an outside."""
        return [{**self.inside, side: name} for side, name in self.outside.items() if name is not None]

    def opens_no_more(self, decision: Decision, asked: str | None) -> None:
        """Require that a token is good for what the member may, and for nothing beyond."""
        bearer = self.server.grant(decision).bearer
        used = self.server.authenticate(bearer, self.inside["backends"], self.inside["tools"])
        self.server.require(used.good, "what the group is granted is refused", "accepted", used)
        for wants in self.beyond():
            used = self.server.authenticate(bearer, wants["backends"], wants["tools"])
            summary = f"a member of a group that is granted less asked for {asked!r}, and used {self.scope(wants)}"
            self.server.refused(used, "insufficient-scope", summary)


@check("POL-3", needs=(NARROW,))
def test_within_the_narrow_grant(mark: CheckId, trial: Trial) -> None:
    """A token of somebody who is granted less than everything is good for that alone, asked for or not."""
    member = _Member(trial)
    for scope in (None, member.scope(member.inside)):
        member.opens_no_more(member.asks(scope), scope)


@check("POL-5", needs=(NARROW,))
def test_nothing_of_the_narrow_grant(mark: CheckId, trial: Trial) -> None:
    """A request that has nothing in common with a narrow grant on one side is refused."""
    member = _Member(trial)
    member.opens_no_more(member.asks(None), None)
    for wants in member.beyond():
        summary = f"a member of a group that is granted less asks for {member.scope(wants)}"
        member.server.refused(member.asks(member.scope(wants)), INVALID_SCOPE, summary)


@check("POL-13", needs=(NARROW,))
def test_more_than_the_narrow_grant(mark: CheckId, trial: Trial) -> None:
    """Names from outside a narrow grant, or all names, added to a request, open nothing more."""
    member = _Member(trial)
    wider = [f"{side}:{member.inside[side]},{name}" for side, name in member.outside.items() if name is not None]
    for scope in (*wider, " ".join(wider), "backends:* tools:*"):
        decision = member.asks(scope)
        if decision.good:
            member.opens_no_more(decision, scope)
        else:
            member.server.refused(decision, INVALID_SCOPE, f"more is asked for than is granted: {scope}")
