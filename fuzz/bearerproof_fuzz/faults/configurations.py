"""Where faults in reading a configuration get in: before it is read."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, helper_by
from bearerproof_reference.adapter import keyserver as adapter


@helper_by(Patch.wrap, adapter, "read")
def mended(change: Callable[[Json], None], read: Any, members: Any) -> Any:
    """Have a configuration changed before it is read."""
    mended = deepcopy(members)
    change(mended)
    return read(mended)
