"""Checks of audit trails (TRAIL)."""
