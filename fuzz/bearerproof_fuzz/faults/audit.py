"""Faults of verify-failure events and sinks (FAIL, SINK)."""
