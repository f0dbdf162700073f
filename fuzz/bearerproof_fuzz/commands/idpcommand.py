"""The command ``bearerproof idp``: the identity provider of the suite, standing alone."""

import signal
from pathlib import Path
from typing import Annotated

import typer

from bearerproof.exceptions import BadInput

EXIT_CODES = "Exit codes: 0 ended when told to; 3 could not be started."


def idp(
    issuer: Annotated[
        list[str] | None,
        typer.Option("--issuer", help="Who it says it is, a URL of it; twice, for two. Without it, two are made up."),
    ] = None,
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port for http.")] = 8765,
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    tls_port: Annotated[int | None, typer.Option("--tls-port", min=1, max=65535, help="The port for https.")] = None,
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", help="File of the authority that clients are to trust; made if it is not there."),
    ] = None,
) -> int:
    """Run the identity provider whose tokens the suite presents, for setting a key server up to trust it.

    Each issuer has a discovery document and a key set. POST to its /rotate changes its key, GET of its /requests tells
    who asked. SIGTERM and SIGINT end it.
    """
    if (tls_port is None) != (certificate is None):
        raise BadInput("--tls-port and --certificate are needed together")
    issuers = issuer or _made_up(host, port if tls_port is None else tls_port, tls=tls_port is not None)
    if len(issuers) > 2:
        raise BadInput("there are two issuers at most: the suite has no tokens of more")
    stopping = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
    from bearerproof_fuzz.keyserver import idp as provider  # noqa: PLC0415 - keeps `bearerproof --help` quick

    try:
        running = provider.start(issuers, host, port, tls_port, certificate)
    except OSError as error:
        raise BadInput(f"the identity provider cannot be started: {error.strerror or error}") from None
    try:
        for running_issuer in running.issuers:
            typer.echo(
                f"issuer {running_issuer.url}, key set {running_issuer.documents()[provider.DISCOVERY]['jwks_uri']}",
                err=True,
            )
        signal.sigwait(stopping)
    finally:
        running.close()
    return 0


def _made_up(host: str, port: int, *, tls: bool) -> list[str]:
    authority = f"[{host}]" if ":" in host else host
    return [f"{'https' if tls else 'http'}://{authority}:{port}/{name}" for name in ("home", "other")]
