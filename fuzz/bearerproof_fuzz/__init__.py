"""How bearerproof tries to break an implementation: forged tokens, edits, strategies, and the suite itself."""
