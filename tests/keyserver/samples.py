"""Tokens to store: identities, and records that are made of few words."""

from bearerproof_reference.keyserver.tokens import Identity, Scopes, TokenRecord, mint

ISSUER = "https://idp.example"
ANNA = Identity(ISSUER, "anna", "anna@example.com", email_verified=True, name="Anna", groups=("staff", "ops"))
BEN = Identity(ISSUER, "ben")
SAME_SUBJECT = Identity("https://other.example", "anna", "anna@example.com")
SCOPES = Scopes(("*",), ("search", "brave_*"), 60)
START = 1_800_000_000.0
TTL = 600.0


def token(identity: Identity = ANNA, at: float = START, ttl: float = TTL, scopes: Scopes = SCOPES) -> TokenRecord:
    """Return the record of a new token."""
    return mint(identity, scopes, at, ttl, "192.0.2.1")[1]
