"""Seeded faults in hash chains (CHAIN)."""
