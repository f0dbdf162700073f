"""Tests of the contract: its schemas, its document, and the loop of a Python adapter."""
