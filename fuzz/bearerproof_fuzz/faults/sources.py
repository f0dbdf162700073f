"""Faults in composing source ids (SRC)."""
