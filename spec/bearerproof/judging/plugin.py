"""The pytest plugin: gives each check the implementation under test, and makes a record of how it ended.

Inert until ``--implementation`` or ``--bearerproof`` is given, so that it costs other test suites nothing.
"""

import shlex
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from bearerproof.judging.settings import RunConfig


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of ``pytest --pyargs bearerproof_fuzz.suite``."""
    group = parser.getgroup("bearerproof", "security conformance of a bearer-token implementation")
    group.addoption(
        "--implementation",
        metavar="NAME",
        help="an installed name (reference, pyjwt, …), python:module:factory, or a command in quotes: '-- ./adapter'",
    )
    group.addoption("--measure", choices=("base", "strict"), help="judge by the RFCs alone, or by every requirement")
    group.addoption("--depth", choices=("quick", "default"), default="default", help="how many examples a property")
    group.addoption("--bearerproof", metavar="JSON", help="all settings as one string; used by `bearerproof check`")


def pytest_configure(config: pytest.Config) -> None:
    """Start the implementation, unless nobody asked for one."""
    config.addinivalue_line("markers", "bearerproof(requirement, profile, name, ...): a check of the specification")
    settings = _settings(config)
    if settings is None:
        return
    if config.pluginmanager.has_plugin("bearerproof-harness"):
        return
    from bearerproof.exceptions import BearerproofError  # noqa: PLC0415 - keeps the plugin cheap while inert
    from bearerproof.judging.harness import Harness  # noqa: PLC0415

    try:
        config.pluginmanager.register(Harness(settings), "bearerproof-harness")
    except BearerproofError as error:
        raise pytest.UsageError(str(error)) from None


def _settings(config: pytest.Config) -> "RunConfig | None":
    packed, target = config.getoption("--bearerproof"), config.getoption("--implementation")
    if packed is None and target is None:
        return None
    from bearerproof.judging.settings import RunConfig  # noqa: PLC0415
    from bearerproof.specification.catalogue import Measure  # noqa: PLC0415

    if packed is not None:
        return RunConfig.from_option(packed)
    command = tuple(shlex.split(target.removeprefix("--"))) if target.startswith("--") else ()
    measure = config.getoption("--measure")
    return RunConfig(
        target="" if command else target,
        command=command,
        measure=None if measure is None else Measure(measure),
        depth=config.getoption("--depth"),
    )
