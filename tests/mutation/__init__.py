"""Mutation testing: whether the conformance suite, and it alone, notices small changes of the reference."""
