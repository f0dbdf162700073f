"""Who is one client to a limit: how an address is read, in all the ways in which one can be written."""

from collections.abc import Iterable, Mapping

from bearerproof.judging.harness import CheckId
from bearerproof.judging.trial import Trial
from bearerproof_fuzz.checks import check
from bearerproof_fuzz.keyserver.driver import KeyServerDriver
from bearerproof_fuzz.keyserver.revocation_asserts import NOBODYS_JTI
from bearerproof_fuzz.keyserver.setting import PROXY
from bearerproof_fuzz.needs import CONFIGURE, FORWARDED, THROTTLE

_GUESSES = 30

_ONE_CLIENT: Mapping[str, tuple[str, ...]] = {
    "the addresses of one /64": tuple(f"2001:db8:1:2::{host:x}" for host in range(1, 31)),
    "the addresses of one /64, far apart": tuple(f"2001:db8:1:2:{host * 2111:x}::{host:x}" for host in range(30)),
    "spellings of one address": (
        "2001:db8:1:2::1",
        "2001:DB8:1:2::1",
        "2001:0db8:0001:0002:0000:0000:0000:0001",
        "2001:db8:1:2:0:0:0:1",
        "2001:Db8:01:02::0.0.0.1",
    ),
    "an address and its IPv4-mapped forms": (
        "192.0.2.44",
        "::ffff:192.0.2.44",
        "::FFFF:192.0.2.44",
        "::ffff:c000:22c",
        "0:0:0:0:0:ffff:c000:22c",
    ),
    "a link-local address and its zones": ("fe80::1", "fe80::1%eth0", "fe80::1%1", "fe80::1%eth0.100"),
    "the /64s that 6to4 gives one host": tuple(f"2002:c000:22c:{net:x}::1" for net in range(30)),
}

_TWO_CLIENTS: Mapping[str, tuple[str, str]] = {
    "another /64": ("2001:db8:1:2::1", "2001:db8:1:3::1"),
    "a /64 that differs in its first bits": ("2001:db8:1:2::1", "2001:db9:1:2::1"),
    "a neighbour of IPv4": ("192.0.2.44", "192.0.2.45"),
    "an IPv4-mapped neighbour": ("::ffff:192.0.2.44", "::ffff:192.0.2.45"),
    "a neighbour behind NAT64": ("64:ff9b::192.0.2.44", "64:ff9b::192.0.2.45"),
    "a neighbour of 6to4": ("2002:c000:22c::1", "2002:c000:22d::1"),
}


def _judged(server: KeyServerDriver, peers: Iterable[str]) -> int:
    """Guess at the admin secret from these peers in turn, and return how many guesses were judged."""
    places = list(peers)
    codes = [
        server.revoke(NOBODYS_JTI, admin=f"guess-{number}", peer=places[number % len(places)]).code
        for number in range(_GUESSES)
    ]
    return codes.count("unauthorized")


@check("LIM-15", needs=(THROTTLE, CONFIGURE))
def test_addresses_of_one_client(mark: CheckId, trial: Trial) -> None:
    """Under all the addresses that one host can have, and all their spellings, it guesses as often as under one."""
    for name, addresses in _ONE_CLIENT.items():
        server = KeyServerDriver(trial, own_peers=False)
        judged, most = _judged(server, addresses), server.setting.admin_failures
        if not 1 <= judged <= most:
            server.fail(f"the admin secret is guessed under {name}", f"from 1 to {most} judged", f"{judged}")


@check("LIM-15", needs=(THROTTLE, CONFIGURE))
def test_addresses_of_two_clients(mark: CheckId, trial: Trial) -> None:
    """However near two clients are, one that guesses too often does not keep out the other."""
    for name, (guesser, other) in _TWO_CLIENTS.items():
        server = KeyServerDriver(trial, own_peers=False)
        _judged(server, [guesser])
        decision = server.revoke(NOBODYS_JTI, peer=guesser)
        server.refused(decision, "rate_limited", f"{guesser} has guessed too often")
        decision = server.revoke(NOBODYS_JTI, peer=other)
        server.refused(decision, "not-active", f"{guesser} has guessed too often, and {name} knows the secret")


@check("LIM-15", needs=(THROTTLE, CONFIGURE, FORWARDED))
def test_forwarded_addresses_of_one_client(mark: CheckId, trial: Trial) -> None:
    """What a proxy adds to an address, such as the port of each connection, makes no other client of it."""
    written: Mapping[str, str] = {
        "ports": "203.0.113.5:{}",
        "ports of IPv6": "[2001:db8::1]:{}",
        "hosts of one /64": "2001:db8:1:2::{:x}",
        "zones": "fe80::1%eth{}",
        "mapped forms": "::ffff:203.0.113.5%{}",
    }
    for name, form in written.items():
        server = KeyServerDriver(trial, own_peers=False)
        codes = [
            server.revoke(NOBODYS_JTI, admin=f"guess-{at}", peer=PROXY, forwarded=form.format(40_000 + at)).code
            for at in range(_GUESSES)
        ]
        judged, most = codes.count("unauthorized"), server.setting.admin_failures
        if not 1 <= judged <= most:
            summary = f"one client guesses behind a proxy that tells its {name}"
            server.fail(summary, f"from 1 to {most} judged", f"{judged}")
