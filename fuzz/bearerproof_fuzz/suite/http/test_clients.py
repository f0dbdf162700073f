"""Clients that authenticate themselves: who is none has nothing exchanged."""

from base64 import b64encode
from collections.abc import Mapping

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import wire
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.http_asserts import failed, succeeded
from bearerproof_fuzz.keyserver.setting import DEFAULT
from bearerproof_fuzz.keyserver.wire import FORM, Fields
from bearerproof_fuzz.needs import CLIENT_AUTHENTICATION

_ID, _SECRET = "app", "client-secret-of-the-suite-7b30"
_CONTENT = ("Content-Type", FORM)


def _basic(name: str, secret: str) -> Fields:
    """Return the credentials of a client (RFC 6749 §2.3.1)."""
    return (("Authorization", f"Basic {b64encode(f'{name}:{secret}'.encode()).decode()}"),)


_NONE: Fields = (("Authorization", ""),)
"""No credentials, also where those of an honest client go with every exchange that has none of its own."""

_STRANGERS: Mapping[str, Fields] = {
    "no credentials": _NONE,
    "an unknown client": _basic("nobody-whom-it-knows", _SECRET),
    "an unknown client without a secret": _basic("nobody-whom-it-knows", ""),
    "a client without id and secret": _basic("", ""),
    "a bearer that nobody issued": (("Authorization", "Bearer nothing"),),
}
"""Credentials that are nobody's, wherever they are presented."""

_GUESSES: Mapping[str, Fields] = {
    "a wrong secret": _basic(_ID, "wrong"),
    "an empty secret": _basic(_ID, ""),
    "the id as secret": _basic(_ID, _ID),
    "a secret cut short": _basic(_ID, _SECRET[:-1]),
    "a secret in the other case": _basic(_ID, _SECRET.upper()),
    "no colon": (("Authorization", f"Basic {b64encode(_ID.encode()).decode()}"),),
    "another scheme": (("Authorization", _basic(_ID, _SECRET)[0][1].replace("Basic", "Bearer")),),
}
"""Credentials that are nearly those of the client that we configure."""


@check("HTTP-27", needs=CLIENT_AUTHENTICATION)
def test_exchange_by_whoever_is_no_client(mark: CheckId, trial: Trial) -> None:
    """An exchange is refused to whoever does not authenticate himself as a client, and its token is not used."""
    configured = trial.declaration.key_server.configure
    server = KeyServerDriver(trial, DEFAULT.but(extra={"clients": {_ID: _SECRET}}))
    honest = _basic(_ID, _SECRET) if configured else ()
    form, bare = wire.exchange_form(server), []
    for name, credentials in {**_STRANGERS, **(_GUESSES if configured else {})}.items():
        reply = wire.exchange(server, form, (_CONTENT, *credentials))
        summary = f"an exchange with {name}"
        by_header = name in ("an unknown client", "a wrong secret")  # for which RFC 6749 §5.2 has 401, as a MUST
        open_at_base = trial.measure is Measure.BASE and reply.status == 400 and not by_header
        failed(server, reply, 400 if open_at_base else 401, () if open_at_base else ("invalid_client",), summary)
        if reply.status == 401 and not reply.values("WWW-Authenticate"):
            bare.append(summary)
    succeeded(server, wire.exchange(server, form, (_CONTENT, *honest)), "the same exchange by a client")
    if bare:
        server.fail(bare[0], "401 with a challenge (RFC 9110 §15.5.2)", "401 without one")
