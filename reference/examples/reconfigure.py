#!/usr/bin/env python3
"""Puts a configuration into the reference key server: one line of JSON in, one out, as spec/server-profile.md says.

With the word ``restart`` it ends the server as a crash would and starts it again, with ``stop`` it ends it for good.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

SECRET = "KEY_SERVER_ADMIN_SECRET"  # noqa: S105 - the name of a variable
PID, CONFIGURATION = Path("server.pid"), Path("server.json")


def main(word: str, told: dict[str, Any]) -> dict[str, bool]:
    """Do what is asked, and say whether it was done."""
    host, _, port = told["server"]["url"].partition("//")[2].partition(":")
    with suppress(OSError, ValueError):
        os.kill(int(PID.read_text()), signal.SIGTERM if word == "stop" else signal.SIGKILL)
    while answers(host, int(port)):
        time.sleep(0.01)
    if word == "configured":
        CONFIGURATION.write_text(json.dumps(translated(told["key_server"], told["server"]["issuers"])))
    return {word: word != "stop" and start(told["key_server"], told["server"], host, port)}


def translated(wanted: dict[str, Any], issuers: dict[str, Any]) -> dict[str, Any]:
    """Return the file: keys are fetched from the provider, and the secret stands in the environment."""
    file = {name: value for name, value in wanted.items() if name != "admin_secret"}
    for provider in wanted["providers"] if isinstance(wanted.get("providers"), list) else ():
        if isinstance(provider, dict) and "keys" in provider and str(provider.get("issuer")) in issuers:
            del provider["keys"]
            provider["keys_url"] = issuers[provider["issuer"]]["jwks_uri"]
    return {**file, **({"admin_secret_env": SECRET} if "admin_secret" in wanted else {})}


def start(wanted: dict[str, Any], server: dict[str, str], host: str, port: str) -> bool:
    """Start the server, and say whether it takes requests: it ends at once if it refuses what it is to be."""
    words = [sys.executable, "-m", "bearerproof", "serve", str(CONFIGURATION), "--port", port, "--fsync", "never"]
    words += ["--audit", server["audit_file"], "--clock", server["clock_file"]]
    environment = {**os.environ, SECRET: str(wanted.get("admin_secret", ""))}
    with Path("server.log").open("a") as log:
        process = subprocess.Popen(words, env=environment, stdout=log, stderr=log)  # noqa: S603 - it is ours
    PID.write_text(str(process.pid))
    while process.poll() is None:
        if answers(host, int(port)):
            return True
        time.sleep(0.01)
    return False


def answers(host: str, port: int) -> bool:
    """Say whether something listens there."""
    with suppress(OSError), socket.create_connection((host, port), 1):
        return True
    return False


WORDS = {"restart": "restarted", "stop": "stop"}
sys.stdout.write(json.dumps(main(WORDS.get(sys.argv[-1], "configured"), json.loads(sys.stdin.readline()))) + "\n")
