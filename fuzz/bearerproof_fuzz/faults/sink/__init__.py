"""Seeded faults in sinks (SINK)."""
