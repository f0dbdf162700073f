"""Tests of the harness itself: a broken adapter, file or flag never passes for a verdict."""
