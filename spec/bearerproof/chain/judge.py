"""Judging chains: files in any order, keys, and high-water marks in; what is proven of each chain out. Pure.

1. Files are put into chains and in order by the checkpoint with which each begins; that is a hint and proves nothing.
2. Every line is linked, by its octets. A checkpoint that verifies is held against the number of records and the head
   that were found, and where they differ the walk goes on from what it says, to name the other places too; nothing
   is called proven any more.
3. A checkpoint that does not verify counts as altered, unless a later one proves that it was written so (a crash).
4. What a high-water mark remembers has to be there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bearerproof.chain.keys import ChainKey
from bearerproof.chain.records import MARK, Checkpoint, Kind, genesis, link, read_checkpoint
from bearerproof.chain.report import ChainReport, Fault, Judged, Verdict

Lines = Iterable[tuple[bytes, bool]]
"""Lines without their line feeds, and whether each was ended by one."""


@dataclass(frozen=True)
class ChainFile:
    """One file: its name, and how to read its lines, which is done twice."""

    name: str
    lines: Callable[[], Lines]

    @classmethod
    def of(cls, name: str, octets: bytes) -> "ChainFile":
        """Return a file that is in memory."""
        *whole, rest = octets.split(b"\n")
        lines = [*((line, True) for line in whole), *([(rest, False)] if rest else [])]
        return cls(name, lambda: lines)


def judge(
    files: Sequence[ChainFile],
    keys: Iterable[ChainKey],
    marks: Sequence[bytes] = (),
    *,
    from_middle: bool = False,
) -> ChainReport:
    """Judge the chains that stand in these files; ``from_middle`` says that older files were left out on purpose.

    ``marks`` are checkpoints that were once seen, as lines: a chain that does not reach its own is missing records.
    """
    known = {key.id: key for key in keys}
    chains: dict[str, list[tuple[int, ChainFile]]] = {}
    stray = []
    for file in files:
        first = next(iter(file.lines()), None)
        if first is None:
            continue
        opening = read_checkpoint(first[0])
        if opening is None or not opening.is_link:
            stray.append(_no_beginning(file, first[0]))
        else:
            chains.setdefault(opening.chain, []).append((opening.position, file))
    remembered = _by_chain(marks)
    judged = [
        _Walk(chain, known, remembered.pop(chain, {})).over(_in_order(found), from_middle=from_middle)
        for chain, found in chains.items()
    ]
    stray += [
        Fault(Verdict.MISSING, chain, 0, "the high-water mark remembers this chain, and no file has it")
        for chain in remembered
    ]
    return ChainReport(tuple(judged), tuple(stray))


def _no_beginning(file: ChainFile, first: bytes) -> Fault:
    """Say that a file does not begin as those of a chain do; what it holds is proven by nothing."""
    if first.startswith(MARK):
        return Fault(Verdict.ALTERED, file.name, 1, "the checkpoint with which the file begins is none any more")
    return Fault(Verdict.MISSING, file.name, 1, "the file does not begin with a checkpoint, as those of a chain do")


def _by_chain(marks: Sequence[bytes]) -> dict[str, dict[int, bytes]]:
    remembered: dict[str, dict[int, bytes]] = {}
    for line in marks:
        mark = read_checkpoint(line)
        if mark is None or not mark.is_link:
            raise ValueError("a high-water mark is a checkpoint, as it stands in a trail")
        remembered.setdefault(mark.chain, {})[mark.position] = line
    return remembered


def _in_order(found: list[tuple[int, ChainFile]]) -> list[ChainFile]:
    return [file for _, file in sorted(found, key=lambda entry: entry[0])]


@dataclass
class _Walk:
    """The walk along one chain: what was counted and linked, and up to where it is proven."""

    chain: str
    keys: Mapping[str, ChainKey]
    marks: Mapping[int, bytes]
    position: int = 0
    head: bytes = b""
    proven: int = 0
    found: int = 0
    sealed: bool = False
    last: bytes | None = None
    absent: dict[str, None] = field(default_factory=dict)
    held: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    place: tuple[str, int] = ("", 0)

    def over(self, files: Sequence[ChainFile], *, from_middle: bool) -> Judged:
        """Walk along the files."""
        self.head = genesis(self.chain)
        began = self._begin(files[0], from_middle=from_middle)
        for file in files:
            file_ended = False
            for number, (line, whole) in enumerate(file.lines(), 1):
                self.place = file.name, number
                if file_ended:
                    self._fault(Verdict.ALTERED, "records stand behind the end of the file")
                file_ended = self._take(line, whole=whole)
        self.faults += self.held
        for position in self.marks:
            if max(position + 1, began) > self.position:
                says = f"the high-water mark is at record {position:,}, and the files end after {self.position:,}"
                self._fault(Verdict.MISSING, says)
        proven = max(0, self.proven - began - self.found)
        return Judged(
            self.chain,
            tuple(file.name for file in files),
            proven,
            self.position - began - proven,
            self.sealed,
            tuple(self.absent),
            tuple(self.faults),
            self.last,
        )

    def _begin(self, file: ChainFile, *, from_middle: bool) -> int:
        """Begin where the first file says that it begins, and return that; older records are missing."""
        opening = read_checkpoint(next(iter(file.lines()))[0])
        if opening is None or opening.position == 0:
            return 0
        self.place = file.name, 1
        if not from_middle:
            self._fault(Verdict.MISSING, f"{opening.position:,} records stand before this file")
        self.position, self.head = opening.position, opening.head
        return opening.position

    def _take(self, line: bytes, *, whole: bool) -> bool:
        """Take one line; return whether it ends the file."""
        checkpoint = read_checkpoint(line) if whole and line.startswith(MARK) else None
        if checkpoint is not None:
            self._check(checkpoint, line)
        else:
            if whole and line.startswith(MARK):
                self.held.append(Fault(Verdict.ALTERED, *self.place, "a checkpoint that is none any more"))
            if self.sealed:
                self._fault(Verdict.ALTERED, "records stand behind the end of the chain")
        if checkpoint is not None and not checkpoint.is_link:
            return True
        remembered = self.marks.get(self.position)
        if remembered is not None and remembered != line:
            self._fault(Verdict.ALTERED, "not the record that the high-water mark remembers")
        elif remembered is not None and not whole:
            self._fault(Verdict.MISSING, "the record that the high-water mark remembers has lost its end")
        self.head = link(self.head, line)
        self.position += 1
        if self.last is line and not self.faults:
            self.proven = self.position
        return False

    def _check(self, checkpoint: Checkpoint, line: bytes) -> None:
        """Hold a checkpoint against what was found; only one that verifies proves or mends anything."""
        if checkpoint.chain != self.chain:
            self._fault(Verdict.ALTERED, f"a checkpoint of another chain, {checkpoint.chain}")
            return
        key = self.keys.get(checkpoint.key_id)
        if key is None:
            self.absent[checkpoint.key_id] = None
            self._compare(checkpoint)
            return
        if key.alg != checkpoint.alg or not key.verifies(checkpoint.signed, checkpoint.sig):
            wrong = Fault(Verdict.ALTERED, *self.place, "the checkpoint does not verify under its key")
            (self.held if checkpoint.is_link else self.faults).append(wrong)  # no later one is about what is no link
            return
        if self._compare(checkpoint):
            self.held.clear()
            self.absent.clear()
        self.position, self.head = checkpoint.position, checkpoint.head
        if not self.faults:
            self.proven = self.position
            self.found += checkpoint.unproven
        self.last = line if checkpoint.is_link else self.last

    def _compare(self, checkpoint: Checkpoint) -> bool:
        """Say whether as many records were found as the checkpoint says, and these."""
        kind, first = checkpoint.kind, self.place[1] == 1
        misplaced = (kind is Kind.CONTINUE and not first) or (
            kind is Kind.OPEN and checkpoint.position == 0 and (self.position, first) != (0, True)
        )
        between = checkpoint.position - self.position
        if misplaced or (self.sealed and kind is not Kind.OPEN):
            self._fault(Verdict.ALTERED, f"a checkpoint of kind {kind} does not belong here")
        elif between > 0:
            self._fault(Verdict.MISSING, f"{between:,} records are missing before this checkpoint")
        elif between < 0:
            self._fault(Verdict.ALTERED, f"{-between:,} records more stand before this checkpoint than were written")
        elif checkpoint.head != self.head:
            self._fault(Verdict.ALTERED, "the records before this checkpoint are not those that were written")
        else:
            self.sealed = kind is Kind.CLOSE
            return True
        self.sealed = kind is Kind.CLOSE
        return False

    def _fault(self, verdict: Verdict, says: str) -> None:
        self.faults.append(Fault(verdict, *self.place, says))
