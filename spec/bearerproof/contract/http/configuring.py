"""Putting a configuration into a running server: a program of whoever runs it does that, asked by a line of JSON.

What it prints is one line of JSON, and what is wrong with it is told with the end of its standard error: nothing can
be judged of a server whose configuration is not known.
"""

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO

from bearerproof import members
from bearerproof.contract.declaration import FixedConfig
from bearerproof.contract.http.profile import Configure, ServerProfile
from bearerproof.contract.http.provider import Documents, RunningProvider
from bearerproof.exceptions import AdapterFault
from bearerproof.members import Json
from bearerproof.visible import visible

_LINES = 20
"""Lines of a program's standard error that are shown."""

_LONGEST_ANSWER = 64 * 1024
_LOOK_AGAIN = 0.01
"""Seconds between two looks at whether a server answers."""

_ANSWERS = ("configured", "restarted", "skipped")


class Configurator:
    """Has a program put a server under one configuration after another.

    ``ready`` says whether the server answers by now; ``served`` are the documents of issuers whose keys are ours.
    """

    def __init__(
        self, profile: ServerProfile, configure: Configure, url: str, provider: RunningProvider | None
    ) -> None:
        self._profile, self._configure, self._provider = profile, configure, provider
        self.url = url
        self.runs = 0
        self.seconds = 0.0
        self._last: Json | None = None

    def configure(self, request: Json, ready: Callable[[float], bool]) -> Json:
        """Put the server under the configuration of a request; return the answer of the contract.

        Raises:
            AdapterFault: the program failed, said what it must not, or nothing answers afterwards.
        """
        wanted = request["key_server"]
        if (lack := self._not_honoured(wanted)) is not None:
            return {"skipped": lack}
        self._last = {**request, "key_server": self._known_to_trust(wanted), "server": self._server(wanted)}
        return self._run(self._configure.command, self._last, ready, "configured")

    def restart(self, request: Json, ready: Callable[[float], bool]) -> Json:
        """Have the server crash and begin again, under the same configuration."""
        if self._last is None:
            return {"skipped": "nothing is configured yet"}
        return self._run(self._configure.restart, {**self._last, **request}, ready, "restarted")

    def again(self, ready: Callable[[float], bool]) -> None:
        """Put the server under the last configuration once more, after it died."""
        if self._last is not None:
            self._run(self._configure.command, self._last, ready, "configured")

    def stop(self) -> None:
        """Have the server end, if there is a program for that; what it says is nobody's matter any more."""
        if self._configure.stop and self._last is not None:
            with suppress(AdapterFault):
                self._output(self._configure.stop, self._last)

    def _run(self, command: Sequence[str], request: Json, ready: Callable[[float], bool], word: str) -> Json:
        begun = time.monotonic()
        answer, stderr = self._output(command, request)
        said = self._read(command, answer, stderr, word)
        if said.get(word) is True:
            self.url = said.pop("url", self.url)
            self._await(command, ready, begun + self._configure.timeout, stderr)
        self.runs += 1
        self.seconds += time.monotonic() - begun
        return said

    def _read(self, command: Sequence[str], answer: str, stderr: str, word: str) -> Json:
        """Read what a program said in answer.

        Raises:
            AdapterFault: it is no answer.
        """
        try:
            said = json.loads(answer)
        except (ValueError, RecursionError):
            said = None
        known = {word: bool, "skipped": str, "url": str}
        sound = isinstance(said, dict) and all(
            name in known and isinstance(value, known[name]) for name, value in said.items()
        )
        if not sound or len({*said} & {*_ANSWERS}) != 1:
            due = f'{{"{word}": true}}, {{"{word}": false}} or {{"skipped": "why"}}'
            raise self._fault(command, f"printed {members.brief(answer[:200])}; due is one line: {due}", stderr)
        answered: Json = said
        return answered

    def _await(self, command: Sequence[str], ready: Callable[[float], bool], end: float, stderr: str) -> None:
        while not ready(max(_LOOK_AGAIN, end - time.monotonic())):
            if time.monotonic() >= end:
                raise self._fault(command, f"ended, and nothing answers at {self.url}{self._within()}", stderr)
            time.sleep(_LOOK_AGAIN)

    def _output(self, command: Sequence[str], request: Json) -> tuple[str, str]:
        """Run a program, the request on its standard input; return what it printed, and its standard error.

        A server that it started may hold its standard error open, so that this goes to a file, which needs no end.

        Raises:
            AdapterFault: it cannot be started, failed, or did not end in time.
        """
        line = json.dumps(request, separators=(",", ":")) + "\n"
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(  # noqa: S603 - whoever wrote the profile means this program
                    command,
                    cwd=self._profile.folder,
                    stdin=subprocess.PIPE,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            except OSError as error:
                raise self._fault(command, f"cannot be started: {error.strerror or error}", "") from None
            late = False
            try:
                _hand_over(process, line, self._configure.timeout)
            except subprocess.TimeoutExpired:
                late = True
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            stdout, stderr = _read_back(out), _read_back(err)
        if late:
            raise self._fault(command, f"did not end{self._within()}", stderr)
        if process.returncode != 0:
            raise self._fault(command, f"ended with exit code {process.returncode}", stderr)
        return stdout, stderr

    def _fault(self, command: Sequence[str], what: str, stderr: str) -> AdapterFault:
        """Return a fault of a program, with the end of its standard error, escaped and without what is secret."""
        secrets = {self._profile.setting.admin_secret, *_texts_of(self._last, "admin_secret")} - {""}
        hidden = _without(stderr.splitlines()[-_LINES:], secrets)
        shown = "; ".join(visible(each[:300]) for each in hidden if each.strip())
        message = f"the program {visible(command[0])} of [configure] {what}"
        return AdapterFault(next(iter(_without([message], secrets))), stderr=shown)

    def _within(self) -> str:
        return f" within {self._configure.timeout:g} s"

    def _not_honoured(self, wanted: Json) -> str | None:
        """Say which member of a configuration the server cannot be told, where it differs from what it runs with."""
        honoured = self._configure.honours
        if honoured is None:
            return None
        usual = {**asdict(self._profile.setting), **_USUAL}
        others = [name for name, value in wanted.items() if name not in honoured and usual.get(name, value) != value]
        unknown = [name for name in wanted if name not in honoured and name not in usual and name not in _ALWAYS]
        lacking = [*others, *unknown]
        return f"the server profile does not say that {', '.join(lacking)} is honoured" if lacking else None

    def _known_to_trust(self, wanted: Json) -> Json:
        """Return the configuration with us among the proxies whose word is believed: we tell the peers of requests."""
        proxies = wanted.get("trusted_proxies")
        if self._profile.abilities.forwarded != "listed" or not isinstance(proxies, list):
            return wanted
        return {**wanted, "trusted_proxies": [*proxies, "127.0.0.1/32", "::1/128"]}

    def _server(self, wanted: Json) -> Json:
        """Return what the program is told besides the configuration: where everything is."""
        provider, audit = self._profile.identity_provider, self._profile.audit
        return {
            "url": self.url,
            "issuers": {
                issuer: {"discovery": documents.discovery, "jwks_uri": documents.jwks_uri}
                for issuer, documents in self._documents(wanted)
            },
            "certificate": None if provider is None else _path(provider.certificate),
            "audit_file": _path(audit.file),
            "clock_file": None if self._profile.clock is None else _path(self._profile.clock.file),
        }

    def _documents(self, wanted: Json) -> Iterator[tuple[str, Documents]]:
        """Serve the key set of each provider that the configuration names, and yield where it is to be had."""
        listed = wanted.get("providers")
        for each in listed if isinstance(listed, list) else ():
            issuer = each.get("issuer") if isinstance(each, dict) else None
            if self._provider is not None and isinstance(issuer, str):
                yield issuer, self._provider.serve(issuer, each.get("keys"), each.get("keys_url"))


_ALWAYS = frozenset({"providers", "policies", "admin_secret", "trusted_proxies"})
"""What no server can do without being told, and no value of which is the usual one."""

_USUAL: Mapping[str, object] = {"throttle": {"admin_failures": FixedConfig.admin_failures, "exchanges_per_minute": 0}}


def _hand_over(process: subprocess.Popen[bytes], line: str, seconds: float) -> None:
    """Write the line and wait for the end; a program that does not read what it is told is free to."""
    end = time.monotonic() + seconds
    with suppress(BrokenPipeError):
        process.communicate(line.encode(), timeout=seconds)
    process.wait(max(0.0, end - time.monotonic()))


def _read_back(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read(_LONGEST_ANSWER).decode("utf-8", "replace")


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path.absolute())


def _without(lines: Iterable[str], secrets: Iterable[str]) -> Iterator[str]:
    for line in lines:
        shown = line
        for secret in secrets:
            shown = shown.replace(secret, "…")
        yield shown


def _texts_of(request: Json | None, name: str) -> set[str]:
    value = None if request is None else request["key_server"].get(name)
    return {value} if isinstance(value, str) else set()
