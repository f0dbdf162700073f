"""Writing a hash chain: what a writer leaves is judged as `bearerproof trail --chain` judges it, with its key."""

from base64 import b64encode
from collections.abc import Iterator, Sequence

from bearerproof.chain import ChainFile, ChainReport, Verdict, judge
from bearerproof.chain.keys import ChainKey, read_public_key
from bearerproof.contract.chains import ChainAnswer, write_chain
from bearerproof.contract.messages import Outcome
from bearerproof.judging.harness import CheckId
from bearerproof.judging.judgement import Finding, Untestable
from bearerproof.judging.trial import Trial
from bearerproof_fuzz import chains
from bearerproof_fuzz.chains import KEYS, SECRET, SIGNER, Key, is_checkpoint
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keys import b64, unb64
from bearerproof_fuzz.needs import CHAIN_WRITE
from bearerproof_fuzz.suite.chain.test_verifying import WEAK

NEEDS = (CHAIN_WRITE,)

FAR = 256
"""Records that may stand behind the last checkpoint at most."""


def _lines(number: int, first: int = 0) -> list[str]:
    return [chains.record(first + nth).decode() for nth in range(number)]


def _write(trial: Trial, key: Key, files: Sequence[Sequence[str]], end: str = "stop", **more: object) -> ChainAnswer:
    return trial.chain(write_chain(key.private, files, end=end, **more))  # type: ignore[arg-type]  # as write_chain has them


def _written(trial: Trial, key: Key, files: Sequence[Sequence[str]], end: str = "stop", **more: object) -> list[bytes]:
    """Have a run of a chain written.

    Raises:
        Untestable: it is refused.
    """
    answer = _write(trial, key, files, end, **more)
    if answer.outcome is not Outcome.ACCEPTED:
        raise Untestable(Finding("no chain is written, so nothing can be concluded", "files", answer.describe()))
    return list(answer.files)


def _judged(files: Sequence[bytes], *keys: Key) -> ChainReport:
    named = [ChainFile.of(f"file {number}", file) for number, file in enumerate(files, 1)]
    return judge(named, map(_verifying, keys))


def _verifying(key: Key) -> ChainKey:
    if key.alg == "HS256":
        return ChainKey.hmac(unb64(str(key.private["k"])))
    return read_public_key(chains.pem_public(key))


def _require_intact(trial: Trial, what: str, report: ChainReport) -> None:
    if report.verdict is not Verdict.INTACT:
        shown = "; ".join(map(str, report.faults[:3])) or str(report.verdict)
        trial.fail(f"{what}: the chain is {report.verdict}", str(Verdict.INTACT), shown, kind=what)


@check("CHAIN-12", needs=NEEDS)
def test_what_is_written_is_intact(mark: CheckId, trial: Trial) -> None:
    """A chain of one file or several is intact under its key, and holds the lines as they were, in their order."""
    for key, _ in KEYS.values():
        for sizes in ([0], [1], [5], [3, 4], [1, 1, 1, 20]):
            lines = [_lines(size, 100 * number) for number, size in enumerate(sizes)]
            files = _written(trial, key, lines)
            _require_intact(trial, f"{key.alg}: {len(sizes)} files", _judged(files, key))
            kept = [line for file in files for line in file.splitlines() if not is_checkpoint(line)]
            wanted = [line.encode() for each in lines for line in each]
            if kept != wanted:
                trial.fail(f"{key.alg}: other lines stand in the files", f"{len(wanted)} lines", f"{len(kept)} lines")


@check("CHAIN-12", needs=NEEDS)
def test_lines_are_chained_as_they_are_written(mark: CheckId, trial: Trial) -> None:
    """Lines that a serialiser would write otherwise, or that are no JSON, are chained by their octets."""
    odd = ['{"b": 1,  "a": 1.0}', '{"a":"\\u0061"}', "no JSON", "  ", '{"a":"\u00e9"}', '{"a":1,"a":2}', "trailing \r"]
    for key, _ in KEYS.values():
        files = _written(trial, key, [odd])
        _require_intact(trial, f"{key.alg}: lines of any kind", _judged(files, key))


@check("CHAIN-12", needs=NEEDS)
def test_a_chain_goes_on_over_restarts(mark: CheckId, trial: Trial) -> None:
    """A run goes on with the chain of the file that it finds: after a stop, a kill and a line that was cut short."""
    for key, other in KEYS.values():
        for what, end, torn in (("a stop", "stop", b""), ("a kill", "kill", b""), ("a torn line", "kill", b'{"ev')):
            (first,) = _written(trial, key, [_lines(3)], end)
            files = _written(trial, key, [_lines(2, 10), _lines(2, 20)], found=first + torn)
            report = _judged(files, key)
            _require_intact(trial, f"{key.alg}: after {what}", report)
            if len(report.chains) != 1 or not files[0].startswith(first):
                trial.fail(f"{key.alg}: after {what} another chain begins", "one chain", f"{len(report.chains)} chains")
        (first,) = _written(trial, key, [_lines(3)])
        files = _written(trial, other, [_lines(2, 10)], found=first, before=[key.public])
        _require_intact(trial, f"{key.alg}: after a change of keys", _judged(files, key, other))


