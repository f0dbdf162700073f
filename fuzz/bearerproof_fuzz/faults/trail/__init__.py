"""Seeded faults in audit trails (TRAIL)."""
