"""Hints: they label a rejection truthfully, decide nothing, and are read from any input whatever."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from hypothesis import strategies as st

from bearerproof.contract.messages import Answer, Outcome, Presentation
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import ACCEPTED, REJECTED, Trial
from bearerproof.specification.catalogue import Profile
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.edits.registry import Case, Change
from bearerproof_fuzz.forge import AUDIENCE, CLIENT, ISSUER, Draft, Forge
from bearerproof_fuzz.grammar import forgeries
from bearerproof_fuzz.machines.limiter_driver import LimiterDriver
from bearerproof_fuzz.material import (
    ADVERSARIAL,
    EDGES,
    IMITATIONS,
    LONG,
    MISSING,
    NO_NAMES,
    PLAIN,
    SHORT,
    Hints,
    escaped,
    heavy,
    labelled,
    manglings,
    rejected_cases,
    specimens,
    truncations,
    unproven,
)
from bearerproof_fuzz.needs import LIMITED, MAX_TOKEN, REPLAY
from bearerproof_fuzz.oracles.buckets import BucketLimits
from bearerproof_fuzz.oracles.hints import contradiction, expected, stated
from bearerproof_fuzz.oracles.sameness import same_claims
from bearerproof_fuzz.oracles.witness import event_of

NAMES = st.sampled_from(PLAIN + SHORT + EDGES)
ANY_NAME = st.one_of(NAMES, st.sampled_from(ADVERSARIAL), st.sampled_from(NO_NAMES))


# --- Hints never authenticate


@check("HINT-1")
def test_forged_token_stays_rejected(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that no key of the policy signed is rejected, whatever client, audience and key it names."""
    base = forge.base(mark.profile)
    honest = base.presentation()
    ways = {**forgeries(base.key), "the honest token's signature": _with_signature_of(base)}

    def stays_rejected(said: Sequence[tuple[str, Said]]) -> None:
        forged = [(name, _forged(base, ways[name], members)) for name, members in said]
        answers = trial.ask_all([presented for _, presented in forged])
        for (name, presented), answer in zip(forged, answers, strict=True):
            summary = f"a forged token ({name}) does not stay rejected, whatever it says of itself"
            trial.expect(answer, REJECTED, summary, presented, honest)

    trial.control(honest)
    # Each hint on its own beside honest ones, under the forgeries that get furthest; then any of them together.
    alone = [{slot: value} for slot in _SLOTS for value in (*_TELLING, base.key.kid, _attacker(base), [CLIENT])]
    stays_rejected([(name, members) for members in ({}, *alone) for name in ("an attacker's key", "alg none")])
    stays_rejected([(name, {}) for name in ways])
    honestly: st.SearchStrategy[object] = st.just(_HONEST)
    value = honestly | honestly | st.sampled_from(_TELLING) | ANY_NAME
    members = st.fixed_dictionaries(dict.fromkeys(_SLOTS, value))
    explore(stays_rejected, st.lists(st.tuples(st.sampled_from(sorted(ways)), members), min_size=4), share=4)
    trial.control(honest, "the honest base token, after forgeries,")


