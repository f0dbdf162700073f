"""The JWS examples of RFC 7520 §4, read from a folder of the user's: those that have a compact serialisation.

§4.5 shows a JWS with detached content. Presented without that content, its signature covers what is not
there, so it is the one invalid vector; §4.4 has the same key and is its positive control.
"""

from pathlib import Path

from bearerproof.exceptions import BadInput
from bearerproof.members import Json
from bearerproof_fuzz.commands.thirdparty.jwsvectors import Expected, Vector, VectorGroup, read_json

FILES = (
    "4_1.rsa_v15_signature.json",
    "4_2.rsa-pss_signature.json",
    "4_3.ecdsa_signature.json",
    "4_4.hmac-sha2_integrity_protection.json",
    "4_5.signature_with_detached_content.json",
)


def load(folder: Path) -> list[VectorGroup]:
    """Return the vectors, grouped by key and algorithm.

    Raises:
        BadInput: the folder or a file is missing, or is not what it should be.
    """
    groups: dict[tuple[str, str], VectorGroup] = {}
    for name in FILES:
        group = _example(folder / name)
        identity = (str(group.keys), group.algorithms[0])
        known = groups.get(identity, group)
        groups[identity] = known if known is group else _joined(known, group)
    return list(groups.values())


def _example(path: Path) -> VectorGroup:
    raw = read_json(path)
    try:
        algorithm = raw["input"]["alg"]
        return VectorGroup(
            file="RFC 7520",
            comment=algorithm,
            keys=(_public(raw["input"]["key"], algorithm),),
            algorithms=(algorithm,),
            vectors=(_vector(path.name, raw),),
        )
    except (KeyError, TypeError) as error:
        raise BadInput(f"{path} is not an RFC 7520 signature example: {type(error).__name__} {error}") from None


def _vector(name: str, raw: Json) -> Vector:
    section = name.partition(".")[0].replace("_", ".")
    token: str = raw["output"]["compact"]
    if token.split(".")[1]:
        return Vector(section, raw["title"], token, Expected.VALID)
    return Vector(section, f"{raw['title']}, presented without it", token, Expected.INVALID)


def _public(key: Json, algorithm: str) -> Json:
    """Return the public part, bound to the algorithm: some of these keys name none, and a policy has to."""
    private = ("d", "p", "q", "dp", "dq", "qi")
    return {**{name: value for name, value in key.items() if name not in private}, "alg": algorithm}


def _joined(group: VectorGroup, other: VectorGroup) -> VectorGroup:
    return VectorGroup(group.file, group.comment, group.keys, group.algorithms, group.vectors + other.vectors)
