"""A verifier of bearer tokens with its audit trail, small enough to be read in an hour."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("bearerproof")
except PackageNotFoundError:  # run from the source tree
    __version__ = "0"
