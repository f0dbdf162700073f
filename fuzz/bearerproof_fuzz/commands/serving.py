"""The command ``bearerproof serve``: the reference key server over HTTP."""

import logging
import math
from pathlib import Path
from typing import Annotated

import typer

from bearerproof.exceptions import BadInput

_SYNC = {"always": 0.0, "never": math.inf}


def serve(
    configuration: Annotated[Path, typer.Argument(metavar="CONFIG", help="The configuration: TOML, or JSON (.json).")],
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="The port; 0 is any free one.")] = 8080,
    allow_remote: Annotated[
        bool, typer.Option("--allow-remote", help="Listen at an address that other machines reach. There is no TLS.")
    ] = False,
    audit: Annotated[
        Path | None,
        typer.Option("--audit", help="Append the events to this file; without it they go to standard output."),
    ] = None,
    origin: Annotated[
        str | None,
        typer.Option("--origin", help="Name of this server in its events; otherwise host, process and a random part."),
    ] = None,
    fsync: Annotated[
        str, typer.Option("--fsync", help="When events of the file are on the disk: always, never, or within SECONDS.")
    ] = "always",
    chain_key: Annotated[
        list[Path] | None,
        typer.Option(
            "--chain-key",
            metavar="FILE",
            help="Chain the lines of the file and sign them with this key: an Ed25519 private key in PEM, or 32 random "
            "octets. Further ones signed earlier runs.",
        ),
    ] = None,
    audit_required: Annotated[
        bool, typer.Option("--audit-required", help="Issue and admit nothing whose event cannot be written.")
    ] = False,
    redis: Annotated[
        str | None,
        typer.Option(
            "--redis", envvar="BEARERPROOF_REDIS", help="URL of a shared token store; without it tokens are in memory."
        ),
    ] = None,
    redis_replicas: Annotated[
        int,
        typer.Option(
            "--redis-replicas", min=0, help="Replicas of the store that must have acknowledged what is answered."
        ),
    ] = 0,
    clock: Annotated[
        Path | None,
        typer.Option(
            "--clock",
            metavar="FILE",
            help="Read the time from this file, seconds since 1970 and, behind a blank, monotonic ones. For tests.",
        ),
    ] = None,
) -> int:
    """Run the reference key server: token exchange, a sample resource and revocation, with an audit trail.

    The admin secret comes from the environment variable that the configuration names in admin_secret_env. SIGTERM and
    SIGINT let requests end, and then the server.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    sync_every = _seconds(fsync)
    try:
        from bearerproof_reference.deployment import serving  # noqa: PLC0415 - needs packages that may be missing
    except ImportError as error:
        raise BadInput(str(error)) from None
    if redis_replicas and redis is None:
        raise BadInput("--redis-replicas is about a shared store: name one by --redis")
    options = serving.Serving(
        configuration,
        host,
        port,
        allow_remote,
        audit,
        sync_every,
        tuple(chain_key or ()),
        audit_required,
        redis,
        redis_replicas,
        origin=origin,
        clock=clock,
    )
    try:
        serving.serve(options, lambda text: typer.echo(f"bearerproof: {text}", err=True))
    except (ImportError, serving.ServingError) as error:
        raise BadInput(str(error)) from None
    return 0


def _seconds(fsync: str) -> float:
    try:
        seconds = _SYNC[fsync] if fsync in _SYNC else float(fsync)
    except ValueError:
        seconds = math.nan
    if not seconds >= 0:
        raise BadInput(f"--fsync is always, never or a number of seconds, not {fsync!r}")
    return seconds
