"""Shapes of key servers, which do what the specification leaves open in other ways than the reference."""

import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from threading import Lock
from typing import Any
from uuid import UUID

from bearerproof.contract.connections import Handle
from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch
from bearerproof_fuzz.faults.tok.lifetimes import end_with_the_subject_token
from bearerproof_fuzz.keyserver.setting import DEFAULT, HOME, OTHER, rule
from bearerproof_reference.adapter import create as reference
from bearerproof_reference.keyserver import exchange, patterns, server
from bearerproof_reference.keyserver.exchange import ID_TOKEN, Exchange, ExchangeError, ExchangeRefused, Granted
from bearerproof_reference.keyserver.lifecycle import Decision, DenialReason
from bearerproof_reference.keyserver.subjects import (
    SubjectKeysUnavailable,
    SubjectTokenRejected,
    SubjectTokenVerifier,
)

from .shapes import Shape, Shapes, as_asked
from .verifiers import declaring


def life_ends_with_the_subject_token(patch: Patch) -> None:
    """RFC 8693 is silent on it, and the neighbouring draft for transaction tokens asks for it."""
    end_with_the_subject_token(patch, reported=True, enforced=True)


def quotas_before_all_else(patch: Patch) -> None:
    """The order of checks is free: whoever is over a cap, or brings a used token, may be told so first."""

    def decide(decided: Any, self: Any, form: Any, occasion: Any) -> Any:
        if self._configuration.exchanges_per_minute:  # which is before all else as it is
            return decided(self, form, occasion)
        try:
            subject = self._subjects.verify(dict(form or ()).get("subject_token", ""))
        except (SubjectTokenRejected, SubjectKeysUnavailable):
            return decided(self, form, occasion)
        identity, now = subject.identity, occasion.now
        self._store.reap(now)
        for over, error, reason, wait in (
            (_is_full(self._store), ExchangeError.TEMPORARILY_UNAVAILABLE, DenialReason.STORE_FULL, 5),
            (
                self._store.count(*identity.key, now) >= self._configuration.cap,
                ExchangeError.TOO_MANY_TOKENS,
                DenialReason.CAP_REACHED,
                self._configuration.ttl,
            ),
        ):
            if over:
                return Decision(ExchangeRefused(error, wait), (occasion.denied(reason, identity),))
        return decided(self, form, occasion)

    patch.wrap(Exchange, "decide", decide)


def _is_full(store: Any) -> bool:
    return bool(len(store._by_digest) >= store._limits.capacity)


class _SlidingLog:
    """So many in any minute, each kept until it is a minute old: no bucket that refills evenly."""

    def __init__(self, clock: Any) -> None:
        self._clock = clock
        self._lock = Lock()
        self._spent: dict[object, list[float]] = {}

    def spend(self, name: object, rate: int) -> int | None:
        with self._lock:
            wait = self.wait(name, rate)
            if wait is None and rate:
                self._spent[name].append(self._clock.tick())
            return wait

    def wait(self, name: object, rate: int) -> int | None:
        now = self._clock.tick()
        recent = self._spent[name] = [at for at in self._spent.get(name, []) if now - at < 60]
        return ceil(recent[-rate] + 60 - now) if rate and len(recent) >= rate else None


def throttles_by_a_sliding_log(patch: Patch) -> None:
    """The contract has so many a minute of a client, and does not say how minutes are counted."""

    def made(throttle: Any, clock: Any, capacity: int) -> Any:
        return _SlidingLog(clock) if capacity == server._CLIENTS else throttle(clock, capacity)

    patch.wrap(server, "Throttle", made)


def half_as_long_lives(patch: Patch) -> None:
    """A token lives for at most as long as is configured, and the answer tells how long."""

    def decide(decided: Any, *given: Any) -> Any:
        decision = decided(*given)
        granted = decision.answer
        halved = replace(granted, expires_in=_half(granted.expires_in)) if isinstance(granted, Granted) else granted
        return replace(decision, answer=halved)

    patch.wrap(Exchange, "decide", decide)
    patch.wrap(exchange, "mint", lambda mint, *given: mint(*given[:3], _half(given[3]), *given[4:]))


