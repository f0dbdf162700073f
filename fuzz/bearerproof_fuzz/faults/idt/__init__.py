"""Seeded faults in ID tokens (IDT)."""