@check("HINT-1", needs=LIMITED)
def test_forged_token_of_a_registered_client_stays_rejected(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Who is registered with the limiter signs like everybody else."""
    base = forge.base(mark.profile)
    honest = base.presentation()
    with LimiterDriver.opened(mark, trial, forge) as bench:
        bench.begin(BucketLimits(3, 60, 1, 1))
        trial.control(honest)
        for name, way in forgeries(base.key).items():
            for client in bench.registered.clients:
                presented = _forged(base, way, {"client_id": client, "azp": client})
                summary = f"a forged token ({name}) of a client that is registered does not stay rejected"
                trial.expect(trial.ask(presented), REJECTED, summary, presented, honest)


Said = Mapping[str, object]
"""What a forged token says of itself, by hint; what is not told stays as the honest token has it."""

_SLOTS = ("kid", "client_id", "azp", "aud")
_HONEST = object()
_TELLING: tuple[object, ...] = (
    CLIENT,
    "app-2",
    AUDIENCE,
    *PLAIN,
    *IMITATIONS[:10],
    "admin",
    "root",
    "*",
    MISSING,
    "",
    None,
)
"""Values that somebody may have put on a list of trusted ones, and those that stand for nobody."""


def _forged(base: Draft, forgery: Change, said: Said) -> Presentation:
    """Write a forged token that says this of itself."""
    overrides = {name: value for name, value in said.items() if value is not _HONEST}
    header = {**base.header, **{name: value for name, value in overrides.items() if name == "kid"}}
    claims = {**base.claims, "sub": "admin", **{name: value for name, value in overrides.items() if name != "kid"}}
    header, claims = (
        {name: value for name, value in members.items() if value is not MISSING} for members in (header, claims)
    )
    return escaped(forgery(escaped(replace(base, header=header, claims=claims)))).presentation()


def _with_signature_of(honest: Draft) -> Change:
    signature = honest.token().rpartition(".")[2]
    return lambda draft: replace(draft, spell_signature=lambda _: signature)


def _attacker(base: Draft) -> str:
    return keys.key(base.key.algorithm, "attacker").kid


@check("HINT-2")
def test_unchecked_hints_change_no_rejection(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Every edit is rejected with the same reason under every hint that the policy does not check."""
    for name in _FREE:
        for draft in _unchecked(forge.base(mark.profile), mark.profile, name):
            trial.control(draft.presentation(), "an honest token with another unchecked hint")
    pairs = list(_pairs(mark.profile, forge))
    answers = trial.ask_what_it_can([presented for _, before, after in pairs for presented in (before, after)])
    rejected = 0
    for (case, before, after), answer, other in zip(pairs, answers[::2], answers[1::2], strict=True):
        rejected += answer.outcome in REJECTED
        if (
            Outcome.SKIPPED not in (answer.outcome, other.outcome)
            and answer.outcome in REJECTED
            and _verdict(answer) != _verdict(other)
        ):
            summary = f"{case.edit.id}: a hint that the policy does not check changes the answer"
            trial.fail(summary, answer.describe(), other, after, before, case.edit.id)
    if not rejected:
        trial.fail("no edit at all is rejected", "rejections", "none")


def _pairs(profile: Profile, forge: Forge) -> Iterator[tuple[Case, Presentation, Presentation]]:
    """Yield each edit under the usual hints and under others; both are accepted without the edit."""
    for number, case in enumerate(rejected_cases(profile, forge)):
        base = case.edit.given(forge.base(profile, case.algorithm))
        if profile is not Profile.ID_TOKEN or base.policy == forge.base(profile, case.algorithm).policy:
            usual, unusual = _unchecked(base, profile, _FREE[number % len(_FREE)])
            yield case, case.edit.apply(usual).presentation(), case.edit.apply(unusual).presentation()


_FREE = ("app-2", "admin", "noaud", "nokid", "a::b%", "%3A:%", "root*", "*****", "../..", "zzzzz")
"""Names as long as the usual one: a lenient base64url decoder may well mind another length."""


def _unchecked(base: Draft, profile: Profile, name: str) -> tuple[Draft, Draft]:
    """Return the base with its usual hints and with others: another client, or another audience first."""
    if profile is not Profile.ID_TOKEN:
        return base, base.with_claims(client_id=name)
    trusting = base.with_policy(trusted_audiences=[name]).with_claims(client_id=CLIENT)
    return trusting.with_claims(aud=[CLIENT, name]), trusting.with_claims(aud=[name, CLIENT], client_id=name)


def _verdict(answer: Answer) -> tuple[object, ...]:
    return answer.outcome, answer.reason


@check("HINT-3")
def test_honest_token_after_forged_copies(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """An honest token is accepted with its own claims, though forged copies of it came before."""
    base = forge.base(mark.profile)
    trial.control(base.presentation())
    for number, name in enumerate(_copies(base)):
        honest = _unheard_of(base, number)
        forged = _copies(honest)[name].presentation()
        *rejected, answer = trial.ask_all([forged] * COPIES + [honest.presentation()])
        for refusal in rejected:
            trial.expect(refusal, REJECTED, f"a forged token ({name}) is accepted", forged)
        summary = f"forged copies ({name}) change the answer to an honest token"
        trial.expect(answer, ACCEPTED, summary, honest.presentation(), forged)
        if answer.claims is not None and not same_claims(answer.claims, honest.claims):
            trial.fail(f"{summary}: it yields other claims", "its own claims", answer, honest.presentation(), forged)


@check("HINT-3")
def test_token_without_kid_after_rejected_ones(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token that names no key, where the policy has but one, is answered alike whatever was named before it."""
    base = forge.base(mark.profile)
    trial.control(base.presentation())
    lone = base.with_keys(base.key)
    alone = trial.ask(_unheard_of(lone, 0).without_header("kid").presentation())
    for number, kid in enumerate((_attacker(base), keys.key(base.key.algorithm, "b").kid, "nobody"), 1):
        honest = _unheard_of(lone, number)
        forged = unproven(honest.with_header(kid=kid)).presentation()
        token = honest.without_header("kid").presentation()
        rejected, answer = trial.ask_all([forged, token])
        trial.expect(rejected, REJECTED, "a token that nobody signed is accepted", forged)
        if (*_verdict(answer), answer.kid) != (*_verdict(alone), alone.kid):
            summary = f"a rejected token of kid {kid!r} changes the answer to one without a kid"
            trial.fail(summary, f"{alone.describe()} as when asked alone", answer, token, forged)


COPIES = 10
"""Forged copies in a row: as many failures as anybody waits for who locks something after them."""


def _copies(honest: Draft) -> dict[str, Draft]:
    """Return forged copies of an honest token, by what is done about the signature; all name another subject."""
    forged = honest.with_claims(sub="admin")
    copies = {name: forgery(forged) for name, forgery in forgeries(honest.key).items()}
    return {**copies, "the honest token's signature": _with_signature_of(honest)(forged)}


def _unheard_of(draft: Draft, number: int) -> Draft:
    """Give a token another issuer, with a policy for it, and another identifier: nobody can remember any of them."""
    names = {name: f"{value} {number}" for name, value in draft.claims.items() if name in ("jti", "nonce")}
    policy = {name: value for name, value in names.items() if name in draft.policy.members}
    issuer = f"{ISSUER}/{number}"
    return draft.with_claims(iss=issuer, **names).with_policy(issuer=issuer, **policy)


@check("HINT-3", needs=(REPLAY,), profiles=(Profile.ACCESS_TOKEN,))
def test_rejected_token_uses_up_no_identifier(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A forged token with the `jti` of an honest one does not make the honest one a replay."""
    base = forge.base(mark.profile).with_policy(replay=True)
    for name, forgery in forgeries(base.key).items():
        honest = base.with_claims(jti=f"jti of {name}")
        forged = forgery(honest.with_claims(sub="admin")).presentation()
        trial.expect(trial.ask(forged), REJECTED, f"a forged token ({name}) is accepted", forged)
        answer = trial.ask(honest.presentation())
        if answer.outcome in REJECTED:
            summary = f"a rejected token ({name}) used up the identifier of an honest one"
            trial.fail(summary, "accepted", answer, honest.presentation())


@check("HINT-3")
def test_rejected_tokens_leave_no_trace(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Verdict, claims, reason and key of a token are the same alone and amid any stream of rejected ones."""
    base = forge.base(mark.profile)
    fixed = _fixed(base)
    alone = [trial.ask(presented) for presented in fixed]
    trial.require_control(alone[0], fixed[0])
    trial.expect(alone[-1], REJECTED, "a token that nobody signed is accepted", fixed[-1], fixed[0])
    stream = _forged_from(base)
    chosen = st.tuples(st.integers(0, len(fixed) - 1), st.lists(st.sampled_from(stream), min_size=1, max_size=6))

    def leaves_no_trace(choices: Sequence[tuple[int, Sequence[Presentation]]]) -> None:
        order = [item for number, before in choices for item in (*before, fixed[number])]
        expected_answers = [item for number, before in choices for item in (*(None for _ in before), alone[number])]
        for presented, answer, same in zip(order, trial.ask_all(order), expected_answers, strict=True):
            if same is not None and _whole(answer) != _whole(same):
                summary = "rejected tokens before it change the answer to a token"
                trial.fail(summary, f"{same.describe()} as when asked alone", answer, presented)

    explore(leaves_no_trace, st.lists(chosen, min_size=2, max_size=4), share=4)


def _fixed(base: Draft) -> list[Presentation]:
    """Return tokens whose answers must not change: the first is honest, the last ones are not."""
    lone = base.with_keys(base.key)
    drafts = (
        base,
        base.with_claims(sub="user-2"),
        base.with_claims(exp=1),
        base.with_claims(iss="https://evil.example"),
        lone.without_header("kid"),
        base.without_header("kid"),
        base.with_header(kid="nobody"),
        unproven(base),
    )
    return [draft.presentation() for draft in drafts]


def _forged_from(base: Draft) -> list[Presentation]:
    """Return rejected tokens that share header, payload, signature, key id or identifier with honest ones."""
    victims = (base, base.with_claims(sub="user-2"))
    drafts = [forgery(victim) for victim in victims for forgery in forgeries(base.key).values()]
    drafts += [
        _with_signature_of(base)(base.with_claims(sub="admin")),
        base.with_header(kid=_attacker(base)),
        base.with_claims(aud="x"),
        base.with_claims(exp=2, client_id="x"),
    ]
    presented = [draft.presentation() for draft in drafts]
    texts = ("", "x", "a.b.c", base.token() + "x", base.token()[:-8])
    return [*presented, *(replace(presented[0], token=text) for text in texts)][:100]


def _whole(answer: Answer) -> tuple[object, ...]:
    return answer.outcome, answer.reason, answer.claims, answer.kid


# --- reading them


@check("HINT-4")
def test_any_input_leaves_its_event(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Whatever is presented, truncated, deep, endless or no text at all, is rejected with its event."""
    base = forge.base(mark.profile)
    honest = base.presentation()
    trial.control(honest)
    inputs = [*truncations(base.token()), *manglings(base), *heavy(base)]
    spoilt = [replace(honest, token=text) for text in inputs]
    for presented, answer in _asked(trial, spoilt):
        trial.expect(answer, REJECTED, "a spoilt token is not simply rejected", presented, honest)
        if answer.events is None or len(answer.events) != 1:
            count = "none" if not answer.events else str(len(answer.events))
            trial.fail("a spoilt token does not leave its event", "one event", count, presented, honest)


@check("HINT-4")
def test_spoilt_json_leaves_its_event(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Header and payload spoilt together, in any combination, are rejected with their event."""
    base = forge.base(mark.profile)
    honest = base.presentation()
    pieces = [str(text).split(".") for text in manglings(base) if isinstance(text, str) and text.count(".") == 2]
    choice = st.tuples(*[st.integers(0, len(pieces) - 1)] * 3)

    def leaves_its_event(chosen: Sequence[tuple[int, int, int]]) -> None:
        tokens = [f"{pieces[a][0]}.{pieces[b][1]}.{pieces[c][2][:40]}A" for a, b, c in chosen]
        spoilt = [replace(honest, token=token) for token in tokens]
        for presented, answer in _asked(trial, spoilt):
            trial.expect(answer, REJECTED, "a spoilt token is not simply rejected", presented, honest)
            event_of(answer, presented)

    explore(leaves_its_event, st.lists(choice, min_size=1, max_size=6), share=5)


def _asked(trial: Trial, presented: Iterable[Presentation]) -> list[tuple[Presentation, Answer]]:
    """Ask what fits a line of the implementation and is text, unless it takes octets too."""
    takes_octets = trial.declaration.token_b64
    return trial.ask_fitting([each for each in presented if takes_octets or isinstance(each.token, str)])


def _judge(trial: Trial, presented: Iterable[Presentation]) -> None:
    _judge_answers(trial, _asked(trial, presented))


def _judge_answers(trial: Trial, answered: Sequence[tuple[Presentation, Answer]]) -> None:
    """Hold the hints in each event against the token that was presented."""
    if not answered:
        trial.fail("nothing at all is rejected", "rejections", "none")
    for presentation, answer in answered:
        event = event_of(answer, presentation)
        wrong = contradiction(
            expected(presentation.token, presentation.profile, trial.declaration.max_token), stated(event)
        )
        if wrong is not None:
            name, admissible, said = wrong
            wanted = " or ".join(sorted(map(_shown, admissible)))
            summary = f"the {name} hint is not what the token says"
            trial.fail(summary, wanted, _shown(said), presentation, events=[event])


def _shown(value: str | None) -> str:
    return "absent" if value is None else ascii(value)


@check("HINT-5")
def test_hints_are_those_of_the_token(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A well-formed token's hints are exact, and nothing is normalised, trimmed or interpreted on the way."""
    base = unproven(forge.base(mark.profile))

    def exact(hints: Sequence[tuple[object, object, object]]) -> None:
        drafts = [labelled(base, Hints(*values)) for values in hints]
        _judge(trial, [draft.presentation() for draft in drafts])

    absent = st.just(MISSING)
    explore(exact, st.lists(st.tuples(*[NAMES | absent] * 3), min_size=1, max_size=8), share=2)


@check("HINT-5")
def test_hints_of_edited_tokens(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The hints of every edited token, malformed or not, are exact or admissible."""
    edited = [specimen.edited for specimen in specimens(mark.profile, forge)]
    answers = trial.ask_fitting(edited)
    _judge_answers(trial, [(presented, answer) for presented, answer in answers if answer.outcome in REJECTED])


@check("HINT-5")
def test_hints_of_spoilt_tokens(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """The hints of a spoilt token are absent or really stand in it, in the segment they belong to."""
    base = labelled(forge.base(mark.profile), Hints("c-1", CLIENT, "k-1"))
    swapped = base.with_header(client_id="in the header", azp="in the header").with_claims(kid="in the payload")
    honest = base.presentation()
    texts = [
        *truncations(base.token()),
        *manglings(base),
        *manglings(swapped),
        escaped(unproven(swapped)).token(),
    ]
    _judge(trial, [replace(honest, token=text) for text in (*texts, *_elsewhere(base))])


def _elsewhere(base: Draft) -> Iterator[str]:
    """Yield tokens in which hints stand where they are none: nested, twice, misspelled, in a list."""
    for text in (
        '{"x":{"client_id":"no","azp":"no","aud":"no","kid":"no"}}',
        '{"x":{"client_id":"no","azp":"no","aud":"no"},"client_id":"yes","azp":"yes","aud":"yes"}',
        '{"Client_Id":"no","AZP":"no","Aud":"no","KID":"no","client-id":"no","cid":"no"}',
        '{"client_id":"first","client_id":"last","azp":"first","azp":"last","aud":"first","aud":"last"}',
        '{"\\u0063lient_id":"yes","\\u0061zp":"yes","\\u0061ud":"yes"}',
        '{"client_id":["no"],"azp":["no"],"aud":[["no"]]}',
        '{"client_id":{"client_id":"no"},"azp":{"azp":"no"},"aud":{"aud":"no"}}',
        '[{"client_id":"no","azp":"no","aud":"no"}]',
        '{"client_id ":"no"," azp":"no","aud\\u0000":"no"}',
        '{"azp":"no"}',
        '{"client_id":"no"}',
    ):
        yield unproven(replace(base, payload_json=text.encode())).token()
        yield unproven(replace(base, header_json=text.replace("{", '{"alg":"none","kid":"k",', 1).encode())).token()
        yield unproven(replace(base, header_json=(text[:-1] + ',"alg":"none","kid":"k"}').encode())).token()


@check("HINT-6")
def test_hints_are_bounded(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """Hints of up to 64 octets are whole, longer ones cut and marked, and what is no name is absent."""
    base = unproven(forge.base(mark.profile))
    values: tuple[object, ...] = (*EDGES, *LONG, *NO_NAMES, *_PREFIXES)
    grid = [Hints(value, "rp", "k1") for value in values] + [Hints("c1", "rp", value) for value in values]
    grid += [Hints("c1", value, "k1") for value in values if mark.profile is Profile.ID_TOKEN]
    _judge(trial, [labelled(base, hints).presentation() for hints in grid])


_PREFIXES = tuple(
    "a" * length + tail for length in range(60, 65) for tail in ("", "\u00e9", "\u65e5", "\U0001f511", "~")
)
"""Names around 64 octets, whose last character takes one to four of them."""


@check("HINT-7")
def test_id_token_hints_stand_in_their_places(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """`azp` is the client hint and `aud`, or its first element, stands in the metadata."""
    base = unproven(forge.base(mark.profile)).with_claims(client_id="not this one")
    audiences: tuple[object, ...] = (
        "rp-1",
        ["rp-1"],
        ["rp-1", "rp-2"],
        ["rp-2", "rp-1"],
        [],
        [7, "rp-1"],
        [None],
        [["rp-1"]],
        {"0": "rp-1"},
        ["", "rp-1"],
        MISSING,
        "",
        None,
        7,
        ["x" * 65, "rp-1"],
        ["anon"],
    )
    azps: tuple[object, ...] = ("rp-1", MISSING, None, "", ["rp-1"], "x" * 65)
    grid = [Hints(azp, aud, "k1") for azp in azps for aud in audiences]
    _judge(trial, [labelled(base, hints).presentation() for hints in grid])


@check("HINT-8", needs=(MAX_TOKEN,))
def test_oversized_token_has_no_hints(mark: CheckId, trial: Trial, forge: Forge) -> None:
    """A token of one octet over the declared cap has no hints; one of exactly the cap has them all."""
    cap = trial.declaration.max_token or 0
    base = unproven(forge.base(mark.profile))
    sized = [_sized(base, cap + more) for more in (0, 1, 2, 3, 1000)]
    presented = [replace(base.presentation(), token=token) for token in sized]
    _judge_answers(trial, list(zip(presented, trial.ask_all(presented), strict=True)))


def _sized(base: Draft, size: int) -> str:
    """Return the token with its signature lengthened to so many octets: its hints stand far before."""
    heads = (base.filled("x" * number).token().rsplit(".", 1)[0] for number in range(4))
    # A segment never has one character more than a multiple of four.
    head = next(head for head in heads if (size - len(head) - 1) % 4 != 1)
    return f"{head}.{'A' * (size - len(head) - 1)}"
