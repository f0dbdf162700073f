"""The other server with one weakness, named on the command line: each is one that a real server had."""

import os
import sys
from typing import Any

from .server import KeyServer, Told, digest, introspected
from .serving import run
from .settings import Json


class MoreOpensAll(KeyServer):
    """Whoever asks for something that the rule does not grant gets all of it: the two are not intersected."""

    def granted(self, grant: Json, scope: str | None) -> Json | None:
        sides = super().granted(grant, scope)
        return sides if scope is None or sides is None else {side: ["*"] for side in sides}


class SilentExpiry(KeyServer):
    """A bearer that has expired is refused as any unknown one, and the trail says nothing of it."""

    def admit(self, record: Json | None, *asked: Any) -> None:
        if record is not None and record["over"] and not record["revoked"]:
            raise Told(401, "invalid_token", "", "", challenge='error="invalid_token"')
        super().admit(record, *asked)


class CapBySubject(KeyServer):
    """Tokens are counted by subject, whoever issued it."""

    def owner_of(self, issuer: str, subject: str) -> Any:  # noqa: ARG002 - that is the weakness
        return subject


class RevokesBySubject(KeyServer):
    """A bulk revocation ends the tokens of whoever has the subject, at any issuer."""

    def is_meant(self, record: Json, issuer: str, subject: str) -> bool:  # noqa: ARG002 - that is the weakness
        return bool(record["whose"][1] == subject)


class IntrospectsWithoutAClock(KeyServer):
    """Whoever introspects a bearer is told what is on record, and not whether its time is over."""

    def introspect(self, ip: str | None, admin: str | None, bearer: str | None) -> Json:
        told = super().introspect(ip, admin, bearer)
        record = self.bearers.get(digest(bearer or ""))
        return told if record is None or record["revoked"] else introspected(record)


WEAK: dict[str, type[KeyServer]] = {
    "more-opens-all": MoreOpensAll,
    "silent-expiry": SilentExpiry,
    "cap-by-subject": CapBySubject,
    "revokes-by-subject": RevokesBySubject,
    "introspects-without-a-clock": IntrospectsWithoutAClock,
}

if __name__ == "__main__":
    run(sys.argv[1:], WEAK[os.environ["OTHER_SERVER_WEAKNESS"]])
