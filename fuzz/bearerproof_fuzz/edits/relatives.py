"""Which algorithms an edit can be made under: those it names, and the further ones that are like one of them."""

from bearerproof_fuzz import keys
from bearerproof_fuzz.edits.registry import EVERY_ALGORITHM, Edit

_RELATIVES = {"ES": "ES256", "Ed": "EdDSA", "RS": "RS256", "PS": "PS256", "HS": "HS256", "ML": "EdDSA"}
_OF_THE_SIGNATURE = ("VER-16", "VER-24", "VER-25", "VER-26", "VER-27", "VER-28")


def further_algorithms(edit: Edit) -> list[str]:
    """Return the algorithms beside the usual ones to whose signatures and keys the edit can be made as well."""
    if edit.requirement_id not in _OF_THE_SIGNATURE or len(edit.algorithms) < 2:
        return []
    further = [name for name in keys.MATERIAL if name not in EVERY_ALGORITHM]
    return [name for name in further if _RELATIVES[name[:2]] in edit.algorithms and _possible(edit, name)]


def _possible(edit: Edit, algorithm: str) -> bool:
    """Say whether the key has the text or the curve that the edit is about."""
    form = edit.id.partition("public-key-")[2]
    if edit.requirement_id != "VER-16" or form.startswith("HS"):
        return edit.requirement_id != "VER-27" or algorithm == "Ed448"
    return form in keys.public_forms(keys.key(algorithm))
