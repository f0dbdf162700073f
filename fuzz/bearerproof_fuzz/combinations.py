"""Two-way combinations: an edit under every two of algorithm, key form, `kid`, key set, profile and policy.

Most faults that no single circumstance shows are shown by two of them together (Kuhn, Wallace and Gallo 2004), and a
covering array has every two in some row. A row is a base token under a policy; what it takes to make sense is a
constraint: the outcome of its edit must depend on none of the factors.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import combinations, groupby, product
from math import inf, prod
from operator import itemgetter

from covertable import make

from bearerproof.contract import keyforms
from bearerproof.contract.declaration import Declaration
from bearerproof.specification.catalogue import Measure, Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import inapplicable
from bearerproof_fuzz.edits import registry
from bearerproof_fuzz.edits.registry import PUBLIC_KEY_ALGORITHMS, REJECTED, Case, Edit, Gate
from bearerproof_fuzz.edits.relatives import further_algorithms
from bearerproof_fuzz.forge import Draft, Forge, Members
from bearerproof_fuzz.keys import Jwk
from bearerproof_fuzz.needs import KEY_ALG

LEEWAY = 30
"""Seconds that a policy allows for clocks that differ."""

_TYPE = "example+jwt"

# What becomes of a token hangs on its `kid` and on the key set themselves in these.
_ABOUT_THE_KEY = ("VER-19", "VER-20", "VER-21", "VER-22", "VER-23")

_BARE, _CERTIFIED = " without alg and use", " with x5c"

_PROFILES = (Profile.JWT, Profile.ACCESS_TOKEN, Profile.ID_TOKEN, Profile.JWS)


@dataclass(frozen=True)
class Row:
    """What comes together, in the order in which coverage names it; the first value of each factor is the usual one."""

    algorithm: str
    key_form: str
    kid: str
    key_set: str
    profile: Profile
    policy: str
    group: str


@dataclass(frozen=True)
class Combination:
    """A row, with the edit of its group that is presented in it."""

    row: Row
    edit: Edit

    def base(self, forge: Forge) -> Draft:
        """Return the honest token under the row's policy, as the edit's own base asks for it besides."""
        return self.edit.given(base(forge, self.row))


def combined() -> list[str]:
    """Return the requirements of the family VER that have an edit to be refused whatever else is the case."""
    refused = {edit.requirement_id for edit in registry.edits().values() if edit.strict == REJECTED}
    return sorted(name for name in refused if name.startswith("VER-") and name not in _ABOUT_THE_KEY)


def base(forge: Forge, row: Row) -> Draft:
    """Return an honest token in which the factors of a row come together, and the policy that accepts it."""
    draft = forge.base(row.profile, row.algorithm)
    draft = _SETS[row.key_set](draft).with_policy(**_members(row.policy, draft.key.algorithm, forge.declaration))
    told = next(told for said, told in reversed(_TOLD.items()) if row.key_form.endswith(said))
    draft = draft.with_policy(keys={"keys": [told(jwk) for jwk in draft.policy.members["keys"]["keys"]]})
    if row.policy == "typ":
        draft = draft.with_header(typ=_TYPE)
    return draft if row.kid == "present" else draft.without_header("kid")


def _alone(draft: Draft) -> Draft:
    return draft.with_keys(draft.key)


def _among_other_kinds(draft: Draft) -> Draft:
    """Hold public keys of other kinds on both sides of ours."""
    others = [keys.key(name) for name in PUBLIC_KEY_ALGORITHMS if keys.MATERIAL[name] != draft.key.material]
    return draft.with_keys(others[0], draft.key, *others[1:])


_SETS: Mapping[str, Callable[[Draft], Draft]] = {
    "with a sibling": lambda draft: draft,
    "alone": _alone,
    "among other kinds": _among_other_kinds,
}


def _without_alg(jwk: Jwk) -> Jwk:
    """Say nothing of what the key is for (RFC 7517 §4.2 and §4.4)."""
    kept = "alg" if jwk["kty"] == "AKP" else None  # a part of such a key (draft-ietf-cose-dilithium §4)
    return {name: value for name, value in jwk.items() if name not in ("alg", "use") or name == kept}


def _with_key_ops(jwk: Jwk) -> Jwk:
    """Say by the other member of the two that it verifies (RFC 7517 §4.3)."""
    return {**{name: value for name, value in jwk.items() if name != "use"}, "key_ops": ["verify"]}


def _with_certificate(jwk: Jwk) -> Jwk:
    """Put a certificate beside the key (RFC 7517 §4.7), as many providers do; a secret has none."""
    lines = keyforms.texts(jwk).get("certificate", "").splitlines()
    return {**jwk, "x5c": ["".join(lines[1:-1])]} if lines else jwk


_TOLD: dict[str, Callable[[Jwk], Jwk]] = {
    "": lambda jwk: jwk,
    _BARE: _without_alg,
    " with key_ops": _with_key_ops,
    _CERTIFIED: _with_certificate,
}
"""What a key says of itself, in words behind the form in which it is handed over: a text says no more than the key."""


def _key_forms(declaration: Declaration) -> list[str]:
    return [declaration.key_form + said for said in _TOLD if not said or declaration.key_form in keyforms.WHOLE]


def _members(policy: str, algorithm: str, declaration: Declaration) -> Members:
    """Return the members of the policy that its shape sets, as far as they are declared."""
    together = _allowed_together(algorithm, declaration)
    required = declaration.requirable(["exp", "sub", "iat"])
    offered: Mapping[str, Members] = {
        "all algorithms": {"algorithms": together} if together else {},
        "leeway": {"leeway": LEEWAY} if "leeway" in declaration.options else {},
        "typ": {"typ": _TYPE} if "typ" in declaration.options else {},
        "require": {"require": required} if required else {},
        _NOTHING: {"require": []} if "exp" in required else {},
    }
    return offered.get(policy, {})


_NOTHING = "nothing required"
_POLICIES = ("plain", "all algorithms", "leeway", "typ", "require", _NOTHING)


def _allowed_together(algorithm: str, declaration: Declaration) -> list[str]:
    """Return the algorithms that may stand in one allow-list, secrets beside public keys only where that is declared.

    One alone is no list.
    """
    secret = algorithm.startswith("HS")
    together = [
        name for name in _algorithms(declaration) if declaration.mixed_algorithms or name.startswith("HS") == secret
    ]
    return together if len(together) > 1 else []


def _algorithms(declaration: Declaration) -> list[str]:
    return [name for name in keys.MATERIAL if name in declaration.algorithms]


def makes_sense(row: Row, declaration: Declaration) -> bool:
    """Say whether the factors can come together at all, for an honest verifier to accept.

    Without `kid` nobody can tell two keys for one algorithm apart; a JWS is judged by no claims, and the type of an
    access token is the profile's own. A key that does not say its algorithm is good for the one that is allowed.
    """
    secret = row.algorithm.startswith("HS")
    nonsense = (
        row.key_form.endswith(_BARE) and row.policy == "all algorithms",
        row.key_form.endswith(_CERTIFIED) and secret,
        row.kid == "absent" and row.key_set == "with a sibling",
        row.key_set == "among other kinds" and secret and not declaration.mixed_algorithms,
        row.profile is Profile.JWS and row.policy not in ("plain", "all algorithms"),
        row.profile is Profile.ACCESS_TOKEN and row.policy == "typ",
    )
    if any(nonsense):
        return False
    return row.policy == "plain" or bool(_members(row.policy, row.algorithm, declaration))


@dataclass(frozen=True)
class _Places:
    """Where an edit has to be refused: in any of these profiles, under any algorithm, key form and policy."""

    profiles: tuple[Profile, ...]
    algorithms: tuple[str, ...]
    key_forms: tuple[str, ...]
    policies: tuple[str, ...]

    def hold(self, row: Row) -> bool:
        """Say whether a row is such a place."""
        keyed = row.algorithm in self.algorithms and row.key_form in self.key_forms
        return keyed and row.profile in self.profiles and row.policy in self.policies


def _places(edit: Edit, declaration: Declaration) -> _Places | None:
    """Return where an edit has to be refused, or None where it cannot be presented or needs keys of its own."""
    profiles = [name for name in edit.profiles or edit.requirement.profiles if name in declaration.profiles]
    named = [*edit.algorithms, *further_algorithms(edit)] or _algorithms(declaration)
    algorithms = [
        name
        for name in _algorithms(declaration)
        if name in named and profiles and inapplicable(Case(edit, profiles[0], name), declaration) is None
    ]
    if not algorithms:
        return None
    plain = Forge(declaration).base(profiles[0], algorithms[0])
    own = edit.given(plain)
    if own.claims != plain.claims or own.policy.members["keys"] != plain.policy.members["keys"]:
        return None
    set_anew = [name for name, value in own.policy.members.items() if plain.policy.members.get(name) != value]
    edited = edit.apply(own)
    # A key that does not say its algorithm is good for the one that is allowed, and for none of two.
    says_more = KEY_ALG in edit.needs or len(own.policy.members["algorithms"]) > 1
    return _Places(
        tuple(profiles),
        tuple(algorithms),
        tuple(form for form in _key_forms(declaration) if not (form.endswith(_BARE) and says_more)),
        tuple(name for name in _POLICIES if _refused_under(name, edit, edited, set_anew)),
    )


def _refused_under(policy: str, edit: Edit, edited: Draft, set_anew: Collection[str]) -> bool:
    """Say whether the edit has to be refused under a policy of this shape, which its own base does not undo."""
    if policy == "all algorithms":
        return "algorithms" not in set_anew and not _stopped_by_the_list(edit)
    if policy == _NOTHING:
        return "require" not in set_anew and edited.claims.get("exp") is not None
    return policy not in set_anew and not (policy == "leeway" and _within_leeway(edited))


def _stopped_by_the_list(edit: Edit) -> bool:
    """Say whether nothing but the allow-list has to refuse the edit."""
    another_use = edit.requirement_id == "VER-15" and Gate.ALGORITHM in edit.also_breaks
    return edit.requirement_id == "VER-14" or another_use


def _within_leeway(draft: Draft) -> bool:
    """Say whether the times of a token are right where clocks may differ, or become so."""
    times = {name: value for name, value in draft.claims.items() if type(value) in (int, float)}
    late = draft.now - LEEWAY < times.get("exp", inf) <= draft.now
    return late or any(draft.now < times.get(name, 0) <= draft.now + LEEWAY for name in ("nbf", "iat"))


@dataclass(frozen=True)
class Space:
    """All that an implementation can be asked about one requirement: its edits, where each holds, and the factors."""

    declaration: Declaration
    places: Mapping[Edit, _Places]
    factors: Mapping[str, Sequence[str]]

    @cached_property
    def placed(self) -> Sequence[tuple[Edit, _Places]]:
        """The edits, in their order, with their places."""
        return tuple(self.places.items())

    def fits(self, edit: Edit, row: Row) -> bool:
        """Say whether the row makes sense and the edit has to be refused in it."""
        return makes_sense(row, self.declaration) and self.places[edit].hold(row)

    def fitting(self, row: Row) -> list[Edit]:
        """Return the edits of the row's group that have to be refused in it."""
        return [edit for edit in self.places if edit.group == row.group and self.fits(edit, row)]

    def more_usual(self, found: Combination, factor: str) -> Iterator[Combination]:
        """Yield the same combination with each value of one factor that stands before its own."""
        values = self.factors[factor]
        yield from self._with(found, factor, values[: values.index(getattr(found.row, factor))])

    def others(self, found: Combination, factor: str) -> Iterator[Combination]:
        """Yield the same combination with each other value of one factor, the more usual ones first."""
        yield from self._with(
            found, factor, [each for each in self.factors[factor] if each != getattr(found.row, factor)]
        )

    def _with(self, found: Combination, factor: str, values: Sequence[str]) -> Iterator[Combination]:
        for value in values:
            row = replace(found.row, **{factor: value})  # type: ignore[arg-type]  # of its own factor
            if self.fits(found.edit, row):
                yield replace(found, row=row)

    @cached_property
    def combinations(self) -> Sequence[Combination]:
        """A covering array: any two values of two factors that can come together do so in one of its rows.

        The edits of a group take turns.
        """
        turns, found = Counter[str](), list[Combination]()
        for row in self._rows():
            fitting = self.fitting(row)
            found.append(Combination(row, fitting[turns[row.group] % len(fitting)]))
            turns[row.group] += 1
        return found

    def _rows(self) -> list[Row]:
        if not all(self.factors.values()):
            return []
        # Without the edits' names, so that requirements whose edits hold in the same places share their rows.
        numbers = {name: str(number) for number, name in enumerate(self.factors["group"])}
        made = frozenset((*place, numbers[group]) for *place, group in self._made())
        names = {number: name for name, number in numbers.items()}
        values = tuple(map(tuple, self.factors.values()))[:-1]
        rows = _covering(values, made, frozenset(self._held(*values[:4])))
        return [Row(*values, names[number]) for *values, number in rows]  # type: ignore[arg-type, call-arg]  # in its order

    def _held(
        self, algorithms: Sequence[str], forms: Sequence[str], kids: Sequence[str], sets: Sequence[str]
    ) -> Iterator[tuple[str, str, str]]:
        for algorithm, kid, key_set in product(algorithms, kids, sets):
            if makes_sense(Row(algorithm, forms[0], kid, key_set, Profile.JWT, "plain", ""), self.declaration):
                yield algorithm, kid, key_set

    def _made(self) -> Iterator[tuple[str, str, Profile, str, str]]:
        for place, group in {(place, edit.group) for edit, place in self.places.items()}:
            held = (place.algorithms, place.key_forms, place.profiles, place.policies)
            for algorithm, form, profile, policy in product(*held):
                if makes_sense(Row(algorithm, form, "present", "alone", profile, policy, group), self.declaration):
                    yield algorithm, form, profile, policy, group


