"""Faults of replay detection and session look-ups (VER-41 to VER-44)."""
