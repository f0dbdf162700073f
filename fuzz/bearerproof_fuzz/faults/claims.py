"""Faults in judging claims (VER-29 to VER-40)."""