def _half(seconds: float) -> int:
    return max(1, int(seconds) // 2)


def names_in_lower_case(patch: Patch) -> None:
    """A product whose names are of small letters."""
    patch(patterns, "_NAME", re.compile("[a-z]{1,256}"))
    patch(patterns, "_PATTERN", re.compile(r"[a-z]{1,256}|[a-z]{0,255}\*"))


def names_of_letters(patch: Patch) -> None:
    """A product whose names are of small letters and capitals, which differ."""
    patch(patterns, "_NAME", re.compile("[A-Za-z]{1,64}"))
    patch(patterns, "_PATTERN", re.compile(r"[A-Za-z]{1,64}|[A-Za-z]{0,63}\*"))


def knowing_subjects(form: str) -> Shape:
    """Return the shape of a product whose subjects have this form, with a digit for each ``#``."""
    known = re.compile(re.escape(form).replace(re.escape("#"), "[0-9]"))

    def only_these(patch: Patch) -> None:
        def verify(verified: Any, self: Any, token: str) -> Any:
            subject = verified(self, token)
            if known.fullmatch(subject.identity.subject) is None:
                raise SubjectTokenRejected
            return subject

        patch.wrap(SubjectTokenVerifier, "verify", verify)

    return Shape(declares=serving(subject_form=form), patches=only_these)


def ids_of_a_database(request: Json, ask: Handle) -> Json:
    """Name tokens otherwise than by a UUID as RFC 9562 writes it."""
    ours = re.sub("tok_([0-9A-F]{32})", lambda found: str(UUID(found[1])), json.dumps(request))
    answer = ask(json.loads(ours))
    named: Json = json.loads(_as_in_a_database(json.dumps(answer)))
    if "body_b64" in answer:
        named["body_b64"] = b64encode(_as_in_a_database(b64decode(answer["body_b64"]).decode()).encode()).decode()
    return named


def _as_in_a_database(text: str) -> str:
    written = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
    return re.sub(written, lambda found: "tok_" + UUID(found[0]).hex.upper(), text)


def no_audit_trail(request: Json, ask: Handle) -> Json:
    """Tell nobody of what was decided."""
    return _without_events(ask(request))


def _without_events(answer: Json) -> Json:
    kept = {name: value for name, value in answer.items() if name not in ("events", "lines")}
    return {**kept, "answers": [_without_events(each) for each in kept["answers"]]} if "answers" in kept else kept


_PATTERN_OF_A_GRANT = re.compile(r"[-._0-9A-Za-z]+|[A-Za-z][-+.0-9A-Za-z]*:[!-~]+")


def of_several_grants(request: Json, ask: Handle) -> Json:
    """Know other grants, whose parameters are missing here, and look at the syntax of the form first."""
    grant = dict(request.get("form", ())).get("grant_type", "")
    known = grant in ("authorization_code", "refresh_token", "client_credentials") or grant.endswith("jwt-bearer")
    if request["op"] == "exchange" and grant and (known or not _PATTERN_OF_A_GRANT.fullmatch(grant)):
        return {**ask({**request, "form": []}), "refused": "invalid_request"}
    return ask(request)


def bearers_for_every_target(request: Json, ask: Handle) -> Json:
    """Have bearers that are good wherever they are taken, so that any target is served."""
    form = [pair for pair in request.get("form", ()) if pair[0] not in ("resource", "audience")]
    return ask({**request, "form": form} if request["op"] == "exchange" else request)


def delegates(patch: Patch) -> None:
    """Let a user act for another, whose token is verified as the subject's is (RFC 8693 §2.1)."""

    def decide(decided: Any, self: Any, form: Any, occasion: Any) -> Any:
        actor = dict(form or ())
        if actor.get("actor_token_type") != ID_TOKEN or not actor.get("actor_token"):
            return decided(self, form, occasion)
        try:
            self._subjects.verify(actor["actor_token"])
        except (SubjectTokenRejected, SubjectKeysUnavailable):
            return decided(self, form, occasion)
        return decided(self, [pair for pair in form if not pair[0].startswith("actor_token")], occasion)

    patch.wrap(Exchange, "decide", decide)


def serving(**members: Any) -> Json:
    """Return what is declared besides of a key server."""
    return declaring(key_server=members)


SETTING: Json = {
    "issuers": ["https://login.product.example", "https://partner.example/tenant"],
    "audience": "product-keys",
    "admin_secret": "s3cret/of+a.product==",
    "email_domain": "product.example",
    "ttl": 900,
    "retention": 120,
    "cap": 7,
    "capacity": 10_000,
    "max_age": 240,
    "subject_token_uses": 2,
    "narrow": {"group": "readers", "backends": ["a", "b*"], "tools": ["ab*"]},
}
"""What a server runs with that cannot be configured."""

_FLAGS = (
    "race",
    "forwarded",
    "throttle",
    "count",
    "reap",
    "rotate",
    "restart",
    "http",
    "lines",
    "retention",
    "single_use",
    "introspection",
    "token_revocation",
    "revocation_secret",
)


def running(*, narrow: bool = True) -> Handle:
    """Return the reference as a server that runs already, and that nobody can configure.

    Unless it is ``narrow``, it does not keep to what is said of a group.
    """
    handle = reference().handle
    home, other = (
        replace(provider, issuer=issuer, audience=SETTING["audience"])
        for provider, issuer in zip((HOME, OTHER), SETTING["issuers"], strict=True)
    )
    readers = rule(home, group="readers", backends=("a", "b*"), tools=("ab*",), name="readers")
    limits = {name: value for name, value in SETTING.items() if type(value) is int}
    configuration = DEFAULT.but(
        providers=(home, other),
        policies=(*((readers,) if narrow else ()), rule(home), rule(other)),
        admin_secret=SETTING["admin_secret"],
        **limits,
    )
    handle({"id": 0, "op": "configure", "now": 0, "tick": 0, "key_server": configuration.as_json()})
    return lambda request: {"skipped": "it runs"} if request["op"] == "configure" else handle(request)


SERVERS: Shapes = {
    "life-ends-with-the-subject-token": Shape(patches=life_ends_with_the_subject_token),
    "half-as-long-lives": Shape(patches=half_as_long_lives),
    "quotas-before-all-else": Shape(patches=quotas_before_all_else),
    "throttles-by-a-sliding-log": Shape(patches=throttles_by_a_sliding_log),
    "names-in-lower-case": Shape(declares=serving(name_pattern="[a-z]+"), patches=names_in_lower_case),
    "names-of-letters": Shape(declares=serving(name_pattern="[A-Za-z]+"), patches=names_of_letters),
    "subjects-behind-a-word": knowing_subjects("auth0|##############"),
    "subjects-like-uuids": knowing_subjects("########-####-4###-8###-############"),
    "ids-of-a-database": Shape(ids_of_a_database),
    "of-several-grants": Shape(of_several_grants),
    "bearers-for-every-target": Shape(bearers_for_every_target),
    "delegates": Shape(patches=delegates),
    "no-audit-trail": Shape(no_audit_trail, serving(lines=False)),
    "no-configure": Shape(as_asked, serving(configure=False, client_authentication=False, setting=SETTING)),
    "one-profile": Shape(declares={"profiles": ["key-server"], **declaring(algorithms=["ES256"], audit={})}),
    "nothing-but-what-is-always-asked": Shape(declares=serving(**dict.fromkeys(_FLAGS, False))),
}

SERVED: Mapping[str, str] = {
    "a server of many habits": """life-ends-with-the-subject-token quotas-before-all-else throttles-by-a-sliding-log
                                  names-in-lower-case subjects-behind-a-word""",
    "a product's server": "half-as-long-lives names-of-letters subjects-like-uuids one-profile",
    "a server that runs": "no-configure ids-of-a-database subjects-behind-a-word one-profile",
    "an authorization server": "of-several-grants bearers-for-every-target delegates one-profile",
    "a small server": "no-audit-trail nothing-but-what-is-always-asked one-profile half-as-long-lives",
}
"""Shapes that go well together; which of them it is, if one is red, is found by leaving out the others."""
