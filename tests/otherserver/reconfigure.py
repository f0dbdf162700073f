#!/usr/bin/env python3
"""Puts a configuration of the contract into the other server: translated into its INI file, and its child is new."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

NAMES = {
    "ttl": "token-lifetime", "retention": "remember", "cap": "tokens-each", "capacity": "room", "max_age": "oldest",
    "leeway": "tolerance", "subject_token_uses": "uses", "admin_secret": "admin", "trusted_proxies": "proxies",
    "admin_failures": "guesses", "exchanges_per_minute": "exchanges",
}  # fmt: skip


def section(title, members):
    lines = [f"{name}={json.dumps(value)}" for name, value in members.items()]
    return "\n".join([f"[{title}]", *lines, ""])


def written(told, issuers):
    """Return the INI file; what has no place in it is written all the same, for the server to refuse."""
    throttle = told.pop("throttle", {})
    providers, rules = told.pop("providers", []), told.pop("policies", [])
    main = {
        NAMES.get(name, f"?{name}"): v
        for name, v in {**told, **(throttle if type(throttle) is dict else {"": 0})}.items()
    }
    if "admin" in main and main["admin"] is None:
        main["admin"] = ""
    parts = [section("server", main)]
    for number, each in enumerate(providers if type(providers) is list else [None]):
        idp = dict(each) if type(each) is dict else {"?": each}
        served = issuers.get(idp.get("issuer")) if type(idp.get("issuer")) is str else None
        given = [idp.pop(name) for name in ("keys", "keys_url") if name in idp]
        if len(given) == 1 and served:
            idp["keys-from"] = served["jwks_uri"]
        parts.append(section(f"idp {number}", idp))
    for number, each in enumerate(rules if type(rules) is list else [None]):
        parts.append(section(f"rule {number}", each if type(each) is dict else {"?": each}))
    return "\n".join(parts)


def ask(word, server):
    if not Path("control").exists():
        words = [sys.executable, "-m", os.environ["OTHER_SERVER"], os.getcwd(), server["url"].rpartition(":")[2]]
        with Path("server.log").open("a") as log:
            subprocess.Popen(
                [*words, server["clock_file"], server["audit_file"]],
                stdout=log,
                stderr=log,
                cwd=os.environ["OTHER_SERVER_HOME"],
            )
    for _ in range(1000):
        try:
            with socket.socket(socket.AF_UNIX) as control:
                control.connect("control")
                control.sendall(word.encode())
                return control.recv(2) == b"ok"
        except OSError:
            time.sleep(0.01)
    raise SystemExit("the server does not start")


told = json.loads(sys.stdin.readline())
word = sys.argv[1] if len(sys.argv) > 1 else "load"
if word == "load":
    Path("server.ini").write_text(written(told["key_server"], told["server"]["issuers"]), "utf-8")
done = ask(word, told["server"])
print(json.dumps({"restarted" if word == "crash" else "configured": done}))
