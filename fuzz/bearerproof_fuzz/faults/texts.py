"""Faults in reading segments and JSON (VER-1 to VER-11)."""
