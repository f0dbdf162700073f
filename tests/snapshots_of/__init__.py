"""Snapshots of what people and programs read: texts, messages, wire forms."""