@cache
def _covering(
    values: tuple[tuple[str, ...], ...], made: frozenset[tuple[str, ...]], held: frozenset[tuple[str, str, str]]
) -> list[tuple[str, ...]]:
    """Return rows of a covering array: ``made`` are algorithm, key form, profile, policy and group that go together.

    ``held`` are algorithm, `kid` and key set that do. The array costs half a second, and implementations that can be
    asked the same have it in common. What each two factors allow each other is given to the maker of the array
    beforehand, or it would look for pairs that cannot be.
    """
    keyed = {
        name: [(kid, key_set) for _, kid, key_set in sorted(each)]
        for name, each in groupby(sorted(held), itemgetter(0))
    }
    whole = [
        (algorithm, form, kid, key_set, profile, policy, group)
        for algorithm, form, profile, policy, group in sorted(made)
        for kid, key_set in keyed[algorithm]
    ]
    factors = [
        [value for value in column if value in {row[at] for row in whole}]
        for at, column in enumerate([*values, tuple(sorted({row[-1] for row in whole}))])
    ]
    possible = {
        places: set(map(itemgetter(*places), whole))
        for places in (*combinations(range(len(factors)), 2), (0, 1, 4, 5, 6))
    }
    constraints = [
        _among(places, pairs)
        for places, pairs in possible.items()
        if len(pairs) < prod(len(factors[at]) for at in places)
    ]
    return [tuple(row) for row in make(factors, constraints=constraints)]


