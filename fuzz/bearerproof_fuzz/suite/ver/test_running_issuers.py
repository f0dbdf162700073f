"""A resource server that runs and trusts two issuers: each has its own keys, though ids of keys may be alike."""

from collections.abc import Iterator
from dataclasses import replace

from bearerproof.contract.messages import Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.keys import Key
from bearerproof_fuzz.needs import RESOURCE_OTHER
from bearerproof_fuzz.resource import authorizationserver


@check("VER-25", needs=RESOURCE_OTHER)
def test_running_server_binds_keys_to_their_issuer(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token is verified with the keys of the issuer that it names, not with those of another that is trusted too."""
    authority = authorizationserver.running()
    ours = forge.base(mark.profile)
    others = authority.of_other(ours)
    for name, honest in {"the first issuer": ours, "the other issuer": others}.items():
        trial.control(honest.presentation(), f"an honest token of {name}")
    own, sibling = ours.key, next(key for key in authority.keys if key.kid != ours.key.kid)
    theirs, shared = authority.other_keys
    wrong = {
        "the first issuer": (ours, {"another key": theirs, "a key of the same id": shared}),
        "the other issuer": (others, {"another key": sibling, "a key of the same id": own}),
    }
    for name, (draft, keys) in wrong.items():
        for how, key in keys.items():
            for presented in _signed_by(draft, key):
                summary = f"a token that names {name} is accepted, signed with {how} that is not its own"
                trial.expect(trial.ask(presented), REJECTED, summary, presented, kind=f"{name}, {how}")


def _signed_by(draft: Draft, key: Key) -> Iterator[Presentation]:
    """Yield a token that another key made, with the id of that key and without any."""
    signed = replace(draft, key=key, signer=key.sign).with_header(kid=key.kid)
    yield signed.presentation()
    yield signed.without_header("kid").presentation()
