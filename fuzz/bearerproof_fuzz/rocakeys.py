"""RSA keys as a faulty library made them (ROCA, CVE-2017-15361), to see whether anybody notices.

Its primes are k * M + (65537 ** a mod M), where M is the product of the first 126 primes. That leaves so little to
guess that the modulus can be factored, and it leaves a fingerprint: modulo each of those primes the modulus is a power
of 65537 (Nemec and others, "The Return of Coppersmith's Attack", 2017).
"""

import secrets
from math import gcd, lcm, prod

from cryptography.hazmat.primitives.asymmetric import rsa

_SMALL = [number for number in range(2, 702) if all(number % smaller for smaller in range(2, number))]
_M = prod(_SMALL)
_EXPONENT = 65537
_ROUNDS = 24


def fingerprinted_key() -> rsa.RSAPrivateKey:
    """Return an RSA key of 2048 bits with the fingerprint; it takes some seconds."""
    p, q = _prime(), _prime()
    d = pow(_EXPONENT, -1, lcm(p - 1, q - 1))
    public = rsa.RSAPublicNumbers(_EXPONENT, p * q)
    return rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public).private_key()


def _prime() -> int:
    """Return a prime of that form whose two highest bits of 1024 are set."""
    least, most = (3 << 1022) // _M + 1, (1 << 1024) // _M - 1
    while True:
        k = least + secrets.randbelow(most - least)
        candidate = k * _M + pow(_EXPONENT, secrets.randbelow(_M), _M)
        if _is_prime(candidate) and gcd(candidate - 1, _EXPONENT) == 1:
            return candidate


def _is_prime(odd: int) -> bool:
    """Say whether an odd number is prime, by Miller and Rabin: wrong at most once in 4 ** ``_ROUNDS``."""
    twos = ((odd - 1) & (1 - odd)).bit_length() - 1
    return all(_fails_to_witness(2 + secrets.randbelow(odd - 3), odd, twos) for _ in range(_ROUNDS))


def _fails_to_witness(base: int, odd: int, twos: int) -> bool:
    power = pow(base, (odd - 1) >> twos, odd)
    if power in (1, odd - 1):
        return True
    return any((power := power * power % odd) == odd - 1 for _ in range(twos - 1))
