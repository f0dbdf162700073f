"""The forms in which keys are handed over: texts that are true to the keys, and changes that they carry or do not."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from bearerproof.contract import keyforms
from bearerproof.contract.connections import InProcess
from bearerproof.contract.implementation import Implementation
from bearerproof.contract.keyforms import KEY_FORMS, TEXTS, WHOLE, key_texts
from bearerproof.contract.messages import Outcome
from bearerproof.exceptions import AdapterFault
from bearerproof.judging.judgement import Nonconforming, Untestable
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import applicable, inapplicable, why_not_judged
from bearerproof_fuzz.commands import replay
from bearerproof_fuzz.edits.registry import Case, cases, edits
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.keys import Jwk, unb64
from bearerproof_fuzz.suite.test_edits import test_edit as judge_edit

from ..honest.text_keys import READERS, reading

NUMBERS = ("kty", "crv", "x", "y", "n", "e", "pub")
EC = keys.key("ES256").public_jwk
RSA = keys.key("RS256").public_jwk
OKP = keys.key("EdDSA").public_jwk


# --- the texts


@pytest.mark.parametrize("form", TEXTS)
@pytest.mark.parametrize("algorithm", [name for name in keys.MATERIAL if not name.startswith("HS")])
def test_a_text_is_read_as_the_key_that_it_spells(algorithm: str, form: str) -> None:
    jwk = keys.key(algorithm).public_jwk
    text = keyforms.texts(jwk).get(form)
    if text is None:
        assert form == "pkcs1" or jwk.get("crv") in ("secp256k1", "Ed448", None)
        assert jwk["kty"] != "RSA"
        return
    read = READERS[form](text)
    assert [read.get(name) for name in NUMBERS] == [jwk.get(name) for name in NUMBERS]


@pytest.mark.parametrize(
    "jwk",
    [
        {**EC, "kty": "x-unheard-of"},
        {**EC, "crv": "P-384"},
        {**EC, "crv": "P-521"},
        {**EC, "crv": ["P-256"]},
        {**EC, "y": keys.key("ES256", "b").public_jwk["y"]},
        {**EC, "y": EC["y"][:-2]},
        {**EC, "x": "AAAA" + EC["x"]},
        {**EC, "x": EC["x"] + "="},
        {**EC, "x": 1},
        {name: value for name, value in EC.items() if name != "y"},
        {**OKP, "crv": "X25519"},
        {**OKP, "crv": "Ed448"},
        {**OKP, "x": ""},
        {**RSA, "n": ""},
        {**RSA, "e": "AA"},
        {**RSA, "e": "Ag"},
        {**RSA, "e": RSA["n"]},
        {**RSA, "n": None},
        keys.key("HS256").public_jwk,
        {"kid": "k", "kty": None},
        {"kid": "k"},
        {**EC, "kid": ["k"]},
        {**EC, "kid": 1},
    ],
)
@pytest.mark.parametrize("form", [form for form in TEXTS if form not in WHOLE])
def test_what_is_no_key_has_no_text(jwk: Jwk, form: str) -> None:
    assert key_texts({"keys": [jwk]}, form) == {}


def test_a_weak_key_is_a_key_and_has_its_texts() -> None:
    for weak in (keys.weak_rsa_key().public_jwk, {**RSA, "e": "AQ"}):
        texts = key_texts({"keys": [weak]}, "pem")[weak["kid"]]
        assert set(texts) == {"pem", "pkcs1", "certificate", "openssh", "der"}
        assert unb64(weak["n"]) in base64.b64decode(texts["der"])


def test_a_kid_that_two_keys_share_has_no_text_unless_they_are_the_same() -> None:
    other = {**keys.key("ES256", "b").public_jwk, "kid": EC["kid"]}
    assert key_texts({"keys": [EC, other]}, "pem") == {}
    assert list(key_texts({"keys": [EC, {**EC, "use": "enc"}, RSA]}, "pem")) == [EC["kid"], RSA["kid"]]


@pytest.mark.parametrize("keys", [None, [], {}, {"keys": None}, {"keys": {}}, {"keys": [None, 1, []]}])
def test_what_is_no_key_set_has_no_texts(keys: object) -> None:
    assert key_texts(keys, "pem") == {}


# --- what is sent


def _recorded(form: str) -> tuple[Implementation, list[Json]]:
    asked: list[Json] = []
    hello: Json = {
        "protocol": 1,
        "level": 0,
        "profiles": ["jwt"],
        "capabilities": {"algorithms": ["ES256"], "key_form": form},
        "implementation": {"name": "recorder", "version": "1", "language": "python"},
    }

    def handle(request: Json) -> Json:
        asked.append(request)
        return {"id": request["id"], **(hello if request["op"] == "hello" else {"verdict": "rejected"})}

    return Implementation(InProcess(lambda: handle)), asked


@pytest.mark.parametrize("form", KEY_FORMS)
@pytest.mark.parametrize("profile", [Profile.JWT, Profile.JWS])
def test_what_is_sent_has_the_texts_of_its_keys_where_texts_are_taken(form: str, profile: Profile) -> None:
    implementation, asked = _recorded(form)
    stale = {"gone": {"pem": "the text of another key"}}
    draft = Forge(implementation.declaration).base(profile).with_keys(keys.key("RS256", "b"))
    implementation.verify(draft.with_policy(key_texts=stale).presentation() if form in TEXTS else draft.presentation())
    holder = asked[-1].get("policy", asked[-1])
    if form not in TEXTS:
        assert "key_texts" not in holder
        return
    assert holder["key_texts"] == key_texts(holder["keys"], form)
    assert ("jwk-text" in holder["key_texts"]["rs256-b"]) == (form == "jwk-text")


def test_an_unknown_form_is_a_fault_of_the_adapter() -> None:
    with pytest.raises(AdapterFault, match="key_form must be one of jwks, jwk, pem"):
        _recorded("pkcs8")


# --- what a form carries


@pytest.mark.parametrize("key_set", [True, False], ids=["set", "one key"])
@pytest.mark.parametrize("form", KEY_FORMS)
def test_whatever_is_judged_is_another_presentation_than_the_base(form: str, key_set: bool) -> None:
    """Reduced to what the form carries, an edit that is judged differs from its base; one that is lost does not."""
    declaration = reading(form, key_set=key_set).declaration
    judged = list(applicable(cases(), declaration))
    assert judged
    for case in judged:
        base, edited = _drafts(case, declaration)
        assert _reduced(base, form, key_set) != _reduced(edited, form, key_set), case.name
        held, changed = (draft.policy.members["keys"] for draft in (base, edited))
        assert held == changed or not [jwk for jwk in keyforms.unspelled(changed, form) if jwk not in held["keys"]], (
            case.name
        )


def _drafts(case: Case, declaration: Any) -> tuple[Any, Any]:
    base = case.edit.given(Forge(declaration).base(case.profile, case.algorithm))
    return base, case.edit.apply(base)


def _reduced(draft: Any, form: str, key_set: bool) -> tuple[object, ...]:
    presented = draft.presentation()
    rest = {name: value for name, value in presented.policy.members.items() if name != "keys"}
    handed_over = keyforms.handed_over(presented.policy.members["keys"], form, by_kid=key_set)
    return presented.token, presented.now, presented.tick, rest, handed_over


_LOST = {
    "key-with-use-enc",
    "key-with-key-ops-sign",
    "key-has-unknown-members",
    "set-has-unknown-members",
    "key-on-another-curve",
    "kid-shared-with-a-key-after-it",
    "set-holds-a-foreign-key-unknown-kty",
    "foreign-key-under-our-kid",
    "key-without-alg",
    "rsa-padding-other-than-the-keys",
    "header-names-the-other-rsa-padding",
    "header-names-the-other-eddsa",
}
_CARRIED = {
    "rsa-key-of-1024-bits",
    "rsa-key-with-exponent-1",
    "rsa-key-of-the-faulty-library-first",
    "hmac-key-of-one-octet",
    "namesake-signs-upper-case",
    "alg-of-the-same-family-outside-allow-list",
    "kid-of-the-sibling",
    "kid-unknown",
}


@pytest.mark.parametrize("form", [form for form in TEXTS if form not in WHOLE])
def test_a_text_carries_the_key_and_its_name_and_nothing_else(form: str) -> None:
    several, one = (reading(form, key_set=key_set).declaration for key_set in (True, False))
    chosen = {name: list(cases([edits()[name]])) for name in _LOST | _CARRIED}
    assert {name for name in chosen if all(inapplicable(case, several) for case in chosen[name])} == _LOST
    assert all(inapplicable(case, one) for case in chosen["kid-unknown"])


def test_the_json_of_a_key_carries_its_members_and_not_those_of_the_set() -> None:
    declaration = reading("jwk-text").declaration
    lost = {name for name in _LOST if all(inapplicable(case, declaration) for case in cases([edits()[name]]))}
    assert lost == {"set-has-unknown-members", "kid-shared-with-a-key-after-it", "foreign-key-under-our-kid"}


@pytest.mark.parametrize("key_set", [True, False], ids=["set", "one key"])
@pytest.mark.parametrize("form", TEXTS)
def test_the_reference_conforms_with_its_keys_from_texts_alone(form: str, key_set: bool) -> None:
    implementation = reading(form, key_set=key_set)
    chosen = (case for case in cases() if case.profile is Profile.JWT)
    wrong = {}
    for case in applicable(chosen, implementation.declaration):
        base, edited = (draft.presentation() for draft in _drafts(case, implementation.declaration))
        control, answer = implementation.verify_all([base, edited])
        if why_not_judged(case.edit, control):
            continue
        if control.outcome is not Outcome.ACCEPTED or answer.outcome not in case.edit.allowed(Measure.BASE):
            wrong[case.name] = (control.describe(), answer.describe())
    assert wrong == {}


# --- victims

Key = str | bytes


def _victim(form: str, verifies: Callable[[str, Key, bytes, bytes], bool], **capabilities: Any) -> Implementation:
    """Return a verifier of signatures alone: it takes the text as it is, by kid, and the allow-list at its word."""

    def handle(request: Json) -> Json:
        if request["op"] == "hello":
            return {"id": request["id"], **hello}
        header_text, _, signature = request["token"].rpartition(".")
        header = json.loads(unb64(header_text.partition(".")[0]))
        key = _taken(request, form).get(header["kid"])
        good = key is not None and header["alg"] in request["policy"]["algorithms"]
        good = good and verifies(header["alg"], key, header_text.encode(), unb64(signature))  # type: ignore[arg-type]
        return {"id": request["id"], "verdict": "accepted" if good else "rejected"}

    hello: Json = {
        "protocol": 1,
        "level": 0,
        "profiles": ["jwt"],
        "implementation": {"name": "victim", "version": "1", "language": "python"},
        "capabilities": {"algorithms": ["RS256", "HS256"], "key_form": form, "mixed_algorithms": True, **capabilities},
    }
    return Implementation(InProcess(lambda: handle))


def _taken(request: Json, form: str) -> Mapping[str, Key]:
    texts = {kid: texts[form] for kid, texts in request["policy"]["key_texts"].items()}
    secrets = {jwk["kid"]: unb64(jwk["k"]) for jwk in request["policy"]["keys"]["keys"] if jwk["kty"] == "oct"}
    return {**({kid: base64.b64decode(text) for kid, text in texts.items()} if form == "der" else texts), **secrets}


def _hmac_over_whatever(alg: str, key: Key, data: bytes, signature: bytes) -> bool:
    octets = key.encode() if isinstance(key, str) else key
    return alg == "HS256" and hmac.digest(octets, data, "sha256") == signature


def _hmac_over_secrets(alg: str, key: Key, data: bytes, signature: bytes) -> bool:
    return isinstance(key, bytes) and not key.startswith(b"0") and _hmac_over_whatever(alg, key, data, signature)


def _rsa_of_any_numbers(alg: str, key: Key, data: bytes, signature: bytes) -> bool:
    """Verify by the numbers in PKCS#1 text, whatever they are (RFC 8017 §8.2.2)."""
    if alg != "RS256" or not isinstance(key, str):
        return isinstance(key, bytes) and _hmac_over_whatever(alg, key, data, signature)
    modulus, exponent = _integers(base64.b64decode("".join(key.splitlines()[1:-1])))
    size = (modulus.bit_length() + 7) // 8
    digest = bytes.fromhex("3031300d060960864801650304020105000420") + hashlib.sha256(data).digest()
    block = b"\x00\x01" + b"\xff" * (size - len(digest) - 3) + b"\x00" + digest
    return pow(int.from_bytes(signature, "big"), exponent, modulus) == int.from_bytes(block, "big")


