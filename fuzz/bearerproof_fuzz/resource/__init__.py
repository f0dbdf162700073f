"""Judging a resource server that runs: the authorization server that it trusts, and the tokens of that."""
