"""Requests that are asked together, as a race wants them."""

from bearerproof.contract.messages import Request
from bearerproof_fuzz.keyserver.setting import ADMIN, HOME, ID_TOKEN, PEER, TOKEN_EXCHANGE


def exchange(subject_token: str, peer: str = PEER) -> Request:
    """Return an honest exchange."""
    form = [["grant_type", TOKEN_EXCHANGE], ["subject_token", subject_token], ["subject_token_type", ID_TOKEN]]
    return {"op": "exchange", "peer": peer, "form": form}


def authenticate(bearer: str) -> Request:
    """Return a request that presents a bearer."""
    return {"op": "authenticate", "peer": PEER, "bearer": bearer}


def revoke(jti: str, admin: str = ADMIN) -> Request:
    """Return an administrator's request to revoke a token, or somebody's who takes another secret for his."""
    return {"op": "revoke", "peer": PEER, "admin": admin, "jti": jti}


def revoke_all(subject: str, issuer: str = HOME.issuer) -> Request:
    """Return an administrator's request to revoke all that an identity has."""
    return {"op": "revoke", "peer": PEER, "admin": ADMIN, "issuer": issuer, "subject": subject}
