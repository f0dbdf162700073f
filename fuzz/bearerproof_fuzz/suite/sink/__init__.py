"""Checks of sinks (SINK)."""
