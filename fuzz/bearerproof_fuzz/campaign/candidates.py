"""What a campaign presents: tokens drawn from edits, forgeries, manglings and claims, each with what it is due."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hypothesis.strategies import DrawFn

from bearerproof.specification.catalogue import Measure, Profile, requirement
from bearerproof_fuzz import combinations
from bearerproof_fuzz.campaign.candidate import Candidate, Honest, Prepared, Unwritten, factors_of, with_token
from bearerproof_fuzz.campaign.parts import ForgedHeader, Parts, parts_of
from bearerproof_fuzz.campaign.shapes import SPOKEN_OF, Member, Shape
from bearerproof_fuzz.claimdraws import BESIDE_OURS, DRAWN, LEEWAYS, DrawnClaim, kind_of, leeway
from bearerproof_fuzz.combinations import Row, Space, makes_sense
from bearerproof_fuzz.draws import number_below, pick
from bearerproof_fuzz.edits.registry import ACCEPTED, EITHER, REJECTED, Edit, unedited
from bearerproof_fuzz.forge import Draft, Forge, Members
from bearerproof_fuzz.grammar import FOREIGN, forge_one, header_changes, mangle_one, matter_of
from bearerproof_fuzz.keys import b64
from bearerproof_fuzz.material import ADVERSARIAL, EDGES, NO_NAMES, PLAIN, SHORT, Hints, labelled, unproven


@dataclass(frozen=True)
class World:
    """All that tokens are drawn from: what the implementation can be asked, without what it gets wrong by itself.

    ``bases`` are honest tokens that it accepted, under each algorithm. ``settled`` are the edits that it judged rightly
    where they stood alone, ``refused`` those of them that start from a plain base and have to be refused; on top of
    ``beneath`` any other can be made. ``spaces`` say where else an edit has to be refused. ``shapes`` are what
    somebody's own tokens look like, ``tolerated`` the characters that it passes over and must not (VER-2), ``misread``
    the issuers and audiences of edits that it judged wrongly, as ``claim_text`` writes them.
    """

    forge: Forge
    measure: Measure
    level: int
    bases: tuple[Honest, ...]
    settled: tuple[Prepared, ...]
    refused: tuple[Prepared, ...]
    beneath: Mapping[Profile, Sequence[Edit]]
    spaces: tuple[Space, ...]
    shapes: tuple[Shape, ...] = ()
    tolerated: frozenset[str] = frozenset()
    misread: frozenset[str] = frozenset()

    def tolerates(self, token: str | bytes) -> bool:
        """Say whether nothing stands in a token that is not known to be passed over.

        Whoever passes over what nobody would write passes over everything, as lenient decoders do, and whoever passes
        over blanks and line ends passes over white space, as those do who strip it.
        """
        passed = self.tolerated | _WHITE_SPACE if self.tolerated >= {" ", "\n"} else self.tolerated
        return foreign(token) <= passed or any(map(_is_junk, passed))

    @cached_property
    def parts(self) -> Sequence[Parts]:
        """What tokens are put together from, for each honest token."""
        return [parts_of(base, self.refused, self.beneath.get(base.draft.profile, ())) for base in self.bases]

    @cached_property
    def hashed(self) -> Sequence[Parts]:
        """Those of them whose signature is a hash."""
        return [parts for parts in self.parts if parts.honest.draft.key.material == "oct"]

    @cached_property
    def _based(self) -> dict[Row, Unwritten | None]:
        return {}

    def based(self, row: Row) -> Unwritten | None:
        """Return the honest token of a row, None where the row makes no sense; those drawn lately are kept."""
        if row not in self._based:
            if len(self._based) >= MOST_BASES:
                self._based.clear()
            sense = makes_sense(row, self.forge.declaration)
            self._based[row] = Unwritten(combinations.base(self.forge, row)) if sense else None
        return self._based[row]


MOST_BASES = 1000
"""Rows of combinations that are kept with their honest tokens."""


Kind = Callable[[DrawFn, World], Candidate | None]
"""Draws a candidate; None where what was drawn cannot come together."""


def candidate(draw: DrawFn, world: World) -> Candidate | None:
    """Draw one token of any kind; None, too, where nothing is wrong with it but what is known to be tolerated."""
    made = pick(draw, KINDS)(draw, world)
    known = made is not None and made.requirement == "VER-2" and world.tolerates(made.presented.token)
    return None if known else made


def foreign(token: str | bytes) -> frozenset[str]:
    """Return what stands in a token and in no JWS; of one that has an impossible length alone, an empty text.

    >>> sorted(foreign("e30.e30 .AA="))
    [' ', '=']
    """
    return frozenset(FOREIGN.findall(token)) or _LENGTH if isinstance(token, str) else _LENGTH


_LENGTH = frozenset({""})

_WHITE_SPACE = frozenset(" \t\n\v\f\r")
"""Of ASCII."""


def _is_junk(character: str) -> bool:
    return character.isascii() and character.isprintable() and character.strip() not in ("", *"=+/%")


def edited(draw: DrawFn, world: World) -> Candidate | None:
    """Draw an edit by itself, or beside a harmless change."""
    if not world.settled:
        return None
    prepared = pick(draw, world.settled)
    return prepared.candidate(world.measure, beside=number_below(draw, 2) == 1)


def composed(draw: DrawFn, world: World) -> Candidate | None:
    """Draw an edit that has to be refused, on top of up to three others that set members."""
    if not world.refused:
        return None
    prepared = pick(draw, world.refused)
    others = world.beneath.get(prepared.case.profile, ())
    if not others:
        return None
    draft, edit, below = prepared.honest.draft, prepared.case.edit, []
    for _ in range(1 + number_below(draw, 3)):
        below.append(pick(draw, others))
        draft = below[-1].apply(draft)
    changed = edit.apply(draft)
    how = f"one change hides another: {' then '.join([*(other.id for other in below), edit.id])}"
    return Candidate(
        edit.requirement_id,
        f"{edit.id} on top of others",
        how,
        changed.presentation(),
        prepared.honest.presentation,
        REJECTED,
        factors=factors_of(changed, edit.group, *(other.group for other in below)),
    )


def forged(draw: DrawFn, world: World) -> Candidate | None:
    """Draw a token that no holder of a policy key signed."""
    honest = pick(draw, world.bases)
    made = forge_one(draw, honest.draft)
    how = f"a forged token is not refused: {made.describe()}"
    return Candidate(
        "VER-25",
        made.steps[0],
        how,
        made.draft.presentation(),
        honest.presentation,
        REJECTED,
        elsewhere=tuple(map(Unwritten, made.judged_elsewhere)),
        factors=factors_of(honest.draft, *made.steps),
    )


def mangled(draw: DrawFn, world: World) -> Candidate | None:
    """Draw a change of an honest token's text, as somebody without any key can make."""
    honest = pick(draw, world.bases)
    base = honest.presentation
    tokens, how = [str(base.token)], []
    for _ in range(1 + number_below(draw, 2)):
        if tokens[-1]:
            token, done = mangle_one(draw, tokens[-1])
            tokens.append(token)
            how.append(done)
    token = tokens[-1]
    matter = matter_of(token, tokens[0])
    if matter is None:
        return None
    allowed = REJECTED if matter != "VER-3" or world.measure is Measure.STRICT else EITHER
    kind = how[-1].partition(" at ")[0]
    return Candidate(
        matter,
        kind,
        f"a mangled token is not refused: {', '.join(how)}",
        with_token(base, token),
        base,
        allowed,
        elsewhere=tuple(with_token(base, each) for each in tokens[1:-1]),
        factors=factors_of(honest.draft, kind),
    )


