"""Seeded faults in the resource server (RS)."""
