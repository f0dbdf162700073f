"""An honest HS256 token and its key, and engines that know no more than these."""

import hmac
import json
import time
from random import Random
from string import ascii_letters, digits

import jwt
from fuzztargets import verified
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

from bearerproof_fuzz.keys import b64

ISSUER, AUDIENCE, SECRET = "https://as.example", "api://orders", b"k" * 64
KEY = jwt.PyJWK({"kty": "oct", "k": jwt.utils.base64url_encode(SECRET).decode(), "alg": "HS256"})
LETTERS = ascii_letters + digits + "-_"


def honest() -> str:
    """Return a token that is accepted for ten minutes."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": "user-1",
        "aud": AUDIENCE,
        "client_id": "app-1",
        "jti": "jti-1",
        "iat": now - 60,
        "nbf": now - 60,
        "exp": now + 6000,
    }
    return jwt.encode(claims, SECRET, "HS256", {"kid": "hs256-a"})


def accepted(token: str) -> bool:
    """Say whether the verifier that is measured takes a token."""
    try:
        verified(token, KEY, AUDIENCE, ISSUER)
    except jwt.PyJWTError:
        return False
    return True


def mangled(honest: str, random: Random, count: int) -> int:
    """Change one character of the honest token, and have that verified: no engine, and nothing is judged."""
    for _ in range(count):
        at = int(random.random() * len(honest))
        accepted(honest[:at] + LETTERS[int(random.random() * 64)] + honest[at + 1 :])
    return count


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


_CLAIMS = st.sampled_from(["iss", "aud", "exp", "nbf", "iat", "sub"]) | st.text(max_size=8)


@st.composite
def tokens(draw: DrawFn) -> str:
    """Draw a signed token piece by piece, as one would write it who begins with Hypothesis."""
    header = {"alg": "HS256", "kid": draw(st.text(max_size=12)), "typ": draw(st.sampled_from(["JWT", "at+jwt", ""]))}
    claims = draw(st.dictionaries(_CLAIMS, _JSON))
    key = draw(st.sampled_from([SECRET, b"", b"secret"]) | st.binary(max_size=16))
    signing_input = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signing_input}.{b64(hmac.digest(key, signing_input.encode(), 'sha256'))}"


def by_hypothesis(count: int) -> int:
    """Have as many examples of a plain test verified."""

    asked = 0

    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(tokens())
    def run(token: str) -> None:
        nonlocal asked
        asked += 1
        accepted(token)

    run()
    return asked
