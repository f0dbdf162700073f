"""The size of a token: capped where the implementation says, and nowhere below."""

from dataclasses import replace

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.forge import Draft, Forge
from bearerproof_fuzz.keys import b64
from bearerproof_fuzz.needs import MAX_TOKEN


@check("VER-6", needs=(MAX_TOKEN,))
def test_cap_is_the_stated_one(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """An honest token of the stated size is accepted, one that is an octet longer is refused."""
    cap = trial.declaration.max_token or 0
    base = forge.base(mark.profile)
    longest, longer = (_of_size(base, size).presentation() for size in (cap, cap + 1))
    trial.control(longest, "an honest token of the stated cap")
    trial.expect(trial.ask(longer), REJECTED, "a token above the stated cap is accepted", longer, longest)


def _of_size(base: Draft, size: int) -> Draft:
    """Fill a claim until the token has this size in octets; blanks in the header make up for what is lacking.

    No segment of base64url has one octet more than a multiple of four, but two segments have any number together.
    """
    for blanks in range(3):
        draft = replace(base, header_json=base.header_bytes() + b" " * blanks)
        empty = draft.filled("")
        octets = len(empty.payload_bytes())
        wanted = len(b64(bytes(octets))) + size - len(empty.token())
        filled = draft.filled("x" * (wanted * 3 // 4 - octets))
        if len(filled.token()) == size:
            return filled
    raise ValueError(f"no token of {size} octets can be made")
