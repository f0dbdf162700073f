"""Honest implementations of unusual shape, none of which may be red."""
