"""Seeded faults in the token store (TOK)."""
