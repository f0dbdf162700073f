"""Checks of source ids (SRC)."""
