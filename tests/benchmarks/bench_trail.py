"""`bearerproof trail` against a loop that only parses each line with json.loads, and its memory over a long trail.

The trail is a key server's in its wire form: 2,000 identities, a tenth of the lines issue tokens of ten minutes, most
are uses, some end tokens or refuse something. Prints for each form the ratio of the two speeds in seconds of the
processor (1, as fast as parsing alone, is the aim), each against the faster of reading the lines as text and as
octets, the median over interleaved rounds; then how much sooner two processes are done with a longer one than one is,
by the clock on the wall; then the peak of resident memory over the whole length against the bound of 200 MiB. The
long trail is generated into a pipe, so that no file of gigabytes is needed.
"""

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections import deque
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import median

from bearerproof.trail import Verdict, prove
from bearerproof.trail.processes import prove_with

LINES = 300_000
PER_SECOND = 400
START = datetime(2027, 1, 15, 8, tzinfo=UTC)
AIM_RATIO, AIM_OF_TWO, BOUND_MIB = 1, 1.7, 200


def main() -> None:
    """Measure and print the table."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=10_000_000, help="length of the long trail (default 10,000,000)")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of the comparison (default 9)")
    parser.add_argument("--quick", action="store_true", help="500,000 lines, 5 rounds")
    parser.add_argument("--generate", type=int, help="write so many lines to standard output, and nothing else")
    parser.add_argument("--judge", action="store_true", help="judge standard input, print the peak of memory")
    options = parser.parse_args()
    if options.generate:
        write(options.generate)
    elif options.judge:
        judge()
    else:
        speed(5 if options.quick else options.rounds)
        two_processes(500_000 if options.quick else 3_000_000)
        memory(500_000 if options.quick else options.lines)


def trail(
    lines: int, *, minimal: bool = False, seed: int = 1, per_second: float = PER_SECOND
) -> Iterator[dict[str, object]]:
    """The events of a truthful server; ``minimal`` ones bear neither time nor number nor expiry."""
    draw = random.Random(seed)
    people: list[dict[str, object]] = [
        {
            "subject": f"user-{n}",
            "email": f"user-{n}@example.com",
            "name": f"User {n}",
            "groups": ["staff", "dev"],
            "issuer": "https://idp.example",
        }
        for n in range(2000)
    ]
    live: deque[tuple[str, dict[str, object], float]] = deque()
    now = 0.0
    for seq in range(lines):
        now += draw.expovariate(per_second)
        when = {} if minimal else {"occurred_at": instant(now), "seq": seq}
        ip = {"client_ip": f"192.0.2.{draw.randrange(250)}"}
        while live and live[0][2] <= now + 1:
            live.popleft()
        chance = draw.random()
        if not live or chance < 0.1:
            who, jti = draw.choice(people), _uuid(draw)
            live.append((jti, who, now + 600))
            grant = {"backends": ["*"], "tools": ["search", "brave_*"], "rate_limit": 60, **ip, **when}
            ends = {} if minimal else {"expires_at": instant(now + 600)}
            yield {"event": "token.issued", "identity": who, "token_jti": jti, **grant, **ends}
        elif chance < 0.93:
            jti, who, _ = live[draw.randrange(len(live)) if len(live) < 100 else -draw.randrange(1, 100)]
            yield {"event": "token.used", "identity": who, "token_jti": jti, **ip, **when}
        elif chance < 0.94:
            jti, who, _ = live.popleft()
            yield {"event": "token.revoked", "identity": who, "token_jti": jti, **when}
        elif chance < 0.97:
            yield {"event": "token.invalid", **ip, "reason": "unknown-bearer", **when}
        else:
            yield {"event": "token.denied", "identity": draw.choice(people), **ip, "reason": "no-policy", **when}


def failures(lines: int) -> Iterator[dict[str, object]]:
    """The events of a verifier."""
    draw = random.Random(2)
    now = 0.0
    for _ in range(lines):
        now += draw.expovariate(PER_SECOND)
        client, kid = f"app-{draw.randrange(200)}", f"k{draw.randrange(3)}"
        kind = draw.choice(["Expired", "SignatureInvalid", "KeyUnknown", {"MissingClaim": "aud"}])
        hints = {"client_id_hint": client, "kid_hint": kid, "metadata": {}}
        yield {"kind": kind, "occurred_at": instant(now), "source_id": f"{client}::{kid}", **hints}


def instant(seconds: float) -> str:
    """Seconds after the start as events have them."""
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def speed(rounds: int) -> None:
    """Compare the two on each form of trail."""
    print(f"{'form':<28}{'bytes a line':>13}{'µs a line':>11}{'json.loads':>12}{'ratio':>8}   (aim {AIM_RATIO})")
    with tempfile.TemporaryDirectory() as folder:
        for name, octets in forms():
            file = Path(folder) / "trail"
            file.write_bytes(octets)
            ours, parsing = [], []
            for _ in range(rounds):
                parsing.append(min(_seconds(partial(parse, file, text=text)) for text in (True, False)))
                ours.append(_seconds(partial(prove, [str(file)])))
            assert prove([str(file)]).verdict is Verdict.TRUTHFUL
            ratio = median(a / b for a, b in zip(parsing, ours, strict=True))
            size = len(gzip.decompress(octets) if octets[:2] == b"\x1f\x8b" else octets) / LINES
            print(
                f"{name:<28}{size:13.0f}{min(ours) / LINES * 1e6:11.2f}{min(parsing) / LINES * 1e6:12.2f}{ratio:8.2f}"
            )


def forms() -> Iterator[tuple[str, bytes]]:
    """A trail in each form that is compared."""
    compact = _lines(trail(LINES))
    yield "key server", compact.encode()
    yield "key server, spaced JSON", _lines(trail(LINES), spaced=True).encode()
    yield "key server, minimal", _lines(trail(LINES, minimal=True)).encode()
    yield "key server, one a second", _lines(trail(LINES, per_second=1)).encode()
    refused = _lines(failures(LINES))
    yield "verify failures", refused.encode()
    both = zip(compact.splitlines(keepends=True), refused.splitlines(keepends=True), strict=True)
    yield "both systems by turns", "".join([a + b for a, b in islice(both, LINES // 2)]).encode()
    others = ['10.0.0.1 - - [15/Jan/2027:08:00:00 +0000] "POST /oauth/token HTTP/1.1" 200 913\n'] * 2
    yield (
        "among an access log",
        "".join([line + "".join(others) for line in compact.splitlines(keepends=True)]).encode(),
    )
    for name, wrap in WRAPPINGS.items():
        yield name, "".join(wrap(line) + "\n" for line in compact.splitlines()).encode()


AT = "2027-01-15T08:00:00.123456Z"
WRAPPINGS: dict[str, Callable[[str], str]] = {
    "docker json-file": lambda line: json.dumps({"log": line + "\n", "stream": "stdout", "time": AT}),
    "CRI": lambda line: f"{AT} stdout F {line}",
    "syslog RFC 5424": lambda line: f"<134>1 {AT} node-1 gateway 812 audit - {line}",
    "syslog RFC 3164": lambda line: f"Jan 15 08:00:00 node-1 gateway[812]: {line}",
    "syslog in a file, journal": lambda line: f"{AT} node-1 gateway[812]: {line}",
    "tracing, compact": lambda line: f"{AT}  INFO gateway::audit: decided audit={line}",
    "tracing, pretty": lambda line: f"  {AT}  INFO gateway::audit: decided, audit: {line}\n    at src/audit.rs:12\n",
    "tracing, JSON": lambda line: json.dumps(
        {"timestamp": AT, "level": "INFO", "fields": {"message": "decided", "audit": line}, "target": "gateway::audit"}
    ),
    "CloudWatch, tail": lambda line: f"{AT} gateway/prod/1 {line}",
    "CloudWatch, JSON": lambda line: json.dumps({"timestamp": 1800000000000, "message": line, "eventId": "319537"}),
    "journal, JSON": lambda line: json.dumps(
        {"__CURSOR": "s=1;i=2", "__REALTIME_TIMESTAMP": "1800000000123456", "_PID": "812", "MESSAGE": line}
    ),
    "Cloud Logging": lambda line: json.dumps(
        {"insertId": "1a", "logName": "projects/p/logs/stdout", "textPayload": line, "timestamp": AT}
    ),
    "Vector": lambda line: json.dumps({"file": "/0.log", "message": line, "source_type": "file", "timestamp": AT}),
    "Filebeat": lambda line: json.dumps({"@timestamp": AT, "message": line, "log": {"offset": 7}}),
    "Loki, JSON": lambda line: json.dumps({"labels": {"job": "gateway"}, "line": line, "timestamp": AT}),
    "Loki, text": lambda line: f'{AT} {{job="gateway"}} {line}',
}
"""How a line stands in the logs of others, by the name of the form."""


def parse(file: Path, *, text: bool) -> None:
    """The yardstick: each line that is JSON, or what stands in it behind a prefix."""
    if text:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                if (start := line.find("{" if line[0] == "{" else '{"')) >= 0:
                    json.loads(line[start:] if start else line)
    else:
        with file.open("rb") as binary:
            for octets in binary:
                if (start := octets.find(b"{" if octets[:1] == b"{" else b'{"')) >= 0:
                    json.loads(octets[start:] if start else octets)


def two_processes(lines: int) -> None:
    """Compare two processes with one, on a trail in a file."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "trail"
        with file.open("w", encoding="ascii") as out:
            out.writelines(json.dumps(event, separators=(",", ":")) + "\n" for event in trail(lines))
        rounds = [
            [_seconds(partial(prove_with, number, [str(file)]), time.perf_counter) for number in (1, 2)]
            for _ in range(3)
        ]
    one, two = (median(seconds) for seconds in zip(*rounds, strict=True))
    print(f"\n{'two processes':<28}{'lines':>13}{'one, s':>11}{'two, s':>12}{'ratio':>8}   (aim {AIM_OF_TWO})")
    print(f"{'key server':<28}{lines:13,}{one:11.2f}{two:12.2f}{one / two:8.2f}")


