"""Faults in checking signatures (VER-24 to VER-28, VER-46)."""
