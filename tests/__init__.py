"""Tests of bearerproof, its reference and its suite."""
