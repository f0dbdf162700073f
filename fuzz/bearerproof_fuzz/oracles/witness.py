"""The event of a rejection, without which nothing about events can be judged."""

from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.judging.judgement import Finding, Untestable, summarised
from bearerproof.members import Json


def event_of(answer: Answer, presented: Presentation) -> Json:
    """Return the event that a rejection left; that there is exactly one is judged elsewhere (FAIL-1).

    Raises:
        Untestable: the token was not rejected, or the rejection left no event.
    """
    if answer.outcome is not Outcome.REJECTED:
        summary = summarised(
            "a token that no verifier may accept has to be rejected before its event is judged", answer
        )
        raise Untestable(Finding(summary, "rejected", answer.describe(), presented))
    if not answer.events:
        raise Untestable(Finding("a rejection left no event to be judged", "an event", answer.describe(), presented))
    return answer.events[0]
