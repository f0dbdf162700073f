"""The policy: ordered rules that say which identity gets which scopes. Asking narrows, and never widens."""

from dataclasses import dataclass

from bearerproof_reference.keyserver.patterns import ALL, meets
from bearerproof_reference.keyserver.scopes import RequestedScopes, ScopeError
from bearerproof_reference.keyserver.tokens import Identity, Scopes


@dataclass(frozen=True, slots=True)
class Match:
    """Whom a rule is for: the issuer, and every other criterion that is not None.

    No criterion stands without the issuer: what one provider says of an e-mail or a group is not true of another.
    """

    issuer: str
    domain: str | None = None
    email: str | None = None
    group: str | None = None
    subject: str | None = None

    def __call__(self, identity: Identity) -> bool:
        """Return whether the identity meets all criteria."""
        email = _verified_email(identity)
        return (
            identity.issuer == self.issuer
            and self.subject in (None, identity.subject)
            and (self.group is None or self.group in identity.groups)
            and (self.domain is None or (email is not None and email[1] == fold(self.domain)))
            and (self.email is None or (email is not None and email == split_email(self.email)))
        )


@dataclass(frozen=True, slots=True)
class Rule:
    """Grants scopes to whom it is for."""

    name: str
    match: Match
    grant: Scopes


@dataclass(frozen=True, slots=True)
class Policy:
    """Rules in order: the first that is for an identity decides, and where there is none nothing is granted."""

    rules: tuple[Rule, ...] = ()

    def rule_for(self, identity: Identity) -> Rule | None:
        """Return the rule that decides about the identity."""
        return next((rule for rule in self.rules if rule.match(identity)), None)


def narrow(allowed: Scopes, requested: RequestedScopes) -> Scopes:
    """Return what is both allowed and asked for; a side that was not asked for stays as allowed.

    Raises:
        ScopeError: nothing is left of a side. An empty grant is never made: nobody can then take it for "all".
    """
    backends = meets((ALL,) if requested.backends is None else requested.backends, allowed.backends)
    tools = meets((ALL,) if requested.tools is None else requested.tools, allowed.tools)
    if not backends or not tools:
        raise ScopeError("nothing that was asked for is allowed")
    return Scopes(backends, tools, allowed.rate_limit)


def split_email(text: str) -> tuple[str, str] | None:
    """Return local part and folded domain, or None unless there is exactly one ``@`` and something on both sides."""
    local, _, domain = text.partition("@")
    return (local, fold(domain)) if local and domain and "@" not in domain else None


def fold(domain: str) -> str:
    """Return a domain as it is compared: in lower case, ASCII only, since other letters fold into ASCII ones."""
    return domain.lower() if domain.isascii() else domain


def _verified_email(identity: Identity) -> tuple[str, str] | None:
    return split_email(identity.email) if identity.email_verified else None
