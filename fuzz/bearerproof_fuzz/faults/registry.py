"""The registry of seeded faults: variants of the reference with one bug each, to prove that the suite finds it.

A fault is a function with a docstring, registered by ``@fault``: it changes the reference by replacing a few of its
parts, and its docstring tells where in the world that bug was made. It breaks exactly the requirement it names.
``@fault_by`` registers what a helper puts in, and ``faults_for`` a table of what one helper makes:

    _MADE: Rows[Callable[[bytes], str]] = {
        "short-bearer": ("16 octets, as for a session cookie.", lambda octets: _url64(octets[:16])),
    }
    faults_for("TOK-1", _made, _MADE)

``helper_by`` makes the usual helper, of one argument, which stands before what the function is called with:

    @helper_by(Patch.wrap, Throttle, "spend")
    def _retry_time(change: Callable[[int], int], spend: Any, self: Any, name: object, rate: int) -> Any:
        wait = spend(self, name, rate)
        return None if wait is None else change(wait)
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from inspect import currentframe
from types import CodeType, FunctionType
from typing import Any, Concatenate, TypeVar, TypeVarTuple

from bearerproof.contract.declaration import Need
from bearerproof.specification.catalogue import requirement
from bearerproof_fuzz.needs import HTTP


class Patch:
    """Replaces attributes of modules and classes, and puts back what was there."""

    def __init__(self) -> None:
        self._undo: list[tuple[object, str, Any]] = []

    def __call__(self, owner: object, name: str, value: object) -> None:
        """Replace an attribute that exists; a misspelt name raises ``AttributeError`` instead of patching nothing."""
        self._undo.append((owner, name, vars(owner)[name] if name in vars(owner) else getattr(owner, name)))
        setattr(owner, name, value)

    def wrap(self, owner: object, name: str, wrapper: Callable[..., object]) -> None:
        """Replace a function or method by one that is given what was there, and then the arguments of the call."""
        replaced = getattr(owner, name)

        def wrapped(*arguments: Any, **options: Any) -> object:
            return wrapper(replaced, *arguments, **options)

        self(owner, name, wrapped)

    @property
    def replaced(self) -> frozenset[CodeType] | None:
        """The functions that are replaced, or None if something else is too: a table, a constant, a class."""
        functions = [getattr(value, "__func__", value) for _, _, value in self._undo]
        if not all(isinstance(function, FunctionType) for function in functions):
            return None
        return frozenset(function.__code__ for function in functions)

    def restore(self) -> None:
        """Put everything back, the last change first."""
        while self._undo:
            owner, name, value = self._undo.pop()
            setattr(owner, name, value)


@dataclass(frozen=True)
class Fault:
    """One seeded bug.

    ``equivalent`` says why no check can see it, where that is so; such a fault is listed and not counted. ``needs``
    are what the reference has to declare for a check to see it: the HTTP binding stands in an extra of the package.
    """

    id: str
    requirement_id: str
    story: str
    apply: Callable[[Patch], None]
    equivalent: str | None = None
    needs: tuple[Need, ...] = ()


Apply = Callable[[Patch], None]
F = TypeVar("F", bound=Callable[..., object])
T = TypeVar("T")
Ts = TypeVarTuple("Ts")

Rows = Mapping[str, tuple[str, T]]
"""A table of faults: the name of each, its story, and what its helper is given."""

_FAULTS: dict[str, Fault] = {}


def fault(
    requirement_id: str, *, equivalent: str | None = None, needs: tuple[Need, ...] = ()
) -> Callable[[Apply], Apply]:
    """Register a function as a seeded fault that breaks this requirement; its name is the fault's.

    A fault of the family HTTP needs the HTTP binding without saying so.
    """

    def register(apply: Apply) -> Apply:
        name = apply.__name__.replace("_", "-")
        if name in _FAULTS:
            raise ValueError(f"two faults are called {name}")
        story = " ".join((apply.__doc__ or "").split())
        if not story:
            raise ValueError(f"fault {name} has no docstring")
        row = requirement(requirement_id)
        _FAULTS[name] = Fault(
            name, row.id, story, apply, equivalent, needs or ((HTTP,) if row.family == "HTTP" else ())
        )
        return apply

    return register


def fault_by(
    requirement_id: str, helper: Callable[[Patch, *Ts, F], None], *arguments: *Ts, **options: Any
) -> Callable[[F], F]:
    """Register a function as the fault that a helper makes of it: ``helper(patch, *arguments, function)``."""

    def register(function: F) -> F:
        def apply(patch: Patch) -> None:
            helper(patch, *arguments, function)

        fault(requirement_id, **options)(wraps(function)(apply))
        return function

    return register


def faults_for(requirement_id: str, helper: Callable[[Patch, T], None], rows: Rows[T], **options: Any) -> None:
    """Register a fault for each row, ``helper(patch, argument)``; it stands in the module that calls this."""
    frame = currentframe()
    module = frame.f_back.f_globals["__name__"] if frame and frame.f_back else ""
    for name, (story, argument) in rows.items():
        apply = _given(helper, argument)
        apply.__name__, apply.__doc__, apply.__module__ = name, story, module
        fault(requirement_id, **options)(apply)


def helper_by(
    helper: Callable[[Patch, *Ts, Callable[..., Any]], None], *arguments: *Ts
) -> Callable[[Callable[Concatenate[T, ...], object]], Callable[[Patch, T], None]]:
    """Make a helper of one argument, as another makes it: ``helper(patch, *arguments, function)``.

    The function is given the argument of the helper, and then what it is called with.
    """

    def decorate(function: Callable[Concatenate[T, ...], object]) -> Callable[[Patch, T], None]:
        def apply(patch: Patch, argument: T) -> None:
            helper(patch, *arguments, lambda *given, **options: function(argument, *given, **options))

        return apply

    return decorate


def spread(helper: Callable[[Patch, *Ts], None]) -> Callable[[Patch, tuple[*Ts]], None]:
    """Return a helper of several arguments as one of their tuple, which a row can hold."""
    return lambda patch, arguments: helper(patch, *arguments)


def _given(helper: Callable[[Patch, T], None], argument: T) -> Apply:
    return lambda patch: helper(patch, argument)


def registered() -> Mapping[str, Fault]:
    """Return every fault by name whose module is loaded."""
    return _FAULTS


@contextmanager
def seeded(fault: Fault) -> Iterator[Patch]:
    """Have the reference bear this fault for a while."""
    patch = Patch()
    try:
        fault.apply(patch)
        yield patch
    finally:
        patch.restore()
