"""Tokens put together from segments that are written once: what makes a campaign fast where signing costs little.

An edit that changes the header alone and one that changes the payload alone are both in a token that has the one's
header and the other's payload. So a pair of edits costs a hash over two texts, and nothing is applied or encoded.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from bearerproof_fuzz.campaign.candidate import Honest, Prepared, Unwritten
from bearerproof_fuzz.edits.registry import Change, Edit
from bearerproof_fuzz.forge import Draft, Signer, unchanged
from bearerproof_fuzz.grammar import cheap_forgeries, is_judged_elsewhere


@dataclass(frozen=True)
class Part:
    """A segment that an edit changes, and nothing else of the token."""

    segment: str
    name: str
    group: str
    requirement: str


@dataclass(frozen=True)
class ForgedHeader:
    """A header as a forger writes it, who signs below it, and those of its steps that other requirements judge."""

    segment: str
    signer: Signer
    steps: tuple[str, ...]
    elsewhere: tuple[Unwritten, ...]


Step = tuple[str, Change]


@dataclass(frozen=True)
class Parts:
    """The segments that tokens are put together from, beside one honest token.

    The ``wrong`` ones have to be refused in any token; the others set members only, and any other edit can be made on
    top of them.
    """

    honest: Honest
    wrong_headers: Sequence[Part]
    wrong_payloads: Sequence[Part]
    headers: Sequence[Part]
    payloads: Sequence[Part]
    _forged: dict[tuple[str, str], ForgedHeader] = field(default_factory=dict, compare=False)

    @cached_property
    def payload(self) -> str:
        """The honest token's payload."""
        return self.honest.draft.payload_segment

    @cached_property
    def circumstances(self) -> tuple[str, str]:
        """Algorithm and profile."""
        return self.honest.draft.key.algorithm, str(self.honest.draft.profile)

    @cached_property
    def forgeries(self) -> Sequence[Step]:
        """What a forger can do that costs next to nothing."""
        return cheap_forgeries(self.honest.draft.key)

    def forged(self, forgery: Step, change: Step) -> ForgedHeader:
        """Return the header of a forgery with a change; it is written once."""
        made = self._forged.get((forgery[0], change[0]))
        if made is None:
            made = self._forged[forgery[0], change[0]] = _forged(self.honest.draft, forgery, change)
        return made


def _forged(base: Draft, forgery: Step, change: Step) -> ForgedHeader:
    draft = forgery[1](base)
    changed = change[1](draft)
    elsewhere = [draft] if is_judged_elsewhere(forgery[0]) else []
    elsewhere += [changed] if is_judged_elsewhere(change[0]) else []
    steps = tuple(filter(None, (forgery[0], change[0])))
    return ForgedHeader(changed.header_segment, changed.signer, steps, tuple(map(Unwritten, elsewhere)))


def parts_of(honest: Honest, refused: Sequence[Prepared], beneath: Sequence[Edit]) -> Parts:
    """Sort the edits of an honest token by the segment that they change; those that change both are left out."""
    base = honest.draft
    same = [each for each in refused if _is_of(each.honest.draft, base)]
    wrong = [(each.case.edit, each.case.edit.apply(base)) for each in same]
    others = [(edit, edit.apply(base)) for edit in beneath]
    return Parts(
        honest,
        [_part(edit, draft.header_segment) for edit, draft in wrong if _changes_header(draft, base)],
        [_part(edit, draft.payload_segment) for edit, draft in wrong if _changes_payload(draft, base)],
        [_part(edit, draft.header_segment) for edit, draft in others if _changes_header(draft, base)],
        [_part(edit, draft.payload_segment) for edit, draft in others if _changes_payload(draft, base)],
    )


def _part(edit: Edit, segment: str) -> Part:
    return Part(segment, edit.id, edit.group, edit.requirement_id)


def _is_of(draft: Draft, base: Draft) -> bool:
    return (draft.profile, draft.key) == (base.profile, base.key)


def _changes_header(draft: Draft, base: Draft) -> bool:
    return _changes_segments(draft, base) and draft.payload_segment == base.payload_segment


def _changes_payload(draft: Draft, base: Draft) -> bool:
    return _changes_segments(draft, base) and draft.header_segment == base.header_segment


def _changes_segments(draft: Draft, base: Draft) -> bool:
    """Say whether an edit leaves everything beside header and payload as it is."""
    spellings = {draft.spell_signature, draft.spell_token} == {unchanged}
    beside = (draft.signer, draft.policy, draft.now, draft.tick) == (base.signer, base.policy, base.now, base.tick)
    return spellings and beside
