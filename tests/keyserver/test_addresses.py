"""Addresses: nobody says for himself where he comes from."""

from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bearerproof_reference.keyserver.addresses import client_ip, source

TRUSTED = (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("192.0.2.1", None, "192.0.2.1"),
        ("192.0.2.1", "198.51.100.1", "192.0.2.1"),
        ("10.0.0.1", None, "10.0.0.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9, 198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "203.0.113.9,198.51.100.1 ,\t10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "198.51.100.1, nonsense", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1, nonsense, 10.0.0.2", "10.0.0.2"),
        ("10.0.0.1", "198.51.100.1:4711", "198.51.100.1"),
        ("10.0.0.1", "[2001:DB8::1]:4711 , 10.0.0.2:80", "2001:db8::1"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.1", "198.51.100.1:port", "10.0.0.1"),
        ("10.0.0.1", "[198.51.100.1]:80", "10.0.0.1"),
        ("10.0.0.1", "[2001:db8::1]80", "10.0.0.1"),
        ("10.0.0.1", "198.51.100.1\r\nX: y", "10.0.0.1"),
        ("fd00::1", "2001:DB8:0::1", "2001:db8::1"),
        ("::ffff:10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("::ffff:192.0.2.1", None, "192.0.2.1"),
        ("fe80::1%eth0", None, "fe80::1"),
        ("testclient", "198.51.100.1", None),
        ("", None, None),
        (None, "198.51.100.1", None),
    ],
)
def test_client(peer: str | None, forwarded: str | None, client: str | None) -> None:
    assert client_ip(peer, forwarded, TRUSTED) == client


@given(st.text(max_size=40), st.text("0123456789abcdef.:, %", max_size=40))
def test_a_stranger_changes_nothing_by_what_it_says(anything: str, likely: str) -> None:
    for forwarded in (anything, likely, f"{likely}, 10.0.0.1"):
        assert client_ip("192.0.2.1", forwarded, TRUSTED) == "192.0.2.1"
        assert client_ip("10.0.0.1", f"{forwarded},198.51.100.1", TRUSTED) == "198.51.100.1"


def test_source_is_what_one_host_cannot_change() -> None:
    assert source("192.0.2.1") == "192.0.2.1"
    assert source("2001:db8::1") == source("2001:db8::ffff:1") != source("2001:db8:0:1::1")
    assert source(None) == source(None)
