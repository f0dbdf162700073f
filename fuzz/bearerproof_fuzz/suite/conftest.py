"""The fixtures of the suite where it is run as ``pytest --pyargs``; ``bearerproof check`` loads them as a plugin."""

from bearerproof_fuzz.fixtures import forge as forge