def _integers(der: bytes) -> Iterator[int]:
    """Yield the numbers of a DER sequence of integers."""
    place = 2 + (der[1] & 0x7F if der[1] & 0x80 else 0)
    while place < len(der):
        octets = der[place + 1] & 0x7F if der[place + 1] & 0x80 else 0
        start = place + 2 + octets
        length = int.from_bytes(der[place + 2 : start], "big") if octets else der[place + 1]
        yield int.from_bytes(der[start : start + length], "big")
        place = start + length


def _judged(implementation: Implementation, name: str, algorithm: str = "RS256") -> type[Exception] | None:
    """Judge one case as the suite does; returns what ended it, or None when it passed."""
    case = Case(edits()[name], Profile.JWT, algorithm)
    assert inapplicable(case, implementation.declaration) is None
    trial = Trial(implementation, case.edit.requirement, Profile.JWT, Measure.BASE, 0)
    try:
        judge_edit(case, trial, Forge(implementation.declaration))
    except (Nonconforming, Untestable) as ended:
        return type(ended)
    return None


@pytest.mark.parametrize(
    ("form", "name"), [("openssh", "openssh"), ("der", "der"), ("jwk-text", "jwk"), ("pem", "pem")]
)
@pytest.mark.parametrize("key_set", [True, False], ids=["set", "one key"])
def test_a_text_that_is_read_as_no_public_key_is_judged_as_a_secret(form: str, name: str, key_set: bool) -> None:
    """The library takes whatever it is given for an HMAC secret, so no honest token of the public key is accepted."""
    edit = f"allowed-hmac-over-public-key-{name}"
    assert _judged(_victim(form, _hmac_over_whatever, key_set=key_set), edit) is Nonconforming
    assert _judged(_victim(form, _hmac_over_secrets, key_set=key_set), edit) is None
    assert _judged(_victim(form, lambda *_: False, key_set=key_set), edit) is Untestable


