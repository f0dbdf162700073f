"""A campaign on a resource server: tokens and the suite in turn, and what is found can be presented to it again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from ..conftest import CommandLine
from ..http.test_idp import free_ports
from . import servers
from .servers import Server
from .test_judging_by_url import profile


@pytest.mark.parametrize(("make", "requirement"), [(Server, None), (servers.NoneIsAnAlgorithm, "VER-12")])
def test_a_campaign_finds_what_is_wrong_with_a_running_server(
    make: Callable[[str], Server],
    requirement: str | None,
    bearerproof: CommandLine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GATEWAY_KEY", "gateway-key-of-the-test")
    issuer = f"http://127.0.0.1:{free_ports(1)[0]}/home"
    (tmp_path / "api.toml").write_text(profile(issuer))
    with servers.served(make, issuer) as url:
        running = ("--url", url, "--server-profile", tmp_path / "api.toml")
        ended = bearerproof("fuzz", *running, "--for", "10s", "--corpus", tmp_path / "c", "--json", tmp_path / "c.json")
        told = json.loads((tmp_path / "c.json").read_text())
        assert told["counts"]["tokens"] > 0, ended.out + ended.err
        found = [each for each in told["findings"] if each["requirement"] == requirement]
        assert bool(found) == bool(told["findings"]) == (requirement is not None)
        for each in found[:1]:
            again = bearerproof(*each["replay"].split()[1:])
            assert (again.code, "got accepted" in again.out) == (1, True), again.out + again.err
