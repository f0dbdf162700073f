"""Seeded faults in lifecycle events (LIFE)."""
