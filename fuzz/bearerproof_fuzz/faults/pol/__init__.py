"""Seeded faults in policy and scopes (POL)."""
