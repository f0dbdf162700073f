"""Checks of a resource server over HTTP (RS)."""
