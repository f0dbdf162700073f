"""Judging chains: no single change passes, no honest copy is blamed, and the two verifiers say the same of both."""

import gzip
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bearerproof.chain import ChainFile, ChainKey, ChainReport, Verdict, judge, keys, read_checkpoint
from bearerproof_fuzz import chains
from bearerproof_fuzz.chains import KEYS, SECRET, SIGNER, File, Key, Writer, honest, is_checkpoint, octets
from bearerproof_fuzz.keys import unb64
from bearerproof_fuzz.suite.chain.test_writing import _verifying
from bearerproof_reference.audit import chain as reference

from ..contract.conftest import SPEC

Draw = Callable[[st.SearchStrategy[Any]], Any]
TOLD = {Verdict.ALTERED, Verdict.MISSING}


def judged(files: Sequence[bytes], key: Key, marks: Sequence[bytes] = (), *, from_middle: bool = False) -> ChainReport:
    """Judge, and have the reference agree on the word and the counts."""
    named = [ChainFile.of(str(number), file) for number, file in enumerate(files)]
    report = judge(named, [_verifying(key)], marks, from_middle=from_middle)
    found = reference.verify(list(map(reference.split, files)), [of_reference(key)], marks, from_middle=from_middle)
    if report.verdict is Verdict.INTACT:
        assert (found.verdict, found.proven, found.unproven) == ("intact", report.proven, report.unproven)
    else:
        assert (found.verdict in TOLD) is (report.verdict in TOLD), (found.verdict, report.as_text())
    return report


def of_reference(key: Key) -> reference.VerifyingKey:
    if key.alg == "HS256":
        return reference.Secret(unb64(str(key.private["k"])))
    return reference.read_key(chains.pem_public(key))


@st.composite
def written(draw: st.DrawFn) -> tuple[Key, list[File]]:
    """A chain with random rotation, and lines of any octets."""
    key = draw(st.sampled_from([SECRET, SIGNER]))
    sizes = draw(st.lists(st.integers(0, 6), min_size=1, max_size=4))
    lines = draw(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=6))
    return key, honest(key, sizes, every=draw(st.integers(1, 4)), seal=draw(st.booleans()), lines=lines)


def changed(files: list[bytes], draw: Draw) -> list[bytes]:
    """Do one thing to the files: to an octet, a line, two lines, a file or the end."""
    lines = [file.splitlines(keepends=True) if b"\r" not in file else reference.split(file) for file in files]
    number = draw(st.integers(0, len(files) - 1))
    file, at = lines[number], draw(st.integers(0, len(lines[number]) - 1))
    match draw(st.sampled_from(["octet", "delete", "duplicate", "swap", "insert", "cut", "leave out"])):
        case "octet":
            place = draw(st.integers(0, len(files[number]) - 1))
            other = (files[number][place] + draw(st.integers(1, 255))) % 256
            return [*files[:number], _with_octet(files[number], place, other), *files[number + 1 :]]
        case "delete":
            del file[at]
        case "duplicate":
            file.insert(at, file[at])
        case "swap":
            other_at = draw(st.integers(0, len(file) - 1))
            file[at], file[other_at] = file[other_at], file[at]
        case "insert":
            file.insert(at, draw(st.binary(max_size=9)).replace(b"\n", b"") + b"\n")
        case "cut":
            return [*files[:number], files[number][: draw(st.integers(0, len(files[number]) - 1))]]
        case _:
            del lines[number]
    return [b"".join(each) for each in lines]


def _with_octet(file: bytes, place: int, octet: int) -> bytes:
    return file[:place] + bytes([octet]) + file[place + 1 :]


def records(files: Sequence[bytes]) -> list[list[bytes]]:
    """Return what the chain is about: the seal of a rotated file says what the next file says, and may be left out."""
    kept = [[line for line in reference.split(file) if not _is_seal(line)] for file in files]
    return sorted(filter(None, kept))


def _is_seal(line: bytes) -> bool:
    checkpoint = read_checkpoint(line.rstrip(b"\n"))
    return checkpoint is not None and not checkpoint.is_link


