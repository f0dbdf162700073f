"""Where faults in reading a configuration get in: before it is read."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from bearerproof_fuzz.faults.registry import Patch
from bearerproof_reference.adapter import keyserver as adapter

Json = dict[str, Any]


def mended(patch: Patch, change: Callable[[Json], None]) -> None:
    """Have a configuration changed before it is read."""

    def read_mended(read: Any, members: Any) -> Any:
        mended = deepcopy(members)
        change(mended)
        return read(mended)

    patch.wrap(adapter, "read", read_mended)