def labelled_forgery(draw: DrawFn, world: World) -> Candidate | None:
    """Draw a token without a signature that says anything of itself: its event is what matters."""
    honest = pick(draw, world.bases)
    said = Hints(*(pick(draw, _NAMES) for _ in range(3)))
    changed = unproven(labelled(_in_a_shape(draw, honest.draft, world), said))
    row = "HINT-1" if requirement("HINT-1").binds(world.measure) else "VER-25"
    return Candidate(
        row,
        "unsigned, whatever it says of itself",
        f"an unsigned token is not refused that says {said}",
        changed.presentation(),
        honest.presentation,
        REJECTED,
        factors=factors_of(honest.draft, "labelled"),
    )


def _in_a_shape(draw: DrawFn, draft: Draft, world: World) -> Draft:
    """Draw a token that nobody signed in the shape of somebody's own; without any, as it is."""
    if not world.shapes or number_below(draw, 2):
        return draft
    shape = pick(draw, world.shapes)
    header = {**_filled(draw, shape.header), **draft.header}
    return draft.but(header=header, claims={**_filled(draw, shape.claims), **draft.claims})


def _filled(draw: DrawFn, members: Sequence[Member]) -> Members:
    return {name: pick(draw, _OF_KIND[kind]) for name, kind in members}


