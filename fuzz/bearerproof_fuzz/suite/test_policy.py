"""The policy: whom it grants anything, how much, and that a token is good for just that.

What is granted is found out by presenting the token for every name of a small universe; what is due comes from sets
of these names (``oracles.policy``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from bearerproof.decisions import Decision
from bearerproof.harness import Mark
from bearerproof.members import Json
from bearerproof.messages import Outcome
from bearerproof.trial import Trial
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyservers.setting import DEFAULT, HOME, OTHER, Provider, rule
from bearerproof_fuzz.keyservers.world import Grant, World
from bearerproof_fuzz.oracles import policy
from bearerproof_fuzz.oracles.policy import NAMES, PATTERNS, Asked, Sides

CONFIGURED = ("key_server:configure",)

_NO_POLICY = "invalid_request"
_INVALID_SCOPE = "invalid_scope"


def _ruled(trial: Trial, *rules: Json) -> World:
    """Return a server under these rules, with room for many tokens."""
    return World(trial, DEFAULT.but(policies=rules, cap=200))


def _enforced(world: World, grant: Grant) -> Sides:
    """Return what a token is good for, by presenting it for each name."""
    return _admitted(world, grant, "backend"), _admitted(world, grant, "tool")


def _admitted(world: World, grant: Grant, side: str) -> frozenset[str]:
    decisions = {name: world.authenticate(grant.bearer, **{side: name}) for name in NAMES}
    return frozenset(name for name, decision in decisions.items() if decision.good)


def _recorded(world: World, grant: Grant) -> Sides:
    """Return what the server says the token is good for when it admits it."""
    scopes: Json = world.admitted(grant).members["scopes"]  # type: ignore[assignment]
    return policy.denoted(scopes["backends"]), policy.denoted(scopes["tools"])


def _told(sides: Sides) -> str:
    backends, tools = (", ".join(sorted(names)) or "none" for names in sides)
    return f"backends {backends}; tools {tools}"


def _extent(one: Sides, other: Sides) -> bool:
    """Say whether the first is within the second."""
    return one[0] <= other[0] and one[1] <= other[1]


def _shown(ruled: Json, asked: Asked) -> str:
    allowed = ruled["grant"]
    return f"allowed {','.join(allowed['backends'])} and {','.join(allowed['tools'])}, asked {asked.scope!r}"


# --- draws

_SIDES = st.lists(st.sampled_from((*PATTERNS, "*")), min_size=1, max_size=3, unique=True).map(tuple)
_RULES = st.builds(lambda backends, tools: rule(backends=backends, tools=tools), _SIDES, _SIDES)
_ASKED = st.builds(Asked, st.none() | _SIDES, st.none() | _SIDES)


@dataclass(frozen=True)
class Example:
    """Something asked of a rule, as an example that says more than the drawn ones."""

    backends: tuple[str, ...]
    tools: tuple[str, ...]
    asked: Asked

    @property
    def rule(self) -> Json:
        """The rule, for everybody of the first provider."""
        return rule(backends=self.backends, tools=self.tools)


_DISJOINT = (
    Example(("a",), ("x",), Asked(("b",))),
    Example(("a",), ("a",), Asked(None, ("b",))),
    Example(("a", "ab"), ("a",), Asked(("b", "ba"), ("a",))),
    Example(("a",), ("a",), Asked(("a",), ("b",))),
    Example(("a",), ("a",), Asked(("b",), ("b",))),
    Example(("ab*",), ("a",), Asked(("a",))),
    Example(("a*",), ("*",), Asked(("b*",))),
    Example(("abc",), ("*",), Asked(("ab",))),
    Example(("ab",), ("*",), Asked(("abc*",))),
    Example(("A",), ("*",), Asked(("a",))),
    Example(("a.c",), ("*",), Asked(("abc",))),
    Example(("*",), ("a",), Asked(("*",), ("A*",))),
)
"""Requests of which one side has nothing in common with what is allowed."""

_OVERLAPPING = (
    Example(("a", "b"), ("a", "b"), Asked(("a", "z"), ("b", "z"))),
    Example(("a*",), ("b*",), Asked(("*",), ("*",))),
    Example(("ab*", "b"), ("*",), Asked(("a*",))),
    Example(("*",), ("*",), Asked(("ab*",), ("a",))),
    Example(("a*",), ("a*",), Asked(("ab*", "b*"), ("abc", "b"))),
    Example(("a",), ("a",), Asked(("a*",), ("*",))),
    Example(("a*", "abc"), ("a",), Asked(("abc",))),
    Example(("a.*",), ("*",), Asked(("*",))),
    Example(("*",), ("a", "b"), Asked()),
    Example(("a", "b"), ("*",), Asked(None, ("abd",))),
    Example(("a", "b"), ("*",), Asked(("b",), None)),
    Example(("ab", "a*"), ("z", "ab*"), Asked(("ab*", "z"), ("a*", "z*"))),
)
"""Requests that are granted in part."""


# --- how much is granted


def _grant(world: World, asked: Asked) -> tuple[Decision, Sides | None]:
    """Ask, and return the answer with what it turned out to grant; None where nothing was."""
    decision = world.exchange(world.subject_token(), asked.scope)
    if not decision.good:
        return decision, None
    return decision, _enforced(world, world.grant(decision))


def _what_is_due(world: World, ruled: Json, asked: Asked) -> tuple[Grant, Sides] | None:
    """Ask, and return the token with what it opens; None where nothing was granted, and nothing had to be.

    Raises:
        Untestable: something had to be, and nothing can be said of what it would have been.
    """
    decision, opened = _grant(world, asked)
    if opened is not None:
        return world.grant(decision), opened
    nothing = policy.granted(ruled, asked) is None
    world.require(nothing, f"{_shown(ruled, asked)}: it is refused", "granted", decision)
    return None


def _judge_all(judge: Callable[[Json, Asked], None], examples: Sequence[Example]) -> None:
    """Judge these requests of their rules, and drawn ones."""
    for example in examples:
        judge(example.rule, example.asked)
    explore(judge, _RULES, _ASKED, share=3)


@check("POL-5", needs=CONFIGURED)
def test_nothing_in_common(mark: Mark, trial: Trial) -> None:
    """A request that has nothing in common with the rule on one side is refused, and opens nothing."""
    for example in _DISJOINT:
        world = _ruled(trial, example.rule)
        world.issue()
        decision, opened = _grant(world, example.asked)
        shown = _shown(example.rule, example.asked)
        if opened is not None:
            world.fail(
                f"{shown}: nothing in common, and a token is issued", _INVALID_SCOPE, f"it opens {_told(opened)}"
            )
        world.refused(decision, _INVALID_SCOPE, f"{shown}: nothing in common")


@check("POL-5", needs=CONFIGURED)
def test_refused_if_and_only_if_empty(mark: Mark, trial: Trial) -> None:
    """Whatever the rule and the request, the answer is `invalid_scope` exactly when one side is left empty."""

    def decided(ruled: Json, requests: list[Asked]) -> None:
        world = _ruled(trial, ruled)
        for asked in requests:
            decision = world.exchange(world.subject_token(), asked.scope)
            if policy.granted(ruled, asked) is None:
                world.refused(decision, _INVALID_SCOPE, f"{_shown(ruled, asked)}: nothing in common on a side")
            else:
                world.good(decision, f"{_shown(ruled, asked)}: something in common on both sides")

    for example in (*_DISJOINT, *_OVERLAPPING):
        decided(example.rule, [example.asked])
    explore(decided, _RULES, st.lists(_ASKED, min_size=1, max_size=4), share=2)


@check("POL-3", needs=CONFIGURED)
def test_within_the_rule(mark: Mark, trial: Trial) -> None:
    """No request opens a name that the rule does not cover, nor is any recorded or answered."""

    def within(ruled: Json, asked: Asked) -> None:
        _opens_at_most(trial, ruled, asked, policy.rule_sides(ruled), "wider than the rule")

    _judge_all(within, (*_OVERLAPPING, *_DISJOINT))


@check("POL-4", needs=CONFIGURED)
def test_within_the_request(mark: Mark, trial: Trial) -> None:
    """No token opens a name that was not asked for on a side that was, and none of the rule is left out."""

    def within(ruled: Json, asked: Asked) -> None:
        _opens_at_most(trial, ruled, asked, policy.asked_sides(asked), "wider than asked")

    _judge_all(within, (*_OVERLAPPING, *_DISJOINT))


def _opens_at_most(trial: Trial, ruled: Json, asked: Asked, most: Sides, wider: str) -> None:
    """Ask, and require that neither what the token opens nor what is on record of it goes beyond this."""
    world = _ruled(trial, ruled)
    granted = _what_is_due(world, ruled, asked)
    if granted is None:
        return
    grant, opened = granted
    for what, sides in {"it opens": opened, "on record is": _recorded(world, grant)}.items():
        if not _extent(sides, most):
            world.fail(f"{_shown(ruled, asked)}: {wider}", f"within {_told(most)}", f"{what} {_told(sides)}")


@check("POL-4", needs=CONFIGURED)
def test_side_that_was_not_asked(mark: Mark, trial: Trial) -> None:
    """A side that a request does not mention stays what the rule allows."""
    ruled = rule(backends=("a*", "b"), tools=("ab", "z"))
    whole = policy.rule_sides(ruled)
    world = _ruled(trial, ruled)
    cases = {None: whole, "backends:ab": (frozenset({"ab"}), whole[1]), "tools:ab": (whole[0], frozenset({"ab"}))}
    for scope, due in cases.items():
        opened = _enforced(world, world.issue(scope=scope))
        if opened != due:
            world.fail(f"asked {scope!r} of {_told(whole)}", _told(due), _told(opened))


@check("POL-13", needs=CONFIGURED)
def test_asking_for_more(mark: Mark, trial: Trial) -> None:
    """A request with names from outside the rule added is granted nothing that it is not granted without them."""

    def gains_nothing(ruled: Json, asked: Asked, more: tuple[str, ...]) -> None:
        world = _ruled(trial, ruled)
        granted = _what_is_due(world, ruled, asked)
        if granted is None:
            return
        _, before = granted
        allowed = policy.rule_sides(ruled)
        world.require(_extent(before, allowed), f"{_shown(ruled, asked)}: more than all", _told(allowed), _told(before))
        for wider in _widened(asked, allowed, more):
            _, after = _grant(world, wider)
            if after is not None and not _extent(after, before):
                what = f"{_shown(ruled, wider)}: more than without the names from outside the rule ({asked.scope!r})"
                world.fail(what, f"within {_told(before)}", _told(after))

    outside = ("z", "b*", "9", "A*", "ab.c")
    for example in _OVERLAPPING:
        gains_nothing(example.rule, example.asked, outside)
    explore(gains_nothing, _RULES, _ASKED, _SIDES, share=5)


def _widened(asked: Asked, allowed: Sides, more: Sequence[str]) -> list[Asked]:
    """Return the request with names from outside what is allowed on one side, before and behind its own."""
    strange = [tuple(one for one in more if not policy.denoted([one]) & side) for side in allowed]
    backends, tools = (
        (
            ()
            if own is None
            else tuple(
                dict.fromkeys(both)
                for both in ((*own, *names), (*names, *own))
                if len(set(both)) == len(both) > len(own)
            )
        )
        for own, names in zip((asked.backends, asked.tools), strange, strict=True)
    )
    return [Asked(tuple(one), asked.tools) for one in backends] + [Asked(asked.backends, tuple(one)) for one in tools]


# --- what is enforced


@check("POL-8", needs=CONFIGURED)
def test_pattern_means_the_same_twice(mark: Mark, trial: Trial) -> None:
    """A pattern lets a name be asked for exactly if a token with the pattern is good for the name."""
    for pattern in (*PATTERNS, "*"):
        world = _ruled(trial, rule(backends=(pattern,), tools=(pattern,)))
        opened = _enforced(world, world.issue())
        for side, names in zip(("backends", "tools"), opened, strict=True):
            asked = {name: world.exchange(world.subject_token(), f"{side}:{name}").good for name in NAMES}
            granted = frozenset(name for name, given in asked.items() if given)
            due = policy.denoted([pattern])
            if not granted == names == due:
                got = f"asked for {sorted(granted)}, enforced {sorted(names)}"
                world.fail(f"{side} {pattern}: the names that it covers", str(sorted(due)), got)


_NO_NAMES = (
    "", "*", "a*", "b*", "a,b", "a b", " a", "a ", "a\n", "a\0", "/a", "a/", "b/", "../a", "b/../c", "b,c", "b\n",
    "b\u00e9", "\uff41", "A", "%61", "c",
)  # fmt: skip
"""Texts that are no names, and two names that are not granted."""


@check("POL-8", needs=CONFIGURED)
def test_what_is_no_name(mark: Mark, trial: Trial) -> None:
    """A pattern, a list or a path in the place of a name is covered by nothing but, at most, the pattern for all."""
    world = _ruled(trial, rule(backends=("a", "b*"), tools=("a", "b*")))
    grant = world.issue()
    world.admitted(grant, "a", "ba")
    for name in _NO_NAMES:
        for wanted in ((name, None), (None, name), ("a", name), (name, "a")):
            decision = world.authenticate(grant.bearer, *wanted)
            if decision.outcome is not Outcome.REJECTED or decision.code != "insufficient-scope":
                world.fail(f"wanted {wanted}, granted a and b*", "insufficient-scope", decision)
    world.admitted(grant, "ba", "a")


@check("POL-8", needs=CONFIGURED)
def test_enforced_as_granted(mark: Mark, trial: Trial) -> None:
    """Whatever the rule and the request, a token is good for exactly the names that both cover."""

    def exact(ruled: Json, asked: Asked) -> None:
        due = policy.granted(ruled, asked)
        if due is None:
            return
        world = _ruled(trial, ruled)
        grant = world.issue(scope=asked.scope)
        opened = _enforced(world, grant)
        if opened != due:
            world.fail(_shown(ruled, asked), _told(due), _told(opened))
        for backend, tool in (("a", "a"), ("ab", "abc"), ("z", "a")):
            both = world.authenticate(grant.bearer, backend, tool).good
            if both != (backend in due[0] and tool in due[1]):
                world.fail(f"{_shown(ruled, asked)}: backend {backend} with tool {tool}", _told(due), str(both))

    _judge_all(exact, _OVERLAPPING)


@check("POL-9", needs=CONFIGURED)
def test_scope_of_the_answer(mark: Mark, trial: Trial) -> None:
    """The scope that is answered, read as scopes are, names exactly what the token is good for."""

    def truthful(ruled: Json, asked: Asked) -> None:
        world = _ruled(trial, ruled)
        granted = _what_is_due(world, ruled, asked)
        if granted is None:
            return
        grant, opened = granted
        if policy.answered(grant.scope) != opened:
            world.fail(f"{_shown(ruled, asked)}: the scope answered", f"that of {_told(opened)}", grant.scope or "none")
        if _recorded(world, grant) != opened:
            world.fail(f"{_shown(ruled, asked)}: the scopes told with a verdict", _told(opened), "others")

    _judge_all(truthful, _OVERLAPPING)


@check("POL-9")
def test_scope_of_the_answer_can_be_asked_for(mark: Mark, trial: Trial) -> None:
    """The scope that was answered, asked for in turn, is granted and answered again."""
    world = World(trial)
    for asked in (None, "backends:a tools:x", "backends:b*", "tools:x,y*"):
        first = world.issue(scope=asked)
        again = world.exchange(world.subject_token("bob"), first.scope)
        world.good(again, f"the scope that was answered is asked for: {first.scope!r}")
        if again.members.get("scope") != first.scope:
            world.fail("the same scope is answered in another way", first.scope, again)


@check("POL-14")
def test_narrow_and_wide_tokens(mark: Mark, trial: Trial) -> None:
    """A narrow token stays narrow when a wide one is issued beside it, and the wide one stays wide."""
    for order in ((0, 1), (1, 0)):
        world = World(trial)
        scopes = ["backends:a tools:x", None]
        grants = {number: world.issue(scope=scopes[number]) for number in order}
        for _ in range(2):
            world.good(world.authenticate(grants[0].bearer, "a", "x"), "the narrow token, for what it is")
            for wanted in (("b", "x"), ("a", "y"), ("b", None), (None, "y")):
                decision = world.authenticate(grants[0].bearer, *wanted)
                if decision.outcome is not Outcome.REJECTED:
                    world.fail(f"the narrow token is good for {wanted}", "insufficient-scope", decision)
                world.good(world.authenticate(grants[1].bearer, *wanted), f"the wide token, for {wanted}")


@check("POL-14", needs=CONFIGURED)
def test_tokens_keep_their_scopes(mark: Mark, trial: Trial) -> None:
    """However many tokens of however many identities are issued, each keeps the scope of its own issue."""

    def kept(requests: list[tuple[str, Asked]]) -> None:
        ruled = rule()
        world = _ruled(trial, ruled, rule(OTHER))
        issued = [(world.issue(subject, asked.scope), asked) for subject, asked in requests]
        for grant, asked in issued:
            for side, names in zip(("backend", "tool"), policy.asked_sides(asked), strict=True):
                for name in ("a", "abc", "b", "z"):
                    if world.authenticate(grant.bearer, **{side: name}).good != (name in names):
                        due = f"{side} {name} {'' if name in names else 'not '}admitted"
                        world.fail(f"the token of {asked.scope!r}, one of {len(issued)}", due, "otherwise")

    alike = [Asked(("a",), ("a",)), Asked(("a",), ("b",)), Asked(("a",)), Asked(("b",), ("a",)), Asked()]
    for subjects in (("alice",), ("alice", "bob")):
        kept([(subjects[number % len(subjects)], asked) for number, asked in enumerate(alike)])
    requests = st.tuples(st.sampled_from(("alice", "alice", "bob")), _ASKED)
    explore(kept, st.lists(requests, min_size=2, max_size=5), share=10)


# --- the text of a scope

_SCOPES = {
    "an unknown word": "admin",
    "an unknown word beside a good one": "backends:a admin",
    "an unknown word before a good one": "openid backends:a tools:x",
    "an unknown prefix": "servers:a tools:x",
    "a prefix in the singular": "backend:a",
    "a prefix in capitals": "Backends:a tools:x",
    "a prefix cut short": "backend tools:x",
    "a word without values": "backends",
    "a word without values beside a good one": "backends tools:x",
    "no value": "backends:",
    "no value beside a good word": "backends:a tools:",
    "no value on the first side": "backends: tools:x",
    "no prefix": ":a",
    "all without a side": "*",
    "an empty value at the end": "backends:a,",
    "an empty value at the beginning": "backends:,a",
    "an empty value inside": "backends:a,,b",
    "nothing but commas": "backends:,",
    "a word twice": "backends:a backends:a",
    "a side twice": "backends:a tools:x backends:b",
    "the other side twice": "tools:x tools:y",
    "a value twice": "backends:a,a",
    "a value twice, not side by side": "tools:x,y,x",
    "a blank": " ",
    "a leading blank": " backends:a",
    "a trailing blank": "backends:a ",
    "two blanks": "backends:a  tools:x",
    "a tab": "backends:a\ttools:x",
    "a newline": "backends:a\ntools:x",
    "a NUL": "backends:a\0",
    "a comma for the blank": "backends:a,tools:x",
    "a semicolon for the comma": "backends:a;b",
    "a plus for the blank": "backends:a+tools:x",
    "an equals sign for the colon": "backends=a",
    "quotes": 'backends:"a"',
    "brackets": "backends:[a]",
    "a star inside": "backends:a*b",
    "a star first": "backends:*a",
    "two stars": "backends:**",
    "a question mark": "backends:a?",
    "a slash": "backends:a/b",
    "a percent sign": "backends:%61",
    "a full-width letter": "backends:\uff41",
    "a letter beyond ASCII": "backends:é",
    "a soft hyphen": "backends:a\u00ad",
    "a negation": "backends:!a",
}


@check("POL-6")
def test_scope_that_means_nothing(mark: Mark, trial: Trial) -> None:
    """A scope that is not understood in every part is refused as a whole."""
    world = World(trial)
    world.issue(scope="backends:a tools:x")
    for name, scope in _SCOPES.items():
        decision = world.exchange(world.subject_token(), scope)
        world.refused(decision, _INVALID_SCOPE, f"a scope with {name}: {scope!r}")
    for scope in ("tools:x backends:a", "backends:a.b-c_9*,B tools:*"):
        world.good(world.exchange(world.subject_token(), scope), f"a scope that is understood: {scope!r}")


_NOT_ALL = ("all", "ALL", "any", "everything", ".", ".*", "_", "-", "-*", "0", "true", "null", "None")


@check("POL-7", needs=CONFIGURED)
def test_other_words_for_all(mark: Mark, trial: Trial) -> None:
    """In a rule or a request only the pattern for all is all: other words are names like any other."""
    for word in _NOT_ALL:
        world = _ruled(trial, rule(backends=(word,), tools=("a",)), rule())
        opened = _enforced(world, world.issue())
        due = policy.denoted([word]), policy.denoted(["a"])
        if opened != due:
            world.fail(f"a rule grants the backend {word}", _told(due), _told(opened))
    world = _ruled(trial, rule(backends=("a", "b"), tools=("*",)))
    world.issue()
    for word in _NOT_ALL:
        decision = world.exchange(world.subject_token(), f"backends:{word}")
        world.refused(decision, _INVALID_SCOPE, f"the backend {word} is asked for, which the rule does not name")
    everything = _enforced(world, world.issue(scope="tools:*"))[1]
    if everything != frozenset(NAMES):
        world.fail("all is asked for and allowed", "all", str(sorted(everything)))


# --- whom a rule is for

_STAFF: Json = {"groups": ["staff", "all"], "email": "alice@example.com", "email_verified": True}
_CRITERIA: dict[str, Json] = {
    "the group": {"group": "staff"},
    "the subject": {"subject": "alice"},
    "the address": {"email": "alice@example.com"},
    "the domain": {"domain": "example.com"},
}
_STRANGERS: dict[str, Json] = {
    "nothing of it": {"groups": None, "email": None, "email_verified": None},
    "another group": {"groups": ["staffing", "STAFF", "staf", "*", ""], "email": "bob@example.org"},
    "another domain": {"groups": [], "email": "bob@example.org"},
    "another address": {"groups": [], "email": "alice@example.com.example.org"},
}


@check("POL-1", needs=CONFIGURED)
def test_no_rule_matches(mark: Mark, trial: Trial) -> None:
    """An identity that no rule is for is refused, whatever scope it asks for and however many rules there are."""
    for name, match in _CRITERIA.items():
        world = _ruled(trial, rule(**match), rule(OTHER))
        world.issue(**_STAFF)
        for what, claims in _STRANGERS.items():
            for scope in (None, "backends:a tools:x", "backends:* tools:*"):
                decision = world.exchange(world.subject_token("mallory", **claims), scope)
                world.refused(decision, _NO_POLICY, f"a rule is for {name}; the identity has {what}, asks {scope!r}")


@check("POL-1", needs=CONFIGURED)
def test_criteria_hold_together(mark: Mark, trial: Trial) -> None:
    """A rule with several criteria is for those who meet all of them."""
    everything = {name: value for match in _CRITERIA.values() for name, value in match.items()}
    world = _ruled(trial, rule(**everything))
    world.issue(**_STAFF)
    lacking: dict[str, tuple[str, Json]] = {
        "the subject": ("bob", {}),
        "the group": ("alice", {"groups": ["all"]}),
        "the address": ("alice", {"email": "bob@example.com"}),
        "the domain": ("alice", {"email": "alice@example.org"}),
    }
    for name, (subject, claims) in lacking.items():
        decision = world.exchange(world.subject_token(subject, **{**_STAFF, **claims}))
        world.refused(decision, _NO_POLICY, f"all criteria of the rule are met but {name}")


@check("POL-1", needs=CONFIGURED)
def test_no_rules_at_all(mark: Mark, trial: Trial) -> None:
    """Where there are no rules for a provider nobody of it gets anything."""
    world = _ruled(trial, rule(HOME))
    world.issue()
    for provider_rules in ((rule(OTHER),), (rule(OTHER, group="staff"), rule(OTHER))):
        world = _ruled(trial, *provider_rules)
        world.issue(provider=OTHER)
        decision = world.exchange(world.subject_token())
        world.refused(decision, _NO_POLICY, "there is no rule for the provider")


@check("POL-2", needs=CONFIGURED)
def test_first_of_several_rules(mark: Mark, trial: Trial) -> None:
    """Of several rules that match the first decides: nothing of the others is added, nor do they step in."""
    narrow = rule(name="narrow", backends=("a",), tools=("a",), group="staff")
    middle = rule(name="middle", backends=("a", "b"), tools=("b",), subject="alice")
    wide = rule(name="wide")
    for rules in ((narrow, wide), (wide, narrow), (narrow, middle, wide), (middle, wide, narrow), (middle, narrow)):
        world = _ruled(trial, *rules)
        due = policy.rule_sides(rules[0])
        opened = _enforced(world, world.issue(**_STAFF))
        if opened != due:
            named = ", ".join(one["name"] for one in rules)
            world.fail(f"rules that all match, in this order: {named}", _told(due), _told(opened))
    world = _ruled(trial, narrow, wide)
    world.issue(**_STAFF)
    decision = world.exchange(world.subject_token(**_STAFF), "backends:b")
    world.refused(decision, _INVALID_SCOPE, "only the second rule that matches grants what is asked")


@check("POL-2", needs=CONFIGURED)
def test_rate_of_the_first_rule(mark: Mark, trial: Trial) -> None:
    """The rate limit is that of the rule that decides."""
    for rates in ((60, 0), (0, 60), (5, 600)):
        first, second = (rule(name=f"rule {number}", rate_limit=rate) for number, rate in enumerate(rates))
        world = _ruled(trial, first, second)
        scopes: Json = world.admitted(world.issue()).members["scopes"]  # type: ignore[assignment]
        if scopes.get("rate_limit") != rates[0]:
            world.fail(f"rules with the rate limits {rates}", str(rates[0]), str(scopes.get("rate_limit")))


_MATCHES: tuple[Json, ...] = (
    {}, {"group": "staff"}, {"group": "admins"}, {"subject": "alice"}, {"subject": "bob"}, {"domain": "example.com"},
    {"email": "bob@example.com"}, {"domain": "example.com", "group": "admins"}, {"domain": "Partner.example"},
)  # fmt: skip
_PEOPLE: tuple[tuple[str, Json], ...] = (
    ("alice", {"groups": ["staff"], "email": "alice@example.com"}),
    ("alice", {"groups": ["admins", "staff"], "email": "alice@EXAMPLE.com"}),
    ("bob", {"groups": [], "email": "bob@example.com"}),
    ("bob", {"groups": ["admins"], "email": "bob@example.com", "email_verified": False}),
    ("carol", {"groups": ["Staff"], "email": "carol@partner.example"}),
    ("carol", {"groups": None, "email": None, "email_verified": None}),
)  # fmt: skip


@check("POL-2", needs=CONFIGURED)
def test_any_rules_any_identity(mark: Mark, trial: Trial) -> None:
    """Whatever the rules and the identity, the first rule that matches decides, and without one nothing is granted."""

    def decided(matches: list[tuple[Provider, Json]], person: tuple[str, Json]) -> None:
        rules = [
            rule(provider, backends=(f"b{number}",), tools=("*",), name=f"rule {number}", **match)
            for number, (provider, match) in enumerate(matches)
        ]
        world = _ruled(trial, *rules)
        subject, claims = person
        known = {"email_verified": True, **{name: value for name, value in claims.items() if value is not None}}
        for provider in (HOME, OTHER):
            due = policy.first_match(rules, provider.issuer, subject, known)
            decision = world.exchange(world.subject_token(subject, provider, **claims))
            shown = f"{subject} of {provider.issuer} under {[one['match'] for one in rules]}"
            if due is None:
                world.refused(decision, _NO_POLICY, f"no rule matches {shown}")
                continue
            world.good(decision, f"{due['name']} matches {shown}")
            backends = world.admitted(world.grant(decision, subject, provider)).members["scopes"]["backends"]  # type: ignore[index]
            if backends != due["grant"]["backends"]:
                world.fail(f"another rule decides than the first: {shown}", due["name"], f"that of {backends}")

    matches = st.tuples(st.sampled_from((HOME, HOME, OTHER)), st.sampled_from(_MATCHES))
    explore(decided, st.lists(matches, min_size=1, max_size=4), st.sampled_from(_PEOPLE), share=2)


# --- e-mail

_ADDRESSES = {
    "two @": "alice@evil.example@example.com",
    "two @, ours first": "alice@example.com@evil.example",
    "two @ side by side": "alice@@example.com",
    "a quoted @": '"alice@evil.example"@example.com',
    "no @": "example.com",
    "no local part": "@example.com",
    "no domain": "alice@",
    "nothing": "",
    "a subdomain": "alice@sub.example.com",
    "a longer label": "alice@evilexample.com",
    "a domain before ours": "alice@evil.example-example.com",
    "a domain behind ours": "alice@example.com.evil.example",
    "a trailing dot": "alice@example.com.",
    "a leading dot": "alice@.example.com",
    "a trailing blank": "alice@example.com ",
    "a trailing newline": "alice@example.com\n",
    "a NUL behind it": "alice@example.com\0.evil.example",
    "the parent domain": "alice@com",
    "our domain in the local part": "example.com@evil.example",
    "a percent route": "alice%example.com@evil.example",
    "a Kelvin sign": "alice@examp\u212ae.com",
    "a dotless i": "alice@example.c\u0131m",
    "a full-width letter": "alice@\uff45xample.com",
    "a list": ["alice@example.com"],
    "an object": {"address": "alice@example.com"},
}
_UNVERIFIED: dict[str, object] = {
    "false": False, "missing": None, "the text true": "true", "the text True": "True", "one": 1, "the text 1": "1",
    "a list": [True], "an object": {"verified": True}, "an empty text": "",
}  # fmt: skip
_BY_ADDRESS: tuple[Json, ...] = ({"domain": "example.com"}, {"email": "alice@example.com"})


@check("POL-11", needs=CONFIGURED)
def test_unverified_address(mark: Mark, trial: Trial) -> None:
    """An address counts only if the provider says with the boolean true that it is verified."""
    for match in _BY_ADDRESS:
        world = _ruled(trial, rule(**match))
        world.issue()
        for name, said in _UNVERIFIED.items():
            decision = world.exchange(world.subject_token(email_verified=said))
            world.refused(decision, _NO_POLICY, f"a rule is for {match}, and email_verified is {name}")


@check("POL-11", needs=CONFIGURED)
def test_address_that_is_not_ours(mark: Mark, trial: Trial) -> None:
    """A domain is met by an address of one @ whose domain it is, not by one that looks like it."""
    for match in _BY_ADDRESS:
        world = _ruled(trial, rule(**match))
        world.issue()
        for name, address in _ADDRESSES.items():
            decision = world.exchange(world.subject_token(email=address))
            world.refused(decision, _NO_POLICY, f"a rule is for {match}, and the address has {name}")


@check("POL-11", needs=CONFIGURED)
def test_domain_in_any_case(mark: Mark, trial: Trial) -> None:
    """A domain is met in any case of its letters, on either side, and no letter beyond ASCII is folded into it."""
    for domain in ("example.com", "EXAMPLE.com", "Example.Com"):
        world = _ruled(trial, rule(domain=domain))
        for address in ("alice@example.com", "alice@EXAMPLE.COM", "alice@eXample.coM"):
            world.good(world.exchange(world.subject_token(email=address)), f"{address} under a rule for {domain}")
    world = _ruled(trial, rule(domain="kiosk.example"))
    world.issue(email="alice@KIOSK.example")
    for address in ("alice@\u212aiosk.example", "alice@kio\u017fk.example", "alice@k\u0130osk.example"):
        decision = world.exchange(world.subject_token(email=address))
        world.refused(decision, _NO_POLICY, f"a letter that folds into one of ours: {address!a}")


@check("POL-11", needs=CONFIGURED)
def test_unverified_address_falls_through(mark: Mark, trial: Trial) -> None:
    """Who has no verified address still gets what the rules give that do not ask for one."""
    narrow = rule(backends=("b",), tools=("b",), group="staff")
    world = _ruled(trial, rule(domain="example.com"), narrow)
    world.good(world.authenticate(world.issue().bearer, "z", "z"), "the rule for the domain, met")
    unproven: tuple[Json, ...] = ({"email_verified": False}, {"email": "alice@evil.example"}, {"email": None})
    for claims in unproven:
        opened = _enforced(world, world.issue(**claims))
        if opened != policy.rule_sides(narrow):
            world.fail(f"with {claims} the second rule decides", _told(policy.rule_sides(narrow)), _told(opened))


# --- issuers


@check("POL-12", needs=CONFIGURED)
def test_rule_of_another_issuer(mark: Mark, trial: Trial) -> None:
    """A rule is for nobody of another issuer, though everything else about them is the same."""
    for name, match in {**_CRITERIA, "everybody": Json()}.items():
        for mine, theirs in ((HOME, OTHER), (OTHER, HOME)):
            elsewhere = rule(theirs, group="nobody-at-all")
            for rules in ((rule(mine, **match), elsewhere), (elsewhere, rule(mine, **match))):
                world = _ruled(trial, *rules)
                world.issue(provider=mine, **_STAFF)
                decision = world.exchange(world.subject_token("alice", theirs, **_STAFF))
                world.refused(
                    decision, _NO_POLICY, f"a rule of {mine.issuer} for {name}, an identity of {theirs.issuer}"
                )


@check("POL-12", needs=CONFIGURED)
def test_each_issuer_its_rule(mark: Mark, trial: Trial) -> None:
    """Where two issuers have rules alike each identity is granted by that of its own."""
    rules = [
        rule(HOME, backends=("a",), tools=("a",), group="staff"),
        rule(OTHER, backends=("b",), tools=("b",), group="staff"),
    ]
    for ordered in (rules, rules[::-1]):
        world = _ruled(trial, *ordered)
        for provider, own in zip((HOME, OTHER), rules, strict=True):
            opened = _enforced(world, world.issue("alice", provider=provider, **_STAFF))
            if opened != policy.rule_sides(own):
                world.fail(f"the rule for {provider.issuer}", _told(policy.rule_sides(own)), _told(opened))
