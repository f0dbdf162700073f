"""Token exchange: the form, the answer, and how often and how long a subject token mints."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from hypothesis import strategies as st

from bearerproof.catalogue import Measure
from bearerproof.decisions import Decision
from bearerproof.harness import Mark
from bearerproof.members import Json
from bearerproof.messages import Request
from bearerproof.trial import Trial
from bearerproof_fuzz import keys
from bearerproof_fuzz.checks import check, explore
from bearerproof_fuzz.forge import Draft
from bearerproof_fuzz.keyservers.setting import (
    ACCESS_TOKEN,
    DEFAULT,
    HOME,
    ID_TOKEN,
    OTHER,
    OTHER_PEER,
    PEER,
    TOKEN_EXCHANGE,
    rule,
)
from bearerproof_fuzz.keyservers.world import World

CONFIGURED = ("key_server:configure",)
TIMED = ("clock",)

_REFUSED_TARGET = {
    Measure.STRICT: ("invalid_target",),
    Measure.BASE: ("invalid_target", "invalid_request"),
}


# --- the form

_GRANT_TYPES = {
    "the authorization code": "authorization_code",
    "client credentials": "client_credentials",
    "a refresh token": "refresh_token",
    "the JWT bearer grant": "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "the last segment": "token-exchange",
    "upper case": TOKEN_EXCHANGE.upper(),
    "a capital U": "U" + TOKEN_EXCHANGE[1:],
    "a prefix": TOKEN_EXCHANGE[:-1],
    "an extension": TOKEN_EXCHANGE + "2",
    "a trailing slash": TOKEN_EXCHANGE + "/",
    "a leading blank": " " + TOKEN_EXCHANGE,
    "a trailing blank": TOKEN_EXCHANGE + " ",
    "a trailing newline": TOKEN_EXCHANGE + "\n",
    "a trailing NUL": TOKEN_EXCHANGE + "\0",
    "two of them": f"{TOKEN_EXCHANGE} refresh_token",
    "percent-encoding": TOKEN_EXCHANGE.replace(":", "%3A"),
    "a look-alike": TOKEN_EXCHANGE.replace("o", "о", 1),  # noqa: RUF001 - a Cyrillic o
    "a blank alone": " ",
}


@check("EXC-1")
def test_another_grant_type(mark: Mark, trial: Trial) -> None:
    """Every other grant type, and every other spelling of this one, is unsupported."""
    world = World(trial)
    world.issue()
    for name, grant_type in _GRANT_TYPES.items():
        decision = world.exchange(world.subject_token(), grant_type=grant_type)
        world.refused(decision, "unsupported_grant_type", f"the grant type is another one: {name}")
    world.issue()


@check("EXC-1")
def test_grant_type_of_another_case_or_length(mark: Mark, trial: Trial) -> None:
    """The grant type with any one character left out, doubled or in the other case is unsupported."""
    world = World(trial)
    world.issue()
    token = world.subject_token()
    for at, letter in enumerate(TOKEN_EXCHANGE):
        for put in {"", letter * 2, letter.swapcase()} - {letter}:
            text = TOKEN_EXCHANGE[:at] + put + TOKEN_EXCHANGE[at + 1 :]
            decision = world.exchange(token, grant_type=text)
            world.refused(decision, "unsupported_grant_type", f"the grant type is {text}")


@check("EXC-1")
def test_no_grant_type(mark: Mark, trial: Trial) -> None:
    """A missing or empty grant type makes the request invalid."""
    world = World(trial)
    world.issue()
    for grant_type in (None, ""):
        decision = world.exchange(world.subject_token(), grant_type=grant_type)
        world.refused(decision, "invalid_request", f"the grant type is {'missing' if grant_type is None else 'empty'}")
    world.issue()


@check("EXC-2")
def test_no_subject_token(mark: Mark, trial: Trial) -> None:
    """A missing or empty subject token makes the request invalid."""
    world = World(trial)
    world.issue()
    form = _form(world)[:1] + _form(world)[2:]
    for name, pairs in {"missing": form, "empty": [*form, ("subject_token", "")]}.items():
        world.refused(world.exchange_form(pairs), "invalid_request", f"the subject token is {name}")
    world.refused(world.exchange_form([]), "invalid_request", "the form is empty")
    world.issue()


@check("EXC-2")
def test_two_subject_tokens(mark: Mark, trial: Trial) -> None:
    """Two subject tokens make the request invalid, whichever of them is good and wherever they stand."""
    world = World(trial)
    world.issue()
    for name, other in {"another good one": world.subject_token("bob"), "a bad one": "e30.e30.", "a text": "x"}.items():
        form = _form(world)
        extra = ("subject_token", other)
        for place, pairs in {"first": [extra, *form], "last": [*form, extra]}.items():
            world.refused(world.exchange_form(pairs), "invalid_request", f"two subject tokens, {name} {place}")
    same = _form(world)
    world.refused(world.exchange_form([*same, same[1]]), "invalid_request", "the same subject token twice")
    world.issue()


@check("EXC-2")
def test_a_parameter_twice(mark: Mark, trial: Trial) -> None:
    """A parameter given twice makes the request invalid, be the values equal or not."""
    world = World(trial)
    world.issue()
    twice: dict[str, tuple[str, str]] = {
        "grant_type": (TOKEN_EXCHANGE, "refresh_token"),
        "subject_token_type": (ID_TOKEN, ACCESS_TOKEN),
        "scope": ("backends:a tools:x", "backends:b tools:y"),
        "requested_token_type": (ACCESS_TOKEN, ID_TOKEN),
    }
    if trial.measure is Measure.STRICT:
        twice["unheard_of"] = ("1", "2")
    for name, (good, other) in twice.items():
        rest = [pair for pair in _form(world) if pair[0] != name]
        for values in ((good, good), (good, other), (other, good)):
            pairs = [(name, values[0]), *rest, (name, values[1])]
            world.refused(world.exchange_form(pairs), "invalid_request", f"{name} is given twice: {', '.join(values)}")
    world.issue()


@check("EXC-3")
def test_no_subject_token_type(mark: Mark, trial: Trial) -> None:
    """A missing or empty type of the subject token makes the request invalid."""
    world = World(trial)
    world.issue()
    for given in (None, ""):
        decision = world.exchange(world.subject_token(), subject_token_type=given)
        world.refused(decision, "invalid_request", f"the type is {'missing' if given is None else 'empty'}")
    world.issue()


_TYPE = "urn:ietf:params:oauth:token-type:"
_TYPES = {
    "an access token": ACCESS_TOKEN,
    "a refresh token": _TYPE + "refresh_token",
    "SAML 1.1": _TYPE + "saml1",
    "SAML 2.0": _TYPE + "saml2",
    "nobody's": "urn:example:token-type:unheard-of",
    "the last segment": "id_token",
    "upper case": ID_TOKEN.upper(),
    "a prefix": ID_TOKEN[:-1],
    "an extension": ID_TOKEN + "_hint",
    "a trailing blank": ID_TOKEN + " ",
    "a list": f"{ID_TOKEN} {ACCESS_TOKEN}",
}


@check("EXC-3")
def test_another_subject_token_type(mark: Mark, trial: Trial) -> None:
    """A type that is not supported makes the request invalid though the token is good."""
    world = World(trial)
    world.issue()
    any_jwt = {"any JWT": _TYPE + "jwt"} if trial.measure is Measure.STRICT else {}
    for name, given in {**_TYPES, **any_jwt}.items():
        decision = world.exchange(world.subject_token(), subject_token_type=given)
        world.refused(decision, "invalid_request", f"the subject token is said to be {name}")
    world.issue()


@check("EXC-4")
def test_target_of_another_kind(mark: Mark, trial: Trial) -> None:
    """A target that is not supported is refused, once or several times, and not ignored."""
    world = World(trial)
    world.issue()
    targets: Sequence[Sequence[tuple[str, str]]] = [
        [("resource", "https://backend.example/api")],
        [("resource", "urn:example:backend")],
        [("audience", "another-service")],
        [("audience", "https://backend.example")],
        [("audience", "another-service"), ("resource", "https://backend.example/api")],
        [("resource", "https://backend.example/api"), ("resource", "https://backend.example/other")],
        [("audience", "another-service"), ("audience", "a-third-one")],
    ]
    for target in targets:
        decision = world.exchange_form([*_form(world), *target])
        named = " and ".join(f"{name}={value}" for name, value in target)
        world.refused(decision, _REFUSED_TARGET[trial.measure], f"the target is {named}")
    world.issue()


@check("EXC-4")
def test_requested_token_type_that_is_not_issued(mark: Mark, trial: Trial) -> None:
    """A requested type that is not supported is refused, and the one that is issued may be asked for."""
    world = World(trial)
    asked = world.exchange(world.subject_token(), requested_token_type=ACCESS_TOKEN)
    world.good(asked, "the type that is issued is asked for by name")
    for name in ("jwt", "id_token", "refresh_token", "saml1", "saml2", "unheard-of", "ACCESS_TOKEN", "access_token2"):
        decision = world.exchange(world.subject_token(), requested_token_type=_TYPE + name)
        world.refused(decision, "invalid_request", f"the requested type is {name}")
    world.issue()


@check("EXC-4")
def test_actor_token(mark: Mark, trial: Trial) -> None:
    """An actor token is refused, good or bad, with its type or without."""
    world = World(trial)
    world.issue()
    typed = [("actor_token_type", ID_TOKEN)]
    for name, actor in {"a good one": world.subject_token("bob"), "a bad one": "e30.e30."}.items():
        for how, more in {"with its type": typed, "without a type": []}.items():
            decision = world.exchange_form([*_form(world), ("actor_token", actor), *more])
            world.refused(decision, "invalid_request", f"there is an actor token, {name}, {how}")
    world.refused(world.exchange_form([*_form(world), *typed]), "invalid_request", "the type of an actor token alone")
    world.issue()


@check("EXC-4")
def test_parameter_that_nobody_knows(mark: Mark, trial: Trial) -> None:
    """Parameters that no specification defines change nothing."""
    world = World(trial)
    for name in ("unheard_of", "x-trace", "Audience", "SCOPE", "subject_token_"):
        decision = world.exchange_form([*_form(world), (name, "1")])
        world.good(decision, f"there is a parameter that nobody knows: {name}")
    known = world.exchange_form([*_form(world), ("audience", "1")])
    world.refused(known, _REFUSED_TARGET[trial.measure], "one of those parameters under the name that is known")


# --- the answer


@check("EXC-5")
def test_members_of_the_answer(mark: Mark, trial: Trial) -> None:
    """The answer names what was issued, of which type, how to present it, and for how long it is good."""
    world = World(trial)
    decision = world.issue().decision
    members = decision.members
    due = {"issued_token_type": ACCESS_TOKEN, "token_type": "bearer"}
    for name, value in due.items():
        got = str(members.get(name))
        if (got.lower() if name == "token_type" else got) != value:
            world.fail(f"{name} is not that of a bearer access token", value, got)
    _require_lifetime(world, decision)


@check("EXC-5", needs=CONFIGURED)
def test_lifetime_of_the_answer(mark: Mark, trial: Trial) -> None:
    """The answer tells the lifetime that is configured, in seconds."""
    for ttl in (1, 60, 599, 3600):
        world = World(trial, DEFAULT.but(ttl=ttl))
        _require_lifetime(world, world.issue().decision)


def _require_lifetime(world: World, decision: Decision) -> None:
    told = decision.members.get("expires_in")
    if told is None and world.trial.measure is Measure.BASE:
        return
    if told != world.setting.ttl:
        world.fail("expires_in is not the lifetime of the token", str(world.setting.ttl), str(told))


@check("EXC-5", needs=CONFIGURED)
def test_scope_where_it_differs(mark: Mark, trial: Trial) -> None:
    """The answer tells the scope where it is not the one that was asked for."""
    world = World(trial, DEFAULT.but(policies=(rule(HOME, backends=("a", "b*"), tools=("x",)),), cap=20))
    asked = ["backends:a,c tools:x", "backends:* tools:x", "backends:a tools:*", "backends:a", "tools:x,y"]
    if trial.measure is Measure.STRICT:
        asked.append("")  # RFC 8693 compares with what was requested, and here nothing was
    for scope in asked:
        grant = world.issue(scope=scope or None)
        if not grant.scope or grant.scope == scope:
            world.fail(f"the scope is not told, though it is not what was asked: {scope!r}", "scope", grant.decision)
    exact = world.issue(scope="backends:a tools:x")
    if exact.scope and _words(exact.scope) != _words("backends:a tools:x"):
        world.fail("all that was asked is granted, and the scope says something else", "as asked", exact.scope)


def _words(scope: str) -> set[str]:
    return set(scope.split(" "))


# --- age and uses


@check("EXC-9", needs=TIMED)
def test_age_limit_to_the_second(mark: Mark, trial: Trial) -> None:
    """A subject token of exactly the maximum age is taken, and a moment later no more."""
    world = World(trial)
    for age, outcome in {0.0: True, 299.0: True, 300.0: True, 300.5: False, 301.0: False, 3600.0: False}.items():
        token = world.subject_token(f"user-{age:g}", iat=int(world.now), exp=int(world.now) + 86_400)
        world.wait(age)
        _expect_age(world, token, f"its iat is {age:g} s ago and 300 s are allowed", fits=outcome)


@check("EXC-9", needs=(*TIMED, *CONFIGURED))
def test_age_limit_as_configured(mark: Mark, trial: Trial) -> None:
    """The age limit is the one that is configured, and the leeway does not stretch it."""
    for max_age, leeway in ((1, 0), (60, 0), (86_400, 0), (60, 120)):
        world = World(trial, DEFAULT.but(max_age=max_age, leeway=leeway))
        told = f"{max_age} s are allowed, with a leeway of {leeway} s"
        for late, fits in ((0, True), (1, False)):
            token = world.subject_token(f"user-{late}", exp=int(world.now) + 10 * 86_400)
            world.wait(max_age + late)
            _expect_age(world, token, f"its iat is {max_age + late} s ago, {told}", fits=fits)


@check("EXC-9")
def test_age_counts_from_issue(mark: Mark, trial: Trial) -> None:
    """The age counts from `iat`, whatever the token says of its sign-in, of its beginning or of its end."""
    world = World(trial)
    world.issue()
    now = int(world.now)
    stale: dict[str, Json] = {
        "a fresh auth_time": {"iat": now - 301, "auth_time": now},
        "a fresh nbf": {"iat": now - 301, "nbf": now},
        "a fresh updated_at": {"iat": now - 301, "updated_at": now},
        "an end far ahead": {"iat": now - 301, "exp": now + 86_400},
        "an iat at the epoch": {"iat": 0},
        "an iat before the epoch": {"iat": -1},
        "no iat at all": {"iat": None},
        "no iat but a fresh nbf": {"iat": None, "nbf": now, "auth_time": now},
    }
    for name, claims in stale.items():
        decision = world.exchange(world.subject_token(**claims))
        world.refused(decision, "invalid_request", f"a subject token that is too old, with {name}")
    old_sign_in = world.exchange(world.subject_token("bob", auth_time=now - 86_400))
    world.good(old_sign_in, "a subject token of now, from a sign-in of yesterday")


def _expect_age(world: World, token: str, summary: str, *, fits: bool) -> None:
    decision = world.exchange(token)
    if fits:
        world.good(decision, f"a subject token is refused: {summary}")
    else:
        world.refused(decision, "invalid_request", f"a subject token is taken: {summary}")


USES = ("key_server:single_use",)
_WITH_AND_WITHOUT_JTI: tuple[Json, ...] = ({}, {"jti": None})
_ONCE = "a subject token that was used up mints another token"
_NOT_AGAIN = ("invalid_request", "temporarily_unavailable")
"""How a used token may be refused once clocks have stepped back: a server may find that it cannot know the time."""


@check("EXC-10", needs=USES)
def test_second_use(mark: Mark, trial: Trial) -> None:
    """A subject token mints once, with a `jti` and without, for another scope and from another peer."""
    for claims in _WITH_AND_WITHOUT_JTI:
        world = World(trial)
        token = world.subject_token(**claims)
        world.good(world.exchange(token), "an honest exchange is refused")
        world.refused(world.exchange(token), "invalid_request", _ONCE)
        world.refused(world.exchange(token, "backends:a tools:x"), "invalid_request", f"{_ONCE} of another scope")
        world.refused(world.exchange(token, peer=OTHER_PEER), "invalid_request", f"{_ONCE} from elsewhere")
        world.good(world.exchange(world.subject_token(**claims, nonce="n-2")), "another token of the same user")


@check("EXC-10", needs=(*USES, *CONFIGURED))
def test_stated_number_of_uses(mark: Mark, trial: Trial) -> None:
    """A subject token mints as many tokens as are stated."""
    for uses in (1, 2, 7):
        world = World(trial, DEFAULT.but(subject_token_uses=uses, cap=50))
        for claims in _WITH_AND_WITHOUT_JTI:
            token = world.subject_token(**claims)
            for number in range(uses):
                world.good(world.exchange(token), f"use {number + 1} of {uses}")
            for _ in range(2):
                world.refused(world.exchange(token), "invalid_request", _ONCE)


@check("EXC-10", needs=USES)
def test_other_spellings_of_a_used_token(mark: Mark, trial: Trial) -> None:
    """A subject token in another spelling is the one that was used."""
    for claims in _WITH_AND_WITHOUT_JTI:
        world = World(trial)
        draft = HOME.draft("alice", world.now, **{"jti": "id-1", **claims})
        world.good(world.exchange(draft.token()), "an honest exchange is refused")
        for name, spelled in _spellings(draft).items():
            world.refused(world.exchange(spelled), "invalid_request", f"{_ONCE}, spelled with {name}")


@check("EXC-10", needs=USES)
def test_used_jti_written_otherwise(mark: Mark, trial: Trial) -> None:
    """A `jti` that was used counts however the JSON around it is written."""
    world = World(trial)
    draft = HOME.draft("alice", world.now, jti="id-1")
    world.good(world.exchange(draft.token()), "an honest exchange is refused")
    raw = draft.payload_bytes()
    writings = {
        "an escape": raw.replace(b'"id-1"', b'"\\u0069d-1"'),
        "an escaped name": raw.replace(b'"jti"', b'"\\u006ati"'),
        "white space": raw.replace(b",", b" , "),
        "another end": draft.with_claims(exp=int(world.now) + 200).payload_bytes(),
    }
    for name, payload in writings.items():
        token = replace(draft, payload_json=payload).token()
        world.refused(world.exchange(token), "invalid_request", f"{_ONCE}, its jti written with {name}")


@check("EXC-10", needs=USES)
def test_uses_are_counted_by_issuer(mark: Mark, trial: Trial) -> None:
    """The same `jti` of another provider is another subject token."""
    world = World(trial)
    for provider in (HOME, OTHER):
        token = world.subject_token("alice", provider, jti="one-for-all")
        world.good(world.exchange(token), f"the first use at {provider.issuer}")
        world.refused(world.exchange(token), "invalid_request", _ONCE)


@check("EXC-10", needs=(*USES, *TIMED))
def test_use_is_remembered_to_the_last(mark: Mark, trial: Trial) -> None:
    """A use is remembered for as long as the subject token could be used, and after the wall clock stepped back."""
    world = World(trial)
    token = world.subject_token(exp=int(world.now) + 86_400)
    world.good(world.exchange(token), "an honest exchange is refused")
    for seconds in (1, 199, 99.5, 0.5):
        world.wait(seconds)
        world.refused(world.exchange(token), "invalid_request", f"{_ONCE}, {seconds:g} s after the last attempt")
    world.wait(1)
    world.issue("bob")
    world.step_wall_clock(-301)
    world.refused(world.exchange(token), _NOT_AGAIN, f"{_ONCE} after the wall clock stepped back")


@check("EXC-10", needs=(*USES, *TIMED, "key_server:reap"))
def test_reaping_forgets_no_use(mark: Mark, trial: Trial) -> None:
    """Cleaning up makes no used subject token good again, at the last second of its age or after a step back."""
    world = World(trial)
    token = world.subject_token(exp=int(world.now) + 86_400)
    world.good(world.exchange(token), "an honest exchange is refused")
    for wait in (0, 300):
        world.wait(wait)
        world.reap()
        world.refused(world.exchange(token), "invalid_request", f"{_ONCE} after cleaning up")
    world.wait(1)
    world.reap()
    world.step_wall_clock(-301)
    world.refused(world.exchange(token), _NOT_AGAIN, f"{_ONCE} after cleaning up and a step back")


@check("EXC-10", needs=(*USES, *TIMED, *CONFIGURED))
def test_use_is_remembered_with_a_leeway(mark: Mark, trial: Trial) -> None:
    """A subject token from a clock ahead is remembered for as long as it is young by that clock."""
    world = World(trial, DEFAULT.but(leeway=120, max_age=60, ttl=5, retention=0))
    token = world.subject_token(iat=int(world.now) + 120, exp=int(world.now) + 86_400)
    world.good(world.exchange(token), "an honest exchange is refused")
    for _ in range(9):
        world.wait(20)
        world.refused(world.exchange(token), "invalid_request", _ONCE)


@check("EXC-10", needs=(*USES, *CONFIGURED, "key_server:race"))
def test_uses_at_once(mark: Mark, trial: Trial) -> None:
    """However many exchanges of one subject token run at once, no more than the stated number mint."""
    for uses in (1, 3):
        world = World(trial, DEFAULT.but(subject_token_uses=uses, cap=100))
        for number in range(6):
            claims = {"jti": f"id-{number}"} if number % 2 else {"nonce": f"n-{number}"}
            draft = HOME.draft("alice", world.now, **claims)
            spelled = [draft.token(), *_good_spellings(draft).values()]
            _race(world, spelled * 4, uses)


def _race(world: World, tokens: Sequence[str], uses: int) -> None:
    requests: list[Request] = [
        {"op": "exchange", "peer": PEER, "form": [["grant_type", TOKEN_EXCHANGE], ["subject_token", token],
                                                  ["subject_token_type", ID_TOKEN]]}
        for token in tokens
    ]  # fmt: skip
    decisions = world.race(requests)
    minted = sum(decision.good for decision in decisions)
    if minted != uses:
        what = f"{len(tokens)} exchanges of one subject token at once mint {'more' if minted > uses else 'fewer'}"
        world.fail(f"{what} tokens than are stated", str(uses), f"{minted if minted < uses else 'more'}")
    for decision in decisions:
        if not decision.good:
            world.refused(decision, "invalid_request", "an exchange that came too late")


def _good_spellings(draft: Draft) -> Mapping[str, str]:
    """Return spellings that every verifier takes: of an ECDSA signature, n - s is as good as s (RFC 7518 §3.4)."""
    order = keys.GROUP_ORDER[draft.key.material]

    def negate(signature: bytes) -> bytes:
        size = len(signature) // 2
        return signature[:size] + (order - int.from_bytes(signature[size:], "big")).to_bytes(size, "big")

    return {"the other s of the signature": draft.with_signature(negate).token()}


def _spellings(draft: Draft) -> Mapping[str, str]:
    """Return spellings that some verifier takes."""
    token = draft.token()
    return {
        **_good_spellings(draft),
        "padding": token + "==",
        "a trailing newline": token + "\n",
        "a leading blank": " " + token,
        "the scheme before it": "Bearer " + token,
        "unused bits": token[:-1] + chr(ord(token[-1]) + 1),
    }


# --- throttling

THROTTLED = ("clock", "key_server:configure", "key_server:throttle")


def _throttled(trial: Trial, number: int) -> World:
    throttle = {"admin_failures": 5, "exchanges_per_minute": number}
    return World(trial, DEFAULT.but(extra={"throttle": throttle}, cap=100, max_age=3600))


@check("EXC-17", needs=THROTTLED)
def test_exchanges_beyond_the_number(mark: Mark, trial: Trial) -> None:
    """A peer has its number of exchanges, not one more, and has them again a minute later."""
    for number in (1, 3):
        world = _throttled(trial, number)
        for _ in range(3):
            for _ in range(number):
                world.good(world.exchange(world.subject_token()), f"an exchange within {number} a minute")
            for _ in range(2):
                decision = world.exchange(world.subject_token())
                world.refused(decision, "rate_limited", f"an exchange beyond {number} a minute")
            world.wait(61)


@check("EXC-17", needs=THROTTLED)
def test_throttled_before_verification(mark: Mark, trial: Trial) -> None:
    """Exchanges that fail count as well, and beyond the number none is verified, nor used up if it is good."""
    world = _throttled(trial, 3)
    good = world.subject_token()
    for text in ("x", "e30.e30.", world.subject_token(aud="somebody-else")):
        world.refused(world.exchange(text), "invalid_request", "a bad subject token within the number")
    for text in ("x", world.subject_token(aud="somebody-else"), good, good):
        world.refused(world.exchange(text), "rate_limited", "an exchange beyond the number, after those that failed")
    world.good(world.exchange(good, peer=OTHER_PEER), "the subject token that was refused unseen")


@check("EXC-17", needs=THROTTLED)
def test_peers_do_not_share_a_number(mark: Mark, trial: Trial) -> None:
    """One peer that uses its number up takes nothing from the others."""
    world = _throttled(trial, 2)
    for _ in range(20):
        world.exchange("x")
    world.refused(world.exchange(world.subject_token()), "rate_limited", "the peer that asks too often")
    for peer in (OTHER_PEER, "192.0.2.8", "192.0.2.70", "2001:db8:1::1"):
        world.good(world.exchange(world.subject_token(), peer=peer), f"another peer: {peer}")


@check("EXC-17", needs=(*THROTTLED, "key_server:forwarded"))
def test_forwarded_header_gains_no_exchanges(mark: Mark, trial: Trial) -> None:
    """A stranger's word on where it comes from gives it no second number."""
    world = _throttled(trial, 2)
    for host in range(2):
        decision = world.exchange(world.subject_token(), forwarded=f"203.0.113.{host}")
        world.good(decision, "an exchange within the number")
    for host in range(2, 6):
        decision = world.exchange(world.subject_token(), forwarded=f"203.0.113.{host}")
        world.refused(decision, "rate_limited", "an exchange beyond the number under another forwarded address")