def _among(places: tuple[int, ...], possible: Collection[tuple[str, ...]]) -> Mapping[str, object]:
    """Write as a constraint that some of the factors have values that can come together."""
    return {
        "operator": "fn",
        "requires": list(places),
        "evaluate": lambda row: tuple(row[place] for place in places) in possible,
    }


def usual(case: Case, declaration: Declaration, measure: Measure) -> tuple[Space, Combination] | None:
    """Return a case as a combination of the usual values of all factors, or None if its edit is not combined."""
    whole = space(case.edit.requirement_id, declaration, measure)
    if case.edit not in whole.places:
        return None
    algorithm = case.algorithm or Forge(declaration).base(case.profile).key.algorithm
    form, key_set = whole.factors["key_form"][0], whole.factors["key_set"][0]
    row = Row(algorithm, form, "present", key_set, case.profile, "plain", case.edit.group)
    return (whole, Combination(row, case.edit)) if whole.fits(case.edit, row) else None


@cache
def space(requirement_id: str, declaration: Declaration, measure: Measure) -> Space:
    """Return what can be asked about a requirement at this measure, worked out once."""
    refused = [
        edit
        for edit in registry.edits().values()
        if edit.requirement_id == requirement_id and edit.rejects(measure) and not edit.base_may_be_refused
    ]
    placed = {edit: found for edit in refused if (found := _places(edit, declaration)) is not None}
    held = {name for found in placed.values() for name in found.profiles}
    factors: dict[str, Sequence[str]] = {
        "algorithm": _algorithms(declaration),
        "key_form": _key_forms(declaration),
        "kid": ["present", "absent"],
        "key_set": list(_SETS) if declaration.key_set else ["alone"],
        "profile": [name for name in _PROFILES if name in held],
        "policy": list(_POLICIES),
        "group": list(dict.fromkeys(edit.group for edit in placed)),
    }
    return Space(declaration, placed, factors)
