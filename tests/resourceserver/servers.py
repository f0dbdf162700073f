"""Small resource servers on a socket: the reference's, honest, and what it is with one thing wrong at a time."""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bearerproof_reference.audit.audited import AuditedVerifier
from bearerproof_reference.audit.sinks import Record
from bearerproof_reference.deployment.resource import Answer, Request, ResourceServer, encoded
from bearerproof_reference.verifier import fetching
from bearerproof_reference.verifier.fetching import FetchedKeySet
from bearerproof_reference.verifier.keys import Key, KeySet
from bearerproof_reference.verifier.policy import Profile, VerificationPolicy
from bearerproof_reference.verifier.verdicts import Accepted, Reason, Rejected
from bearerproof_reference.verifier.verifier import Verifier

from ..listening import AnyMethod

HASTE = 60
"""How many seconds of monotonic time go by in one: a cool-down of 30 s is over in half of one."""

AUDIENCE = "api://orders"


class HurriedClock:
    """The clock of the wall, and a monotonic one that hurries."""

    def now(self) -> float:
        return time.time()

    def tick(self) -> float:
        return time.monotonic() * HASTE


class Server:
    """The reference's resource server with keys that it fetches from an issuer."""

    def __init__(self, issuer: str) -> None:
        self.policy = VerificationPolicy(frozenset({"ES256"}), Profile.ACCESS_TOKEN, issuer, AUDIENCE, typ="at+jwt")
        clock = HurriedClock()
        keys = FetchedKeySet(f"{issuer}/jwks.json", ["ES256"], clock, self.fetch)
        self.keys = keys
        verifier = Verifier(self.policy, keys, clock)
        verifier.verify = self.verify  # type: ignore[method-assign]  # the seam at which one thing goes wrong
        self._verify: Callable[[str | bytes], Accepted | Rejected] = partial(Verifier.verify, verifier)
        self.resource = ResourceServer(verifier, "http://127.0.0.1/orders", issuer)
        self._lock = Lock()

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        with self._lock:
            return self._verify(token)

    def answer(self, request: Request) -> Answer:
        return self.resource.answer(request)

    def fetch(self, url: str) -> bytes:
        return fetching.fetch(url, 2.0)


def claims_of(token: str | bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(str(token).split(".")[1] + "=="))
    return found


class VerifiesNothing(Server):
    """Believes whatever has claims."""

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        try:
            return Accepted(claims_of(token), None)
        except (ValueError, IndexError):
            return super().verify(token)


class BadRequestToAll(Server):
    """Answers 400, whatever was asked."""

    def answer(self, _: Request) -> Answer:
        return Answer(400, {})


class NeedsNoToken(Server):
    """Serves whoever asks."""

    def answer(self, _: Request) -> Answer:
        return Answer(200, {"user": {"sub": "user-1"}})


class RemembersByJti(Server):
    """Keeps a verdict by the token's `jti`, and believes what has it from then on."""

    def __init__(self, issuer: str) -> None:
        super().__init__(issuer)
        self._accepted: dict[object, Accepted] = {}

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        try:
            jti = claims_of(token).get("jti")
        except (ValueError, IndexError, AttributeError):
            return super().verify(token)
        if isinstance(jti, str) and jti in self._accepted:
            return self._accepted[jti]
        verdict = super().verify(token)
        if isinstance(verdict, Accepted):
            self._accepted[jti] = verdict
        return verdict


class AnyAudience(Server):
    """Does not compare the audience."""

    def __init__(self, issuer: str) -> None:
        super().__init__(issuer)
        verifier = Verifier(replace(self.policy, audience=None), self.keys, HurriedClock())
        self._verify = partial(Verifier.verify, verifier)


class NoneIsAnAlgorithm(Server):
    """Believes a token that says it is not signed."""

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        header, _, rest = str(token).partition(".")
        try:
            algorithm = json.loads(base64.urlsafe_b64decode(header + "==")).get("alg")
        except (ValueError, AttributeError):
            algorithm = ""
        if str(algorithm).lower() == "none" and rest.endswith("."):
            return Accepted(claims_of(token), None)
        return super().verify(token)


class FetchesForEachKid(Server):
    """Fetches the key set whenever it does not know a kid."""

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        with self._lock:
            self.keys._miss_at = float("-inf")
            return self._verify(token)


class HeedsNoUse(Server):
    """Verifies with any key of the set, whatever it says that it is for."""

    def fetch(self, url: str) -> bytes:
        jwks = json.loads(super().fetch(url))["keys"]
        for jwk in jwks:
            jwk.pop("use", None)
            jwk.pop("key_ops", None)
        return json.dumps({"keys": jwks}).encode()


class TakesTheLastTwin(Server):
    """Puts the keys of the set into a table by their kid."""

    def fetch(self, url: str) -> bytes:
        table = {jwk["kid"]: jwk for jwk in json.loads(super().fetch(url))["keys"]}
        return json.dumps({"keys": list(table.values())}).encode()


