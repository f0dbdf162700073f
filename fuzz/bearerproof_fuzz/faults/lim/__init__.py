"""Seeded faults in rate limiting (LIM)."""
