"""Checks of hints (HINT)."""