_NAMES: tuple[object, ...] = (*PLAIN, *SHORT, *EDGES, *ADVERSARIAL, *NO_NAMES)


def claimed(draw: DrawFn, world: World) -> Candidate | None:
    """Draw a claim's value; an oracle says what becomes of the token."""
    honest = pick(draw, world.bases)
    drawn = pick(draw, _DRAWN)
    profile = honest.draft.profile
    if profile not in requirement(drawn.requirement).profiles or not _can_be_asked(drawn, world):
        return None
    draft = honest.draft
    if "leeway" in world.forge.declaration.options:
        draft = draft.with_policy(leeway=pick(draw, (0, *LEEWAYS)))
    value = drawn.draw(draw, draft)
    if claim_text(drawn.name, value) in world.misread:
        return None
    changed = draft.with_claims(**{drawn.name: value})
    allowed = drawn.allowed(value, draft, world.measure)
    how = f"{drawn.name} = {value!r} under leeway {leeway(draft)} is judged wrongly"
    return Candidate(
        drawn.requirement,
        f"{drawn.name} is {kind_of(value)}",
        how,
        changed.presentation(),
        honest.presentation,
        allowed,
        None if world.measure is Measure.BASE and kind_of(value) == "a fraction" else changed.claims,
        factors=factors_of(changed, drawn.name),
    )


def claim_text(name: str, value: object) -> str:
    """Write a claim by itself."""
    return json.dumps({name: value}, sort_keys=True)


_DRAWN = (*DRAWN.values(), BESIDE_OURS)


def _can_be_asked(drawn: DrawnClaim, world: World) -> bool:
    return not any(map(world.forge.declaration.missing_capability, drawn.needs))


def varied(draw: DrawFn, world: World) -> Candidate | None:
    """Draw an honest token with claims of any kind: it has to be accepted, and to yield what was signed (VER-24)."""
    honest = pick(draw, world.bases)
    if honest.draft.rules.closed_claims is not None:
        return None
    if world.shapes and number_below(draw, 2):
        extra = _filled(draw, [member for member in pick(draw, world.shapes).claims if member[0] not in SPOKEN_OF])
    else:
        extra = {pick(draw, _CLAIM_NAMES): pick(draw, _VALUES) for _ in range(1 + number_below(draw, 8))}
    if world.measure is Measure.BASE:
        extra = {
            name: value for name, value in extra.items() if name not in _STRICT_NAMES and value not in _STRICT_VALUES
        }
    changed = honest.draft.with_claims(**extra)
    accepting = "VER-40" if honest.draft.profile in requirement("VER-40").profiles else "VER-24"
    return Candidate(
        accepting,
        "an honest token with further claims",
        f"an honest token with the claims {extra} is judged wrongly",
        changed.presentation(),
        honest.presentation,
        ACCEPTED,
        changed.claims,
        factors=factors_of(changed, "varied"),
    )


# What some parsers drop or limit is for strict alone, as in ``suite/ver/test_forgery.py``. So is a time's fraction.
_STRICT_NAMES = ("__proto__", "constructor")
_STRICT_VALUES = (None, "\x00")

_CLAIM_NAMES = ("x", "X", "", "é", "a.b", "scope2", "\U0001f511", "__proto__", "constructor", "\u202e", "a" * 100)
_VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**15,
    "",
    "x",
    "7",
    "1e3",
    "true",
    "null",
    "é",
    "\U0001f511",
    "\x00",
    "\u2028",
    "</script>",
    "a" * 200,
    [],
    {},
    [None],
    [1, [2, [3]]],
    {"a": {"b": [1]}},
    {"exp": 1},
    {"aud": "nobody"},
    {"": 0},
)
_OF_KIND = {kind: [value for value in _VALUES if kind_of(value) == kind] for kind in map(kind_of, _VALUES)}


