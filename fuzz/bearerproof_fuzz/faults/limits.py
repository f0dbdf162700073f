"""Faults of the limiter (LIM)."""
