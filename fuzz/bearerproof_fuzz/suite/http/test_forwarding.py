"""Who a request over HTTP comes from: its peer, or whom a trusted proxy has seen."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver import wire
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.http_asserts import answered
from bearerproof_fuzz.keyserver.revocation_asserts import NOBODYS_JTI
from bearerproof_fuzz.keyserver.setting import DEFAULT, PEER, PROXY
from bearerproof_fuzz.keyserver.wire import ADMINISTRATOR, FORM, Fields, Reply
from bearerproof_fuzz.needs import FORWARDED, HTTP

_FORWARDING = (
    "X-Forwarded-For",
    "Forwarded",
    "X-Real-IP",
    "X-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "Client-IP",
    "X-Cluster-Client-IP",
    "X-Originating-IP",
    "Fastly-Client-IP",
    "X-Forwarded",
    "Forwarded-For",
    "X-Remote-Addr",
)

_SPOOFED = "203.0.113.77"

Asking = Callable[[KeyServerDriver, Fields, str], Reply]


def _exchanging(server: KeyServerDriver, fields: Fields, peer: str) -> Reply:
    return wire.exchange(server, wire.exchange_form(server), [("Content-Type", FORM), *fields], peer=peer)


def _failing_to_exchange(server: KeyServerDriver, fields: Fields, peer: str) -> Reply:
    return wire.exchange(server, (), [("Content-Type", FORM), *fields], peer=peer)


def _presenting(server: KeyServerDriver, fields: Fields, peer: str) -> Reply:
    return wire.resource(server, "Bearer x", fields=fields, peer=peer)


def _deleting(server: KeyServerDriver, fields: Fields, peer: str) -> Reply:
    return wire.delete(server, NOBODYS_JTI, ADMINISTRATOR, fields=fields, peer=peer)


_ASKED: Mapping[str, tuple[Asking, int]] = {
    "an exchange that is refused": (_failing_to_exchange, 400),
    "a bad bearer": (_presenting, 401),
    "a revocation of nothing": (_deleting, 404),
    "an exchange": (_exchanging, 200),
}
"""What leaves an event, each with its status; the last one takes a token."""


@check("HTTP-15", needs=(HTTP,))
def test_forwarded_by_strangers(mark: CheckId, trial: Trial) -> None:
    """Whatever forwarding fields a stranger sends, the address in the trail is the peer's."""
    declared = trial.declaration.key_server
    server = KeyServerDriver(trial, DEFAULT.but(cap=100))
    # Where we are a proxy that is trusted to tell the peer, other fields may tell it too, and are no stranger's.
    fields = _FORWARDING[:1] if declared.setting is not None and declared.forwarded else _FORWARDING
    for field in fields:
        value = f"for={_SPOOFED};by={PROXY}" if field == "Forwarded" else _SPOOFED
        for name, (ask, status) in _ASKED.items():
            if name == "an exchange" and _FORWARDING.index(field) >= server.setting.cap:
                continue  # which alice has no more room for
            reply = ask(server, [(field, value)], PEER)
            answered(server, reply, status, f"{name}, with {field} of a stranger")
            _judge_address(server, reply, {PEER}, f"{name}, with {field} of a stranger")


def _judge_address(server: KeyServerDriver, reply: Reply, expected: set[str], summary: str) -> None:
    found = [event.get("client_ip") for event in reply.decision.events]
    if len(found) != 1 or found[0] not in expected:
        reported = ", ".join(map(str, found)) or "no event"
        server.fail(summary, f"client_ip {' or '.join(sorted(expected))}", reported, reply.decision.events)


_MALFORMED = {
    "nothing": "",
    "a blank": " ",
    "commas": ",,,,",
    "a word": "unknown",
    "a name": "client.example",
    "a port": "203.0.113.5:8080",
    "a bracket too few": "[2001:db8::1",
    "brackets": "[2001:db8::1]",
    "brackets and a port": "[2001:db8::1]:443",
    "a number too large": "203.0.113.500",
    "a number too few": "203.0.113",
    "octal numbers": "0203.0.0113.05",
    "one number": "3405803781",
    "hexadecimal": "0xcb007105",
    "a zone": "fe80::1%25eth0",
    "a network": "203.0.113.0/24",
    "the other field's form": "for=203.0.113.5",
    "quotes": '"203.0.113.5"',
    "markup": "<script>",
    "SQL": "' OR 1=1 --",
    "JSON": '{"client_ip":"1.1.1.1"}',
    "octets beyond ASCII": "203.0.113.5\xe9",
    "an address of many": ", ".join(["203.0.113.5"] * 2000),
    "a long word": "a" * 20_000,
    "an empty item at the end": "203.0.113.5, ",
    "an empty item before it": ", 203.0.113.5",
}


_ROOM = 4096
"""Characters of a field that every server takes."""


@check("HTTP-15", needs=(HTTP, FORWARDED))
def test_malformed_field_of_a_proxy(mark: CheckId, trial: Trial) -> None:
    """A malformed field of a trusted proxy changes no answer, and an address stands in the trail."""
    for what in ("a bad bearer", "a revocation of nothing", "an exchange that is refused"):
        server = KeyServerDriver(trial)
        server.positive_control()
        ask, status = _ASKED[what]
        _judge_address(server, ask(server, [], PROXY), {PROXY}, f"{what} of a trusted proxy itself")
        at_once = trial.declaration.key_server.setting is None
        for name, value in _MALFORMED.items():
            if len(value) > _ROOM and not at_once:
                continue  # servers may refuse a field of this size before it is anything (RFC 6585 §5)
            reply = ask(server, [("X-Forwarded-For", value)], PROXY)
            summary = f"{what} of a trusted proxy, whose X-Forwarded-For is {name}"
            answered(server, reply, status, summary)
            _judge_some_address(server, reply, summary)


def _judge_some_address(server: KeyServerDriver, reply: Reply, summary: str) -> None:
    for event in reply.decision.events:
        try:
            ip_address(str(event.get("client_ip", PROXY)))
        except ValueError:
            server.fail(summary, "an address as client_ip", str(event.get("client_ip"))[:80], reply.decision.events)


_CHAINS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "one address": (("203.0.113.5",), "203.0.113.5"),
    "an address of IPv6": (("2001:db8::1",), "2001:db8::1"),
    "a made-up one before it": (("198.51.100.1, 203.0.113.5",), "203.0.113.5"),
    "a trusted one before it": ((f"{PROXY}, 203.0.113.5",), "203.0.113.5"),
    "a word before it": (("unknown, 203.0.113.5",), "203.0.113.5"),
    "a trusted one behind it": ((f"203.0.113.5, {PROXY}",), "203.0.113.5"),
    "made-up ones on a line before": (("198.51.100.1, 198.51.100.2", "203.0.113.5"), "203.0.113.5"),
}


@check("HTTP-15", needs=(HTTP, FORWARDED))
def test_address_that_a_proxy_saw(mark: CheckId, trial: Trial) -> None:
    """Behind a trusted proxy the last address that one of ours has seen counts, and none that the client adds."""
    server = KeyServerDriver(trial)
    server.positive_control()
    for name, (values, expected) in _CHAINS.items():
        fields = [("X-Forwarded-For", value) for value in values]
        for what in ("a bad bearer", "a revocation of nothing"):
            ask, status = _ASKED[what]
            reply = ask(server, fields, PROXY)
            answered(server, reply, status, f"{what} of a trusted proxy, with {name}")
            _judge_address(server, reply, {expected}, f"{what} of a trusted proxy, with {name}")
