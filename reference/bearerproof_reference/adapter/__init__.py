"""The reference as an implementation that the harness can ask, by the contract."""

from bearerproof_reference.adapter.adapter import create as create
from bearerproof_reference.adapter.adapter import main as main
