"""Faults in comparing issuer and audience (VER-33, VER-34)."""

from collections.abc import Callable
from typing import Any
from unicodedata import normalize
from urllib.parse import urlsplit

from bearerproof.members import Json
from bearerproof_fuzz.faults.registry import Patch, Rows, faults_for
from bearerproof_fuzz.faults.seams import reading_claims


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


_ISSUER_IS: Rows[Callable[[Any, str], bool]] = {
    "issuer-by-prefix": (
        "An issuer that begins like ours passes, and anybody may register such a domain.",
        _texts(lambda value, ours: value.startswith(ours)),
    ),
    "issuer-by-substring": (
        "`iss in issuer` was written for a list and is asked of a string (CVE-2024-53861).",
        _texts(lambda value, ours: value in ours),
    ),
    "issuer-in-a-list-taken": (
        "A list of issuers passes when ours is among them (CVE-2025-30144).",
        lambda value, ours: isinstance(value, list) and ours in value,
    ),
    "issuer-case-folded": (
        "Issuers are URLs and host names know no case, so all of it is folded (RFC 8725 §3.8 compares code points).",
        _folded(str.casefold),
    ),
    "issuer-without-trailing-slash": (
        "A slash at the end is dropped, since discovery documents and tokens disagree about it.",
        _folded(lambda text: text.rstrip("/")),
    ),
    "issuer-normalised": (
        "Issuers are compared after NFKC, so a host of fullwidth letters is ours (RFC 7519 §7.3).",
        _folded(lambda text: normalize("NFKC", text)),
    ),
    "issuer-compared-as-a-url": (
        "Issuers are parsed and compared by host name, without port, user, query and fragment.",
        _folded(lambda text: f"{urlsplit(text).scheme} {urlsplit(text).hostname}"),
    ),
    "issuer-below-ours": (
        "Tenants have addresses below that of the issuer, and each of them signs for all.",
        _texts(lambda value, ours: value.startswith(ours + "/")),
    ),
    "issuer-without-its-scheme": (
        "One large provider wrote its issuer without `https://`, and since then everybody may.",
        _folded(lambda text: text.removeprefix("https://")),
    ),
    "issuer-of-a-subdomain": (
        "The host of an issuer is compared by its end, as cookies have it.",
        _texts(lambda value, ours: value.endswith("." + ours.removeprefix("https://"))),
    ),
    "issuer-trimmed": (
        "The configured issuer came from a file with a line break, and both sides are trimmed ever since.",
        _folded(str.strip),
    ),
}
faults_for("VER-33", _issuer_is, _ISSUER_IS)


_AUDIENCE_IS: Rows[Callable[[Any, str], bool]] = {
    "audience-by-prefix": (
        "An audience that begins like ours passes: `api://orders0` at `api://orders`.",
        _texts(lambda value, ours: value.startswith(ours)),
    ),
    "audience-within-ours": (
        "`aud in audience` was written for a list and is asked of a string, so `ap` is in `api`.",
        _texts(lambda value, ours: value in ours),
    ),
    "ours-within-the-audience": (
        "`audience in aud` was written for a list and finds ours inside a longer string.",
        _texts(lambda value, ours: ours in value),
    ),
    "ours-among-the-members-of-an-object": (
        "`audience in aud` is asked of an object, and finds ours among its names (CWE-843).",
        lambda value, ours: isinstance(value, dict) and ours in value,
    ),
    "audience-case-folded": ("Audiences are compared without regard to case (CWE-178).", _folded(str.casefold)),
    "nested-audiences-flattened": (
        "A list within the list is flattened, and ours is found in there.",
        lambda value, ours: isinstance(value, list) and [ours] in value,
    ),
    "audiences-split-at-blanks": (
        "`aud` is split at blanks like `scope`, and ours is one of several words.",
        _texts(lambda value, ours: ours in value.split()),
    ),
    "audiences-in-json-text": (
        "A text that begins like a JSON list is parsed as one, since some issuer wrote its list so.",
        _texts(lambda value, ours: value.startswith("[") and f'"{ours}"' in value),
    ),
    "audience-below-ours": (
        "Resources have addresses below ours, and whoever may see one of them is let in.",
        _texts(lambda value, ours: value.startswith(ours + "/")),
    ),
    "audience-cut-at-nul": (
        "The audience is handed to a C library, for which it ends at the first NUL.",
        _folded(lambda text: text.split("\0")[0]),
    ),
    "no-audience-means-everybody": (
        "`set(aud) <= {ours}` holds of a list with nothing in it.",
        lambda value, _: value == [],
    ),
    "listed-audience-within-ours": (
        "Membership is asked the wrong way round, `name in ours` for each name of the list: one letter is enough.",
        lambda value, ours: isinstance(value, list) and any(isinstance(name, str) and name in ours for name in value),
    ),
    "wildcard-audience-taken": (
        "A star in a token is understood as it is in the configuration.",
        _texts(lambda value, _: value == "*"),
    ),
}
faults_for("VER-34", _audience_is, _AUDIENCE_IS)
