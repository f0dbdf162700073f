"""Faults in composing source ids, and in how many of them are remembered (SRC)."""

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from typing import Any

from bearerproof_fuzz.faults.registry import Patch, Rows, fault, fault_by, faults_for, helper_by, spread
from bearerproof_reference.audit import events, sources
from bearerproof_reference.audit.events import VerifyFailureEvent
from bearerproof_reference.audit.hints import Hints, bound
from bearerproof_reference.audit.limiter import Limiter, Registered, _Overflow
from bearerproof_reference.audit.sources import _part


def _joined(*parts: str) -> str:
    return "::".join(parts)


_REPLACED_SRC_1: Rows[tuple[object, str, object]] = {
    "kid-before-client": (
        "The two parts of an access token's source id change places.",
        (events, "compose", lambda client, kid: _joined(_part(kid, "nokid"), _part(client, "anon"))),
    ),
    "missing-kid-left-out": (
        "Without a kid the source id is the client alone, so every pattern over `::nokid` finds nothing.",
        (events, "compose", lambda client, kid: sources.compose(client, kid).removesuffix("::nokid")),
    ),
    "one-colon-between-client-and-kid": (
        "Client and kid are joined by one colon in place of two.",
        (events, "compose", lambda client, kid: f"{_part(client, 'anon')}:{_part(kid, 'nokid')}"),
    ),
}
faults_for("SRC-1", spread(Patch.__call__), _REPLACED_SRC_1)


_REPLACED_SRC_2: Rows[tuple[object, str, object]] = {
    "audience-left-out-of-the-source": (
        "An ID token's source id is composed like an access token's, so all relying parties share a bucket.",
        (events, "compose_id_token", lambda azp, _aud, kid: sources.compose(azp, kid)),
    ),
    "audience-behind-the-kid": (
        "The audience was added to the source id at its end.",
        (events, "compose_id_token", lambda azp, aud, kid: _joined(sources.compose(azp, kid), _part(aud, "noaud"))),
    ),
    "missing-audience-is-anonymous": (
        "One sentinel serves for the client and for the audience.",
        (sources, "NO_AUDIENCE", "anon"),
    ),
}
faults_for("SRC-2", spread(Patch.__call__), _REPLACED_SRC_2)


def _encoded(patch: Patch, encode: Callable[[str, str], str]) -> None:
    """Have a hint that is there encoded by this, which is given the sentinel of its position too."""
    patch(sources, "_part", lambda hint, sentinel: sentinel if hint is None else encode(hint, sentinel))


_ENCODED: Rows[Callable[[str, str], str]] = {
    "hints-joined-as-they-are": (
        "Hints are joined without any encoding, so `a::b` with `c` is `a` with `b::c` (W5, CVE-2025-59936).",
        lambda hint, _: hint,
    ),
    "separator-in-a-kid-left-alone": (
        "The separator is encoded in the client and forgotten in the kid (W5).",
        lambda hint, own: _part(hint, own).replace("%3A", ":") if own == "nokid" else _part(hint, own),
    ),
    "only-double-colons-encoded": (
        "Two colons are encoded and one is not, so a name that ends in one moves the separator.",
        lambda hint, own: "%3A%3A".join(_with_colons(_part(hint, own).split("%3A%3A"))),
    ),
    "percent-sign-not-encoded": (
        "Everything unsafe is encoded but the sign that encodes it, so `%3A` is a colon's double.",
        lambda hint, own: _part(hint, own).replace("%25", "%"),
    ),
    "lower-case-hex": (
        "Octets are written as `%3a`: the same source has two names on two systems.",
        lambda hint, own: "".join(_lowered(_part(hint, own))),
    ),
    "sentinel-encoded-in-its-own-place-only": (
        "A name that spells another position's sentinel is left alone, so one text has two ways to be written.",
        lambda hint, own: hint if hint in {"anon", "noaud", "nokid"} - {own} else _part(hint, own),
    ),
    "blank-written-as-plus": (
        "Form encoding is used, where a blank becomes the plus sign that other names really have.",
        lambda hint, own: _part(hint, own).replace("%20", "+"),
    ),
    "source-in-lower-case": (
        "Source ids are folded to lower case as keys of a store, so `App` and `app` share a bucket (taxonomy H5).",
        lambda hint, own: _part(hint.lower(), own),
    ),
}
faults_for("SRC-3", _encoded, _ENCODED)


def _with_colons(texts: list[str]) -> list[str]:
    return [text.replace("%3A", ":") for text in texts]


def _lowered(part: str) -> list[str]:
    first, *rest = part.split("%")
    return [first, *(f"%{escape[:2].lower()}{escape[2:]}" for escape in rest)]


