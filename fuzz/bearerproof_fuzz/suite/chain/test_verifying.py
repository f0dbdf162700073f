"""Verifying a hash chain: whatever is done to the files without the key is told, and nothing else is.

Each chain is first verified as it was written. Of what was done to it two words are right, since a record that was
exchanged for another is one that is missing and one that was added.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256

from hypothesis.strategies import DrawFn

from bearerproof.contract.chains import ALTERED, INTACT, MISSING, UNTOLD, ChainAnswer, verify_chain
from bearerproof.judging.harness import CheckId
from bearerproof.judging.judgement import Finding, Untestable
from bearerproof.judging.trial import Trial
from bearerproof_fuzz import chains
from bearerproof_fuzz.chains import KEYS, SECRET, SIGNER, File, Key, Writer, honest, is_checkpoint, octets
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.draws import batch, number_below, pick
from bearerproof_fuzz.needs import CHAIN_VERIFY

TOLD = (ALTERED, MISSING)
"""Either says that the files are not those that were written."""
NOT_INTACT = (*TOLD, UNTOLD)

NEEDS = (CHAIN_VERIFY,)


def _verify(
    trial: Trial, files: Sequence[bytes], keys: Sequence[Key], marks: Sequence[bytes] = (), *, from_middle: bool = False
) -> ChainAnswer:
    return trial.chain(verify_chain(files, [key.public for key in keys], marks, from_middle=from_middle))


def _control(
    trial: Trial, files: Sequence[bytes], keys: Sequence[Key], marks: Sequence[bytes] = (), *, from_middle: bool = False
) -> ChainAnswer:
    """Have a chain verified that is as it was written, before anything said of another means something.

    Raises:
        Untestable: it is not called intact.
    """
    answer = _verify(trial, files, keys, marks, from_middle=from_middle)
    if answer.word != INTACT:
        what = "an honest chain is not called intact, so nothing can be concluded"
        raise Untestable(Finding(what, INTACT, answer.describe()))
    return answer


def _expect(trial: Trial, what: str, answer: ChainAnswer, allowed: Collection[str]) -> None:
    if answer.word not in allowed:
        trial.fail(f"{what}: it is called {answer.describe()}", " or ".join(allowed), answer.describe(), kind=what)
    trial.refusals += 1


def _is_told(
    trial: Trial,
    key: Key,
    changes: dict[str, list[File]],
    allowed: Collection[str] = TOLD,
    marks: Sequence[bytes] = (),
) -> None:
    for what, files in changes.items():
        _expect(trial, f"{key.alg}: {what}", _verify(trial, octets(files), [key], marks), allowed)


def _with(files: Sequence[File], number: int, file: File) -> list[File]:
    """Return the files with another one in the place of one."""
    return [*files[:number], file, *files[number + 1 :]]


def _places(files: Sequence[File], *, checkpoints: bool = False) -> Iterator[tuple[int, int]]:
    """Yield file and line of every record, or of every checkpoint."""
    for number, file in enumerate(files):
        yield from ((number, at) for at, line in enumerate(file) if is_checkpoint(line) is checkpoints)


Change = Callable[[File, int], File]
"""Makes another file of one and the place of a line in it."""


def _each(files: Sequence[File], what: str, change: Change) -> dict[str, list[File]]:
    """Return the files once for each record, to which something was done."""
    return {
        f"{what}, file {number + 1}, line {at + 1}": _with(files, number, change(files[number], at))
        for number, at in _places(files)
    }


# --- CHAIN-1 to CHAIN-3: every line counts, as it was written and where


def _replaced(change: Callable[[bytes], bytes], file: File, at: int) -> File:
    return [*file[:at], change(file[at]), *file[at + 1 :]]


def _other_digit(line: bytes) -> bytes:
    return line[:-2] + bytes([line[-2] ^ 1]) + b"}"


_DIGIT = partial(_replaced, _other_digit)


@check("CHAIN-1", needs=NEEDS)
def test_a_changed_record_is_told(mark: CheckId, trial: Trial) -> None:
    """Of every record one digit is changed: heads that stand in checkpoints are recomputed, not believed."""
    for key, _ in KEYS.values():
        files = honest(key)
        _control(trial, octets(files), [key])
        _is_told(trial, key, _each(files, "a digit changed", _DIGIT))


@check("CHAIN-1", needs=NEEDS)
def test_a_record_serialised_anew_is_told(mark: CheckId, trial: Trial) -> None:
    """A record that is the same JSON in other octets is not the record that was written."""
    spellings: dict[str, Callable[[bytes], bytes]] = {
        "spaces added": lambda line: json.dumps(json.loads(line)).encode(),
        "members in another order": lambda line: json.dumps(
            dict(reversed(json.loads(line).items())), separators=(",", ":")
        ).encode(),
        "an escape": lambda line: line.replace(b"token", b"\\u0074oken"),
        "a carriage return at its end": lambda line: line + b"\r",
        "a space at its end": lambda line: line + b" ",
    }
    files = honest(SECRET)
    _control(trial, octets(files), [SECRET])
    for what, change in spellings.items():
        _is_told(trial, SECRET, _each(files, what, partial(_replaced, change)))


@check("CHAIN-1", needs=NEEDS)
def test_no_drawn_change_of_an_octet_passes(mark: CheckId, trial: Trial) -> None:
    """Whichever octet of an honest chain is changed, it is no longer intact; a mark guards its last line too."""

    def told(drawn: list[tuple[Key, list[File], int, int]]) -> None:
        for key, files, place, bit in drawn:
            whole = octets(files)
            _control(trial, whole, [key], [files[-1][-1]])
            number, at = _nth_octet(whole, place)
            whole[number] = whole[number][:at] + bytes([whole[number][at] ^ bit]) + whole[number][at + 1 :]
            answer = _verify(trial, whole, [key], [files[-1][-1]])
            _expect(trial, f"an octet changed in file {number + 1}", answer, NOT_INTACT)

    explore(told, batch(_place, 3), share=4)


def _nth_octet(files: Sequence[bytes], place: int) -> tuple[int, int]:
    """Return file and place of an octet, of all octets as often as needed."""
    place %= sum(map(len, files))
    for number, file in enumerate(files):
        if place < len(file):
            return number, place
        place -= len(file)
    raise AssertionError


def _place(draw: DrawFn) -> tuple[Key, list[File], int, int]:
    """Draw a chain with random rotation, an octet of it, and a bit."""
    key, files = _chain(draw)
    return key, files, number_below(draw, 10_000), 1 << number_below(draw, 8)


def _chain(draw: DrawFn, end: str = "close") -> tuple[Key, list[File]]:
    key = pick(draw, (SECRET, SIGNER))
    sizes = [number_below(draw, 6) for _ in range(1 + number_below(draw, 4))]
    return key, honest(key, sizes, every=1 + number_below(draw, 4), end=end, seal=pick(draw, (True, False)))


@check("CHAIN-2", needs=NEEDS)
def test_a_record_too_many_is_told(mark: CheckId, trial: Trial) -> None:
    """A record that is inserted, repeated, or exchanged with its neighbour is told, wherever it stands."""
    changes: dict[str, Change] = {
        "a record inserted": lambda file, at: [*file[:at], chains.record(99), *file[at:]],
        "an empty line inserted": lambda file, at: [*file[:at], b"", *file[at:]],
        "a record repeated": lambda file, at: [*file[: at + 1], *file[at:]],
        "two records exchanged": lambda file, at: [*file[: at - 1], file[at], file[at - 1], *file[at + 1 :]],
    }
    for key, _ in KEYS.values():
        files = honest(key)
        _control(trial, octets(files), [key])
        for what, change in changes.items():
            _is_told(trial, key, _each(files, what, change))


@check("CHAIN-2", needs=NEEDS)
def test_records_behind_the_end_are_told(mark: CheckId, trial: Trial) -> None:
    """What stands behind the last record of a chain that its writer ended was written by nobody of it."""
    for key, _ in KEYS.values():
        files = honest(key)
        _control(trial, octets(files), [key])
        for number, file in enumerate(files):
            _is_told(
                trial, key, {f"a record behind file {number + 1}": _with(files, number, [*file, chains.record(99)])}
            )


@check("CHAIN-2", needs=NEEDS)
def test_two_writers_in_one_file_are_told(mark: CheckId, trial: Trial) -> None:
    """Two chains whose lines stand in one file in turn are none, whoever signed them."""
    for key, other in KEYS.values():
        first, second = (honest(each, (6,)) for each in (key, other))
        mixed = [line for pair in zip(first[0], second[0], strict=True) for line in pair]
        _control(trial, octets(first), [key])
        _expect(trial, "two writers mixed", _verify(trial, octets([mixed]), [key, other]), TOLD)


@check("CHAIN-3", needs=NEEDS)
def test_a_missing_record_is_told(mark: CheckId, trial: Trial) -> None:
    """A record, a checkpoint between records or a run of them that is left out is told."""
    for key, _ in KEYS.values():
        files = honest(key)
        _control(trial, octets(files), [key])
        _is_told(trial, key, _each(files, "a record left out", lambda file, at: [*file[:at], *file[at + 1 :]]))
        for number, at in _places(files, checkpoints=True):
            if b'"kind":"rotate"' in files[number][at] or (number, at) == (len(files) - 1, len(files[-1]) - 1):
                continue  # the next file says the same; and what is cut off at the end is the mark's business
            left = _with(files, number, [*files[number][:at], *files[number][at + 1 :]])
            _is_told(trial, key, {f"a checkpoint left out, file {number + 1}, line {at + 1}": left})


@check("CHAIN-3", needs=NEEDS)
def test_a_missing_file_is_told(mark: CheckId, trial: Trial) -> None:
    """A file that was rotated away and is left out is told, and the first one too unless that is on purpose."""
    for key, _ in KEYS.values():
        files = honest(key, (4, 3, 5, 2))
        _control(trial, octets(files), [key])
        for number in range(len(files) - 1):
            rest = [file for place, file in enumerate(files) if place != number]
            _is_told(trial, key, {f"file {number + 1} of {len(files)} left out": rest})
        _control(trial, octets(files[1:]), [key], from_middle=True)
        gap = _verify(trial, octets([files[1], files[3]]), [key], from_middle=True)
        _expect(trial, f"{key.alg}: a file left out of the rest", gap, TOLD)


# --- CHAIN-4 to CHAIN-6: what counts as a checkpoint

KINDS = ("open", "checkpoint", "rotate", "close")


def _forgeries(key: Key) -> dict[str, Callable[[bytes], bytes]]:
    """Return signatures that one without the key could make."""
    size = len(key.sign(b""))
    return {
        "of zeros": lambda _: bytes(size),
        "of the head": lambda signed: sha256(signed).digest().ljust(size, b"\0")[:size],
        "that is right at its beginning": lambda signed: key.sign(signed)[:16].ljust(size, b"\0"),
        "that is right at its end": lambda signed: key.sign(signed)[16:].rjust(size, b"\0"),
        "that is cut short": lambda signed: key.sign(signed)[: size // 2],
        "over the octets without their context": lambda signed: key.sign(signed.partition(b"\n")[2]),
        "that is empty": lambda _: b"",
    }


def _forged(key: Key, kind: str, sign: Callable[[bytes], bytes]) -> list[File]:
    """Return a chain whose last records nobody of it wrote, under a checkpoint that only its signature shows."""
    writer = Writer(key)
    writer.checkpoint("open")
    for number in range(5):
        writer.write(chains.record(number))
    writer.checkpoint("checkpoint")
    writer.write(chains.record(99))
    writer.checkpoint(kind, sign=sign)
    return writer.files


@check("CHAIN-4", needs=NEEDS)
def test_a_checkpoint_without_its_signature_is_told(mark: CheckId, trial: Trial) -> None:
    """Records that were added under a checkpoint which the key did not sign, whole, are not intact: in every kind."""
    for key, _ in KEYS.values():
        for kind in KINDS:
            _control(trial, octets(_forged(key, kind, key.sign)), [key])
            for what, sign in _forgeries(key).items():
                _is_told(trial, key, {f"a signature {what}, kind {kind}": _forged(key, kind, sign)})


def _zeros(size: int, _signed: bytes) -> bytes:
    return bytes(size)


@check("CHAIN-4", needs=NEEDS)
def test_an_unsigned_record_starts_no_chain_anew(mark: CheckId, trial: Trial) -> None:
    """A first record that nobody signed, in the middle or at the head of a further file, resets nothing."""
    for key, _ in KEYS.values():
        files = honest(key, end="")
        _control(trial, octets(files), [key])
        nobody = replace(key, sign=partial(_zeros, len(key.sign(b""))))
        for what, chain in {"of this chain": Writer.chain, "of another": sha256(b"new").hexdigest()[:32]}.items():
            writer = Writer(nobody, chain)
            writer.checkpoint("open")
            writer.write(chains.record(99))
            writer.checkpoint("close")
            middle = _with(files, len(files) - 1, [*files[-1], *writer.files[0]])
            _is_told(trial, key, {f"an unsigned beginning {what} in the file": middle})
            _is_told(trial, key, {f"an unsigned beginning {what} in its own file": [*files, *writer.files]})


@check("CHAIN-4", needs=NEEDS)
def test_an_unchained_file_is_told(mark: CheckId, trial: Trial) -> None:
    """A file with no checkpoint at all, as any program can write one, is not intact: alone or beside a chain."""
    for key, _ in KEYS.values():
        files = honest(key)
        _control(trial, octets(files), [key])
        bare = [line for file in files for line in file if not is_checkpoint(line)]
        _expect(trial, "all checkpoints taken away", _verify(trial, octets([bare]), [key]), NOT_INTACT)
        _is_told(trial, key, {"a file without checkpoints beside the chain": [*files, [chains.record(99)]]})


@check("CHAIN-5", needs=NEEDS)
def test_a_checkpoint_of_an_earlier_place_is_told(mark: CheckId, trial: Trial) -> None:
    """A checkpoint that was signed for fewer records proves nothing of those that were added since."""
    for key, _ in KEYS.values():
        files = honest(key, (6, 6), end="")
        _control(trial, octets(files), [key])
        for number, at in _places(files, checkpoints=True):
            stale = files[number][at]
            if b'"kind":"rotate"' in stale:
                continue
            again = _with(files, len(files) - 1, [*files[-1], chains.record(99), stale])
            _is_told(trial, key, {f"the checkpoint of file {number + 1}, line {at + 1}, once more at the end": again})


@check("CHAIN-5", needs=NEEDS)
def test_a_checkpoint_of_another_chain_is_told(mark: CheckId, trial: Trial) -> None:
    """Checkpoints that the same key signed for another chain, at the same place, prove nothing here."""
    for key, _ in KEYS.values():
        ours, theirs = honest(key, (6,)), honest(key, (6,), chain=sha256(b"theirs").hexdigest()[:32])
        _control(trial, octets(ours), [key])
        _control(trial, octets(theirs), [key])
        spliced = [ours[0][:4] + theirs[0][4:]]
        _is_told(trial, key, {"the end of another chain": spliced})
        lines = [line if at in {0, 4} or not is_checkpoint(line) else theirs[0][at] for at, line in enumerate(ours[0])]
        _is_told(trial, key, {"checkpoints of another chain": [lines]})


@check("CHAIN-5", needs=NEEDS)
def test_the_beginning_of_another_file_is_told(mark: CheckId, trial: Trial) -> None:
    """The checkpoint with which another file of the chain begins does not begin this one."""
    for key, _ in KEYS.values():
        files = honest(key, (4, 4, 4))
        _control(trial, octets(files), [key])
        swapped = _with(files, 1, [files[2][0], *files[1][1:]])
        _is_told(trial, key, {"a file under the beginning of another": swapped})
        twice = [*files, files[1][:-1]]
        _is_told(trial, key, {"a file twice": twice})


def _texts_of(key: Key) -> dict[str, bytes]:
    """Return what everybody knows of a public key, as octets that a MAC could be made with."""
    return {
        "octets": chains.raw_public(key),
        "PEM": chains.pem_public(key),
        "PEM without its last line feed": chains.pem_public(key).strip(),
        "JWK": json.dumps(key.public).encode(),
        "base64url": str(key.public["x"]).encode(),
    }


@check("CHAIN-6", needs=NEEDS)
def test_a_mac_under_a_public_key_is_told(mark: CheckId, trial: Trial) -> None:
    """A MAC that was made with the text of the public key, under its id, is no signature of it, whatever alg says."""
    _control(trial, octets(honest(SIGNER)), [SIGNER])
    for what, text in _texts_of(SIGNER).items():
        forger = chains.secret(text, SIGNER.id)
        for alg in ("HS256", "Ed25519"):
            files = honest(Key(forger.private, forger.public, SIGNER.id, alg, forger.sign))
            answer = _verify(trial, octets(files), [SIGNER])
            _expect(trial, f"a MAC made with the {what} of the public key, alg {alg}", answer, NOT_INTACT)


@check("CHAIN-6", needs=NEEDS)
def test_an_algorithm_that_is_none_is_told(mark: CheckId, trial: Trial) -> None:
    """Where alg names none, or one that nobody agreed on, no key is needed and nothing is proven."""
    for key, other in (KEYS["HMAC"], KEYS["Ed25519"]):
        _control(trial, octets(honest(key)), [key])
        for alg in ("none", "None", "", "HS1", "SHA256"):
            lines = honest(Key(key.private, key.public, key.id, alg, lambda signed: sha256(signed).digest()))
            _expect(trial, f"alg {alg!r}", _verify(trial, octets(lines), [key, other]), NOT_INTACT)


# --- CHAIN-7: keys

WEAK = {
    "empty": b"",
    "of 16 octets": sha256(b"short").digest()[:16],
    "of 31 octets": sha256(b"short").digest()[:31],
    "of zeros": bytes(32),
    "of ones": b"\xff" * 64,
    "of one octet over and over": b"a" * 40,
    "that is the public key in PEM": chains.pem_public(SIGNER),
}


@check("CHAIN-7", needs=NEEDS)
def test_a_key_that_anybody_could_have_is_no_key(mark: CheckId, trial: Trial) -> None:
    """A chain is not intact under a secret that is empty, short, all the same, or the text of a public key."""
    _control(trial, octets(honest(SECRET)), [SECRET])
    for what, octets_of in WEAK.items():
        key = chains.secret(octets_of)
        _expect(trial, f"a secret {what}", _verify(trial, octets(honest(key)), [key]), NOT_INTACT)


@check("CHAIN-7", needs=NEEDS)
def test_a_key_that_follows_from_the_file_is_no_key(mark: CheckId, trial: Trial) -> None:
    """A MAC under a key that can be derived from what stands in the chain is not one under the secret."""
    chain, key_id = Writer.chain, SECRET.id
    derived = {
        "nothing": b"",
        "zeros": bytes(32),
        "the chain's id": bytes.fromhex(chain),
        "its text": chain.encode(),
        "its hash": sha256(chain.encode()).digest(),
        "the key's id": bytes.fromhex(key_id),
        "the text of the key's id": key_id.encode(),
        "the hash of the key's id": sha256(key_id.encode()).digest(),
        "the first head": Writer(SECRET).head,
        "the first head's text": Writer(SECRET).head.hex().encode(),
    }
    _control(trial, octets(honest(SECRET)), [SECRET])
    for what, key in derived.items():
        files = honest(chains.secret(key, key_id))
        _expect(trial, f"a MAC under {what}", _verify(trial, octets(files), [SECRET]), NOT_INTACT)


# --- CHAIN-8: the end


def _last_checkpoint(files: Sequence[File]) -> bytes:
    return [line for file in files for line in file if is_checkpoint(line) and b'"rotate"' not in line][-1]


@check("CHAIN-8", needs=NEEDS)
def test_a_tail_that_was_cut_is_told(mark: CheckId, trial: Trial) -> None:
    """However far the end is cut back, to a checkpoint or between, a high-water mark kept elsewhere tells it."""
    for key, _ in KEYS.values():
        for end in ("close", "checkpoint"):
            files = honest(key, end=end)
            marks = [_last_checkpoint(files)]
            _control(trial, octets(files), [key], marks)
            for number, file in enumerate(files):
                cuts = {
                    f"cut back to file {number + 1}, line {at}": [*files[:number], file[:at]] for at in range(len(file))
                }
                _is_told(trial, key, cuts, TOLD, marks)
            *older, last = octets(files)
            for size in (1, 2, 60):
                cut = _verify(trial, [*older, last[:-size]], [key], marks)
                _expect(trial, f"{key.alg}: the last {size} octets cut off", cut, TOLD)


@check("CHAIN-8", needs=NEEDS)
def test_a_chain_that_was_exchanged_is_told(mark: CheckId, trial: Trial) -> None:
    """Another chain in the place of the one that the mark remembers is not it, though the key signed both."""
    for key, _ in KEYS.values():
        files = honest(key)
        marks = [_last_checkpoint(files)]
        _control(trial, octets(files), [key], marks)
        other = honest(key, chain=sha256(b"other").hexdigest()[:32])
        _is_told(trial, key, {"another chain": other}, TOLD, marks)
        rewritten = honest(key, lines=[chains.record(99)])
        _is_told(trial, key, {"the chain, written again by one who has the key": rewritten}, TOLD, marks)


# --- CHAIN-9: without the key


@check("CHAIN-9", needs=NEEDS)
def test_a_missing_key_is_no_tampering(mark: CheckId, trial: Trial) -> None:
    """Without the key of an honest chain it cannot be told: it is neither altered nor intact."""
    for key, other in KEYS.values():
        files = octets(honest(key))
        _control(trial, files, [key])
        opposite = SIGNER if key is SECRET else SECRET
        for what, keys in {"no key": [], "another key": [other], "a key of another kind": [opposite]}.items():
            _expect(trial, f"{key.alg}: {what}", _verify(trial, files, keys), [UNTOLD])


@check("CHAIN-9", needs=NEEDS)
def test_one_of_two_keys_missing_is_no_tampering(mark: CheckId, trial: Trial) -> None:
    """After a change of keys, what only the key signed that is not there cannot be told."""
    for old, new in (KEYS["HMAC"], KEYS["Ed25519"], (SECRET, SIGNER)):
        files = octets(_of_two_keys(old, new))
        _control(trial, files, [old, new])
        _control(trial, files, [new, old])
        _expect(trial, f"{new.alg}: the key since the change is absent", _verify(trial, files, [old]), [UNTOLD])


@check("CHAIN-9", needs=NEEDS)
def test_without_a_key_nothing_changed_is_intact(mark: CheckId, trial: Trial) -> None:
    """Who has no key may see that records and heads differ, and calls nothing intact."""
    for key, other in KEYS.values():
        files = honest(key)
        _control(trial, octets(files), [key])
        for what, changed in _each(files, "a digit changed", _DIGIT).items():
            _expect(trial, f"{key.alg}: {what}", _verify(trial, octets(changed), [other]), NOT_INTACT)


def _of_two_keys(old: Key, new: Key) -> list[File]:
    """Return a chain of two runs, with a key for each."""
    first = Writer(old)
    first.checkpoint("open")
    first.write(chains.record(1))
    first.checkpoint("close")
    second = Writer(new, first.chain, first.position, first.head, first.files)
    second.checkpoint("open")
    second.write(chains.record(2))
    second.checkpoint("close")
    return second.files


# --- CHAIN-10 and CHAIN-11: what was only moved is intact, and no more of it is proven than is


def _is_intact(trial: Trial, what: str, answer: ChainAnswer, proven: int, unproven: int = 0) -> None:
    if answer.word != INTACT:
        trial.fail(f"{what}: it is called {answer.describe()}", INTACT, answer.describe(), kind=what)
    if (answer.proven, answer.unproven) != (proven, unproven):
        expected = f"{INTACT}, {proven} records proven and {unproven} not"
        trial.fail(f"{what}: its records are miscounted", expected, answer.describe(), kind=what)


LINES = {
    "no JSON": b"Nov 29 02:15:06 host app: started",
    "empty": b"",
    "blank": b"  ",
    "not UTF-8": b"\xff\xfe\x00",
    "a carriage return at its end": b"{}\r",
    "a carriage return within": b"a\rb",
    "a NUL": b"a\0b",
    "a form feed and a line separator": b"a\x0cb\xe2\x80\xa8c\xc2\x85d",
    "long": b"x" * 5000,
}
"""Records that are none of ours, and end nowhere but at a line feed."""


@check("CHAIN-10", needs=NEEDS)
def test_any_line_can_be_a_record(mark: CheckId, trial: Trial) -> None:
    """What a record holds is no business of the chain: it is octets up to a line feed."""
    for key, _ in KEYS.values():
        for what, line in LINES.items():
            files = honest(key, (4,), lines=[line, b"{}", line])
            answer = _verify(trial, octets(files), [key])
            _is_intact(trial, f"{key.alg}: a record that is {what}", answer, _records(files))


@check("CHAIN-10", needs=NEEDS)
def test_copies_are_intact(mark: CheckId, trial: Trial) -> None:
    """An honest chain of any rotation is intact when its files are packed, and in whatever order they are given."""

    def intact(drawn: list[tuple[Key, list[bytes], int]]) -> None:
        for key, files, records in drawn:
            _is_intact(trial, "an honest chain, moved", _verify(trial, files, [key]), records)

    explore(intact, batch(_moved, 3), share=4)


def _records(files: Sequence[File]) -> int:
    """Count what is a record of the chain: every line but the seals of rotated files."""
    return sum(b'"kind":"rotate"' not in line for file in files for line in file)


def _moved(draw: DrawFn) -> tuple[Key, list[bytes], int]:
    """Draw a chain, some of its files packed and all of them in another order, and how many records it has."""
    key, files = _chain(draw)
    packed = [number for number in range(len(files)) if pick(draw, (False, True))]
    order = [number_below(draw, 50) for _ in files]
    whole = octets(files, packed=packed)
    return key, [whole[number] for number in sorted(range(len(whole)), key=order.__getitem__)], _records(files)


@check("CHAIN-10", needs=NEEDS)
def test_further_keys_change_nothing(mark: CheckId, trial: Trial) -> None:
    """A chain is intact if its key is among those that are given, wherever among them."""
    for key, other in KEYS.values():
        files = honest(key)
        for keys in ([key, other], [other, key], [SECRET, SIGNER, other]):
            _is_intact(trial, f"{key.alg}: several keys", _verify(trial, octets(files), keys), _records(files))


@check("CHAIN-10", needs=NEEDS)
def test_a_mark_that_is_reached_changes_nothing(mark: CheckId, trial: Trial) -> None:
    """A chain is intact whose high-water mark is any of its own checkpoints, up to the last."""
    for key, _ in KEYS.values():
        files = honest(key)
        for number, at in _places(files, checkpoints=True):
            if b'"kind":"rotate"' not in files[number][at]:
                answer = _verify(trial, octets(files), [key], [files[number][at]])
                _is_intact(trial, f"{key.alg}: a mark at file {number + 1}, line {at + 1}", answer, _records(files))


@check("CHAIN-11", needs=NEEDS)
def test_records_behind_the_last_checkpoint_are_counted_unproven(mark: CheckId, trial: Trial) -> None:
    """After a crash the chain is intact up to its last checkpoint, and the records behind it are told as unproven."""
    for key, _ in KEYS.values():
        for behind in range(4):
            files = honest(key, (4,), every=4, end="")
            files[0] += [chains.record(90 + number) for number in range(behind)]
            answer = _verify(trial, octets(files), [key])
            _is_intact(trial, f"{key.alg}: {behind} records behind the last checkpoint", answer, 6, behind)


@check("CHAIN-11", needs=NEEDS)
def test_a_torn_line_is_counted_unproven(mark: CheckId, trial: Trial) -> None:
    """A last line that a crash cut short, also that of a checkpoint, is no tampering and proves nothing."""
    for key, _ in KEYS.values():
        files = honest(key, (4,), every=4, end="")
        checkpoint = files[0][-1]
        torn = {"a record": b'{"event":"tok', "one octet": b"{", "a checkpoint": checkpoint[:100]}
        for what, line in torn.items():
            answer = _verify(trial, octets(files, torn=line), [key])
            _is_intact(trial, f"{key.alg}: {what} cut short", answer, 6, 1)


@check("CHAIN-11", needs=NEEDS)
def test_records_that_a_run_found_are_counted_unproven(mark: CheckId, trial: Trial) -> None:
    """A run that goes on after a crash vouches for what it found only as found; a torn line among it is a record."""
    for key, _ in KEYS.values():
        for what, left in {"records": b"{}", "a torn checkpoint": honest(key)[0][0][:80]}.items():
            writer = Writer(key, files=[[]])
            writer.checkpoint("open")
            writer.write(chains.record(1))
            writer.checkpoint("checkpoint")
            writer.write(chains.record(2))
            writer.write(left)
            writer.checkpoint("open", unproven=2)
            writer.write(chains.record(3))
            writer.checkpoint("close")
            answer = _verify(trial, octets(writer.files), [key])
            _is_intact(trial, f"{key.alg}: {what} found after a crash", answer, 6, 2)
