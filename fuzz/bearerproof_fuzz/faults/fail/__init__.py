"""Seeded faults in verify-failure events (FAIL)."""
