"""Faults in reading key sets (KEY-1 to KEY-6)."""
