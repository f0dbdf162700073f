"""Checks of the token store (TOK)."""
