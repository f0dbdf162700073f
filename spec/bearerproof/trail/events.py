"""The events of a trail as the rules see them. The bounds are the schema's: msgspec checks them where it reads a line.

A member is None where it is absent; so it is where a careful look found that it is not what the schema demands.
"""

from hashlib import blake2b
from typing import Annotated, ClassVar, NamedTuple

from msgspec import Meta, Struct

Name = Annotated[str, Meta(max_length=256)]
Names = Annotated[tuple[Name, ...], Meta(max_length=1024)]
Jti = Annotated[str, Meta(min_length=1, max_length=256)]


class Identity(Struct, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """Who a token speaks for; issuer and subject together identify somebody."""

    subject: Annotated[str, Meta(min_length=1, max_length=256)]
    email: Annotated[str, Meta(max_length=320)]
    issuer: Annotated[str, Meta(min_length=1, max_length=512)]
    name: Name | None = None
    groups: Names | None = None


class LifecycleEvent(Struct, gc=False, kw_only=True, forbid_unknown_fields=True, tag_field="event", tag="(other)"):
    """What a key server tells of one decision; of this class itself where the name of the event is none of the six.

    ``kind`` is which of the kinds an event is, though it be read into a class of its own.
    """

    kind: ClassVar[type["LifecycleEvent"]]

    identity: Identity | None = None
    token_jti: Jti | None = None
    client_ip: Annotated[str, Meta(max_length=45)] | None = None
    reason: Annotated[str, Meta(min_length=1, max_length=512)] | None = None
    occurred_at: str | None = None
    seq: Annotated[int, Meta(ge=0, le=9007199254740991)] | None = None
    origin: Annotated[str, Meta(min_length=1, max_length=128)] | None = None


class Issued(LifecycleEvent, gc=False, kw_only=True, tag="token.issued"):
    """A token was granted and stored."""

    identity: Identity | None
    token_jti: Jti | None
    backends: Names | None
    tools: Names | None
    rate_limit: Annotated[int, Meta(ge=0, le=4294967295)] | None
    expires_at: str | None = None


class Used(LifecycleEvent, gc=False, kw_only=True, tag="token.used"):
    """A token was presented and good."""

    identity: Identity | None
    token_jti: Jti | None


class Expired(LifecycleEvent, gc=False, kw_only=True, tag="token.expired"):
    """A token was presented past its end."""

    identity: Identity | None
    token_jti: Jti | None


class Revoked(LifecycleEvent, gc=False, kw_only=True, tag="token.revoked"):
    """A token was withdrawn."""

    token_jti: Jti | None


class Denied(LifecycleEvent, gc=False, kw_only=True, tag="token.denied"):
    """An identity, a policy or a revoked token was refused."""

    reason: Annotated[str, Meta(min_length=1, max_length=512)] | None


class Invalid(LifecycleEvent, gc=False, kw_only=True, tag="token.invalid"):
    """A bearer was malformed or unknown."""

    reason: Annotated[str, Meta(min_length=1, max_length=512)] | None


KINDS: tuple[type[LifecycleEvent], ...] = (Issued, Used, Expired, Revoked, Denied, Invalid, LifecycleEvent)
for _kind in KINDS:
    _kind.kind = _kind


def name_of(kind: type[LifecycleEvent]) -> str:
    """Return the name of a kind of event, as the member ``event`` has it."""
    return str(kind.__struct_config__.tag)


def digest_of(identity: Identity) -> bytes:
    """Return what tells identities apart in little memory, the same in every process that reads a part of a trail."""
    issuer = identity.issuer.encode("utf-8", "surrogatepass")
    subject = identity.subject.encode("utf-8", "surrogatepass")
    return blake2b(b"%d %b%b" % (len(issuer), issuer, subject), digest_size=16).digest()


class Hints(NamedTuple):
    """What a rejected token said of itself, in the order in which a source id is composed of it."""

    client: str | None
    aud: str | None
    kid: str | None


class Failure(Struct, gc=False, tag_field="event", tag="(failure)"):
    """What a verifier tells of one rejection; ``hints`` is None where one of them cannot be read."""

    kind: ClassVar[None] = None

    occurred_at: str | None
    source_id: str | None
    hints: Hints | None
