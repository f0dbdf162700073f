"""Faults in the choice of algorithm (VER-12 to VER-16)."""
