"""Scopes: a token is good for just what was granted, and a scope that is not understood is not granted."""

from hypothesis import strategies as st

from bearerproof.contract.messages import Outcome
from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof.members import Json
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.rules import (
    INVALID_SCOPE,
    OVERLAPPING,
    any_request,
    askable,
    describe_sides,
    enforced,
    judge_all,
    names,
    patterns,
    recorded,
    required_grant,
    stated,
    under,
)
from bearerproof_fuzz.keyserver.setting import OTHER, rule
from bearerproof_fuzz.needs import CONFIGURE
from bearerproof_fuzz.oracles import policy
from bearerproof_fuzz.oracles.policy import ScopeRequest

# --- what is enforced


@check("POL-8", needs=(CONFIGURE,))
def test_pattern_means_the_same_twice(mark: CheckId, trial: Trial) -> None:
    """A pattern lets a name be asked for exactly if a token with the pattern is good for the name."""
    for pattern in (*patterns(trial), "*"):
        server = under(trial, rule(backends=(pattern,), tools=(pattern,)))
        opened = enforced(server, server.issue())
        expected, _ = askable(server, (policy.denoted([pattern]), frozenset()))
        for side, enforced_names in zip(("backends", "tools"), opened, strict=True):
            asked = {name: server.exchange(server.subject_token(), f"{side}:{name}").good for name in names(trial)}
            granted = frozenset(name for name, given in asked.items() if given)
            if not granted == enforced_names == expected:
                got = f"asked for {sorted(granted)}, enforced {sorted(enforced_names)}"
                server.fail(f"{side} {pattern}: the names that it covers", str(sorted(expected)), got)


_NO_NAMES = (
    "",
    "*",
    "a*",
    "b*",
    "a,b",
    "a b",
    " a",
    "a ",
    "a\n",
    "a\0",
    "/a",
    "a/",
    "b/",
    "../a",
    "b/../c",
    "b,c",
    "b\n",
    "b\u00e9",
    "\uff41",
    "A",
    "%61",
    "c",
)
"""Texts that are no names, and two names that are not granted."""


@check("POL-8", needs=(CONFIGURE,))
def test_what_is_no_name(mark: CheckId, trial: Trial) -> None:
    """A pattern, a list or a path in the place of a name is covered by nothing but, at most, the pattern for all."""
    server = under(trial, rule(backends=("a", "b*"), tools=("a", "b*")))
    grant = server.issue()
    server.admitted(grant, "a", "ba")
    for name in _NO_NAMES:
        for wanted in ((name, None), (None, name), ("a", name), (name, "a")):
            decision = server.authenticate(grant.bearer, *wanted)
            if decision.outcome is not Outcome.REJECTED or decision.code != "insufficient-scope":
                server.fail(f"wanted {wanted}, granted a and b*", "insufficient-scope", decision)
    server.admitted(grant, "ba", "a")


@check("POL-8", needs=(CONFIGURE,))
def test_enforced_as_granted(mark: CheckId, trial: Trial) -> None:
    """Whatever the rule and the request, a token is good for exactly the names that both cover."""

    def exact(ruled: Json, asked: ScopeRequest) -> None:
        covered = policy.granted(ruled, asked)
        if covered is None:
            return
        server = under(trial, ruled)
        expected = askable(server, covered)
        grant = server.issue(scope=asked.scope)
        opened = enforced(server, grant)
        if opened != expected:
            server.fail(stated(ruled, asked), describe_sides(expected), describe_sides(opened))
        for backend, tool in (("a", "a"), ("ab", "abc"), ("z", "a")):
            both = server.authenticate(grant.bearer, backend, tool).good
            if both != (backend in expected[0] and tool in expected[1]):
                server.fail(
                    f"{stated(ruled, asked)}: backend {backend} with tool {tool}", describe_sides(expected), str(both)
                )

    judge_all(trial, exact, OVERLAPPING)


@check("POL-9", needs=(CONFIGURE,))
def test_scope_of_the_answer(mark: CheckId, trial: Trial) -> None:
    """The scope that is answered, read as scopes are, names exactly what the token is good for."""

    def truthful(ruled: Json, asked: ScopeRequest) -> None:
        server = under(trial, ruled)
        granted = required_grant(server, ruled, asked)
        if granted is None:
            return
        grant, opened = granted
        answered = policy.answered(grant.scope)
        if answered is None or askable(server, answered) != opened:
            server.fail(
                f"{stated(ruled, asked)}: the scope answered",
                f"that of {describe_sides(opened)}",
                grant.scope or "none",
            )
        if recorded(server, grant) != opened:
            server.fail(f"{stated(ruled, asked)}: the scopes told with a verdict", describe_sides(opened), "others")

    judge_all(trial, truthful, OVERLAPPING)


