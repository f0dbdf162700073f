"""The weaknesses, a table for each part of a verifier."""
