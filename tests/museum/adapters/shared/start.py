"""Starts an adapter where old releases find the names that Python 3.10 took out of ``collections``."""

import collections
import collections.abc
import warnings

for name in ("Iterable", "Mapping", "MutableMapping", "Sequence"):
    setattr(collections, name, getattr(collections.abc, name))
warnings.simplefilter("ignore")

import verifier  # noqa: E402, F401 - it answers until the input ends
