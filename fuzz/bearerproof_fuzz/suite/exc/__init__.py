"""Checks of token exchange (EXC)."""
