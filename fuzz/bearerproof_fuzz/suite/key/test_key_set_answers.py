"""Key sets as the world serves them: entries that can't be read, header fields of caches, and texts in their place."""

import json
from collections.abc import Iterator
from dataclasses import replace

from bearerproof.contract.declaration import Need
from bearerproof.contract.messages import Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof.specification.catalogue import Measure
from bearerproof_fuzz import fetched, jwks_endpoint, keys
from bearerproof_fuzz.checks import check, strict_alone
from bearerproof_fuzz.edits.algorithm import hmac_over
from bearerproof_fuzz.edits.signature import with_a_bit_flipped
from bearerproof_fuzz.fetched import Fetched
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.jwks_endpoint import Reply
from bearerproof_fuzz.keys import Jwk, b64, unb64
from bearerproof_fuzz.needs import KEY_SET, KEYS_URL, MIXED_ALGORITHMS

HONEST = 20
"""Honest tokens within the life of a set; one fetch for each would be twenty."""

_HS256 = Need("algorithm", "HS256")


@check("KEY-4", needs=(KEY_SET,))
def test_malformed_neighbour(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A key of a known type with a member that is missing or can't be read costs nobody the other keys."""
    base = forge.base(mark.profile)
    accepted = base.presentation()
    trial.control(accepted)
    forged = with_a_bit_flipped(base).presentation()
    trial.expect(trial.ask(forged), REJECTED, "a token with a bit of its signature flipped", forged, accepted)
    for name, entry in _malformed():
        for place, presented in _beside(base, entry).items():
            answer = trial.ask(presented)
            # RFC 7517 §5 says only that such keys SHOULD be ignored, so base lets a library refuse the whole set.
            allowed = ACCEPTED if trial.measure is Measure.STRICT else ACCEPTED | REJECTED
            trial.expect(answer, allowed, f"a key set is refused for one entry {place}: {name}", presented, accepted)


def _beside(base: Draft, entry: Jwk) -> dict[str, Presentation]:
    ours = base.policy.members["keys"]["keys"]
    sets = {
        "before ours": [entry, *ours],
        "after ours": [*ours, entry],
        "under our kid": [{**entry, "kid": base.key.kid}, *ours],
    }
    return {place: base.with_policy(keys={"keys": jwks}).presentation() for place, jwks in sets.items()}


def _malformed() -> Iterator[tuple[str, Jwk]]:
    """Yield keys of every type, with each of the members that it must have in turn missing or spoilt."""
    required = {"RS256": ("n", "e"), "ES256": ("crv", "x", "y"), "EdDSA": ("crv", "x"), "HS256": ("k",)}
    for algorithm, members in required.items():
        good = {**keys.key(algorithm, "b").public_jwk, "kid": "malformed"}
        for member in members:
            yield f"{good['kty']} without {member}", {name: good[name] for name in good if name != member}
            for how, value in _spoilt(good[member]).items():
                yield f"{good['kty']} whose {member} is {how}", {**good, member: value}


def _spoilt(value: str) -> dict[str, object]:
    others: dict[str, object] = {
        "a number": 65537,
        "true": True,
        "null": None,
        "a list": [value],
        "an object": {"": value},
        "empty": "",
        "padded": value + "=" * (-len(value) % 4 or 1),
        "no base64": "*" + value[1:],
        "of an impossible length": "A",
        "with a blank": value[:2] + " " + value[2:],
        "no ASCII": "\u00fc" + value[1:],
    }
    if len(value) < 8:
        return others
    octets = unb64(value)
    return {**others, "an octet short": b64(octets[1:]), "an octet long": b64(b"\x01" + octets), "nought": b64(b"\0")}


@check("KEY-9", needs=(KEYS_URL,))
def test_caching_fields(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Fields for caches in the answer of the key endpoint neither multiply fetches nor cost the set."""
    algorithm = forge.base(mark.profile).key.algorithm
    key = keys.key(algorithm)
    for name, headers in jwks_endpoint.caching_fields().items():
        with fetched.fetched(trial, forge, mark.profile, jwks_endpoint.key_set([key])) as usual:
            usual.control(key)
        with fetched.fetched(trial, forge, mark.profile, _with(usual, headers=headers)) as verifier:
            verifier.accepted = usual.accepted
            for _ in range(HONEST):
                verifier.accepts(key, f"a key is refused whose set came with the fields of {name}")
            if verifier.requests > 1 and trial.measure is Measure.STRICT:
                summary = f"the fields of {name} have a set fetched again that is fresh by the declared time to live"
                verifier.find(summary, "1 fetch", f"{verifier.requests} fetches for {HONEST} tokens")


@check("KEY-7", needs=(KEYS_URL,))
def test_media_types(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A key set is one under every media type that issuers send it with, in whatever case."""
    strict_alone(trial, "RFC 7517 §8.5 registers a type, and no clause says what to do with another")
    key = keys.key(forge.base(mark.profile).key.algorithm)
    with fetched.fetched(trial, forge, mark.profile, jwks_endpoint.key_set([key])) as usual:
        usual.control(key)
    for media_type in jwks_endpoint.MEDIA_TYPES:
        with fetched.fetched(trial, forge, mark.profile, _with(usual, media_type=media_type)) as verifier:
            verifier.accepted = usual.accepted
            verifier.accepts(key, f"a key is refused whose set came as {media_type}")


def _with(usual: Fetched, **changes: object) -> Reply:
    return replace(usual.endpoint.reply, **changes)  # type: ignore[arg-type]  # members of a Reply, by name


@check("KEY-13", needs=(KEYS_URL, _HS256))
def test_text_as_key_set(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A text that the key endpoint answers with is no secret, whatever a token is authenticated over."""
    key = keys.key(forge.base(mark.profile).key.algorithm)
    with fetched.fetched(trial, forge, mark.profile, jwks_endpoint.key_set([key])) as usual:
        usual.control(key)
    for name, body in _texts().items():
        with fetched.fetched(trial, forge, mark.profile, Reply(body)) as verifier:
            verifier.accepted = usual.accepted
            for secret in _secrets(body):
                for kid in (key.kid, None):
                    summary = f"a token is accepted that is authenticated over what is no key set: {name}"
                    verifier.refuses(_forged(trial, verifier, secret, kid), summary)


_TEXT = "a text of forty characters, long enough."


def _texts() -> dict[str, bytes]:
    listed = {
        "a string": _TEXT,
        "a string in a list": [_TEXT],
        "a string as keys": {"keys": _TEXT},
        "strings as keys": {"keys": [_TEXT]},
        "a number": 10**39,
        "an empty string": "",
        "a set without keys": {"keys": []},
    }
    return {"a bare text": _TEXT.encode(), **{name: json.dumps(value).encode() for name, value in listed.items()}}


def _secrets(body: bytes) -> tuple[bytes, ...]:
    """Return what a verifier may make an HMAC key of: the body, its text, and nothing."""
    return tuple(dict.fromkeys((body, body.strip(b'[]{}"'), _TEXT.encode(), b"")))


def _forged(trial: Trial, verifier: Fetched, secret: bytes, kid: str | None) -> Presentation:
    draft = verifier.draft()
    mixed = trial.declaration.missing_capability(MIXED_ALGORITHMS) is None
    allowed = [draft.key.algorithm, "HS256"] if mixed else ["HS256"]
    forged = draft.with_header(alg="HS256").with_policy(algorithms=allowed).signed_by(hmac_over(secret))
    return (forged.without_header("kid") if kid is None else forged.with_header(kid=kid)).presentation()
