"""Tests of judging resource servers by URL."""
