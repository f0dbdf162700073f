"""Seeded faults in token exchange (EXC)."""
