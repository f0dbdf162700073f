"""The command line: everything that stands on specification, suite and reference together."""
