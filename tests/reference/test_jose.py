"""Segments, base64url and JSON: one spelling each, and nothing beside it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.verifier.jose import (
    MalformedError,
    decode_base64url,
    decode_segment,
    parse_object,
    split_compact,
)

from .minting import b64


@given(st.binary(max_size=60))
def test_base64url_round_trip(octets: bytes) -> None:
    assert decode_segment(b64(octets).encode()) == octets


@given(st.binary(min_size=1, max_size=60).filter(lambda octets: len(octets) % 3))
def test_trailing_bits_must_be_zero(octets: bytes) -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    text = b64(octets)
    other = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]
    with pytest.raises(MalformedError):
        decode_segment(other.encode())


@pytest.mark.parametrize("text", ["A", "AAAAA", "AA==", "AA\n", "A A", "A+/A", "AAA.", "é", 5, None])
def test_what_is_not_base64url(text: object) -> None:
    with pytest.raises(MalformedError):
        decode_base64url(text)


@pytest.mark.parametrize("token", [b"", b"a.b", b"a.b.c.d", b"a.b.c\n", b"a.b.c=", b"a.b c.d", b'{"a":1}', b"a.\xff.c"])
def test_what_is_not_three_segments(token: bytes) -> None:
    with pytest.raises(MalformedError):
        split_compact(token)


def test_three_segments() -> None:
    assert split_compact(b"a.b.c") == (b"a", b"b", b"c")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"5",
        b"{} {}",
        b'{"a":1}x',
        b'{"a":1,}',
        b'{"a":1}//x',
        b"{'a':1}",
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":1e999}',
        b'{"a":' + b"9" * 5000 + b"}",
        b'{"a":01}',
        b'{"a":"\x01"}',
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'{"x":[{"a":1,"a":1}]}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\uDBFF"}',
        b'{"\\udc00":1}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"\xff"}',
        b'{"a":"\xc0\x80"}',
        b'{"a":"\xed\xa0\x80"}',
        '{"a":1}'.encode("utf-16"),
        b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
        b'{"a":' + b"[[]," * 32 + b"1" + b"]" * 32 + b"}",
        b"[" * 8000,
    ],
)
def test_what_is_not_strict_json(text: bytes) -> None:
    with pytest.raises(MalformedError):
        parse_object(text)


def test_brackets_in_strings_are_not_nesting() -> None:
    text = json.dumps({"a": "[{" * 100, 'q"\\': ["]" * 40]}).encode()
    assert parse_object(text)["a"] == "[{" * 100


def test_honest_json() -> None:
    deep = b"[" * 31 + b"]" * 31
    text = b' {"a" :\t1.5,\r\n"b":{"a":"\\ud83d\\ude00 \\\\ud800"},"c":' + deep + b"} "
    assert parse_object(text)["b"] == {"a": "\U0001f600 \\ud800"}


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_malformed(octets: bytes) -> None:
    for read in (split_compact, parse_object):
        try:
            read(octets)
        except MalformedError:
            continue