def memory(lines: int) -> None:
    """Judge a long trail from a pipe in a process of its own, and print the peak of its resident memory."""
    print(f"\n{'long trail':<28}{'lines':>13}{'tokens':>11}{'seconds':>12}{'MiB':>8}   (bound {BOUND_MIB})")
    program = [sys.executable, str(Path(__file__).resolve())]
    with subprocess.Popen([*program, "--generate", str(lines)], stdout=subprocess.PIPE) as source:
        result = subprocess.run([*program, "--judge"], stdin=source.stdout, capture_output=True, text=True, check=True)
    print(result.stdout, end="")


def write(lines: int) -> None:
    """Write a long trail to standard output; half of it minimal, whose tokens never leave by themselves."""
    out = sys.stdout
    whole = lines // 2
    for event in trail(whole):
        out.write(json.dumps(event, separators=(",", ":")) + "\n")
    for event in trail(lines - whole, minimal=True, seed=3):
        out.write(json.dumps(event, separators=(",", ":")) + "\n")


def judge() -> None:
    """Judge standard input and print what it took."""
    start = time.perf_counter()
    report = prove(["-"])
    assert report.verdict is Verdict.TRUTHFUL, report.as_text()
    seconds, peak = time.perf_counter() - start, peak_mib()
    tokens = report.lines.events["token.issued"]
    print(f"{'half minimal, from a pipe':<28}{report.lines.total:13,}{tokens:11,}{seconds:12.1f}{peak:8.0f}")
    print(f"tokens forgotten to bound memory: {report.forgotten:,}")


def peak_mib() -> float:
    """The most memory that was resident since this program was loaded: getrusage also counts who started it."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def _seconds(call: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    start = clock()
    call()
    return clock() - start


def _lines(events: Iterator[dict[str, object]], *, spaced: bool = False) -> str:
    separators = (", ", ": ") if spaced else (",", ":")
    return "".join(json.dumps(event, separators=separators) + "\n" for event in events)


def _uuid(draw: random.Random) -> str:
    digits = f"{draw.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


if __name__ == "__main__":
    os.environ.setdefault("PYTHONIOENCODING", "utf-8")
    main()
