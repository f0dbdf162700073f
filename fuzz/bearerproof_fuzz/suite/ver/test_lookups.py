"""Look-ups of which a policy says nothing but that they fail."""

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import REJECTED, Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.forge import Forge
from bearerproof_fuzz.needs import SESSION_VERSIONS, SESSIONS


@check("VER-44", needs=(SESSIONS, SESSION_VERSIONS))
def test_outage_of_a_store_without_entries(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A store that cannot answer refuses each token, though nobody can say what is in it."""
    base = forge.base(mark.profile).with_claims(sid="sid-1", sv=3)
    stores = {"sessions": {"sid-1": "live"}, "session_versions": {base.claims["sub"]: 3}}
    honest = base.with_policy(ports=stores).presentation()
    trial.control(honest, "a token of a live session and the present version")
    for name in stores:
        presented = base.with_policy(ports={"unavailable": [name]}).presentation()
        answer = trial.ask(presented)
        summary = f"the look-up {name} fails"
        trial.expect(answer, REJECTED, f"{summary}, and a token passes", presented, honest)
        trial.expect_reason(answer, {"unavailable"}, summary, presented, honest)
