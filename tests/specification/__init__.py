"""Tests of the specification's own wholeness: requirements, sources, edits, vectors, imports, determinism."""
