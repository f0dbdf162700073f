"""Faults in the checks of ID tokens (IDT)."""