def combined(draw: DrawFn, world: World) -> Candidate | None:
    """Draw an edit under any algorithm, key form, `kid`, key set, profile and policy in which it has to be refused."""
    if not world.spaces:
        return None
    space = pick(draw, world.spaces)
    edit, place = pick(draw, space.placed)
    if not place.policies:
        return None
    row = Row(
        pick(draw, place.algorithms),
        pick(draw, place.key_forms),
        pick(draw, space.factors["kid"]),
        pick(draw, space.factors["key_set"]),
        pick(draw, place.profiles),
        pick(draw, place.policies),
        group="",  # whichever edit the honest token is for
    )
    plain = world.based(row)
    if plain is None:
        return None
    base = plain if edit.given is unedited else Unwritten(edit.given(plain.draft))
    changed = edit.apply(base.draft)
    presented = changed.presentation()
    if presented == base.presentation:
        return None
    circumstances = (row.key_form, row.kid, row.key_set, row.policy)
    shape = f"keys as {row.key_form}, kid {row.kid}, key set {row.key_set}, policy {row.policy}"
    return Candidate(
        edit.requirement_id,
        f"{edit.id} in combination",
        f"{edit.id}, with {shape}",
        presented,
        base.presentation,
        REJECTED,
        elsewhere=(Unwritten(edit.alone(base.draft)),) if edit.alone else (),
        factors=factors_of(changed, edit.group, *circumstances),
    )


def spliced(draw: DrawFn, world: World) -> Candidate | None:
    """Draw a header and a payload of two edited tokens: one of them has to be refused, the other only sets members.

    Only where signing costs next to nothing.
    """
    if not world.hashed:
        return None
    parts = pick(draw, world.hashed)
    in_header = number_below(draw, 2) == 1
    wrong, beside = (parts.wrong_headers, parts.payloads) if in_header else (parts.wrong_payloads, parts.headers)
    if not wrong or not beside:
        return None
    part, other = pick(draw, wrong), pick(draw, beside)
    header, payload = (part, other) if in_header else (other, part)
    honest = parts.honest
    signing_input = f"{header.segment}.{payload.segment}"
    token = f"{signing_input}.{b64(honest.draft.key.sign(signing_input.encode()))}"
    return Candidate(
        part.requirement,
        f"{part.name} on top of others",
        f"one change hides another: {other.name} then {part.name}",
        with_token(honest.presentation, token),
        honest.presentation,
        REJECTED,
        factors=(part.group, other.group, *parts.circumstances),
    )


def forged_of_parts(draw: DrawFn, world: World) -> Candidate | None:
    """Draw a token that no holder of a policy key signed: a forger's header, and a payload that was written before."""
    parts = pick(draw, world.parts)
    made, token = _forged_text(draw, parts)
    honest = parts.honest
    return Candidate(
        "VER-25",
        made.steps[0],
        f"a forged token is not refused: {', '.join(made.steps)}",
        with_token(honest.presentation, token),
        honest.presentation,
        REJECTED,
        elsewhere=made.elsewhere,
        factors=(*made.steps, *parts.circumstances),
    )


def _forged_text(draw: DrawFn, parts: Parts) -> tuple[ForgedHeader, str]:
    made = parts.forged(pick(draw, parts.forgeries), pick(draw, header_changes()))
    payload = pick(draw, parts.payloads).segment if parts.payloads and number_below(draw, 2) else parts.payload
    signing_input = f"{made.segment}.{payload}"
    return made, f"{signing_input}.{b64(made.signer(signing_input.encode()))}"


def mangled_forgery(draw: DrawFn, world: World) -> Candidate | None:
    """Draw a change of the text of a token that no holder of a policy key signed."""
    parts = pick(draw, world.parts)
    made, forged = _forged_text(draw, parts)
    token, how = mangle_one(draw, forged)
    base = parts.honest.presentation
    if len(token) == len(base.token) and matter_of(token, str(base.token)) in (None, "VER-3"):
        return None  # the honest one again
    kind = how.partition(" at ")[0]
    return Candidate(
        "VER-25",
        made.steps[0],
        f"a forged token is not refused: {', '.join(made.steps)}, {how}",
        with_token(base, token),
        base,
        REJECTED,
        elsewhere=(*made.elsewhere, with_token(base, forged)),
        factors=(kind, made.steps[0], *parts.circumstances),
    )


KINDS: tuple[Kind, ...] = (
    edited,
    composed,
    composed,
    forged,
    forged,
    mangled,
    mangled,
    labelled_forgery,
    claimed,
    varied,
    combined,
    combined,
    *(spliced, forged_of_parts, mangled, mangled_forgery) * 10,
)
"""The kinds, each as often as it is drawn: those that are put together from what is written cost least."""


def kind_drawn(choices: Sequence[int]) -> Kind:
    """Return the kind that choices draw, which is the first of them."""
    return KINDS[choices[0] % len(KINDS) if choices else 0]
