"""Seeded faults: the reference with one bug each. Importing this package fills the registry.

They stand by the families of the requirements that they break: ``tokens`` (VER, IDT), ``keys`` (KEY), ``audit``
(HINT, SRC, FAIL, SINK, LIM, TRAIL) and ``keyserver`` (LIFE, TOK, EXC, POL, REV, HTTP, TRAIL). The first line of each
module names its requirements.

``bearerproof check fault:NAME`` judges one of them, to see what the suite makes of it.
"""

from collections.abc import Callable
from typing import Any

from bearerproof.exceptions import BadInput
from bearerproof_fuzz.faults import audit as audit
from bearerproof_fuzz.faults import control as control
from bearerproof_fuzz.faults import keys as keys
from bearerproof_fuzz.faults import keyserver as keyserver
from bearerproof_fuzz.faults import tokens as tokens
from bearerproof_fuzz.faults.control import CONTROL as CONTROL
from bearerproof_fuzz.faults.registry import Patch
from bearerproof_fuzz.faults.registry import faults as faults
from bearerproof_reference.adapter import adapter

Json = dict[str, Any]


def create(name: str = "") -> Callable[[Json], Json]:
    """Return the reference with this fault; it bears the fault for as long as the process lives.

    Raises:
        BadInput: no fault has this name.
    """
    if name not in faults():
        raise BadInput(f"no seeded fault is called {name!r}; fault:hmac-over-pem is one of {len(faults())}")
    faults()[name].apply(Patch())
    made = adapter.create()

    def handle(request: Json) -> Json:
        answer = made.handle(request)
        if request.get("op") == "hello":
            answer["implementation"] = {**answer["implementation"], "name": f"fault:{name}"}
        return answer

    return handle
