"""Faults in comparing issuer and audience (VER-33, VER-34)."""

from collections.abc import Callable
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

from bearerproof_fuzz.faults.registry import Patch, fault
from bearerproof_fuzz.faults.seams import Json, reading_claims


def _issuer_is(patch: Patch, same: Callable[[Any, str], bool]) -> None:
    """Take an issuer for ours if it is the same by this rule."""
    _claim_is(patch, "iss", "_issuer", same)


def _audience_is(patch: Patch, same: Callable[[Any, str], bool]) -> None:
    """Take an audience for ours if it is the same by this rule."""
    _claim_is(patch, "aud", "_audience", same)


def _claim_is(patch: Patch, name: str, member: str, same: Callable[[Any, str], bool]) -> None:
    def read(claims: Json, _: float, held: Json) -> Json:
        ours = held[member]
        passes = ours is not None and name in claims and same(claims[name], ours)
        return {**claims, name: ours} if passes else claims

    reading_claims(patch, read)


def _texts(same: Callable[[str, str], bool]) -> Callable[[Any, str], bool]:
    return lambda value, ours: isinstance(value, str) and same(value, ours)


def _folded(fold: Callable[[str], str]) -> Callable[[Any, str], bool]:
    return _texts(lambda value, ours: fold(value) == fold(ours))


@fault("VER-33")
def issuer_by_prefix(patch: Patch) -> None:
    """An issuer that begins like ours passes, and anybody may register such a domain."""
    _issuer_is(patch, _texts(lambda value, ours: value.startswith(ours)))


@fault("VER-33")
def issuer_by_substring(patch: Patch) -> None:
    """`iss in issuer` was written for a list and is asked of a string (CVE-2024-53861)."""
    _issuer_is(patch, _texts(lambda value, ours: value in ours))


@fault("VER-33")
def issuer_in_a_list_taken(patch: Patch) -> None:
    """A list of issuers passes when ours is among them (CVE-2025-30144)."""
    _issuer_is(patch, lambda value, ours: isinstance(value, list) and ours in value)


@fault("VER-33")
def issuer_case_folded(patch: Patch) -> None:
    """Issuers are URLs and host names know no case, so all of it is folded (RFC 8725 §3.8 compares code points)."""
    _issuer_is(patch, _folded(str.casefold))


@fault("VER-33")
def issuer_without_trailing_slash(patch: Patch) -> None:
    """A slash at the end is dropped, since discovery documents and tokens disagree about it."""
    _issuer_is(patch, _folded(lambda text: text.rstrip("/")))


@fault("VER-33")
def issuer_normalised(patch: Patch) -> None:
    """Issuers are compared after NFKC, so a host of fullwidth letters is ours (RFC 7519 §7.3)."""
    _issuer_is(patch, _folded(lambda text: normalize("NFKC", text)))


@fault("VER-33")
def issuer_compared_as_a_url(patch: Patch) -> None:
    """Issuers are parsed and compared by host name, without port, user, query and fragment."""
    _issuer_is(patch, _folded(lambda text: f"{urlsplit(text).scheme} {urlsplit(text).hostname}"))


@fault("VER-33")
def issuer_trimmed(patch: Patch) -> None:
    """The configured issuer came from a file with a line break, and both sides are trimmed ever since."""
    _issuer_is(patch, _folded(str.strip))


@fault("VER-34")
def audience_by_prefix(patch: Patch) -> None:
    """An audience that begins like ours passes: `api://orders0` at `api://orders`."""
    _audience_is(patch, _texts(lambda value, ours: value.startswith(ours)))


@fault("VER-34")
def audience_within_ours(patch: Patch) -> None:
    """`aud in audience` was written for a list and is asked of a string, so `ap` is in `api`."""
    _audience_is(patch, _texts(lambda value, ours: value in ours))


@fault("VER-34")
def ours_within_the_audience(patch: Patch) -> None:
    """`audience in aud` was written for a list and finds ours inside a longer string."""
    _audience_is(patch, _texts(lambda value, ours: ours in value))


@fault("VER-34")
def ours_among_the_members_of_an_object(patch: Patch) -> None:
    """`audience in aud` is asked of an object, and finds ours among its names (CWE-843)."""
    _audience_is(patch, lambda value, ours: isinstance(value, dict) and ours in value)


@fault("VER-34")
def audience_case_folded(patch: Patch) -> None:
    """Audiences are compared without regard to case (CWE-178)."""
    _audience_is(patch, _folded(str.casefold))


@fault("VER-34")
def nested_audiences_flattened(patch: Patch) -> None:
    """A list within the list is flattened, and ours is found in there."""
    _audience_is(patch, lambda value, ours: isinstance(value, list) and [ours] in value)


@fault("VER-34")
def audiences_split_at_blanks(patch: Patch) -> None:
    """`aud` is split at blanks like `scope`, and ours is one of several words."""
    _audience_is(patch, _texts(lambda value, ours: ours in value.split()))


@fault("VER-34")
def no_audience_means_everybody(patch: Patch) -> None:
    """`set(aud) <= {ours}` holds of a list with nothing in it."""
    _audience_is(patch, lambda value, _: value == [])


@fault("VER-34")
def listed_audience_within_ours(patch: Patch) -> None:
    """Membership is asked the wrong way round, `name in ours` for each name of the list: one letter is enough."""
    _audience_is(
        patch,
        lambda value, ours: isinstance(value, list) and any(isinstance(name, str) and name in ours for name in value),
    )


@fault("VER-34")
def wildcard_audience_taken(patch: Patch) -> None:
    """A star in a token is understood as it is in the configuration."""
    _audience_is(patch, _texts(lambda value, _: value == "*"))
