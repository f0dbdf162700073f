"""Checks of ID tokens beyond their edits."""
