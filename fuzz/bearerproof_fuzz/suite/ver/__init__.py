"""Checks of verifying a token (VER)."""
