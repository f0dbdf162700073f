"""Every place of a request that whoever sends it fills as they like, and texts that they may fill it with."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

from bearerproof.contract.decisions import Decision
from bearerproof_fuzz.forge import Draft
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.setting import EXCHANGE_PARAMETERS, HOME, ID_TOKEN, OTHER_PEER, PROXY, TOKEN_EXCHANGE

Fill = Callable[[KeyServerDriver, str], Decision]


def _parameter(name: str) -> Fill:
    return lambda server, text: server.exchange(**{"subject_token": server.subject_token(), name: text})


PARAMETERS = (*EXCHANGE_PARAMETERS, "client_id")
"""Parameters of an exchange (RFC 8693 §2.1), and one that is none of its own."""


def _named(server: KeyServerDriver, text: str) -> Decision:
    form = [("grant_type", TOKEN_EXCHANGE), ("subject_token", server.subject_token()), ("subject_token_type", ID_TOKEN)]
    return server.exchange_form([*form, (text, "x")])


def _stranger(server: KeyServerDriver) -> str:
    """Return an address that no request came from before: a stranger's failures count for its address."""
    return f"203.0.113.{len(server.steps) % 250}"


FIELDS: Mapping[str, Fill] = {
    **{f"the parameter {name}": _parameter(name) for name in PARAMETERS},
    "the name of a parameter": _named,
    "the bearer": lambda server, text: server.authenticate(text),
    "the backend": lambda server, text: server.authenticate(
        server.issue(f"user-{len(server.steps)}").bearer, text, "x"
    ),
    "the tool": lambda server, text: server.authenticate(server.issue(f"user-{len(server.steps)}").bearer, "a", text),
    "the token id to revoke": lambda server, text: server.revoke(text),
    "the subject to revoke": lambda server, text: server.revoke_all(text),
    "the issuer to revoke": lambda server, text: server.revoke_all("alice", text),
    "the token id, without the admin secret": lambda server, text: server.revoke(
        text, admin="no", peer=_stranger(server)
    ),
    "the admin secret": lambda server, text: server.revoke_all("nobody", admin=text, peer=_stranger(server)),
}
"""By name: how to have a server decide about a request with this text in this place."""

FORWARDED: Mapping[str, Fill] = {
    "X-Forwarded-For of a proxy": lambda server, text: server.authenticate("bprf_nothing", peer=PROXY, forwarded=text),
    "X-Forwarded-For of a stranger": lambda server, text: server.authenticate(
        "bprf_nothing", peer=OTHER_PEER, forwarded=text
    ),
}


def _in_subject_token(change: Callable[[Draft, str], Draft]) -> Fill:
    def fill(server: KeyServerDriver, text: str) -> Decision:
        draft = change(HOME.draft(f"user-{len(server.steps)}", server.now, jti=f"filled-{len(server.steps)}"), text)
        return server.exchange(replace(draft, payload_json=json.dumps(draft.claims).encode()).token())

    return fill


CLAIMS: Mapping[str, Fill] = {
    "the claim sub": _in_subject_token(lambda draft, text: draft.with_claims(sub=text)),
    "the claim email": _in_subject_token(lambda draft, text: draft.with_claims(email=f"{text}@example.com")),
    "the claim name": _in_subject_token(lambda draft, text: draft.with_claims(name=text)),
    "a group": _in_subject_token(lambda draft, text: draft.with_claims(groups=["staff", text])),
    "the claim jti": _in_subject_token(lambda draft, text: draft.with_claims(jti=text)),
    "the claim iss": _in_subject_token(lambda draft, text: draft.with_claims(iss=text)),
    "the claim aud": _in_subject_token(lambda draft, text: draft.with_claims(aud=text)),
    "the header kid": _in_subject_token(lambda draft, text: draft.with_header(kid=json.loads(_paired(text)))),
    "the name of a claim": _in_subject_token(lambda draft, text: draft.with_claims(**{text: "x"})),
}
"""By name: how to have a server decide about a subject token with this text in this place; most are signed."""


def _paired(text: str) -> str:
    """Return the text as JSON, its unpaired surrogates replaced: headers are written as UTF-8."""
    return json.dumps(text.encode("utf-8", "replace").decode())


_FORGED = '{"event":"token.used"}'

HOSTILE: Mapping[str, str] = {
    "a line feed": f"x\n{_FORGED}",
    "a carriage return": f"x\r{_FORGED}",
    "both": f"x\r\n{_FORGED}\r\n",
    "a NUL": "x\x00y",
    "an escape sequence": "\x1b[2K\x1b[1A\x1b]0;title\x07",
    "DEL": "x\x7fy",
    "a C1 control": "x\x9b31my\x85z",
    "a line separator": f"x\u2028{_FORGED}\u2029",
    "bidirectional controls": "x\u202egnp.\u2066y\u2069\u200f\u061c",
    "quotes": '","event":"token.used","x":"',
    "a backslash at the end": "x\\",
    "much": "A" * 5_000,
    "much beyond the first plane": "\U0001f511" * 600,
}
"""By what they are: texts that spoil a trail when they get into it as they are."""

SURROGATES: Mapping[str, str] = {"a high surrogate": "x\ud800y", "a low surrogate": "\udc00", "both": "\udfff\ud800"}
"""Unpaired surrogates: JSON can escape them (RFC 8259 §8.2), and no encoder can write them down."""
