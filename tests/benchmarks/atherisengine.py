"""Atheris on one property, as a process of its own: ``python atherisengine.py raw|structured RUNS [--instrument]``.

The property is that what is accepted is the honest token; ``raw`` hands bytes over as they come, ``structured`` changes
the honest token as a mangler does, by what a ``FuzzedDataProvider`` yields.
"""

import sys

import atheris

STYLE, RUNS = sys.argv[1], sys.argv[2]
if "--instrument" in sys.argv:
    with atheris.instrument_imports(include=["jwt", "json", "base64"]):
        import jwt
else:
    import jwt

from fuzzsamples import AUDIENCE, ISSUER, KEY, LETTERS, honest  # noqa: E402 - after what is instrumented
from fuzztargets import verified  # noqa: E402 - as before

HONEST = honest()
SEEDS = [word for word in sys.argv[3:] if not word.startswith("-")]


def raw(octets: bytes) -> None:
    """Take bytes for a token."""
    _judge(octets.decode("latin-1"))


def structured(octets: bytes) -> None:
    """Change up to two characters of the honest token."""
    source, token = atheris.FuzzedDataProvider(octets), HONEST
    for _ in range(source.ConsumeIntInRange(1, 2)):
        at = source.ConsumeIntInRange(0, len(token) - 1)
        token = token[:at] + LETTERS[source.ConsumeIntInRange(0, len(LETTERS) - 1)] + token[at + 1 :]
    _judge(token)


def _judge(token: str) -> None:
    try:
        verified(token, KEY, AUDIENCE, ISSUER)
    except jwt.PyJWTError:
        return
    if token != HONEST:
        raise AssertionError(token)


if __name__ == "__main__":
    engine = raw if STYLE == "raw" else structured
    atheris.Setup(
        [sys.argv[0], f"-runs={RUNS}", "-seed=1", "-verbosity=0", "-len_control=0", "-max_len=400", *SEEDS], engine
    )
    atheris.Fuzz()
