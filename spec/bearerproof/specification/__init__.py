"""The specification, read: its requirements, and which of them answers each clause, attack and weakness."""
