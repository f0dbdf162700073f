"""The verifier: whether a token is to be accepted, and why not."""