class TwoIssuers(Server):
    """Takes the tokens of two issuers, each with the keys of its own."""

    def __init__(self, issuer: str) -> None:
        super().__init__(issuer)
        self.issuer, self.other = issuer, issuer.replace("/home", "/other")
        clock = HurriedClock()
        keys = FetchedKeySet(f"{self.other}/jwks.json", ["ES256"], clock, self.fetch)
        self._others = Verifier(replace(self.policy, issuer=self.other), keys, clock)

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        with suppress(ValueError, IndexError, AttributeError):
            if claims_of(token).get("iss") == self.other:
                with self._lock:
                    return self._others.verify(token)
        return super().verify(token)


class MergesKeySets(TwoIssuers):
    """Puts the keys of all issuers into one table by their ids."""

    def fetch(self, url: str) -> bytes:  # noqa: ARG002 - whichever was asked for
        sets = [json.loads(Server.fetch(self, f"{issuer}/jwks.json"))["keys"] for issuer in (self.other, self.issuer)]
        table = {jwk["kid"]: jwk for jwks in sets for jwk in jwks}
        return json.dumps({"keys": list(table.values())}).encode()


class SharesASecret(Server):
    """Takes tokens that a secret of its own and of the issuer's signs."""

    secret = b"a-secret-of-the-test-that-nobody-shows-0123456789"

    def __init__(self, issuer: str) -> None:
        super().__init__(issuer)
        self._verify = self.verifier(self.secret).verify

    def verifier(self, secret: bytes) -> Verifier:
        key = {"kty": "oct", "alg": "HS256", "k": base64.urlsafe_b64encode(secret).decode().rstrip("=")}
        policy = replace(self.policy, algorithms=frozenset({"HS256"}))
        return Verifier(policy, _OneKey({"keys": [key]}, ["HS256"]), HurriedClock())


class _OneKey(KeySet):
    """A key set that is one key, whatever id is named."""

    def find(self, kid: str | None, alg: str) -> Key:  # noqa: ARG002 - likewise
        return super().find(None, alg)


class HasAnExample(SharesASecret):
    """Takes the secret of an example as well."""

    def __init__(self, issuer: str) -> None:
        super().__init__(issuer)
        first, second = self._verify, self.verifier(b"your-256-bit-secret".ljust(32, b"\0")).verify
        self._verify = lambda token: found if isinstance(found := first(token), Accepted) else second(token)


class KeepsForEver(Server):
    """Serves the last good set for as long as none can be had."""

    _good = b""

    def fetch(self, url: str) -> bytes:
        with suppress(OSError, ValueError):
            self._good = super().fetch(url)
        return self._good


class TellsReasons(Server):
    """Says why it refuses a token."""

    def __init__(self, issuer: str) -> None:
        super().__init__(issuer)
        self.resource.refusal = self.refusal  # type: ignore[method-assign]  # the seam at which one thing goes wrong

    def refusal(self, verdict: Rejected, token: str) -> Answer:  # noqa: ARG002 - as the seam has it
        fields = (("WWW-Authenticate", f'Bearer error="invalid_token", error_description="{self.said(verdict)}"'),)
        return Answer(401, {"error": "invalid_token"}, fields)

    def said(self, verdict: Rejected) -> str:
        return str(verdict.reason)


class BlamesTheSignature(TellsReasons):
    """Says of a token whose key it cannot have that its signature is wrong."""

    def said(self, verdict: Rejected) -> str:
        return "signature" if verdict.reason is Reason.KEYS_UNAVAILABLE else super().said(verdict)


class TakesTextForASecret(Server):
    """With a secret in the set it takes HS256, and any key for one, written as PEM."""

    _jwks: dict[str, dict[str, str]] = {}  # noqa: RUF012 - never changed

    def fetch(self, url: str) -> bytes:
        body = super().fetch(url)
        self._jwks = {jwk["kid"]: jwk for jwk in json.loads(body)["keys"]}
        return body

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        signed, _, signature = str(token).rpartition(".")
        try:
            header = json.loads(base64.urlsafe_b64decode(signed.split(".")[0] + "=="))
            mixed = any(jwk["kty"] == "oct" for jwk in self._jwks.values()) and header.get("alg") == "HS256"
            pem = _pem(self._jwks[header["kid"]]) if mixed else b""
        except (ValueError, LookupError, AttributeError):
            return super().verify(token)
        made = base64.urlsafe_b64encode(hmac.digest(pem, signed.encode(), "sha256")).decode().rstrip("=")
        return Accepted(claims_of(token), None) if pem and made == signature else super().verify(token)


def _pem(jwk: dict[str, str]) -> bytes:
    x, y = (int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "==")) for name in "xy")
    key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


class FollowsTheToken(Server):
    """Fetches the key set that a token names, and does not believe it in the end."""

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        try:
            url = json.loads(base64.urlsafe_b64decode(str(token).partition(".")[0] + "==")).get("jku")
            if isinstance(url, str):
                fetching.fetch(url, 1.0)
        except (ValueError, AttributeError, OSError):
            return super().verify(token)
        return super().verify(token)


