"""Checks of verify-failure events (FAIL)."""
