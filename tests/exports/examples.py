"""One event of each kind, as a server and a verifier write them."""

from bearerproof.members import Json

AT = "2027-01-15T08:00:00.123456Z"

ALICE: Json = {
    "subject": "sub-1",
    "email": "alice@example.com",
    "name": "Alice",
    "groups": ["staff"],
    "issuer": "https://idp.example",
}
ISSUED: Json = {
    "event": "token.issued",
    "identity": ALICE,
    "token_jti": "j1",
    "backends": ["*"],
    "tools": ["search", "brave_*"],
    "rate_limit": 60,
    "client_ip": "192.0.2.1",
    "occurred_at": AT,
    "seq": 3,
    "expires_at": "2027-01-15T08:10:00.000000Z",
}
DENIED: Json = {"event": "token.denied", "reason": "no-policy", "identity": ALICE, "occurred_at": AT, "seq": 4}
INVALID: Json = {"event": "token.invalid", "reason": "unknown-bearer", "client_ip": "2001:db8::1", "occurred_at": AT}
REVOKED: Json = {"event": "token.revoked", "token_jti": "j1", "occurred_at": AT}
TIMELESS: Json = {"event": "token.used", "identity": ALICE, "token_jti": "j1"}
REJECTED: Json = {
    "kind": {"IdToken": {"CatMismatch": "admin"}},
    "occurred_at": AT,
    "source_id": "app-1::aud-1::k1",
    "client_id_hint": "app-1",
    "kid_hint": "k1",
    "metadata": {"aud_hint": "aud-1", "engine_msg": "no"},
}
MARKED: Json = {
    "source_id": "app-1::aud-1::k1",
    "client_id_hint": "app-1",
    "kid_hint": "k1",
    "aud_hint": "aud-1",
    "kind_detail": "admin",
    "engine_msg": "no",
}
"""What of REJECTED the rejected token may have had a hand in."""
