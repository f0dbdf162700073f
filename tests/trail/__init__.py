"""Tests of the proof of audit trails."""
