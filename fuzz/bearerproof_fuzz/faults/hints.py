"""Faults in reading hints, or in believing them (HINT)."""
