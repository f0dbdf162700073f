"""Checks of lifecycle events (LIFE)."""