@check("EXC-17", needs=THROTTLED)
def test_no_throttle_is_none(mark: Mark, trial: Trial) -> None:
    """A number of 0 limits nobody."""
    world = _throttled(trial, 0)
    for _ in range(40):
        world.good(world.exchange(world.subject_token()), "an exchange where nothing is limited")


@check("EXC-17", needs=THROTTLED)
def test_wall_clock_gives_no_exchanges(mark: Mark, trial: Trial) -> None:
    """Steps of the wall clock give a peer no exchange and take none away."""

    def unmoved(number: int, steps: list[float]) -> None:
        world = _throttled(trial, number)
        for place in range(number + 3):
            world.step_wall_clock(steps[place % len(steps)])
            decision = world.exchange(world.subject_token())
            if place < number:
                world.good(decision, f"exchange {place + 1} of {number}")
            else:
                world.refused(decision, "rate_limited", f"an exchange beyond {number} after a step of the wall clock")

    for step in (61.0, -61.0, 3600.0):
        unmoved(2, [step])
    sizes = st.sampled_from((61.0, -61.0, 0.0, -7.5, 1000.0))
    explore(unmoved, st.integers(1, 4), st.lists(sizes, min_size=1, max_size=3), share=10)


def _form(world: World) -> list[tuple[str, str]]:
    """Return an honest form with a new subject token in second place."""
    return [
        ("grant_type", TOKEN_EXCHANGE),
        ("subject_token", world.subject_token()),
        ("subject_token_type", ID_TOKEN),
    ]
