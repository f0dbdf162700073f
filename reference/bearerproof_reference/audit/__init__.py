"""The audit trail: one bounded, harmless event for each token that is rejected."""
