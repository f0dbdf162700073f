"""Checks of policy and scopes (POL)."""