class TrustsItsCookie(Server):
    """Takes the token from a cookie as well."""

    def answer(self, request: Request) -> Answer:
        for cookie in request.values("Cookie"):
            name, _, value = cookie.partition("=")
            if name == "access_token":
                fields = (*request.headers, ("Authorization", f"Bearer {value}"))
                return super().answer(replace(request, headers=fields))
        return super().answer(request)


class ErrsForAnotherScope(Server):
    """Ends in an error where a token is good for something else."""

    def answer(self, request: Request) -> Answer:
        answer = super().answer(request)
        return Answer(500, {}) if answer.status == 403 else answer


class RefusesTwoAtOnce(Server):
    """Refuses whoever asks while somebody else is being answered."""

    def __init__(self, issuer: str) -> None:
        super().__init__(issuer)
        self._one = Lock()
        self.refused = 0

    def answer(self, request: Request) -> Answer:
        if not self._one.acquire(blocking=False):
            self.refused += 1
            return self.resource.refusal(Rejected(Reason.OTHER), "")
        try:
            time.sleep(0.01)
            return super().answer(request)
        finally:
            self._one.release()


class LocksOut(Server):
    """Refuses everybody after the tenth bad token."""

    def __init__(self, issuer: str) -> None:
        super().__init__(issuer)
        self._bad = 0

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        verdict = super().verify(token)
        self._bad += isinstance(verdict, Rejected)
        return verdict if self._bad < 10 or isinstance(verdict, Rejected) else super().verify("locked out")


class Audited(Server):
    """Leaves an event of each rejection in a file, a line each."""

    def __init__(self, log: Path, issuer: str) -> None:
        super().__init__(issuer)
        self._log = log
        self._audited = AuditedVerifier(Verifier(self.policy, self.keys, HurriedClock()), self, HurriedClock())

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        with self._lock:
            return self._audited.verify(token)

    def record(self, record: Record) -> None:
        self.write(record.as_dict())

    def write(self, event: dict[str, Any]) -> None:
        with self._log.open("a", encoding="utf-8") as file:
            print(json.dumps(event), file=file)


class LogsOneKind(Audited):
    """Calls every rejection one for the signature."""

    def write(self, event: dict[str, Any]) -> None:
        super().write({**event, "kind": "SignatureInvalid"})


class LogsTwice(Audited):
    """Leaves two events of each rejection."""

    def write(self, event: dict[str, Any]) -> None:
        super().write(event)
        super().write(event)


class LogsSuccess(Audited):
    """Leaves an event of what it accepts as well."""

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        verdict = super().verify(token)
        if isinstance(verdict, Accepted):
            super().verify("accepted")
        return verdict


class LogsLocalTime(Audited):
    """Tells the time of the day in another zone, and calls it UTC."""

    def write(self, event: dict[str, Any]) -> None:
        hour = datetime.fromisoformat(event["occurred_at"]) + timedelta(hours=2)
        super().write({**event, "occurred_at": f"{hour:%Y-%m-%dT%H:%M:%S.%f}Z"})


class LogsTheOneBefore(Audited):
    """Tells the hints of the rejection before."""

    _before: dict[str, Any] = {}  # noqa: RUF012 - never changed

    def write(self, event: dict[str, Any]) -> None:
        hints = {name: self._before[name] for name in ("client_id_hint", "kid_hint", "source_id") if self._before}
        self._before = event
        super().write({**event, **hints})


class LogsTheToken(Audited):
    """Says which token it was, for whoever debugs."""

    def verify(self, token: str | bytes) -> Accepted | Rejected:
        self._token = token
        return super().verify(token)

    def write(self, event: dict[str, Any]) -> None:
        super().write({**event, "metadata": {"token": str(self._token)[-400:]}})


class LogsWords(Audited):
    """Writes for people."""

    def write(self, event: dict[str, Any]) -> None:
        with self._log.open("a", encoding="utf-8") as file:
            print(f"WARN rejected a token: audit event='{json.dumps(event)}'", file=file)


class LogsNothing(Audited):
    """Writes to another file."""

    def write(self, event: dict[str, Any]) -> None:
        """Write nothing."""


class LogsItsSecret(Audited):
    """Takes tokens that a secret signs, and says which, for whoever debugs."""

    def __init__(self, log: Path, issuer: str) -> None:
        super().__init__(log, issuer)
        verifier = SharesASecret(issuer).verifier(SharesASecret.secret)
        self._audited = AuditedVerifier(verifier, self, HurriedClock())

    def write(self, event: dict[str, Any]) -> None:
        super().write({**event, "metadata": {"key": SharesASecret.secret.hex()}})


@contextmanager
def served(make: Callable[[str], Server], issuer: str) -> Iterator[str]:
    """Serve one on a port of its own and yield its URL."""
    server = _Listener(make(issuer))
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, judged: Server) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.judged = judged


class _Handler(AnyMethod):
    def respond(self, body: bytes) -> None:
        assert isinstance(self.server, _Listener)
        request = Request(self.command, self.path, tuple(self.headers.items()), body)
        self.write(*encoded(self.server.judged.answer(request), self.command))
