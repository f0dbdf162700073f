"""Checks of key sets and rotation (KEY)."""
