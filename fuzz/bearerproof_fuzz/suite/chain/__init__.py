"""Checks of hash chains (CHAIN)."""