@fault("SRC-3")
def sentinels_not_encoded(patch: Patch) -> None:
    """A client called `anon` is the one without a name (W5)."""
    patch(sources, "_SENTINELS", frozenset())


def _recomposed(patch: Patch, compose: Callable[[Hints], str]) -> None:
    """Have the source id of an access token composed from the hints as they were read."""
    build = VerifyFailureEvent.from_hints

    def build_and_recompose(kind: Any, occurred_at: float, said: Hints, metadata: Any) -> VerifyFailureEvent:
        return replace(build(kind, occurred_at, said, metadata), source_id=compose(said))

    patch(VerifyFailureEvent, "from_hints", staticmethod(build_and_recompose))


def _text_or_none(hint: object) -> str | None:
    return hint if isinstance(hint, str) and hint else None


@fault("SRC-4")
def source_composed_before_the_cut(patch: Patch) -> None:
    """The source id is composed from the whole hints and the event holds the cut ones (W13)."""
    _recomposed(patch, lambda said: sources.compose(_text_or_none(said.client_id), _text_or_none(said.kid)))


@fault("SRC-4")
def source_knows_more_than_the_event(patch: Patch) -> None:
    """A token without `client_id` is put down to its audience in the source id alone, where nobody can follow."""
    _recomposed(patch, lambda said: sources.compose(bound(said.client_id) or bound(said.aud), bound(said.kid)))


@fault("SRC-6")
def letters_of_every_script_kept(patch: Patch) -> None:
    """What Unicode calls a letter is safe, so the source id is not ASCII."""
    _encoded(patch, lambda hint, own: "".join(letter if letter.isalpha() else _part(letter, own) for letter in hint))


@fault("SRC-6")
def only_separator_and_percent_encoded(patch: Patch) -> None:
    """What composing needs is encoded and nothing more, so line feeds and escapes stay in the source id (W7)."""
    _encoded(patch, lambda hint, own: _part(hint, own) if hint.isascii() and hint.isprintable() else _plainly(hint))


def _plainly(hint: str) -> str:
    return hint.replace("%", "%25").replace(":", "%3A")


@fault("SRC-5")
def buckets_without_a_cap(patch: Patch) -> None:
    """Every source gets a bucket, and nothing ever goes: the memory limiter of the seed's system (W2)."""
    patch(Limiter, "_has_room", lambda _: True)


@fault_by("SRC-5", Patch.__call__, Limiter, "_place")
def buckets_bounded_by_age_alone(self: Any, key: object) -> object:
    """Buckets that are full again go, but there is no cap: within a window a flood makes as many as it likes."""
    self._evict()
    return key


@fault("SRC-5")
def overflow_in_shards(patch: Patch) -> None:
    """What finds no room is spread over overflow buckets by a digest of its name, and those are not counted."""
    _placed(patch, lambda key: f"{_Overflow}-{sha256(str(key).encode()).hexdigest()[:3]}")


@fault("SRC-5")
def overflow_keeps_the_name(patch: Patch) -> None:
    """The overflow bucket is keyed with the name that did not fit, so it is one bucket for each."""
    _placed(patch, lambda key: (_Overflow, key))


@helper_by(Patch.wrap, Limiter, "_place")
def _placed(overflow: Callable[[object], object], place: Any, self: Any, key: object) -> object:
    found: object = place(self, key)
    return overflow(key) if found is _Overflow else found


_WRAPPED: Rows[tuple[object, str, Callable[..., object]]] = {
    "bucket-for-each-kind": (
        "Buckets are kept by source and kind, so the cap on registered ones is multiplied.",
        (VerifyFailureEvent, "rate_limit_key", lambda key, self: (key(self), self.kind.of)),
    ),
    "any-kid-of-a-registered-client-is-registered": (
        "A source is registered by its client alone, so forged kids under a known client make reserved buckets (W1).",
        (Registered, "__contains__", lambda known, self, event: known(self, replace(event, kid_hint=None))),
    ),
    "source-without-a-client-is-registered": (
        "Whoever names no client is the anonymous source, which is reserved, whatever kid comes with it (W1, W4).",
        (
            Registered,
            "__contains__",
            lambda registered, self, event: event.client_id_hint is None or registered(self, event),
        ),
    ),
}
faults_for("SRC-5", spread(Patch.wrap), _WRAPPED)


@fault("SRC-5")
def one_bucket_beyond_the_cap(patch: Patch) -> None:
    """One stranger more than the cap has a bucket, by `<=` in place of `<`."""
    patch(Limiter, "_has_room", lambda self: len(self._strangers.keys() - {_Overflow}) <= self._limits.sources)
