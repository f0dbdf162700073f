"""An adapter of your Python library: fill in `verify`, and declare below it what the library can do.

Nothing else is needed. `policy` has all that a verifier is told; each check that the library offers is switched on with
the value that stands there, and none is added that it lacks: that is what bearerproof looks for.
"""

from library import Json, serve_library


class Rejected(Exception):
    """What `verify` raises where the library raises the error that it documents for a bad token."""


def verify(request: Json) -> Json:
    """Return the claims of a token that the library accepts at this instant under this policy, or raise `Rejected`.

    `request["now"]` is in seconds since 1970; the policy has issuer, audience, algorithms, leeway, require and keys (a
    JWK set).
    """
    raise NotImplementedError("verify, in adapter.py, is still to be filled in")


serve_library(
    "my-library",  # the distribution, whose version stands in the report
    verify,
    (Rejected,),
    algorithms=["RS256", "ES256"],  # those that it verifies: each one declared is tried
    clock="injected",  # "real" if it cannot be told the time
    key_form="jwks",  # "pem" and others: policy["key_texts"][kid]["pem"] is each key then
    options=["leeway", "require"],  # and "typ", or only those that it has
)
