"""A stream of requests of every kind, in any order; what came of each is kept by the world and judged afterwards."""

from collections.abc import Callable, Mapping, Sequence

from hypothesis import strategies as st

from bearerproof.judging.trial import Trial
from bearerproof_fuzz.keyserver.driver import Grant, KeyServerDriver
from bearerproof_fuzz.keyserver.scenarios.exchanges import FORGERIES
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, KeyServerConfig, rule

SMALL = DEFAULT.but(cap=3, capacity=7, policies=(rule(HOME, rate_limit=4), rule(OTHER)), max_age=30)
"""A server whose limits a short stream reaches."""


class Stream:
    """A world, and the tokens that were issued in it; it begins with one that is issued and used."""

    def __init__(self, trial: Trial, setting: KeyServerConfig = SMALL, *, with_events: bool = True) -> None:
        """Begin a stream; unless ``with_events`` is false, its beginning has to leave events.

        Raises:
            Untestable: it does not, or nothing is issued or admitted.
        """
        self.server = KeyServerDriver(trial, setting)
        self.server.positive_control(with_events=with_events)
        self.grants: list[Grant] = []
        self.last_token = ""

    def play(self, moves: Sequence[str]) -> KeyServerDriver:
        """Make these moves, and return the world in which they were made."""
        for move in moves:
            _MOVES[move](self)
        return self.server

    def _exchange(self, subject: str = "alice", scope: str | None = None) -> None:
        self.last_token = self.server.subject_token(subject)
        decision = self.server.exchange(self.last_token, scope)
        if decision.good:
            self.grants.append(self.server.grant(decision, subject))

    def _present(self, place: int, tool: str | None = None) -> None:
        if self.grants:
            self.server.authenticate(self.grants[place].bearer, "a", tool)

    def _revoke(self, place: int) -> None:
        if self.grants:
            self.server.revoke(self.grants[place].jti)

    def exchange(self) -> None:
        """Exchange honestly, for everything that is allowed."""
        self._exchange()

    def exchange_for_bob(self) -> None:
        """Exchange honestly for little."""
        self._exchange("bob", "backends:a tools:x")

    def exchange_again(self) -> None:
        """Exchange a subject token that was sent before, or none."""
        self.server.exchange(self.last_token)

    def exchange_too_much(self) -> None:
        """Ask for a scope of no form."""
        self._exchange(scope="everything")

    def exchange_forged(self) -> None:
        """Exchange what a stranger signed."""
        forged = FORGERIES["signed by a stranger"](HOME.draft("alice", self.server.now))
        self.server.exchange(forged.token())

    def present_latest(self) -> None:
        """Present the bearer that was issued last."""
        self._present(-1, "x")

    def present_first(self) -> None:
        """Present the bearer that was issued first."""
        self._present(0)

    def present_out_of_scope(self) -> None:
        """Present a bearer for a tool that it may not be good for."""
        self._present(-1, "y")

    def present_nonsense(self) -> None:
        """Present what nobody issued."""
        self.server.authenticate("bprf_nobody-issued-this")

    def revoke_latest(self) -> None:
        """Revoke the token that was issued last."""
        self._revoke(-1)

    def revoke_first(self) -> None:
        """Revoke the token that was issued first."""
        self._revoke(0)

    def revoke_all(self) -> None:
        """Revoke every token of one identity."""
        self.server.revoke_all("alice")

    def revoke_as_a_stranger(self) -> None:
        """Revoke without knowing the secret."""
        self.server.revoke_all("alice", admin="guess-of-a-stranger-who-hopes")


_ALWAYS: Mapping[str, Callable[[Stream], object]] = {
    name.replace("_", " "): move for name, move in vars(Stream).items() if not name.startswith("_") and name != "play"
}
_TIMED: Mapping[str, Callable[[Stream], object]] = {
    "half of a life goes by": lambda stream: stream.server.wait(stream.server.setting.ttl / 2),
    "the retention goes by": lambda stream: stream.server.wait(stream.server.setting.retention + 0.25),
    "the wall clock steps back": lambda stream: stream.server.step_wall_clock(-7.5),
    "a moment goes by": lambda stream: stream.server.wait(0.015_625),
}
_REAPED: Mapping[str, Callable[[Stream], object]] = {"reap": lambda stream: stream.server.reap()}
_MOVES = {**_ALWAYS, **_TIMED, **_REAPED}


def moves(trial: Trial, most: int = 12) -> st.SearchStrategy[list[str]]:
    """Draw moves that the implementation can be asked for."""
    names = [*_ALWAYS, *_TIMED, *(_REAPED if trial.declaration.key_server.reap else ())]
    return st.lists(st.sampled_from(names), min_size=2, max_size=most)
