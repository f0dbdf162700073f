"""Checks of the HTTP binding (HTTP)."""
