"""Changes that no verifier may mind, by either measure: they pin the cause of a rejection on the edit beside them."""

from bearerproof_fuzz.forge import Draft


def another_jti(draft: Draft) -> Draft:
    """Give the token another `jti` and put it first: claims have no order (RFC 8259 §4).

    A product that knows no `jti` has another subject instead, or is content with another order.
    """
    if draft.rules.knows("jti"):
        own = draft.claims.get("jti")
        return reordered(draft.with_claims(jti="jti-2" if own in (None, "jti-1") else f"{own}-2"))
    return reordered(draft.with_claims(sub=draft.rules.subjects[1]) if draft.rules.subjects else draft)


def reordered(draft: Draft) -> Draft:
    """Write the claims in the opposite order."""
    return draft.but(claims=dict(reversed(draft.claims.items())))
