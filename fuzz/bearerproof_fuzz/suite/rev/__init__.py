"""Checks of revocation and administration (REV)."""