@check("POL-9")
def test_scope_of_the_answer_can_be_asked_for(mark: CheckId, trial: Trial) -> None:
    """The scope that was answered, asked for in turn, is granted and answered again."""
    server = KeyServerDriver(trial)
    for asked in (None, "backends:a tools:x", "backends:b*", "tools:x,y*"):
        first = server.issue(scope=asked)
        again = server.exchange(server.subject_token("bob"), first.scope)
        server.good(again, f"the scope that was answered is asked for: {first.scope!r}")
        if again.members.get("scope") != first.scope:
            server.fail("the same scope is answered in another way", first.scope, again)


@check("POL-14")
def test_narrow_and_wide_tokens(mark: CheckId, trial: Trial) -> None:
    """A narrow token stays narrow when a wide one is issued beside it, and the wide one stays wide."""
    for order in ((0, 1), (1, 0)):
        server = KeyServerDriver(trial)
        scopes = ["backends:a tools:x", None]
        grants = {number: server.issue(scope=scopes[number]) for number in order}
        for _ in range(2):
            server.good(server.authenticate(grants[0].bearer, "a", "x"), "the narrow token, for what it is")
            for wanted in (("b", "x"), ("a", "y"), ("b", None), (None, "y")):
                decision = server.authenticate(grants[0].bearer, *wanted)
                if decision.outcome is not Outcome.REJECTED:
                    server.fail(f"the narrow token is good for {wanted}", "insufficient-scope", decision)
                server.good(server.authenticate(grants[1].bearer, *wanted), f"the wide token, for {wanted}")


@check("POL-14", needs=(CONFIGURE,))
def test_tokens_keep_their_scopes(mark: CheckId, trial: Trial) -> None:
    """However many tokens of however many identities are issued, each keeps the scope of its own issue."""

    def kept(requests: list[tuple[str, ScopeRequest]]) -> None:
        ruled = rule()
        server = under(trial, ruled, rule(OTHER))
        issued = [(server.issue(subject, asked.scope), asked) for subject, asked in requests]
        for grant, asked in issued:
            for side, asked_names in zip(("backend", "tool"), policy.asked_sides(asked), strict=True):
                for name in ("a", "abc", "b", "z"):
                    if server.authenticate(grant.bearer, **{side: name}).good != (name in asked_names):
                        expected = f"{side} {name} {'' if name in asked_names else 'not '}admitted"
                        server.fail(f"the token of {asked.scope!r}, one of {len(issued)}", expected, "otherwise")

    alike = [
        ScopeRequest(("a",), ("a",)),
        ScopeRequest(("a",), ("b",)),
        ScopeRequest(("a",)),
        ScopeRequest(("b",), ("a",)),
        ScopeRequest(),
    ]
    for subjects in (("alice",), ("alice", "bob")):
        kept([(subjects[number % len(subjects)], asked) for number, asked in enumerate(alike)])
    requests = st.tuples(st.sampled_from(("alice", "alice", "bob")), any_request(trial))
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
def test_scope_that_means_nothing(mark: CheckId, trial: Trial) -> None:
    """A scope that is not understood in every part is refused as a whole."""
    server = KeyServerDriver(trial)
    server.issue(scope="backends:a tools:x")
    for name, scope in _SCOPES.items():
        decision = server.exchange(server.subject_token(), scope)
        server.refused(decision, INVALID_SCOPE, f"a scope with {name}: {scope!r}")
    is_name = trial.declaration.key_server.is_name
    rich = next(name for name in ("a.b-c_9", "ab-c_9", "ab-c", "ab_c", "abc") if is_name(name))
    for scope in ("tools:x backends:a", f"backends:{rich}*,{'B' if is_name('B') else 'b'} tools:*"):
        server.good(server.exchange(server.subject_token(), scope), f"a scope that is understood: {scope!r}")


_NOT_ALL = ("all", "ALL", "any", "everything", ".", ".*", "_", "-", "-*", "0", "true", "null", "None")


@check("POL-7", needs=(CONFIGURE,))
def test_other_words_for_all(mark: CheckId, trial: Trial) -> None:
    """In a rule or a request only the pattern for all is all: other words are names like any other."""
    for word in (word for word in _NOT_ALL if trial.declaration.key_server.is_name(word.removesuffix("*"))):
        server = under(trial, rule(backends=(word,), tools=("a",)), rule())
        opened = enforced(server, server.issue())
        expected = askable(server, (policy.denoted([word]), policy.denoted(["a"])))
        if opened != expected:
            server.fail(f"a rule grants the backend {word}", describe_sides(expected), describe_sides(opened))
    server = under(trial, rule(backends=("a", "b"), tools=("*",)))
    server.issue()
    for word in _NOT_ALL:
        decision = server.exchange(server.subject_token(), f"backends:{word}")
        server.refused(decision, INVALID_SCOPE, f"the backend {word} is asked for, which the rule does not name")
    everything = enforced(server, server.issue(scope="tools:*"))[1]
    if everything != frozenset(names(trial)):
        server.fail("all is asked for and allowed", "all", str(sorted(everything)))
