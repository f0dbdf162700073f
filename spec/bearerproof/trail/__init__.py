"""Proving an audit trail: whether a log of lifecycle and verify-failure events is truthful and leaks nothing."""

from bearerproof.trail.judge import prove, prove_lines
from bearerproof.trail.options import Options
from bearerproof.trail.presets import Preset
from bearerproof.trail.report import TrailReport, Verdict
from bearerproof.trail.rules import Rule

__all__ = ["Options", "Preset", "Rule", "TrailReport", "Verdict", "prove", "prove_lines"]
