"""Makes the frozen vectors of hints: a rejected token, and what its event must say of where it came from."""

from bearerproof.contract.declaration import Declaration
from bearerproof.members import Json
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.forge import Draft, Forge, Members
from bearerproof_fuzz.oracles import hints, sources

_EURO = "€"

_VALUES: dict[str, tuple[str, object]] = {
    "plain": ("HINT-5", "app-1"),
    "one-character": ("HINT-5", "a"),
    "64-octets": ("HINT-6", "a" * 64),
    "65-octets": ("HINT-6", "a" * 65),
    "1000-octets": ("HINT-6", "a" * 1000),
    "63-octets-ending-in-three": ("HINT-6", "a" * 60 + _EURO),
    "66-octets-cut-before-a-character": ("HINT-6", "a" * 63 + _EURO),
    "empty": ("HINT-6", ""),
    "number": ("HINT-6", 1),
    "true": ("HINT-6", True),
    "null": ("HINT-6", None),
    "object": ("HINT-6", {"id": "app-1"}),
    "list": ("HINT-6", ["app-1"]),
    "separator": ("SRC-3", "a::b"),
    "colon": ("SRC-3", ":"),
    "percent": ("SRC-3", "100%"),
    "already-encoded": ("SRC-3", "a%3A%3Ab"),
    "anon": ("SRC-3", "anon"),
    "nokid": ("SRC-3", "nokid"),
    "noaud": ("SRC-3", "noaud"),
    "sentinel-in-capitals": ("SRC-3", "Anon"),
    "blank": ("SRC-3", "a b"),
    "slash-and-at": ("SRC-3", "https://app.example/@me+1=~._-"),
    "line-break": ("SRC-6", "a\r\nb"),
    "nul": ("SRC-6", "a\0b"),
    "escape-sequence": ("SRC-6", "\x1b[31mred"),
    "line-separator": ("SRC-6", "a\u2028b"),
    "bidirectional-override": ("SRC-6", "a\u202eb"),
    "two-octet-character": ("SRC-6", "é"),
    "decomposed": ("SRC-6", "e\u0301"),
    "emoji": ("SRC-6", "\U0001f511"),
}


def rows() -> list[Json]:
    """Return every vector of hints: each value in each place, alone and beside an honest one."""
    declaration = Declaration(
        name="vectors",
        version="1",
        language="any",
        level=2,
        profiles=(Profile.ACCESS_TOKEN, Profile.ID_TOKEN),
        measure=Measure.STRICT,
        algorithms=tuple(keys.MATERIAL),
    )
    bases = [Forge(declaration).base(profile) for profile in declaration.profiles]
    return [
        _row(base, place, name, requirement_id, value)
        for base in bases
        for place in _PLACES[base.profile]
        for name, (requirement_id, value) in _VALUES.items()
    ] + [_without(base) for base in bases]


_PLACES = {Profile.ACCESS_TOKEN: ("client_id", "kid"), Profile.ID_TOKEN: ("azp", "aud", "kid")}


def _row(base: Draft, place: str, name: str, requirement_id: str, value: object) -> Json:
    member: Members = {place: value}
    draft = base.with_header(**member) if place == "kid" else base.with_claims(**member)
    return _stated(draft, f"{requirement_id}.{name}.{place}.{base.profile}", requirement_id)


def _without(base: Draft) -> Json:
    bare = base.without_header("kid")
    for place in _PLACES[base.profile]:
        bare = bare.without_claim(place)
    requirement_id = "SRC-2" if base.profile is Profile.ID_TOKEN else "SRC-1"
    return _stated(bare, f"{requirement_id}.all-absent.{base.profile}", requirement_id)


def _stated(draft: Draft, vector_id: str, requirement_id: str) -> Json:
    """Have the attacker sign, so that the token is refused, and state the hints that its event must carry."""
    forged = draft.signed_by(keys.key(draft.key.algorithm, "attacker").sign).presentation()
    expected = {name: next(iter(values)) for name, values in hints.expected(forged.token, forged.profile, None).items()}
    said = hints.Stated(expected["client"], expected.get("aud"), expected["kid"])
    row: Json = {
        "id": vector_id,
        "requirement": requirement_id,
        "profile": str(forged.profile),
        "token": str(forged.token),
        "client_id_hint": said.client,
        "kid_hint": said.kid,
        "source_id": sources.compose(sources.parts_of(said, forged.profile)),
    }
    return {**row, "aud_hint": said.aud} if forged.profile is Profile.ID_TOKEN else row