@pytest.mark.parametrize("name", ["rsa-key-of-1024-bits", "rsa-key-with-exponent-1"])
def test_a_weak_key_reaches_those_who_take_text(name: str) -> None:
    assert _judged(_victim("pkcs1", _rsa_of_any_numbers, algorithms=["RS256"]), name) is Nonconforming


def test_who_never_looks_at_the_key_that_is_given_is_not_taken_for_careful() -> None:
    """One that keeps the first key it has seen refuses the weak one's signature: it was never asked about it."""
    kept: dict[str, str] = {}

    def remembered(alg: str, key: Key, data: bytes, signature: bytes) -> bool:
        return _rsa_of_any_numbers(alg, kept.setdefault("key", str(key)), data, signature)

    assert _judged(_victim("pkcs1", remembered, algorithms=["RS256"]), "rsa-key-of-1024-bits") is Untestable


# --- frozen vectors


@pytest.mark.parametrize(
    ("vector", "shown"),
    [
        ("KEY-5.rsa-key-of-1024-bits.RS256", "presented  rejected"),
        ("VER-22.namesake-signs-upper-case", "presented  accepted"),
        ("KEY-1.key-with-use-enc", "not applicable: what is changed of the keys does not show"),
        ("VER-15.key-on-another-curve.ES256", "not applicable: a key that is changed cannot be given as pem"),
        ("VER-15.rsa-padding-other-than-the-keys.RS256", "not applicable: the `alg` of a key is not known"),
    ],
)
def test_a_vector_is_replayed_with_the_texts_of_its_keys(vector: str, shown: str) -> None:
    implementation = reading("pem")
    (case,) = replay.find(vector, implementation.declaration, Measure.BASE)
    conforms, text = replay.replay(case, implementation)
    assert conforms
    assert shown in text
    assert "errored" not in text
