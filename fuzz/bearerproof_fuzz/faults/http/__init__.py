"""Seeded faults in the HTTP binding (HTTP)."""
