#!/usr/bin/env python3
"""Puts a configuration of the contract into the other server: translated into its INI file, and its child is new."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

NAMES = {
    "ttl": "token-lifetime",
    "retention": "remember",
    "cap": "tokens-each",
    "capacity": "room",
    "max_age": "oldest",
    "leeway": "tolerance",
    "subject_token_uses": "uses",
    "admin_secret": "admin",
    "trusted_proxies": "proxies",
    "admin_failures": "guesses",
    "exchanges_per_minute": "exchanges",
}


def section(title: str, members: Any) -> str:
    """Return a section; what is no object is one that the server refuses."""
    pairs = members if isinstance(members, dict) else {"?": members}
    return "\n".join([f"[{title}]", *(f"{name}={json.dumps(value)}" for name, value in pairs.items()), ""])


def written(told: dict[str, Any], issuers: dict[str, Any]) -> str:
    """Return the INI file; what has no place in it is written all the same, for the server to refuse."""
    throttle, providers, rules = (told.pop(name, []) for name in ("throttle", "providers", "policies"))
    flat = {**told, **(throttle if isinstance(throttle, dict) else {"?": throttle} if throttle else {})}
    main = {NAMES.get(name, f"?{name}"): "" if name == "admin_secret" and not v else v for name, v in flat.items()}
    parts = [section("server", main)]
    for number, each in enumerate(providers if isinstance(providers, list) else [providers]):
        idp = dict(each) if isinstance(each, dict) else {"?": each}
        served = issuers.get(str(idp.get("issuer")))
        given = [idp.pop(name) for name in ("keys", "keys_url") if name in idp]
        parts.append(
            section(f"idp {number}", {**idp, **({"keys-from": served["jwks_uri"]} if given and served else {})})
        )
    listed = rules if isinstance(rules, list) else [rules]
    return "\n".join([*parts, *(section(f"rule {number}", each) for number, each in enumerate(listed))])


def ask(word: str, server: dict[str, str]) -> bool:
    """Have the server do what the word says; start it, if it does not run."""
    if not Path("control").exists():
        words = [sys.executable, "-m", os.environ["OTHER_SERVER"], str(Path.cwd()), server["url"].rpartition(":")[2]]
        words += [server["clock_file"], server["audit_file"]]
        with Path("server.log").open("a") as log:
            subprocess.Popen(words, stdout=log, stderr=log, cwd=os.environ["OTHER_SERVER_HOME"])
    for _ in range(3000):
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
sys.stdout.write(json.dumps({"restarted" if word == "crash" else "configured": done}) + "\n")
