"""What one audit event adds to a rejection: hints, source id, event, limiter and a sink in memory.

The first table divides the time of a rejection with audit by the time without, for a signature that does not
verify. The second divides what audit adds to rejections before the signature by the time of one bare Ed25519
verification, all measured in the same run.
"""

from functools import partial
from statistics import median

from samples import NAMES, NOW, Sample, b64, sample
from timing import Call, arguments, ratio, rounds

from bearerproof_reference.audit.audited import AuditedVerifier
from bearerproof_reference.audit.limiter import Limiter, Limits, Registered
from bearerproof_reference.audit.sinks import MemorySink, RateLimitedSink
from bearerproof_reference.clock import ManualClock
from bearerproof_reference.verifier.verdicts import Rejected
from bearerproof_reference.verifier.verifier import Verifier


def main() -> None:
    """Print both tables."""
    options = arguments(__doc__)
    print(f"{'bad signature':20}{'with / without audit':>22}")
    for name in NAMES:
        made = sample(name)
        verifier = made.verifier()
        calls = {
            "without": partial(_rejected, verifier, made.forged()),
            "with": partial(_rejected, audited(verifier), made.forged()),
        }
        print(f"{name:20}{ratio(rounds(calls, options.rounds), 'with', 'without'):22.2f}")
    print(f"\n{'before the signature':20}{'added / bare Ed25519':>22}")
    made = sample("EdDSA")
    for label, token in early(made).items():
        verifier = made.verifier()
        triple: dict[str, Call] = {
            "bare": made.bare,
            "without": partial(_rejected, verifier, token),
            "with": partial(_rejected, audited(verifier), token),
        }
        seconds = rounds(triple, options.rounds)
        triples = zip(seconds["with"], seconds["without"], seconds["bare"], strict=True)
        print(f"{label:20}{median((a - b) / c for a, b, c in triples):22.2f}")


def audited(verifier: Verifier) -> AuditedVerifier:
    """Return the verifier with a trail in which every event is admitted, which costs more than a drop."""
    clock = ManualClock(NOW)
    limiter = Limiter(Limits(10**9, 60, 1024, 10**9), Registered(["app-1"], (), ["k1"]), clock)
    return AuditedVerifier(verifier, RateLimitedSink(MemorySink(), limiter), clock)


def early(made: Sample) -> dict[str, str]:
    """Return tokens that are refused before their signature is looked at."""
    _, body, tail = made.token.split(".")
    no_algorithm, unknown_kid = b64(b'{"alg":"none","kid":"k1"}'), b64(b'{"alg":"EdDSA","kid":"k2"}')
    return {
        "not a token": "x" * 200,
        "two segments": made.token.rpartition(".")[0],
        "alg none": f"{no_algorithm}.{body}.{tail}",
        "unknown kid": f"{unknown_kid}.{body}.{tail}",
        "too large": made.token + "A" * 10_000,
    }


def _rejected(verifier: Verifier | AuditedVerifier, token: str) -> None:
    assert isinstance(verifier.verify(token), Rejected)


if __name__ == "__main__":
    main()
