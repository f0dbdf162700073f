"""Faults of fetched key sets and rotation (KEY-7 to KEY-13)."""