@check("CHAIN-12", needs=NEEDS)
def test_no_two_chains_are_called_the_same(mark: CheckId, trial: Trial) -> None:
    """Each chain has an id of its own, or the files of one could stand in for those of another."""
    written = [_judged(_written(trial, SECRET, [_lines(1)]), SECRET) for _ in range(4)]
    for report in written:
        _require_intact(trial, f"{SECRET.alg}: one record", report)
    names = [chain.chain for report in written for chain in report.chains]
    if len(set(names)) != len(written):
        trial.fail("two chains have one id", f"{len(written)} ids", f"{len(set(names))} ids")


@check("CHAIN-13", needs=NEEDS)
def test_checkpoints_are_never_far(mark: CheckId, trial: Trial) -> None:
    """Of a writer that is killed at most 256 records are unproven, and of one that was stopped none."""
    for key, _ in KEYS.values():
        killed = _judged(_written(trial, key, [["{}"] * (FAR + 44)], "kill"), key)
        _require_intact(trial, f"{key.alg}: killed", killed)
        if killed.unproven > FAR:
            trial.fail(f"{key.alg}: checkpoints are too rare", f"{FAR} unproven at most", f"{killed.unproven} unproven")
        stopped = _judged(_written(trial, key, [["{}"] * 10, ["{}"] * 3]), key)
        _require_intact(trial, f"{key.alg}: stopped", stopped)
        if stopped.unproven or not all(chain.sealed for chain in stopped.chains):
            trial.fail(f"{key.alg}: the end is not sealed", "sealed, none unproven", f"{stopped.unproven} unproven")


@check("CHAIN-14", needs=NEEDS)
def test_a_run_does_not_vouch_for_what_it_found(mark: CheckId, trial: Trial) -> None:
    """Records behind the last checkpoint stay unproven when a run goes on after them, whoever wrote them meanwhile."""
    for key, _ in KEYS.values():
        (first,) = _written(trial, key, [_lines(3)], "kill")
        left = _judged([first], key).unproven
        for what, tail in {
            "as they were": b"",
            "with one added": b'{"event":"forged"}\n',
            "with a torn one": b"{",
        }.items():
            report = _judged(_written(trial, key, [_lines(2, 10)], found=first + tail), key)
            _require_intact(trial, f"{key.alg}: records found {what}", report)
            expected = left + bool(tail)
            if report.unproven != expected:
                trial.fail(
                    f"{key.alg}: a run vouches for records found {what}",
                    f"{expected} unproven",
                    f"{report.unproven} unproven",
                    kind=what,
                )


@check("CHAIN-14", needs=NEEDS)
def test_a_run_does_not_go_on_with_what_was_altered(mark: CheckId, trial: Trial) -> None:
    """A file that is not as it was written, or whose key is absent, is not gone on with: that would make it good."""
    for key, other in KEYS.values():
        (first,) = _written(trial, key, [_lines(3)])
        _written(trial, key, [_lines(1, 10)], found=first)
        for what, found in _spoilt(first):
            _expect_refused(trial, f"{key.alg}: {what}", _write(trial, key, [_lines(1, 10)], found=found))
        _expect_refused(trial, f"{key.alg}: the key is absent", _write(trial, other, [_lines(1, 10)], found=first))


def _spoilt(file: bytes) -> Iterator[tuple[str, bytes]]:
    lines = file.splitlines(keepends=True)
    yield "a record changed", file.replace(b'"seq":1', b'"seq":7')
    yield "a record left out", b"".join(lines[:1] + lines[2:])
    yield "a record inserted", b"".join([*lines[:2], b"{}\n", *lines[2:]])
    yield "a record behind the end", file + b"{}\n"
    yield "no chain at all", b'{"event":"token.used"}\n'


def _expect_refused(trial: Trial, what: str, answer: ChainAnswer) -> None:
    if answer.outcome is not Outcome.REJECTED:
        trial.fail(f"{what}: the chain goes on", "refused", answer.describe(), kind=what)
    trial.refusals += 1


@check("CHAIN-7", needs=NEEDS)
def test_no_chain_is_written_with_a_key_that_anybody_could_have(mark: CheckId, trial: Trial) -> None:
    """A secret that is empty, short, all the same or the text of a public key signs no chain; nor does a public key."""
    _written(trial, SECRET, [_lines(1)])
    for what, octets in WEAK.items():
        _expect_refused(trial, f"a secret {what}", _write(trial, chains.secret(octets), [_lines(1)]))
    public = Key(SIGNER.public, SIGNER.public, SIGNER.id, SIGNER.alg, SIGNER.sign)
    _expect_refused(trial, "a public key", _write(trial, public, [_lines(1)]))


@check("CHAIN-15", needs=NEEDS)
def test_no_key_stands_in_the_files(mark: CheckId, trial: Trial) -> None:
    """Nothing that a writer leaves holds its key, in whatever spelling."""
    for key, _ in KEYS.values():
        octets = unb64(str(key.private.get("k") or key.private["d"]))
        spellings = {
            "octets": octets,
            "hexadecimal": octets.hex().encode(),
            "base64url": b64(octets).encode(),
            "base64": b64encode(octets),
            "half of it": octets.hex()[:32].encode(),
        }
        files = _written(trial, key, [_lines(3), _lines(2)])
        _require_intact(trial, f"{key.alg}: two files", _judged(files, key))
        written = b"".join(files)
        for what, text in spellings.items():
            if text.lower() in written.lower():
                trial.fail(f"{key.alg}: the key stands in the file, as {what}", "no key", "the key", kind=what)
