"""How a trail is to be judged."""

import re
from dataclasses import dataclass

from bearerproof.trail.presets import Preset


@dataclass(frozen=True)
class Options:
    """Bounds and assumptions of a judgement.

    ``tolerance``: seconds by which the order of lines and their times may disagree. ``horizon``: seconds for which a
    token is remembered after its expiry. ``max_tokens``: tokens remembered at once. ``max_sources``: source ids that a
    trail of verify failures may have. ``findings``: how many are told of each rule; all are counted.
    ``from_middle``: the trail begins when the server had been running, so earlier numbers and tokens are not missing.
    ``skew``: seconds by which the clocks of two writers may differ. ``single_writer``: all that names no ``origin`` was
    written by one server, so what repeats or steps back is told without asking whether several would explain it.
    """

    preset: Preset = Preset.AUTO
    tolerance: float = 1.0
    horizon: float = 3600.0
    max_tokens: int = 180_000
    max_sources: int = 10_000
    secret_patterns: tuple[re.Pattern[str], ...] = ()
    findings: int = 5
    from_middle: bool = False
    skew: float = 0.0
    single_writer: bool = False
