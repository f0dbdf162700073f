"""A finding as a vector, in the form of ``spec/vectors``: it can be put there as it is."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from bearerproof.contract.messages import Outcome
from bearerproof.members import Json
from bearerproof.specification.catalogue import VERIFIERS, Measure, requirement
from bearerproof_fuzz.edits.registry import EITHER, REJECTED, Edit, edits
from bearerproof_fuzz.keys import unb64


def vector(row: Json) -> Json | None:
    """Return the vector of a finding, or None where no token shows it, or it is about more than a verdict on one."""
    shown = next((finding for finding in row["findings"] if {"presented", "base"} <= finding.keys()), None)
    if shown is None or row["profile"] not in VERIFIERS or not isinstance(shown["base"].get("token"), str):
        return None
    allowed = _allowed(row, shown)
    if not allowed:
        return None
    presented, base = shown["presented"], shown["base"]
    spelled = {name: presented[name] for name in ("token", "token_b64") if name in presented}
    kind = str(row.get("candidate", {}).get("kind") or row["kind"])
    edit = edits().get(kind)
    name = slug(kind) or "found"
    digest = hashlib.sha256(json.dumps([spelled, presented["policy"]], sort_keys=True).encode()).hexdigest()[:8]
    made: Json = {
        "format": 1,
        "id": f"{row['requirement']}.{name}-{digest}",
        "requirement": row["requirement"],
        "edit": kind[:100],
        "title": (edit.description if edit else str(shown["summary"]))[:300],
        "clause": edit.clause if edit else requirement(row["requirement"]).clause,
        "measure": _measures(row, edit, allowed),
        "reasons": sorted(_reasons(row["requirement"], edit)) if Outcome.REJECTED in allowed else [],
        "profile": row["profile"],
        "algorithm": algorithm_of(base["token"], presented["policy"]),
        "now": presented["now"],
        "tick": presented.get("tick", 0),
        "policy": presented["policy"],
        "base_token": base["token"],
        **spelled,
    }
    return made if base["policy"] == presented["policy"] else {**made, "base_policy": base["policy"]}


def slug(kind: str) -> str:
    """Return a kind of finding as far as it can be part of a name."""
    return re.sub(r"[^a-z0-9]+", "-", kind.lower()).strip("-")[:60]


def _allowed(row: Json, shown: Json) -> frozenset[str]:
    """Return the verdicts that are due: as they were drawn, or as the finding words them."""
    named = row["candidate"]["allowed"] if "candidate" in row else str(shown["expected"]).split(" or ")
    return frozenset(named) if set(named) <= EITHER else frozenset()


def _measures(row: Json, edit: Edit | None, allowed: frozenset[str]) -> Json:
    """Return what each measure allows: what strict alone demands, base leaves open."""
    if edit is not None:
        return {"base": sorted(edit.base), "strict": sorted(edit.strict)}
    binds = row.get("measure") == Measure.BASE or requirement(row["requirement"]).binds(Measure.BASE)
    return {"base": sorted(allowed if binds else EITHER), "strict": sorted(allowed)}


def _reasons(required: str, edit: Edit | None) -> frozenset[str]:
    """Return the reasons that are right: the edit's, those of the requirement's edits, or any that an edit has."""
    if edit is not None:
        return edit.reasons
    refusing = [each for each in edits().values() if each.strict == REJECTED]
    own = [each.reasons for each in refusing if each.requirement_id == required]
    return frozenset[str]().union(*(own or [each.reasons for each in refusing]))


def algorithm_of(token: str, policy: Mapping[str, Any]) -> str:
    """Return the algorithm that an honest token says it is signed with."""
    try:
        header: Any = json.loads(unb64(token.partition(".")[0]))
        return str(header["alg"])
    except (ValueError, KeyError, TypeError):
        return str(next(iter(policy.get("algorithms", ())), "none"))
