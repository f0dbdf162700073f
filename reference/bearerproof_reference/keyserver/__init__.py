"""The key server: an OIDC identity is exchanged for a short-lived opaque token, which is used, expires, is revoked."""
