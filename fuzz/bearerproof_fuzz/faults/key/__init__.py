"""Seeded faults in key sets and rotation (KEY)."""
