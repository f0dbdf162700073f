"""Seeded faults in source ids (SRC)."""