@settings(max_examples=200)
@given(written(), st.data())
def test_whatever_is_done_to_an_honest_chain_is_told(made: tuple[Key, list[File]], data: st.DataObject) -> None:
    key, files = made
    honest_files, mark = octets(files), files[-1][-1]
    spoilt = changed(honest_files, data.draw)
    report = judged(spoilt, key, [mark])
    if records(spoilt) == records(honest_files):
        return  # two equal lines exchanged, or a seal left out that the next file repeats
    assert report.verdict in TOLD, report.as_text()


@settings(max_examples=100)
@given(written(), st.randoms(use_true_random=False))
def test_an_honest_copy_is_intact(made: tuple[Key, list[File]], order: random.Random) -> None:
    key, files = made
    whole = octets(files)
    order.shuffle(whole)
    report = judged(whole, key, [files[-1][-1]])
    assert (report.verdict, report.unproven) == (Verdict.INTACT, 0), report.as_text()
    assert [chain.sealed for chain in report.chains] == [True]


@pytest.mark.parametrize("name", KEYS)
def test_places_are_told(name: str) -> None:
    key, _ = KEYS[name]
    files = honest(key)
    files[1][2] = b"{}"
    del files[2][1]
    report = judged(octets(files), key)
    assert [(fault.verdict, fault.file, fault.line) for fault in report.faults] == [
        (Verdict.ALTERED, "1", 5),
        (Verdict.MISSING, "2", 4),
    ]
    assert report.proven == 10  # nothing is proven behind what was altered


def test_two_chains_are_judged_each_by_itself() -> None:
    first, second = honest(SECRET, (3,)), honest(SECRET, (2,), chain="00" * 16)
    named = [ChainFile.of(str(number), file) for number, file in enumerate(octets([*first, *second]))]
    assert [chain.verdict for chain in judge(named, [_verifying(SECRET)]).chains] == [Verdict.INTACT] * 2


def test_the_example_of_the_document_is_a_chain() -> None:
    text = (SPEC / "chain.md").read_text("utf-8").partition("## An example")[2].partition("## Taken from")[0]
    lines = [line[4:] for line in text.splitlines() if line.startswith("    {")]
    file = ChainFile.of("example", "".join(line + "\n" for line in lines).encode())
    report = judge([file], [ChainKey.hmac(bytes(range(32)))])
    assert (report.verdict, report.proven, len(lines)) == (Verdict.INTACT, 4, 4)


def test_a_checkpoint_has_one_form() -> None:
    writer = Writer(SECRET)
    line = writer.signed("open")
    record = json.loads(line)
    assert is_checkpoint(line)
    assert read_checkpoint(line) is not None
    other = [
        json.dumps(record).encode(),
        json.dumps(dict(reversed(record.items())), separators=(",", ":")).encode(),
        *(line.replace(b'"position":0', form) for form in (b'"position":00', b'"position":0.0', b'"position":-1')),
        line.replace(b'"kind":"open"', b'"kind":"reset"'),
        line.replace(b"HS256", b"none"),
        line + b" ",
        line[:-3] + b'="}',
        _last_bit_flipped(line),
    ]
    for form in other:
        assert read_checkpoint(form) is None, form
        assert reference.read_checkpoint(form) is None, form


def _last_bit_flipped(line: bytes) -> bytes:
    """Return the same octets of the signature in another spelling: the last two bits stand for nothing."""
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return line[:-3] + alphabet[alphabet.index(line[-3:-2]) ^ 1 :][:1] + line[-2:]


def test_packed_and_plain_are_the_same() -> None:
    files = octets(honest(SECRET), packed=[0, 2])
    assert [file.startswith(b"\x1f\x8b") for file in files] == [True, False, True]
    assert [gzip.decompress(file) if number != 1 else file for number, file in enumerate(files)] == octets(
        honest(SECRET)
    )


def test_a_mac_is_compared_in_constant_time() -> None:
    for module in (reference, keys):
        assert "compare_digest(" in Path(str(module.__file__)).read_text("utf-8")
