"""Seeded faults in revocation and administration (REV)."""
