"""What ``-k`` takes: one grammar by which checks are named, wherever they are.

VER-1                     that requirement, whole: not VER-10
VER                       a family
VER-17.crit-unknown.jwt   one check in one profile, as reports print it; without profile, in all
VER-2.header-*            checks, by pattern; *.crit-null too
crit-unknown              checks whose name holds these words
VER-1,KEY-2,!KEY-5        both, and without the last
"""

import difflib
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bearerproof.exceptions import BadInput
from bearerproof.specification.catalogue import FAMILIES, Measure, Profile, requirements


@dataclass(frozen=True, order=True)
class Name:
    """What a check is called, in parts."""

    requirement: str
    check: str
    profile: str

    @property
    def id(self) -> str:
        """The whole name."""
        return f"{self.requirement}.{self.check}.{self.profile}"

    @classmethod
    def of(cls, check_id: str) -> "Name | None":
        """Take an id apart, or return None where it is none."""
        requirement, _, rest = check_id.partition(".")
        check, _, profile = rest.rpartition(".")
        return cls(requirement, check, profile) if check and profile in tuple(Profile) else None


@dataclass(frozen=True)
class Term:
    """One name or pattern of a selection."""

    text: str
    excludes: bool = False

    def __str__(self) -> str:
        return f"{'!' * self.excludes}{self.text}"

    @property
    def is_requirement(self) -> bool:
        """Whether it is a requirement's id, of one that there is or not."""
        return _REQUIREMENT.fullmatch(self.text) is not None

    def takes(self, name: Name) -> bool:
        """Say whether it names this check."""
        text = self.text
        whole = (name.id, f"{name.requirement}.{name.check}")
        if _is_pattern(text):
            return any(fnmatchcase(each, text) for each in (*whole, name.check, name.requirement))
        if text in FAMILIES:
            return name.requirement.startswith(f"{text}-")
        if self.is_requirement:
            return name.requirement == text.upper()
        if _REQUIREMENT.match(text):
            wanted = _upper(text)
            return wanted in whole or any(each.startswith(f"{wanted}.") for each in whole)
        return re.search(rf"(?<![A-Za-z0-9]){re.escape(text)}(?![A-Za-z0-9])", name.check) is not None


@dataclass(frozen=True)
class Selection:
    """Terms: a check is taken if one of them names it, or there are none but exclusions, and no exclusion does.

    >>> Selection.parse("VER-1,!VER-1.no-segments").takes(Name("VER-12", "alg-none-padded", "jwt"))
    False
    """

    terms: tuple[Term, ...] = ()

    @classmethod
    def parse(cls, *texts: str) -> "Selection":
        """Read terms, parted by commas or blanks.

        Raises:
            BadInput: something is not a term.
        """
        words = [word for text in texts for word in re.split(r"[,\s]+", text) if word]
        if texts and not words:
            raise BadInput("-k names nothing")
        return cls(tuple(dict.fromkeys(map(_term, words))))

    def __bool__(self) -> bool:
        return bool(self.terms)

    def __str__(self) -> str:
        return ",".join(map(str, self.terms))

    def takes(self, name: Name) -> bool:
        """Say whether a check is selected."""
        wanted = [term for term in self.terms if not term.excludes]
        if any(term.takes(name) for term in self.terms if term.excludes):
            return False
        return not wanted or any(term.takes(name) for term in wanted)

    def unfound(self, names: Collection[Name]) -> list[str]:
        """Say of each term that names none of these checks what may have been meant."""
        return [
            f"no check is called {term.text!r}{_hint(term.text, names)}"
            for term in self.terms
            if not any(map(term.takes, names))
        ]

    def out_of_scope(self, known: Collection[Name], judged: Collection[Name]) -> list[str]:
        """Name the terms whose checks there are, though this run judges none of them."""
        return [
            term.text
            for term in self.terms
            if not term.excludes and not any(map(term.takes, judged)) and any(map(term.takes, known))
        ]

    @property
    def requirements(self) -> list[str]:
        """The requirements that it names by their ids."""
        found = (_REQUIREMENT.match(_upper(term.text)) for term in self.terms if not term.excludes)
        return list(dict.fromkeys(match[0] for match in found if match))


def why_out_of_scope(requirement_id: str, measure: Measure, profiles: Collection[str], level: int) -> str | None:
    """Return why a run of this scope does not look at a requirement, or None if it does."""
    row = requirements().get(requirement_id)
    if row is None:
        return None
    if not row.binds(measure):
        return f"is strict only, of origin {row.origin}: --measure {Measure.STRICT}"
    if not set(row.profiles) & set(profiles):
        return f"holds in {', '.join(row.profiles)} alone"
    return f"is seen from contract level {row.contract} on" if level < row.contract else None


_REQUIREMENT = re.compile(r"[A-Za-z]{2,8}-[1-9][0-9]{0,2}(?![A-Za-z0-9-])")


def _term(word: str) -> Term:
    text = word.removeprefix("!")
    if text in ("and", "or", "not", "") or set("()") & set(text):
        raise BadInput(
            f"{word!r} is no part of a selection: write VER-1,KEY-2 for both, !KEY-5 to leave out, "
            "VER-2.header-* for some"
        )
    if text.upper() in FAMILIES and text not in FAMILIES:
        raise BadInput(f"{text!r} names nothing; did you mean the family {text.upper()}?")
    return Term(text.rstrip("."), word.startswith("!"))


def _is_pattern(text: str) -> bool:
    return any(char in text for char in "*?[")


def _upper(text: str) -> str:
    """Write the requirement at the beginning of an id as it is written."""
    head, dot, rest = text.partition(".")
    return f"{head.upper()}{dot}{rest}" if _REQUIREMENT.fullmatch(head) else text


def _hint(text: str, names: Collection[Name]) -> str:
    if text in tuple(Profile):
        return f"; profiles are chosen by --profile {text}"
    near = list(_near(text, names))
    return f"; did you mean {' or '.join(near)}?" if near else " (bearerproof explain lists the requirements)"


def _near(text: str, names: Iterable[Name]) -> Iterator[str]:
    held = sorted(names)
    parts = {name.check for name in held} | {f"{name.requirement}.{name.check}" for name in held}
    wanted = _upper(text)
    if (profile := wanted.rpartition(".")[2]) in tuple(Profile):
        wanted = wanted.removesuffix(f".{profile}")
    beginning = sorted(part for part in parts if part.startswith(wanted) and part != wanted)
    if beginning and wanted:
        yield f"{wanted}*" if len(beginning) > 1 else beginning[0]
        return
    words = wanted.count("-") + 1
    beginnings = sorted({"-".join(part.split("-")[:words]) for part in parts})
    possible = dict.fromkeys([*requirements(), *FAMILIES, *beginnings, *parts])
    yield from difflib.get_close_matches(wanted, possible, n=3, cutoff=0.7)
