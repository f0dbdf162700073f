"""Tokens that are presented as octets, not as text."""

from dataclasses import replace

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.edits.encoding import SPELLING
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.needs import TOKEN_B64

FOREIGN = {"no UTF-8": b"\xff", "half of a character": b"\xc3", "a character beyond ASCII": "é".encode(), "NUL": b"\0"}


@check("VER-2", needs=(TOKEN_B64,))
def test_octets_that_are_no_base64url(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """An honest token is accepted as octets, and refused with a foreign octet in any of its segments."""
    text = forge.base(mark.profile).presentation()
    token = str(text.token).encode()
    honest = replace(text, token=token)
    trial.expect(trial.ask(honest), ACCEPTED, "an honest token is refused when it comes as octets", honest, text)
    segments = token.split(b".")
    for place, segment in enumerate(segments):
        for name, octets in FOREIGN.items():
            middle = len(segment) // 2
            spoilt = [*segments[:place], segment[:middle] + octets + segment[middle:], *segments[place + 1 :]]
            presented = replace(honest, token=b".".join(spoilt))
            answer = trial.ask(presented)
            trial.expect(answer, REJECTED, f"a token passes with {name} in segment {place + 1}", presented, honest)
            summary = f"{name} in segment {place + 1} is blamed on something else"
            trial.expect_reason(answer, set(SPELLING.split()), summary, presented, honest)
