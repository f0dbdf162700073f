"""Checks of rate limiting (LIM)."""
