"""Third-party vectors, read from a folder of the caller and scored by group."""
