"""A file with a chain: over rotations of every kind, a full disk, a crash and a second writer; and its key files."""

import base64
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jsonschema import Draft202012Validator

from bearerproof import data
from bearerproof.chain import ChainFile, ChainReport, Verdict, judge
from bearerproof.chain.keys import KeyRefused, read_key, read_public_key
from bearerproof_reference.audit import chain
from bearerproof_reference.audit.chain import ChainError, Secret, Signer
from bearerproof_reference.clock import ManualClock
from bearerproof_reference.deployment.chainedfile import ChainedTrailFile

from ..conftest import CommandLine

OCTETS = bytes(range(7, 47))
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PEM = PRIVATE.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC_PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
SPELLINGS = {
    "raw": OCTETS,
    "base64": base64.b64encode(OCTETS),
    "with a line feed": base64.b64encode(OCTETS) + b"\n",
    "base64url": base64.urlsafe_b64encode(OCTETS).rstrip(b"="),
}
NO_KEYS = {
    "empty": b"",
    "short": b"secret",
    "zeros": bytes(32),
    "repeats": b"ab" * 40,
    "openssh": b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIExample",
    "jwk": b'{"kty":"oct"}' * 5,
    "broken PEM": PEM[:80],
}
CLOCK = ManualClock(1_800_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "trail.jsonl"


def opened(path: Path, key: chain.SigningKey | None = None, *before: chain.VerifyingKey) -> ChainedTrailFile:
    return ChainedTrailFile(path, key or Secret(OCTETS), CLOCK, before)


def judged(*paths: Path) -> ChainReport:
    files = [ChainFile.of(path.name, path.read_bytes()) for path in paths]
    return judge(files, [read_key(OCTETS), read_public_key(PUBLIC_PEM)])


def intact(*paths: Path, unproven: int = 0) -> None:
    report = judged(*paths)
    assert (report.verdict, report.unproven) == (Verdict.INTACT, unproven), report.as_text()


def renamed(path: Path) -> Path:
    return path.rename(path.with_suffix(".1"))


class TestRotation:
    def test_each_file_is_sealed_and_can_be_judged_alone(self, path: Path) -> None:
        file = opened(path)
        file.write("one")
        old = renamed(path)
        file.write("two")
        intact(old)
        file.close()
        intact(path, old)

    def test_a_file_that_was_packed_in_time_may_lack_its_seal(self, path: Path) -> None:
        file = opened(path)
        file.write("one")
        old, copy = path.with_suffix(".1"), path.read_bytes()
        path.unlink()
        old.write_bytes(copy)
        file.write("two")
        file.close()
        intact(old, path)

    def test_one_that_was_emptied_in_place_begins_anew(self, path: Path) -> None:
        file = opened(path)
        file.write("one")
        old = path.with_suffix(".1")
        old.write_bytes(path.read_bytes())
        os.truncate(path, 0)
        file.write("two")
        file.close()
        intact(old, path)

    def test_on_request(self, path: Path) -> None:
        file = opened(path)
        old = renamed(path)
        file.reopen()
        file.write("two")
        file.close()
        intact(old, path)

    def test_nowhere_to_go(self, path: Path) -> None:
        file = opened(path)
        old = renamed(path)
        path.mkdir()
        with pytest.raises(OSError, match="directory"):
            file.write("lost")
        path.rmdir()
        file.write("kept")
        file.close()
        intact(old, path)


class TestTrouble:
    def test_a_line_cut_short_by_a_full_disk_leaves_nothing(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = opened(path)
        write = os.write
        monkeypatch.setattr(os, "write", lambda to, octets: write(to, octets[:3]))
        with pytest.raises(OSError, match="cut short"):
            file.write("second")
        monkeypatch.setattr(os, "write", write)
        file.write("third")
        file.close()
        assert b"sec" not in path.read_bytes()
        intact(path)

    def test_a_checkpoint_that_finds_no_room_follows_the_next_line(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(chain, "EVERY", 1)
        file = opened(path)
        write: Callable[[int, bytes], int] = os.write

        def full(to: int, octets: bytes) -> int:
            if b'"kind":"checkpoint"' in octets:
                raise OSError(errno.ENOSPC, "full")
            return write(to, octets)

        monkeypatch.setattr(os, "write", full)
        file.write("one")
        monkeypatch.setattr(os, "write", write)
        file.write("two")
        file.abandon()
        intact(path)

    def test_a_torn_line_is_told_and_closed(self, path: Path) -> None:
        file = opened(path)
        file.write("one")
        file.abandon()
        with path.open("ab") as torn:
            torn.write(b'{"event":"tok')
        intact(path, unproven=2)
        file = opened(path)
        file.write("two")
        file.close()
        intact(path, unproven=2)

    def test_a_checkpoint_follows_in_time(self, path: Path) -> None:
        clock = ManualClock(1_800_000_000)
        file = ChainedTrailFile(path, Secret(OCTETS), clock)
        file.write("one")
        intact(path, unproven=1)
        clock.monotonic += chain.EVERY_SECONDS
        file.write("two")
        intact(path)

    def test_a_second_writer_is_refused(self, path: Path) -> None:
        file = opened(path)
        with pytest.raises(ChainError, match="another process writes it"):
            opened(path)
        file.close()
        opened(path).close()

    def test_what_is_no_plain_file_is_refused(self) -> None:
        with pytest.raises(ChainError, match="plain file"):
            opened(Path("/dev/null"))

    def test_an_altered_file_is_refused_and_left_as_it_is(self, path: Path) -> None:
        file = opened(path)
        file.write("one")
        file.close()
        path.write_bytes(path.read_bytes().replace(b"one", b"two"))
        before = path.read_bytes()
        with pytest.raises(ChainError, match="not intact: altered; move it away"):
            opened(path)
        assert path.read_bytes() == before

    def test_keys_change_between_runs(self, path: Path) -> None:
        opened(path).close()
        with pytest.raises(ChainError, match="key absent"):
            opened(path, Signer.of(PRIVATE))
        opened(path, Signer.of(PRIVATE), Secret(OCTETS)).close()
        opened(path, Secret(OCTETS), chain.read_key(PUBLIC_PEM)).close()
        intact(path)


class TestKeys:
    @pytest.mark.parametrize("text", SPELLINGS.values(), ids=SPELLINGS)
    def test_a_secret_in_each_spelling(self, text: bytes) -> None:
        key = chain.read_key(text)
        assert isinstance(key, Secret)
        assert key.octets == OCTETS
        assert read_key(text).id == key.key_id == read_key(OCTETS).id
        assert repr(OCTETS) not in repr(key) + repr(read_key(text))

    def test_an_ed25519_key_has_one_name(self) -> None:
        key = chain.read_key(PEM)
        assert isinstance(key, Signer)
        assert key.key_id == read_key(PEM).id == read_public_key(PUBLIC_PEM).id
        assert not isinstance(chain.read_key(PUBLIC_PEM), Signer)

    @pytest.mark.parametrize("what", NO_KEYS)
    def test_what_is_none(self, what: str) -> None:
        text = NO_KEYS[what]
        with pytest.raises(KeyRefused):
            read_key(text)
        with pytest.raises(ChainError):
            chain.read_key(text)

    def test_another_curve_is_none(self) -> None:
        other = ec.generate_private_key(ec.SECP256R1())
        private = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for read, text in (
            (read_key, private),
            (read_public_key, public),
            (read_key, PUBLIC_PEM),
            (read_public_key, PEM),
        ):
            with pytest.raises(KeyRefused):
                read(text)
        for text in (private, public):
            with pytest.raises(ChainError):
                chain.read_key(text)


class TestCommand:
    @pytest.fixture
    def key(self, tmp_path: Path) -> Path:
        key = tmp_path / "key"
        key.write_bytes(OCTETS)
        key.chmod(0o600)
        return key

    def test_intact_altered_missing_and_untold(self, bearerproof: CommandLine, path: Path, key: Path) -> None:
        file = opened(path)
        file.write("one")
        old = renamed(path)
        file.write("two")
        file.close()
        told = bearerproof("trail", "--chain", "--chain-key", key, path, old)
        assert (told.code, told.out.splitlines()[-1]) == (0, "The chain: intact")
        assert bearerproof("trail", "--chain", path, old).code == 3
        gap = bearerproof("trail", "--chain", "--chain-key", key, path)
        assert (gap.code, gap.out.splitlines()[-1]) == (1, "The chain: missing")
        assert bearerproof("trail", "--chain", "--chain-key", key, "--from-middle", path).code == 0
        path.write_bytes(path.read_bytes().replace(b"two", b"tw0"))
        altered = bearerproof("trail", "--chain", "--chain-key", key, path, old)
        assert (altered.code, altered.out.splitlines()[-1]) == (1, "The chain: altered")
        assert f"altered: {path}, line 3: the records before this checkpoint" in altered.out

    def test_a_mark_rises_and_never_sinks(
        self, bearerproof: CommandLine, path: Path, key: Path, tmp_path: Path
    ) -> None:
        mark = tmp_path / "mark"
        arguments = ("trail", "--chain", "--chain-key", key, "--high-water", mark, path)
        file = opened(path)
        missing = bearerproof(*arguments)
        assert (missing.code, missing.err.count("begins as an empty file")) == (3, 1)
        mark.touch()
        assert bearerproof(*arguments).code == 0
        first, short = mark.read_bytes(), path.read_bytes()
        file.write("one")
        file.close()
        assert bearerproof(*arguments).code == 0
        second = mark.read_bytes()
        assert second.count(b"\n") == 1
        assert second != first
        path.write_bytes(short)
        cut = bearerproof(*arguments)
        assert (cut.code, cut.out.splitlines()[-1]) == (1, "The chain: missing")
        assert mark.read_bytes() == second
        assert bearerproof("trail", "--chain", "--chain-key", key, path).code == 0  # which is what a mark is for

    def test_a_public_key_verifies(self, bearerproof: CommandLine, path: Path, tmp_path: Path) -> None:
        opened(path, Signer.of(PRIVATE)).close()
        public = tmp_path / "public.pem"
        public.write_bytes(PUBLIC_PEM)
        assert bearerproof("trail", "--chain", "--chain-public-key", public, path).code == 0

    def test_as_json(self, bearerproof: CommandLine, path: Path, key: Path) -> None:
        opened(path).close()
        schema = json.loads((data.root() / "schemas" / "chain-report.schema.json").read_text("utf-8"))
        for keys in (("--chain-key", key), ()):
            for octets in (path.read_bytes(), b"{}\n"):
                path.write_bytes(octets)
                report = json.loads(bearerproof("trail", "--chain", *keys, "--json", path).out)
                assert list(Draft202012Validator(schema).iter_errors(report)) == []

    def test_every_checkpoint_follows_its_schema(self, path: Path) -> None:
        schema = json.loads((data.root() / "schemas" / "chain-checkpoint.schema.json").read_text("utf-8"))
        for key, before in ((Secret(OCTETS), ()), (Signer.of(PRIVATE), (Secret(OCTETS),))):
            file = opened(path, key, *before)
            file.write("one")
            file.close()
        lines = [json.loads(line) for line in path.read_bytes().splitlines() if line != b"one"]
        assert [line["kind"] for line in lines] == ["open", "close"] * 2
        assert [error for line in lines for error in Draft202012Validator(schema).iter_errors(line)] == []
        assert list(Draft202012Validator(schema).iter_errors({**lines[0], "alg": "Ed25519"})) != []

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o644])
    def test_a_key_that_others_can_read_is_refused(
        self, bearerproof: CommandLine, path: Path, key: Path, mode: int
    ) -> None:
        opened(path).close()
        key.chmod(mode)
        refused = bearerproof("trail", "--chain", "--chain-key", key, path)
        assert (refused.code, refused.err) == (
            3,
            f"bearerproof: {key}: others can read this key, so it proves nothing: chmod 600\n",
        )

    def test_bad_input(self, bearerproof: CommandLine, path: Path, key: Path, tmp_path: Path) -> None:
        opened(path).close()
        broken = tmp_path / "broken.gz"
        broken.write_bytes(b"\x1f\x8bnothing")
        short, no_mark = tmp_path / "short", tmp_path / "no-mark"
        short.write_bytes(b"secret")
        short.chmod(0o600)
        no_mark.write_text("no mark\n")
        for arguments, message in (
            (("--chain", tmp_path / "nowhere"), "No such file"),
            (("--chain", broken), "gzip data is broken"),
            (("--chain", "--chain-key", short, path), "a secret has at least 32 octets"),
            (("--chain", "--high-water", no_mark, path), "a high-water mark is a checkpoint"),
            (("--chain-key", key, path), "go with --chain"),
        ):
            refused = bearerproof("trail", *arguments)
            assert refused.code == 3, arguments
            assert message in refused.err

    def test_the_rules_of_a_trail_pass_checkpoints_over(self, bearerproof: CommandLine, path: Path) -> None:
        file = opened(path)
        file.write('{"event":"token.invalid","reason":"unknown-bearer","seq":0}')
        file.close()
        for preset in ("auto", "plain"):
            told = bearerproof("trail", "--preset", preset, path)
            assert told.code == 0, told.out
