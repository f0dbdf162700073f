"""The implementation under test: asked for verdicts, restarted when it dies, and held to its time limit."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from bearerproof import PROTOCOL
from bearerproof.contract import chains, decisions, messages
from bearerproof.contract.chains import ChainAnswer
from bearerproof.contract.connections import Connection, Stdio
from bearerproof.contract.decisions import Decision
from bearerproof.contract.declaration import Declaration, read_declaration
from bearerproof.contract.keyforms import TEXTS, key_texts
from bearerproof.contract.messages import Answer, LineSizes, Outcome, Presentation, Request, request_line
from bearerproof.exceptions import AdapterCrashed, AdapterFault, AdapterHung, LineTooLong
from bearerproof.members import Json

T = TypeVar("T")

START_SECONDS = 30.0
"""Time allowed for the first answer: a virtual machine may have to warm up."""

MAX_RESTARTS = 20
"""Restarts allowed within one property, shrinking included."""

MAX_RUN_RESTARTS = 100
"""Restarts allowed within one run: past them the implementation does nothing but crash, and the rest is not run."""

MAX_HANGS = 3
"""Hangs allowed within one run; what is left after them is not run."""

_LONG_ID = 10**9
"""As long as an ``id`` becomes: whether a line fits must not depend on how many there were before."""


class PropertyEnded(BaseException):
    """Ends a property at once, unshrunk: each further try would cost a time-out or a restart.

    Not an ``Exception``, because a property-based testing engine would catch that and try on.
    """

    def __init__(self, outcome: Outcome, detail: str, presentation: Presentation | None = None) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.presentation = presentation


class Skipped(BaseException):
    """What was asked cannot be done, as the adapter says itself: it makes a check not applicable, and is never red.

    Not an ``Exception``, for the reason that ``PropertyEnded`` is none.
    """


class Implementation:
    """An implementation and what it declares.

    A crash or hang is asked again after a restart. One that recurs is the implementation's answer to that
    token; one that does not is noted in ``troubles`` as a fault of the adapter, and the run goes on.

    ``tokens`` counts those asked; ``drawn`` says whether any of them was asked while ``drawing``, that is by a
    generated example. ``skips`` holds what it said it cannot do since the property began; ``leave_out`` takes an
    example out of the draw for that, so that the draw goes on. So it does with one that needs a longer line than is
    read; ``unsent`` then says so.
    """

    def __init__(self, connection: Connection, seconds: float = 5.0) -> None:
        """Say hello; ``seconds`` is the time allowed for each answer after it.

        Raises:
            AdapterFault: no declaration came, or one that breaks the contract.
        """
        self._connection = connection
        self._seconds = seconds
        self._configuration: Json | None = None
        self._restarts = 0
        self._tick_offset = 0.0
        self._last_tick = 0.0
        self._sizes = LineSizes()
        self.hangs = 0
        self.restarts = 0
        self.tokens = 0
        self.drawing: Callable[[], bool] = lambda: False
        self.leave_out: Callable[[], object] = lambda: None
        self.skips: list[str] = []
        self.unsent: str | None = None
        self.drawn = False
        self.troubles: list[str] = []
        try:
            self.hello = self._hello()
            self.declaration: Declaration = read_declaration(self.hello)
            if isinstance(connection, Stdio) or "max_line" in self.hello["capabilities"]:
                connection.max_line = self.declaration.max_line
        except AdapterFault:
            connection.close()
            raise

    @property
    def remarks(self) -> tuple[str, ...]:
        """What the connection has to say at the end of a run, a line each."""
        return tuple(getattr(self._connection, "remarks", ()))

    def begin_property(self) -> None:
        """Forget the restarts of the property before, since each has its own budget, and what was skipped in it."""
        self._restarts = 0
        self.skips = []
        self.unsent = None
        if self.overlapped:
            self._connection.overlapped = False  # type: ignore[attr-defined]  # who has it is asked over HTTP

    @property
    def overlapped(self) -> bool:
        """Whether something was asked while something else was, since the property began."""
        return bool(getattr(self._connection, "overlapped", False))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Ask one thing after the other meanwhile, where several could be asked at once."""
        self._connection.alone = True  # type: ignore[attr-defined]  # who cannot overlap does not mind
        try:
            yield
        finally:
            self._connection.alone = False  # type: ignore[attr-defined]  # likewise

    @property
    def stderr(self) -> str:
        """What it wrote to stderr last or, asked by HTTP, answered: shown, never interpreted."""
        said: Callable[[], str] | None = getattr(self._connection, "said", None)
        return "" if said is None else said()

    @property
    def exhausted(self) -> str | None:
        """Why nothing more is asked of it, or None."""
        if self.hangs >= MAX_HANGS:
            return f"it hung {self.hangs} times before"
        return f"it was restarted {self.restarts} times before" if self.restarts > MAX_RUN_RESTARTS else None

    @property
    def effort(self) -> str | None:
        """What it took to ask, in words, where the connection to it tells."""
        effort = getattr(self._connection, "effort", None)
        return None if effort is None else str(effort())

    def verify(self, presentation: Presentation) -> Answer:
        """Ask for one verdict."""
        return self.verify_all([presentation])[0]

    def verify_all(self, presentations: Sequence[Presentation]) -> list[Answer]:
        """Ask for several verdicts, some of them ahead of their turn; answers come in the order asked.

        Raises:
            PropertyEnded: it hung, crashed too often, or too many hangs came before.
            AdapterFault: it broke the contract. LineTooLong: one of them is longer than it reads.
        """
        requests = [self._on_time(self.request(presentation)) for presentation in presentations]
        self.tokens += len(requests)
        self.drawn = self.drawn or self.drawing()
        answers: list[Answer] = []
        try:
            for raw in self._ask(requests, self._seconds):
                answers.append(messages.read_answer(raw, requests[len(answers)]["op"]))
        except (AdapterCrashed, AdapterHung) as failure:
            self.hangs += isinstance(failure, AdapterHung)
            self._restart()
            left = zip(requests[len(answers) :], presentations[len(answers) :], strict=True)
            again = [self._ask_alone(request, presentation) for request, presentation in left]
            if all(answer.outcome is not Outcome.CRASHED for answer in again):
                self.troubles.append(f"{failure.describe()}, but answered when the same was asked again")
            answers += again
        return answers

    def decide(self, request: Request) -> Decision:
        """Ask a key server for one decision; what it knew is gone with a crash, so none is asked again.

        Raises:
            PropertyEnded: it crashed or hung. AdapterFault: it broke the contract.
        """
        return self._ask_once(request, decisions.read_decision)

    def chain(self, request: Request) -> ChainAnswer:
        """Ask what it makes of a chain, or for one that it writes.

        Raises:
            PropertyEnded: it crashed or hung. AdapterFault: it broke the contract.
        """
        return self._ask_once(request, chains.read_chain_answer)

    def _ask_once(self, request: Request, read: Callable[[Json, str], T]) -> T:
        self.tokens += 1
        self.drawn = self.drawn or self.drawing()
        try:
            return read(self._once(request), request["op"])
        except AdapterHung as failure:
            self.hangs += 1
            self._restart()
            raise PropertyEnded(Outcome.HUNG, failure.describe()) from None
        except AdapterCrashed as failure:
            self._restart()
            raise PropertyEnded(Outcome.CRASHED, failure.describe()) from None

    def reset(self) -> None:
        """Make it forget buckets, caches, replay entries and counters.

        Raises:
            Skipped: it cannot. AdapterFault: it does not: nothing asked after that would be judged from a known state.
        """
        undone = self._do({"op": "reset"}, "reset")
        if undone is not None:
            raise AdapterFault(f"reset: {undone}")

    def configure(self, audit: Json) -> str | None:
        """Set up sink and limiter; returns why that was refused, if it was.

        Raises:
            Skipped: it cannot.
        """
        request = {"op": "configure", "audit": audit}
        undone = self._do(request, "configured")
        if undone is None:
            self._configuration = request
        return undone

    def restore(self, audit: Json) -> None:
        """Set up sink and limiter as every other check finds them, where anything else was set up.

        Raises:
            AdapterFault: it cannot be brought back, so that no later check would judge what it says it judges.
        """
        if self._configuration is None or self._configuration["audit"] == audit:
            return
        request = {"op": "configure", "audit": audit}
        undone = messages.read_done(self._once(request), "configure", "configured")
        if undone is not None:
            raise AdapterFault(f"configure: the usual configuration cannot be set up again: {undone[1]}")
        self._configuration = request

    def stats(self) -> dict[str, int]:
        """Return the counters of the audit trail.

        Raises:
            Skipped: it cannot. AdapterFault: what came are no counters.
        """
        raw = self._once({"op": "stats"})
        undone = messages.read_undone(raw, "stats")
        if undone is not None and undone[0] is Outcome.SKIPPED:
            self.skip("stats", undone[1])
        return messages.read_stats(raw)

    def skip(self, op: str, words: str) -> NoReturn:
        """Note what it says that it cannot do: an example that needs it is left out, any other check ends.

        Raises:
            Skipped: always, unless the example is left out.
        """
        self.skips.append(f"{op}: {words}")
        if self.drawing():
            self.leave_out()
        raise Skipped(f"the adapter skipped {op}: {words}")

    def close(self) -> None:
        """End the implementation."""
        self._connection.close()

    def fits(self, presentation: Presentation) -> bool:
        """Say whether the line that asks for this verdict is one that the implementation reads."""
        most = self._connection.max_line
        if most is None:
            return True
        request = self.request(presentation)
        return self._sizes.surely_fits(request, most) or len(request_line({"id": _LONG_ID, **request})) <= most

    def request(self, presentation: Presentation) -> Request:
        """Return the message that asks for a verdict, with the keys once more as text where text is taken."""
        request = presentation.request()
        if self.declaration.key_form not in TEXTS:
            return request
        holder = request.get("policy", request)
        if "keys" not in holder:
            return request
        texts = {"key_texts": key_texts(holder["keys"], self.declaration.key_form)}
        return {**request, **({"policy": {**holder, **texts}} if "policy" in request else texts)}

    def _on_time(self, request: Request) -> Request:
        """Keep ``tick`` from decreasing within a connection that ``reset`` cannot start anew."""
        if "tick" not in request or self.declaration.level >= 2:
            return request
        if request["tick"] + self._tick_offset < self._last_tick:
            self._tick_offset = self._last_tick - request["tick"]
        self._last_tick = request["tick"] + self._tick_offset
        return {**request, "tick": self._last_tick} if self._tick_offset else request

    def _hello(self) -> Json:
        try:
            return self._once({"op": "hello", "protocol": PROTOCOL}, START_SECONDS)
        except AdapterHung as hung:
            hint = "does it flush its output after each line?"
            raise AdapterHung(f"hello: gave no answer within {START_SECONDS:g} s; {hint}", stderr=hung.stderr) from None

    def _do(self, request: Request, member: str) -> str | None:
        undone = messages.read_done(self._once(request), request["op"], member)
        if undone is not None and undone[0] is Outcome.SKIPPED:
            self.skip(request["op"], undone[1])
        return None if undone is None else undone[1]

    def _once(self, request: Request, seconds: float | None = None) -> Json:
        (raw,) = self._ask([request], self._seconds if seconds is None else seconds)
        return raw

    def _ask(self, requests: Sequence[Request], seconds: float) -> Iterator[Json]:
        """Ask; an example that needs a longer line than is read is left out, and any other check ends."""
        try:
            yield from self._connection.ask(requests, seconds)
        except LineTooLong as too_long:
            self.unsent = str(too_long)
            if self.drawing():
                self.leave_out()
            raise

    def _restart(self) -> None:
        self._restarts += 1
        self.restarts += 1
        if self._restarts > MAX_RESTARTS:
            raise PropertyEnded(Outcome.CRASHED, f"more than {MAX_RESTARTS} restarts within one property")
        self._connection.restart()
        self._hello()
        if self._configuration is not None:
            undone = messages.read_done(self._once(self._configuration), "configure", "configured")
            if undone is not None:
                raise AdapterFault(f"configure: after a restart what was configured before is not: {undone[1]}")

    def _ask_alone(self, request: Request, presentation: Presentation) -> Answer:
        """Ask one request again after a restart: a failure that recurs is the answer to that token."""
        try:
            return messages.read_answer(self._once(request), request["op"])
        except AdapterHung as failure:
            self._restart()
            raise PropertyEnded(Outcome.HUNG, failure.describe(), presentation) from None
        except AdapterCrashed as failure:
            self._restart()
            return Answer(Outcome.CRASHED, detail=failure.describe())
