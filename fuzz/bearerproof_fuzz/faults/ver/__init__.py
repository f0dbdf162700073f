"""Seeded faults in verifying a token (VER)."""
