"""Seeded faults in reading hints (HINT)."""
